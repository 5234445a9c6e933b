// The named switches: every point on which ARM's behaviour is unknown or varies, and every knob of
// the simulator, in one table. `--set NAME=VALUE`, GET|PATCH /switches, GET /switches/describe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/arm_simulator/text.hpp"

namespace dps::sim {

/// What a switch may be set to.
enum class SwitchKind {
  Choice,    // one of `values`
  Set,       // `none`, or any of `values` joined by commas
  Duration,  // 2s, 50ms, 1h30m
  Number,    // a whole number from 0 on
  Quota,  // `default`, or CAPACITY[/REFILL_PER_SECOND[s]]: 250/25 holds 250 and gains 25 a second
};

struct SwitchRow {
  std::string_view name;
  SwitchKind kind;
  std::vector<std::string_view> values;  // of Choice and Set
  std::string_view initial;
  std::string_view meaning;
};

/// The table, in the order in which it is documented.
[[nodiscard]] const std::vector<SwitchRow>& switch_table();

class Switches {
 public:
  Switches();

  /// The problem in one sentence, or nothing when it was set. Unknown names and values are refused.
  [[nodiscard]] std::optional<std::string> set(std::string_view name, std::string_view value);
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const {
    return values_;
  }

  // The name must stand in the table with the right kind: a wrong one is a fault of the program.
  [[nodiscard]] const std::string& value(std::string_view name) const;
  [[nodiscard]] bool is(std::string_view name, std::string_view value) const {
    return this->value(name) == value;
  }
  [[nodiscard]] bool holds(std::string_view name, std::string_view member) const;
  [[nodiscard]] Milliseconds duration_of(std::string_view name) const;
  [[nodiscard]] std::size_t number_of(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

struct Quota {
  double capacity = 0;
  double per_second = 0;
};
/// Nothing for `default`.
[[nodiscard]] std::optional<Quota> quota_of(std::string_view text);

}  // namespace dps::sim
