#include "reconciler/base/jwt.hpp"

#include <algorithm>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/base/text.hpp"

namespace dps {
namespace {

std::string part(const Json& value) {
  return base64url(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string standard_alphabet(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '-', '+');
  std::replace(out.begin(), out.end(), '_', '/');
  while (out.size() % 4 != 0) out += '=';
  return out;
}

}  // namespace

std::string jwt_signing_input(const Json& header, const Json& claims) {
  return part(header) + "." + part(claims);
}

std::optional<WallTime> jwt_expiry(std::string_view token) {
  constexpr std::size_t kMost = std::size_t{64} * 1024;
  if (token.size() > kMost) return std::nullopt;
  const auto first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto decoded = decode_base64(standard_alphabet(token.substr(first + 1, second - first - 1)));
  if (!decoded) return std::nullopt;
  const auto claims = parse_json(*decoded);
  wipe(*decoded);
  if (!claims) return std::nullopt;
  const auto& expiry = member(*claims, "exp");
  if (!expiry.is_number()) return std::nullopt;
  const auto seconds = expiry.get<double>();
  constexpr double kYear2200 = 7'258'118'400.0;
  if (!(seconds >= 0 && seconds <= kYear2200)) return std::nullopt;
  return WallTime{std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
}

}  // namespace dps
