#include "reconciler/http/retry.hpp"

#include <algorithm>
#include <charconv>

namespace dps::http {
namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault == std::errc::result_out_of_range && text.front() != '-') return INT64_MAX;
  if (fault != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return std::max<std::int64_t>(value, 0);
}

// A year is as good as for ever, and does not overflow when added to a time.
constexpr std::int64_t kLongest = 365LL * 24 * 3600;

bool asks_for_claims(const Response& answer) {
  return answer.header("www-authenticate").find("insufficient_claims") != std::string::npos;
}

// "Please try again after '17' seconds.", in whatever case and quotes.
std::optional<Duration> pause_in_words(std::string_view body) {
  const auto text = lower(body.substr(0, 8000));
  constexpr std::string_view kMarker = "try again after";
  const auto at = text.find(kMarker);
  if (at == std::string::npos) return std::nullopt;
  const auto digits = text.find_first_of("0123456789", at + kMarker.size());
  // Only quotes and blanks may stand between: anything else is about something else.
  const auto between = text.find_first_not_of(" '\"\\", at + kMarker.size());
  if (digits == std::string::npos || between != digits) return std::nullopt;
  const auto end = std::min(text.find_first_not_of("0123456789", digits), text.size());
  const auto unit = text.find_first_not_of(" '\"\\", end);
  if (unit == std::string::npos || text.compare(unit, 3, "sec") != 0) return std::nullopt;
  const auto value = whole_number(std::string_view(text).substr(digits, end - digits));
  if (!value) return std::nullopt;
  return std::chrono::seconds{std::min(*value, kLongest)};
}

}  // namespace

Verdict judge(const Answer& answer, Repeat repeat) {
  const bool freely = repeat == Repeat::Freely;
  if (!answer) {
    const auto& failure = answer.error();
    if (failure.error.next != NextMove::RetryLater) {
      // A write that was cut off under way is in doubt, whoever cut it off.
      return !freely && failure.delivery == Delivery::MaybeSent ? Verdict::LostAnswer
                                                                : Verdict::Failed;
    }
    return freely || failure.delivery == Delivery::NotSent ? Verdict::Again : Verdict::LostAnswer;
  }
  switch (answer->status) {
    case 401:
      // Another token of the same kind would be asked for the same claims again.
      return asks_for_claims(*answer) ? Verdict::Done : Verdict::NewToken;
    case 429:
      return Verdict::Again;
    case 503:
      return freely || !answer->header("retry-after").empty() ? Verdict::Again
                                                              : Verdict::LostAnswer;
    case 408:
    case 500:
    case 502:
    case 504:
      return freely ? Verdict::Again : Verdict::LostAnswer;
    default:
      return Verdict::Done;
  }
}

std::optional<Duration> delay_after(int attempt,
                                    std::optional<Duration> floor,
                                    double jitter,
                                    const Backoff& backoff) {
  if (attempt >= backoff.attempts) return std::nullopt;
  const auto grown = backoff.base * (std::int64_t{1} << std::clamp(attempt - 1, 0, 20));
  const auto spread = std::min<Duration>(grown, backoff.ceiling) * jitter;
  return std::chrono::duration_cast<Duration>(spread) + floor.value_or(Duration{0});
}

Duration closing_after(int refusals,
                       std::optional<Duration> floor,
                       double jitter,
                       const Backoff& backoff) {
  const auto scaled = [&](Duration pause) {
    return std::chrono::duration_cast<Duration>(pause * jitter);
  };
  if (floor) return *floor + scaled(backoff.base);
  const auto grown = std::min<Duration>(
      backoff.base * (std::int64_t{1} << std::clamp(refusals, 0, 20)), backoff.ceiling);
  return grown / 2 + scaled(grown / 2);
}

std::optional<Duration> retry_after(const Response& response, WallTime now) {
  for (const auto* name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    if (const auto text = response.header(name); !text.empty()) {
      if (const auto value = whole_number(text)) {
        return Duration{std::min(*value, kLongest * 1000)};
      }
    }
  }
  const auto text = response.header("retry-after");
  if (text.empty()) {
    const bool tells = response.status == 429 || response.status == 503;
    return tells ? pause_in_words(response.body) : std::nullopt;
  }
  if (const auto value = whole_number(text)) {
    return std::chrono::seconds{std::min(*value, kLongest)};
  }
  const auto date = parse_rfc1123(trim(text));
  if (!date) return std::nullopt;
  const auto told = parse_rfc1123(trim(response.header("date")));
  const auto pause = *date - told.value_or(now);
  return std::clamp(std::chrono::duration_cast<Duration>(pause),
                    Duration{0},
                    Duration{std::chrono::seconds{kLongest}});
}

}  // namespace dps::http
