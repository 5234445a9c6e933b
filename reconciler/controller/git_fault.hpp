// git_fault: what git said when it failed -> Error. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps::controller {

/// The line that says why: the first with `sign` in it (small letters; may be empty), else the
/// first that begins with "fatal:" or "error:", else the first that is no warning, hint or frame.
/// Printable, of at most 300 characters.
std::string telling_line(std::string_view complaint, std::string_view sign);

/// `doing`: "asking the repository", a part of a sentence. `hidden`: what must not be shown, should
/// a server repeat it. By what git, ssh and the TLS library say in the C locale (git 2.30 to 2.45,
/// OpenSSH 8.4 to 9.7, GnuTLS and OpenSSL). Ids: WaitForOthers "HostKeyUnknown", "HostKeyChanged",
/// "AuthenticationFailed", "RepositoryNotFound", "RefNotFound", "TlsFailed", "KeyFileOpen",
/// "NoUserEntry", "GitMissing"; "DiskFull", "StateDirUnwritable", "SourceTooLarge"; RetryLater
/// "RepositoryCorrupt" (the copy on this disk), "SourceUnreadable" (all else).
Error git_fault(const std::string& doing,
                const std::string& complaint,
                const std::vector<std::string>& hidden);

}  // namespace dps::controller
