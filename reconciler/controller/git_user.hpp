// git_user: a name for a user that has none. OpenSSH does not work for a user id that is not in
// /etc/passwd, as containers are given; Debian's libnss-wrapper lends it a line.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "reconciler/base/result.hpp"

namespace dps::controller {

/// Does OpenSSH work for this user, for ssh and for signatures: is it in /etc/passwd, or
/// libnss-wrapper there? WaitForOthers "NoUserEntry".
[[nodiscard]] Result<void> check_user(uid_t user);

/// For the environment of git: none for a user that has a name. Otherwise the two files that
/// libnss-wrapper reads are written to `home`, an existing folder.
std::map<std::string, std::string> user_variables(uid_t user, const std::string& home);

}  // namespace dps::controller
