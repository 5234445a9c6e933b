#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "reconciler/telemetry/page_parts.hpp"

namespace dps::telemetry {
namespace {

using controller::CertificateStanding;
using controller::ServiceStatus;
using std::chrono::hours;

constexpr auto kDay = hours{24};
constexpr auto kSoon = kDay * 30;
constexpr std::size_t kAtOnce = 8;
constexpr std::size_t kMost = 200;

struct Dated {
  WallTime ends;
  const ServiceStatus* service;
  const CertificateStanding* certificate;
};

std::string_view look_of_end(WallTime ends, WallTime now) {
  return ends <= now ? "ended" : ends < now + kSoon ? "soon" : "later";
}

// Weeks from a month ago to two years from now, a column for each.
constexpr int kWeeksBefore = 5;
constexpr int kWeeks = kWeeksBefore + 105;
constexpr double kWeekWidth = 1000.0 / kWeeks;
constexpr double kBase = 96;

std::string month_marks(WallTime now) {
  const auto start = now - kDay * 7 * kWeeksBefore;
  const auto today = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month this_month{std::chrono::year_month_day{today}.year(),
                                           std::chrono::year_month_day{today}.month()};
  std::string out;
  for (int month = 3; month <= 24; month += 3) {
    const std::chrono::sys_days first{(this_month + std::chrono::months{month}) / 1};
    const double x =
        std::chrono::duration<double>(first - start).count() / (7 * 86400) * kWeekWidth;
    if (x > 985) break;
    out += fmt::format(
        "<line class=\"axis\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"8\" y2=\"{1}\"/><text "
        "x=\"{0:.1f}\" "
        "y=\"{2}\" text-anchor=\"middle\">{3}</text>",
        x,
        kBase,
        kBase + 17,
        rfc3339(first).substr(0, 7));
  }
  return out;
}

using Weeks = std::array<std::size_t, kWeeks>;

std::string chart(const Weeks& counts, WallTime now) {
  const auto start = now - kDay * 7 * kWeeksBefore;
  const auto highest = std::max<std::size_t>(*std::max_element(counts.begin(), counts.end()), 4);
  std::string out = fmt::format(
      "<div class=\"scroll\"><svg class=\"time\" viewBox=\"0 0 1000 120\" role=\"img\" "
      "aria-label=\"Certificates by the "
      "week "
      "in which they expire, over two years; the table below says the same\">{}"
      "<line class=\"axis\" x1=\"0\" x2=\"1000\" y1=\"{}\" y2=\"{}\"/>",
      month_marks(now),
      kBase,
      kBase);
  for (int week = 0; week < kWeeks; ++week) {
    const auto count = counts[static_cast<std::size_t>(week)];
    if (count == 0) continue;
    const double height =
        std::max(5.0, 80.0 * static_cast<double>(count) / static_cast<double>(highest));
    const auto begins = start + kDay * 7 * week;
    const auto middle = begins + kDay * 7 / 2;
    out += fmt::format(
        "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
        "rx=\"1.5\">"
        "<title>{} in the week from {}</title></rect>",
        week < kWeeksBefore ? "ended" : look_of_end(middle, now),
        week * kWeekWidth + 1,
        kBase - height,
        kWeekWidth - 2,
        height,
        count,
        rfc3339(begins).substr(0, 10));
  }
  const double today = kWeeksBefore * kWeekWidth;
  out += fmt::format(
      "<line class=\"today\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"4\" y2=\"{1}\"/><text "
      "x=\"{0:.1f}\" "
      "y=\"{2}\" text-anchor=\"middle\">today</text></svg></div>\n",
      today,
      kBase,
      kBase + 17);
  return out;
}

std::string line_of_time(const std::vector<Dated>& all, WallTime now) {
  Weeks counts{};
  std::size_t before = 0, after = 0;
  const auto start = now - kDay * 7 * kWeeksBefore;
  for (const auto& dated : all) {
    if (dated.ends < start) {
      ++before;
    } else if (dated.ends >= start + kDay * 7 * kWeeks) {
      ++after;
    } else {
      const auto week = static_cast<std::size_t>((dated.ends - start) / (kDay * 7));
      ++counts[std::min<std::size_t>(week, kWeeks - 1)];
    }
  }
  auto out = before + after == all.size() ? std::string() : chart(counts, now);
  if (before + after > 0) {
    out += "<p class=\"soft\">Not on the line:";
    if (before > 0) out += fmt::format(" {} expired earlier", before);
    if (after > 0) out += fmt::format("{} {} in more than two years", before > 0 ? "," : "", after);
    out += ".</p>\n";
  }
  return out;
}

std::string row(const Dated& dated, WallTime now) {
  const auto& certificate = *dated.certificate;
  const auto look = look_of_end(dated.ends, now);
  const std::string_view label = look == "ended"  ? "✕</i>Expired"
                                 : look == "soon" ? "!</i>Soon"
                                                  : "✓</i>Good";
  return fmt::format(
      "<tr><td><span class=\"mark {}\"><i aria-hidden=\"true\">{}</span></td><td class=\"when\">{} "
      "<span class=\"soft\">{}</span></td><td class=\"name\">{}</td><td>{}</td><td>{}, "
      "{}</td></tr>\n",
      look == "later" ? "ok" : look,
      label,
      date_html(dated.ends),
      relative_words(dated.ends, now),
      escaped(certificate.name, 80),
      service_anchor(dated.service->id),
      certificate.managed ? escaped(certificate.role, 30) : "not managed",
      certificate.verified ? "verified" : "<b>not verified</b>");
}

}  // namespace

std::string certificates_html(const controller::Status& status) {
  std::vector<Dated> all;
  for (const auto& service : status.services) {
    for (const auto& certificate : service->certificates) {
      if (certificate.expires_at)
        all.push_back({*certificate.expires_at, service.get(), &certificate});
    }
  }
  if (all.empty()) return {};
  std::stable_sort(all.begin(), all.end(), [](const Dated& left, const Dated& right) {
    return left.ends < right.ends;
  });
  std::string out = "<section id=\"certificates\"><h2>Certificates by expiry</h2>\n";
  out += line_of_time(all, status.now);
  const std::string head =
      "<div class=\"table\"><table><thead><tr><th scope=\"col\">State</th><th "
      "scope=\"col\">Expires</th><th scope=\"col\">Certificate</th><th "
      "scope=\"col\">Service</th><th "
      "scope=\"col\">Is</th></tr></thead><tbody>\n";
  out += head;
  for (std::size_t i = 0; i < all.size() && i < kAtOnce; ++i) out += row(all[i], status.now);
  out += "</tbody></table></div>\n";
  if (all.size() > kAtOnce) {
    const auto end = std::min(all.size(), kMost);
    out += fmt::format("<details id=\"more-certificates\"><summary>{} more</summary>\n",
                       all.size() - kAtOnce);
    out += head;
    for (std::size_t i = kAtOnce; i < end; ++i) out += row(all[i], status.now);
    out += "</tbody></table></div>\n";
    if (end < all.size()) {
      out += fmt::format(
          "<p class=\"soft\">{} that expire later are in <a href=\"status\">the "
          "status</a>.</p>\n",
          all.size() - end);
    }
    out += "</details>\n";
  }
  return out + "</section>\n";
}

}  // namespace dps::telemetry
