// certificate_text: live certificates in the words of people.
#pragma once

#include <string>
#include <vector>

#include "reconciler/plan/plan.hpp"
#include "reconciler/plan/text_layout.hpp"

namespace dps::plan {

struct TonedLine {
  std::string text;
  Tone tone = Tone::Plain;
};

/// "ca-2  1F0A33C2…  verified, expires 2027-06-01, current of ca": every certificate of a service
/// where one changes or ends soon; else nothing. Names are aligned.
std::vector<TonedLine> certificate_lines(const ServicePlan& service, WallTime now);

/// "Certificates: 12 read, 1 unverified, 2 expire soon, 1 expired.", or "" where none changes and
/// none ends.
std::string certificates_sentence(const Summary& summary);

}  // namespace dps::plan
