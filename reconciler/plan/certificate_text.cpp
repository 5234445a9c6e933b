#include "reconciler/plan/certificate_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/plan/change_text.hpp"

namespace dps::plan {
namespace {

std::string dated(std::string_view words, const std::optional<WallTime>& date) {
  return fmt::format("{} {}", words, date ? rfc3339(*date).substr(0, 10) : "on an unknown date");
}

std::string state_of(const CertificateStatus& certificate, WallTime now) {
  auto out = std::string(certificate.verified ? "verified" : "unverified");
  if (certificate.expires_at) {
    out += ", " + dated(certificate.validity == Validity::Ended ? "expired" : "expires",
                        certificate.expires_at);
  }
  out += fmt::format(", {}", word(certificate.role));
  if (!certificate.entry.empty() && certificate.entry != certificate.name) {
    out += " of " + shown(certificate.entry, 64);
  }
  if (certificate.retirable_on) {
    out += ", " + dated(*certificate.retirable_on <= now ? "retirable since" : "retirable on",
                        certificate.retirable_on);
  }
  if (certificate.blocked_until) {
    out += ", " + dated("gives way on", certificate.blocked_until);
  }
  return out;
}

}  // namespace

std::vector<TonedLine> certificate_lines(const ServicePlan& service, WallTime now) {
  const bool changes =
      std::any_of(service.changes.begin(), service.changes.end(), [](const Change& change) {
        return change.kind == Kind::Certificate;
      });
  const auto& all = service.certificates;
  const bool trouble = std::any_of(all.begin(), all.end(), [](const auto& one) {
    return one.validity != Validity::Good || one.blocked_until;
  });
  std::vector<TonedLine> out;
  if (!changes && !trouble) return out;
  std::size_t width = 0;
  for (const auto& one : all) width = std::max(width, columns(shown(one.name, 64)));
  for (const auto& one : all) {
    out.push_back({fmt::format("{}  {}  {}",
                               padded(shown(one.name, 64), width),
                               short_thumbprint(one.thumbprint),
                               state_of(one, now)),
                   one.validity == Validity::Good ? Tone::Dim : Tone::Change});
  }
  return out;
}

std::string certificates_sentence(const Summary& summary) {
  if (summary.rotate + summary.ending_soon + summary.ended == 0) return "";
  if (summary.certificates == 0) return "";
  auto out = fmt::format("Certificates: {} read", summary.certificates);
  const auto say = [&](std::size_t count, std::string_view words) {
    if (count > 0) out += fmt::format(", {} {}", count, words);
  };
  say(summary.unverified, "unverified");
  say(summary.ending_soon, summary.ending_soon == 1 ? "expires soon" : "expire soon");
  say(summary.ended, "expired");
  return out + ".";
}

}  // namespace dps::plan
