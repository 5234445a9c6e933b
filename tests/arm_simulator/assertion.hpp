// Client assertions: the JSON web token that a client signs with its certificate (RFC 7523), judged
// with code of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/arm_simulator/text.hpp"

namespace dps::sim {

struct AssertionFault {
  int number = 0;  // AADSTS
  std::string text;
};

struct AssertionWish {
  std::string audience;  // the token endpoint
  std::string client_id;
  std::vector<std::string> certificates;  // PEM, registered
  TimePoint now;
};

struct AssertionJudged {
  std::optional<AssertionFault> fault;
  std::string jti;  // for the check against a second use
  TimePoint expiry;
};

/// The signature (PS256 or RS256) by the registered certificate that `x5t#S256` or `x5t` names, the
/// claims aud, iss, sub, jti, nbf and exp; five minutes of skew are forgiven to nbf and exp.
[[nodiscard]] AssertionJudged judge_assertion(std::string_view assertion,
                                              const AssertionWish& wish);

/// Does it name a certificate, rather than come from another issuer?
[[nodiscard]] bool names_certificate(std::string_view assertion);

}  // namespace dps::sim
