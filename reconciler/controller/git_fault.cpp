#include "reconciler/controller/git_fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reconciler/base/text.hpp"
#include "reconciler/http/redact.hpp"

namespace dps::controller {
namespace {

struct Known {
  std::string_view sign;  ///< in small letters
  std::string_view id;
};

// In this order: what is said last by git ("could not read from remote repository") is said of
// many causes.
constexpr std::array kKnown = {
    Known{"host key for", "HostKeyChanged"},  // "… has changed and you have requested …"
    Known{"remote host identification has changed", "HostKeyChanged"},
    Known{"host key is known for", "HostKeyUnknown"},
    Known{"host key verification failed", "HostKeyUnknown"},
    Known{"unprotected private key", "KeyFileOpen"},
    Known{"bad permissions", "KeyFileOpen"},
    Known{"no user exists for uid", "NoUserEntry"},
    Known{"ssh: not found", "GitMissing"},
    Known{"cannot run ssh", "GitMissing"},
    Known{"is not a git command", "GitMissing"},
    Known{"permission denied (", "AuthenticationFailed"},
    Known{"too many authentication failures", "AuthenticationFailed"},
    Known{"no space left on device", "DiskFull"},
    Known{"disk quota exceeded", "DiskFull"},
    Known{"died of signal 25", "SourceTooLarge"},
    Known{"file too large", "SourceTooLarge"},
    Known{"authentication failed", "AuthenticationFailed"},
    Known{"could not read username", "AuthenticationFailed"},
    Known{"could not read password", "AuthenticationFailed"},
    Known{"returned error: 401", "AuthenticationFailed"},
    Known{"returned error: 403", "AuthenticationFailed"},
    Known{"server certificate verification failed", "TlsFailed"},
    Known{"certificate", "TlsFailed"},
    Known{"gnutls_handshake", "TlsFailed"},
    Known{"ssl_connect", "TlsFailed"},
    Known{"ssl:", "TlsFailed"},
    Known{"returned error: 404", "RepositoryNotFound"},
    Known{"returned error: 410", "RepositoryNotFound"},
    Known{"repository not found", "RepositoryNotFound"},
    Known{"' not found", "RepositoryNotFound"},
    Known{"project you were looking for could not be found", "RepositoryNotFound"},
    Known{"does not appear to be a git repository", "RepositoryNotFound"},
    Known{"not valid: is this a git repository", "RepositoryNotFound"},
    Known{"unable to update url base from redirection", "RepositoryNotFound"},
    Known{"couldn't find remote ref", "RefNotFound"},
    Known{"not our ref", "RefNotFound"},
    Known{"unadvertised object", "RefNotFound"},
    Known{"read-only file system", "StateDirUnwritable"},
    Known{"insufficient permission for adding", "StateDirUnwritable"},
    Known{"could not create directory", "StateDirUnwritable"},
    Known{"cannot mkdir", "StateDirUnwritable"},
    Known{"not a git repository", "RepositoryCorrupt"},
    Known{"mismatched algorithms", "RepositoryCorrupt"},
    Known{"file exists", "RepositoryCorrupt"},  // the lock of a git that was killed
    Known{"another git process", "RepositoryCorrupt"},
    Known{"bad object", "RepositoryCorrupt"},
    Known{"corrupt", "RepositoryCorrupt"},
    Known{"bad config", "RepositoryCorrupt"},
    Known{"not a valid object", "RepositoryCorrupt"},
    Known{"unable to read", "RepositoryCorrupt"},
    Known{"failed to read object", "RepositoryCorrupt"},
    Known{"could not read from remote", "SourceUnreadable"},
    Known{"packfile", "RepositoryCorrupt"},
    Known{"shallow", "RepositoryCorrupt"},
    Known{"permission denied", "StateDirUnwritable"},
};

struct Cure {
  std::string_view id;
  NextMove next;
  std::string_view remedy;
};

constexpr std::array kCures = {
    Cure{"HostKeyChanged",
         NextMove::WaitForOthers,
         "ask whoever runs the host whether its key was changed; only then put the new one into "
         "--git-known-hosts"},
    Cure{"HostKeyUnknown",
         NextMove::WaitForOthers,
         "put the host's key, as its owner publishes it, into --git-known-hosts"},
    Cure{"GitMissing",
         NextMove::WaitForOthers,
         "install git, with its https helper, and OpenSSH's client"},
    Cure{"KeyFileOpen", NextMove::WaitForOthers, "mode 0400 for the file of --git-ssh-key"},
    Cure{"NoUserEntry",
         NextMove::WaitForOthers,
         "a user that is in /etc/passwd, or https with a token"},
    Cure{"AuthenticationFailed",
         NextMove::WaitForOthers,
         "--git-token-file or --git-ssh-key: a token or key (without a passphrase) that still "
         "holds and may read this repository"},
    Cure{"TlsFailed",
         NextMove::WaitForOthers,
         "--git-ca-file with the CA that signed the server's certificate"},
    Cure{"RepositoryNotFound",
         NextMove::WaitForOthers,
         "check --git; hosts say the same of a repository that the token or key may not see"},
    Cure{"RefNotFound",
         NextMove::WaitForOthers,
         "check --git-ref; a commit that no branch and no tag names may not be had from its host"},
    Cure{"DiskFull", NextMove::RetryLater, "more room for --state-dir"},
    Cure{"StateDirUnwritable",
         NextMove::WaitForOthers,
         "--state-dir: a folder that the user that runs this program may write"},
    Cure{"SourceTooLarge",
         NextMove::WaitForOthers,
         "--git-max-size, or a repository for the manifests alone"},
    Cure{"RepositoryCorrupt",
         NextMove::RetryLater,
         "it is made anew at the next try; the disk of --state-dir may be failing"},
};

std::string without(std::string text, const std::vector<std::string>& hidden) {
  for (const auto& one : hidden) {
    if (one.empty()) continue;
    for (auto at = text.find(one); at != std::string::npos; at = text.find(one)) {
      text.replace(at, one.size(), "[secret]");
    }
  }
  return text;
}

bool says_nothing(std::string_view line) {
  const auto small = lower(line);
  return line.empty() || line.front() == '@' || small.starts_with("warning") ||
         small.starts_with("hint:") || small.starts_with("fatal: could not read from remote");
}

}  // namespace

std::string telling_line(std::string_view complaint, std::string_view sign) {
  std::string_view other;
  const auto lines = split(complaint, '\n');
  for (const auto& line : lines) {
    if (sign.empty() || says_nothing(trim(line))) continue;
    if (lower(line).find(sign) != std::string::npos) return printable(trim(line), 300);
  }
  for (const auto& line : lines) {
    const auto text = trim(line);
    if (says_nothing(text)) continue;
    if (text.starts_with("fatal:") || text.starts_with("error:")) return printable(text, 300);
  }
  for (const auto& line : lines) {
    if (!says_nothing(trim(line))) {
      other = trim(line);
      break;
    }
  }
  return printable(other, 300);
}

Error git_fault(const std::string& doing,
                const std::string& complaint,
                const std::vector<std::string>& hidden) {
  const auto shown = http::without_secrets(without(complaint, hidden));
  const auto small = lower(complaint);
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& one) {
    return small.find(one.sign) != std::string::npos;
  });
  const bool found = known != kKnown.end();
  const auto id = found ? known->id : std::string_view("SourceUnreadable");
  const auto* cure =
      std::find_if(kCures.begin(), kCures.end(), [&](const Cure& one) { return one.id == id; });
  const auto line = telling_line(shown, found ? known->sign : std::string_view());
  Error out;
  out.next = cure == kCures.end() ? NextMove::RetryLater : cure->next;
  out.id = std::string(id);
  out.what = fmt::format("{}: {}", doing, line.empty() ? "git failed without a word" : line);
  out.remedy = cure == kCures.end()
                   ? "is the host reachable from here? a proxy, DNS or a firewall may be in the way"
                   : std::string(cure->remedy);
  return out;
}

}  // namespace dps::controller
