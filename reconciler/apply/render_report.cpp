#include "reconciler/apply/render_report.hpp"

#include <fmt/format.h>

#include <array>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/plan/text_layout.hpp"

namespace dps::apply {
namespace {

using plan::Tone;

// In the order of the summary.
constexpr std::array<Outcome, 16> kOutcomes = {Outcome::Created,
                                               Outcome::Updated,
                                               Outcome::Rotated,
                                               Outcome::Adopted,
                                               Outcome::Released,
                                               Outcome::Deleted,
                                               Outcome::Unchanged,
                                               Outcome::Held,
                                               Outcome::Suspended,
                                               Outcome::InTransition,
                                               Outcome::Blocked,
                                               Outcome::Failed,
                                               Outcome::Conflict,
                                               Outcome::Contested,
                                               Outcome::OutOfDate,
                                               Outcome::Interrupted};

Tone tone_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Created:
    case Outcome::Updated:
    case Outcome::Rotated:
    case Outcome::Adopted:
    case Outcome::Released:
    case Outcome::Deleted:
      return Tone::Good;
    case Outcome::Unchanged:
      return Tone::Dim;
    case Outcome::Held:
    case Outcome::Suspended:
    case Outcome::InTransition:
    case Outcome::OutOfDate:
    case Outcome::Interrupted:
      return Tone::Change;
    default:
      return Tone::Bad;
  }
}

double seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000.0;
}

OrderedJson to_json(const Finished& finished) {
  OrderedJson errors = OrderedJson::array();
  for (const auto& error : finished.errors) {
    errors.push_back({{"id", error.id},
                      {"message", error.what},
                      {"remedy", error.remedy},
                      {"http_status", error.http_status},
                      {"request_id", error.request_id}});
  }
  return {{"id", finished.id.path()},
          {"outcome", word(finished.outcome)},
          {"id_scope", finished.id_scope},
          {"device_provisioning_host_name", finished.device_host},
          {"service_operations_host_name", finished.service_host},
          {"done", finished.done},
          {"left", finished.left},
          {"moved", finished.moved},
          {"notices", finished.notices},
          {"errors", errors},
          {"writes", finished.writes},
          {"attempts", finished.attempts},
          {"window_seconds", seconds(finished.window)},
          {"took_seconds", seconds(finished.took)}};
}

}  // namespace

std::string render_text(const Finished& finished, ReportColor color) {
  const auto tint = color == ReportColor::On ? plan::Color::On : plan::Color::Off;
  std::string out = fmt::format(
      "{} {}\n",
      plan::toned(plan::padded(word(finished.outcome), 13), tone_of(finished.outcome), tint),
      printable(finished.id.brief(), 200));
  const auto line = [&](std::string_view text, Tone tone) {
    out += "              " + plan::toned(printable(text, 600), tone, tint) + "\n";
  };
  for (const auto& done : finished.done) line(done, Tone::Plain);
  if (finished.outcome == Outcome::Created) {
    line("id scope " + finished.id_scope, Tone::Strong);
    line("devices  " + finished.device_host, Tone::Plain);
    line("service  " + finished.service_host, Tone::Plain);
  }
  for (const auto& left : finished.left) line("left: " + left, Tone::Change);
  for (const auto& notice : finished.notices) line("note: " + notice, Tone::Note);
  for (const auto& error : finished.errors) {
    line(error.id + ": " + error.what, Tone::Bad);
    if (!error.remedy.empty()) line("  → " + error.remedy, Tone::Note);
    if (!error.request_id.empty()) line("  ARM request id " + error.request_id, Tone::Dim);
  }
  return out;
}

std::string render_text(const Report& report, ReportColor color) {
  std::string out;
  for (const auto& service : report.services) {
    if (service.outcome != Outcome::Unchanged) out += render_text(service, color);
  }
  if (!out.empty()) out += "\n";
  std::vector<std::string> parts;
  const auto counts = report.counts();
  for (const auto outcome : kOutcomes) {
    const auto found = counts.find(outcome);
    if (found == counts.end()) continue;
    auto name = std::string(word(outcome));
    for (char& c : name) c = c == '_' ? ' ' : c;
    parts.push_back(fmt::format("{} {}", found->second, name));
  }
  out += fmt::format("{}: {}; {} write{} in {}.\n",
                     report.failed() ? "Not all converged" : "Done",
                     parts.empty() ? "no services" : join(parts, ", "),
                     report.writes(),
                     report.writes() == 1 ? "" : "s",
                     duration_text(report.took));
  return out;
}

std::string render_json(const Report& report) {
  OrderedJson summary = OrderedJson::object();
  for (const auto outcome : kOutcomes) summary[std::string(word(outcome))] = report.count(outcome);
  summary["writes"] = report.writes();
  OrderedJson services = OrderedJson::array();
  for (const auto& service : report.services) services.push_back(to_json(service));
  const OrderedJson record = {{"schema", kReportSchema},
                              {"api_version", report.api_version},
                              {"owner", report.owner},
                              {"source_revision", report.source_revision},
                              {"took_seconds", seconds(report.took)},
                              {"summary", summary},
                              {"services", services}};
  return record.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace dps::apply
