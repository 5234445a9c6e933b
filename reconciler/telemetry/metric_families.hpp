// metric_families: every family that /metrics shows: name, type, labels, help, and what to alert
// on. docs/metrics.md is made of this table.
#pragma once

#include <string_view>
#include <vector>

namespace dps::telemetry {

enum class MetricType { Counter, Gauge, Histogram };
std::string_view word(MetricType type);  ///< "counter", …

struct MetricInfo {
  std::string_view name;  ///< whole: "dps_reconciler_leader"
  MetricType type = MetricType::Gauge;
  std::string_view labels;  ///< "kind, state"; may be empty
  std::string_view help;    ///< one sentence, no line end, no backslash
  std::string_view alert;   ///< what to do with it; may be empty
};

/// In the order of the page: sorted by topic.
const std::vector<MetricInfo>& metric_families();
/// One of them; the name must be one of the table's.
const MetricInfo& metric_family(std::string_view name);

}  // namespace dps::telemetry
