#include "reconciler/app/askpass.hpp"

#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"

namespace dps::app {
namespace {

// "Password for 'https://git@git.example:8443': " -> "https://git.example:8443"
std::string origin_of(const std::string& prompt) {
  const auto from = prompt.find('\'');
  const auto to = prompt.rfind('\'');
  if (from == std::string::npos || to <= from) return {};
  auto url = prompt.substr(from + 1, to - from - 1);
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return {};
  auto rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (const auto at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  return lower(url.substr(0, scheme + 3) + rest);
}

}  // namespace

std::optional<Askpass> answer_askpass(const std::string& prompt, const Variable& variable) {
  const auto file = variable("DPS_RECONCILER_ASKPASS");
  if (!file || file->empty()) return std::nullopt;
  const auto origin = variable("DPS_RECONCILER_ASKPASS_ORIGIN");
  if (!origin || origin->empty() || origin_of(prompt) != *origin) return Askpass{{}, 1};
  if (!prompt.starts_with("Password")) return Askpass{{}, 1};
  const auto token = read_secret_word(*file);
  if (!token) return Askpass{{}, 1};
  return Askpass{token->reveal() + "\n", 0};
}

}  // namespace dps::app
