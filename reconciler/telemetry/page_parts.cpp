#include "reconciler/telemetry/page_parts.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"
#include "reconciler/telemetry/page_style.hpp"

namespace dps::telemetry {
namespace {

// The length of the valid UTF-8 sequence at the front of `text`, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  const auto first = byte(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first < 0xE0U) return follows(1) ? 2 : 0;
  if ((first & 0xF0U) == 0xE0U) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0U && byte(1) < 0xA0U) return 0;
    if (first == 0xEDU && byte(1) >= 0xA0U) return 0;
    return 3;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0U && byte(1) < 0x90U) return 0;
    if (first == 0xF4U && byte(1) >= 0x90U) return 0;
    return 4;
  }
  return 0;
}

// Marks that turn the direction of the text around them, ours included: U+061C, U+200E, U+200F,
// U+202A to U+202E, U+2066 to U+2069.
bool turns_text(std::string_view sequence) {
  if (sequence == "\u061c" || sequence == "\u200e" || sequence == "\u200f") return true;
  return (sequence >= "\u202a" && sequence <= "\u202e") ||
         (sequence >= "\u2066" && sequence <= "\u2069");
}

std::string count_words(long long count, std::string_view unit) {
  return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
}

std::string facts_line(const controller::Status& status, const controller::Health& health) {
  std::string out = fmt::format("<span>{}</span>",
                                status.mode == controller::Mode::Observe
                                    ? "<b>observe mode</b>: nothing is written"
                                    : "enforcing");
  if (!status.leader) out += "<span><b>standby</b>: another replica writes</span>";
  if (!status.shard.empty()) out += fmt::format("<span>shard {}</span>", escaped(status.shard));
  out += fmt::format("<span>owner {}</span>", escaped(status.owner));
  out +=
      fmt::format("<span>up {}</span>",
                  span_words(std::chrono::duration_cast<Duration>(status.now - status.started_at)));
  out += health.ready ? "<span>ready</span>" : "<span><b>not ready</b></span>";
  return out;
}

}  // namespace

std::string escaped(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t count = 0;
  while (!text.empty()) {
    if (count++ == limit) return out + "…";
    const auto length = sequence_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    // C1 controls are two bytes: C2 80 to C2 9F.
    const bool control =
        length == 1 ? byte < 0x20U || byte == 0x7FU
                    : length == 2 && byte == 0xC2U && static_cast<unsigned char>(text[1]) < 0xA0U;
    if (length == 0 || control || turns_text(text.substr(0, length))) {
      out += byte == '\n' || byte == '\t' ? " " : "\uFFFD";
    } else if (text.front() == '&') {
      out += "&amp;";
    } else if (text.front() == '<') {
      out += "&lt;";
    } else if (text.front() == '>') {
      out += "&gt;";
    } else if (text.front() == '"') {
      out += "&quot;";
    } else if (text.front() == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string span_words(Duration span) {
  using std::chrono::duration_cast;
  const auto seconds = duration_cast<std::chrono::seconds>(span).count();
  if (seconds < 120) return count_words(std::max<long long>(seconds, 0), "second");
  if (seconds < 120 * 60) return count_words(seconds / 60, "minute");
  if (seconds < 48 * 3600) return count_words(seconds / 3600, "hour");
  if (seconds < 730 * 86400) return count_words(seconds / 86400, "day");
  return count_words(seconds / (365 * 86400), "year");
}

std::string relative_words(WallTime time, WallTime now) {
  // WallTime counts nanoseconds in 64 bits: the span between its ends would not fit.
  const auto whole = [](WallTime moment) {
    return std::chrono::duration_cast<Duration>(moment.time_since_epoch());
  };
  const auto span = whole(time) - whole(now);
  if (span > std::chrono::seconds{-1} && span < std::chrono::seconds{1}) return "now";
  return span.count() < 0 ? span_words(-span) + " ago" : "in " + span_words(span);
}

std::string time_html(const std::optional<WallTime>& time,
                      WallTime now,
                      std::string_view otherwise) {
  if (!time) return std::string(otherwise);
  const auto exact = rfc3339(*time);
  return fmt::format(
      "<time datetime=\"{0}\" title=\"{0}\">{1}</time>", exact, relative_words(*time, now));
}

std::string date_html(WallTime time) {
  const auto exact = rfc3339(time);
  return fmt::format("<time datetime=\"{0}\" title=\"{0}\">{1}</time>", exact, exact.substr(0, 10));
}

StandingLook look_of(controller::Standing standing) {
  switch (standing) {
    case controller::Standing::InSync:
      return {"✓", "In sync"};
    case controller::Standing::Drifted:
      return {"≠", "Drifted"};
    case controller::Standing::Pending:
      return {"…", "Pending"};
    case controller::Standing::Suspended:
      return {"‖", "Suspended"};
    case controller::Standing::Blocked:
      return {"■", "Blocked"};
    case controller::Standing::Failed:
      return {"✕", "Failed"};
  }
  return {"?", "Unknown"};
}

std::string standing_html(controller::Standing standing) {
  const auto look = look_of(standing);
  return fmt::format("<span class=\"mark {}\"><i aria-hidden=\"true\">{}</i>{}</span>",
                     controller::word(standing),
                     look.symbol,
                     look.label);
}

std::string service_link(const ServiceId& id) {
  return "?service=" + http::percent_encoded(id.brief());
}

std::string service_anchor(const ServiceId& id) {
  return fmt::format("<a href=\"{}\"><span class=\"group\">{}/</span>{}</a>",
                     service_link(id),
                     escaped(id.resource_group, 90),
                     escaped(id.name, 90));
}

std::string command_html(std::string_view command) {
  return fmt::format("<code>dps-reconciler {}</code>", escaped(command));
}

std::string short_revision(std::string_view revision) {
  constexpr std::string_view kDigest = "sha256:";
  if (revision.starts_with(kDigest)) revision.remove_prefix(kDigest.size());
  return std::string(revision.substr(0, 12));
}

std::string document_html(const controller::Status& status,
                          const controller::Health& health,
                          std::string_view version,
                          std::string_view title,
                          std::string_view body) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"robots\" content=\"noindex\">\n"
      "<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>\n";
  out += fmt::format("<title>{}</title>\n", escaped(title));
  out += "<link rel=\"icon\" href=\"favicon.svg\" type=\"image/svg+xml\">\n<style>";
  out += page_style();
  out += "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to content</a>\n";
  out += fmt::format(
      "<header>\n<a class=\"home\" href=\"?\">dps-reconciler</a>\n<div class=\"facts\">{}</div>\n"
      "<div class=\"asof\">as of <time datetime=\"{}\">{}</time></div>\n</header>\n",
      facts_line(status, health),
      rfc3339(status.now),
      rfc3339(status.now));
  out += fmt::format("<main id=\"content\">\n{}</main>\n", body);
  out += fmt::format(
      "<footer>dps-reconciler {} · <a href=\"status\">status as JSON</a> · <a "
      "href=\"metrics\">metrics</a> · <a href=\"readyz\">readiness</a></footer>\n",
      escaped(version));
  out += "<script>";
  out += page_script();
  out += "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace dps::telemetry
