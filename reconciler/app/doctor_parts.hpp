// doctor_parts: the groups of checks of which an examination is made.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "reconciler/app/doctor.hpp"

namespace dps::app {

inline constexpr Duration kDoctorConnect = std::chrono::seconds{10};
inline constexpr Duration kDoctorAnswer = std::chrono::seconds{20};

class Chart {
 public:
  explicit Chart(Diagnosis& diagnosis) : diagnosis_(diagnosis) {}
  void ok(std::string check, std::string scope, std::string said) {
    add({Mark::Ok, std::move(check), std::move(scope), std::move(said), {}, {}});
  }
  void skip(std::string check, std::string scope, std::string why) {
    add({Mark::Skip, std::move(check), std::move(scope), std::move(why), {}, {}});
  }
  void fail(std::string check, std::string scope, const Error& error, std::string means);
  void add(Finding finding) { diagnosis_.findings.push_back(std::move(finding)); }

 private:
  Diagnosis& diagnosis_;
};

/// A GET that is bounded in time.
http::Answer ask(http::Exchange& exchange, std::string url, const std::stop_token& stop);

void look_at_manifests(const Patient& patient, Chart& chart, const std::stop_token& stop);
/// Reachable, by whom, and what time it is there. False: no answer.
bool look_at_arm(const Patient& patient, Chart& chart, const std::stop_token& stop);
bool look_at_authority(const Patient& patient, Chart& chart, const std::stop_token& stop);
/// False: no token. `arm_answers`, `authority_answers`: of the lines above it.
bool look_at_token(const Patient& patient,
                   Chart& chart,
                   bool authority_answers,
                   const std::stop_token& stop);
void look_at_subscriptions(const Patient& patient,
                           Chart& chart,
                           const std::string& why_not,  ///< empty: a token is there
                           const std::stop_token& stop);

}  // namespace dps::app
