#include <fmt/format.h>

#include <algorithm>

#include "reconciler/app/doctor.hpp"
#include "reconciler/base/json.hpp"

namespace dps::app {
namespace {

std::string_view color_of(Mark mark) {
  switch (mark) {
    case Mark::Ok:
      return "\x1b[32m";
    case Mark::Warn:
      return "\x1b[33m";
    case Mark::Fail:
      return "\x1b[31m";
    case Mark::Skip:
      return "\x1b[2m";
  }
  return "";
}

std::string counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

}  // namespace

std::string render_text(const Diagnosis& diagnosis, DoctorColor color) {
  std::size_t width = 0;
  for (const auto& finding : diagnosis.findings) width = std::max(width, finding.check.size());
  std::string text;
  for (const auto& finding : diagnosis.findings) {
    const auto mark = finding.mark == Mark::Fail ? "FAIL" : std::string(word(finding.mark));
    const auto shown = color == DoctorColor::On
                           ? fmt::format("{}{:<4}\x1b[0m", color_of(finding.mark), mark)
                           : fmt::format("{:<4}", mark);
    text += fmt::format("{}  {:<{}}  {}{}{}\n",
                        shown,
                        finding.check,
                        width,
                        finding.scope,
                        finding.scope.empty() ? "" : ": ",
                        finding.said);
    const std::string indent(width + 8, ' ');
    if (!finding.means.empty()) text += fmt::format("{}means: {}\n", indent, finding.means);
    if (!finding.remedy.empty()) text += fmt::format("{}do:    {}\n", indent, finding.remedy);
  }
  const auto failed = diagnosis.count(Mark::Fail), warned = diagnosis.count(Mark::Warn),
             skipped = diagnosis.count(Mark::Skip);
  text += "\n";
  text += failed == 0 ? "No failure" : counted(failed, "failure");
  if (warned > 0) text += ", " + counted(warned, "warning");
  if (skipped > 0) text += fmt::format(", {} not tried", skipped);
  return text + ".\n";
}

std::string render_json(const Diagnosis& diagnosis) {
  OrderedJson findings = OrderedJson::array();
  for (const auto& finding : diagnosis.findings) {
    findings.push_back({{"mark", word(finding.mark)},
                        {"check", finding.check},
                        {"scope", finding.scope},
                        {"said", finding.said},
                        {"means", finding.means},
                        {"remedy", finding.remedy}});
  }
  const OrderedJson record = {{"schema", "dps-reconciler/doctor/v1"},
                              {"at", rfc3339(diagnosis.at)},
                              {"summary",
                               {{"ok", diagnosis.count(Mark::Ok)},
                                {"warn", diagnosis.count(Mark::Warn)},
                                {"fail", diagnosis.count(Mark::Fail)},
                                {"skip", diagnosis.count(Mark::Skip)}}},
                              {"findings", std::move(findings)}};
  return record.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace dps::app
