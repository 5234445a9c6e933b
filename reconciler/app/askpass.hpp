// askpass: this program as the one that git asks for the password of a repository.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace dps::app {

/// Is this process git's question? It is when DPS_RECONCILER_ASKPASS, which only
/// controller/git_program sets, names a file: then the first word of that file is the answer, and
/// the token was in no argument, no variable and no other file. `prompt` is git's:
/// "Password for 'https://git@git.example': ". Questions for another origin than
/// DPS_RECONCILER_ASKPASS_ORIGIN, where a redirect may lead, get none.
struct Askpass {
  std::string answer;  ///< with a line end; for stdout, and to be wiped
  int exit_code = 0;
};
using Variable = std::function<std::optional<std::string>(const std::string&)>;
std::optional<Askpass> answer_askpass(const std::string& prompt, const Variable& variable);

}  // namespace dps::app
