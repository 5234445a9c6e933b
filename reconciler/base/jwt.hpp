// jwt: JSON web tokens as far as signing in needs them: the text to sign, and what a token that
// somebody else made says of itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/json_fwd.hpp"

namespace dps {

/// "base64url(header).base64url(claims)" (RFC 7515, 5.1): what is signed. With "." and the
/// base64url of the signature behind it, it is the token.
std::string jwt_signing_input(const Json& header, const Json& claims);

/// The `exp` of a token of three parts, unverified: fit for a message and for a margin, never for
/// trust. Nothing for what is no such token or has none.
std::optional<WallTime> jwt_expiry(std::string_view token);

}  // namespace dps
