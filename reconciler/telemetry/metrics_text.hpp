// metrics_text: families as values of prometheus-cpp, for this room's files alone.
#pragma once

#include <prometheus/metric_family.h>

#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry {

using Labels = std::vector<std::pair<const char*, std::string_view>>;

/// A gauge or counter of the table, without series.
prometheus::MetricFamily empty_family(std::string_view name);
void add_sample(prometheus::MetricFamily& family, const Labels& labels, double value);
double seconds_since_1970(WallTime time);

/// The families that say how the daemon and its services stand. Services after the first
/// `max_services` have no series of their own; they are counted in all sums.
std::vector<prometheus::MetricFamily> families_of(const controller::Status& status,
                                                  std::size_t max_services);

/// process_*; what the system does not tell is without series.
std::vector<prometheus::MetricFamily> process_families();

}  // namespace dps::telemetry
