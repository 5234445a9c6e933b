// render_report: a Report for people and for programs.
#pragma once

#include <string>

#include "reconciler/base/json_fwd.hpp"
#include "reconciler/model/report.hpp"

namespace dps::apply {

inline constexpr std::string_view kReportSchema = "dps-reconciler/report/v1";

enum class ReportColor { Off, On };

/// Services that were left unchanged are only counted. Ends in a newline.
std::string render_text(const Report& report, ReportColor color);
/// One service as it ends, for those who watch: a line or a few.
std::string render_text(const Finished& finished, ReportColor color);
/// `{schema, …, summary{created, updated, …}, services[…]}`; two spaces deep, final newline.
std::string render_json(const Report& report);

}  // namespace dps::apply
