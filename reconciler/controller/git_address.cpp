#include "reconciler/controller/git_address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/files.hpp"

namespace dps::controller {
namespace {

constexpr const char* kForms =
    "https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH; see docs/sources.md";

Failure bad_url(const std::string& what, const std::string& remedy = kForms) {
  return fail(give_up("BadGitUrl", "--git: " + what, remedy));
}

// For a command line and a message: printable ASCII without blanks.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host == "::1" ||
         (host.starts_with("127.") && std::all_of(host.begin(), host.end(), [](char c) {
            return c == '.' || (c >= '0' && c <= '9');
          }));
}

bool is_host(std::string_view host) {
  return !host.empty() && !host.starts_with('-') &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == '[' || c == ']' || c == ':';
         });
}

bool is_user(std::string_view user) {
  return !user.empty() && !user.starts_with('-') &&
         std::all_of(user.begin(), user.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

struct Authority {
  std::string user;
  std::string host_and_port;
  std::string host;
};

Authority authority_of(std::string_view text) {
  Authority out;
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    out.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  out.host_and_port = text;
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  const bool port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  out.host = port ? text.substr(0, colon) : text;
  return out;
}

Result<GitAddress> with_scheme(const std::string& text) {
  const auto split_at = text.find("://");
  const auto scheme = lower(text.substr(0, split_at));
  const auto rest = text.substr(split_at + 3);
  const auto slash = rest.find('/');
  const auto authority = authority_of(std::string_view(rest).substr(0, slash));
  const bool has_path = slash != std::string::npos && slash + 1 < rest.size();
  GitAddress out{GitTransport::Https, text, scheme + "://" + lower(authority.host_and_port)};
  if (scheme == "https" || scheme == "http") {
    if (rest.substr(0, slash).find('@') != std::string::npos) {
      return fail(give_up("CredentialsInUrl",
                          "--git: the address holds a user name, a password or a token",
                          "the address without them; --git-username, --git-token-file"));
    }
    if (!is_host(authority.host) || !has_path) return bad_url("no repository on a host");
    if (rest.find_first_of("?#") != std::string::npos) return bad_url("a query or a fragment");
    if (scheme == "http" && !is_loopback(authority.host)) {
      return bad_url("http:// would show manifests and token to everybody on the way", "https://");
    }
    out.transport = scheme == "https" ? GitTransport::Https : GitTransport::Http;
    return out;
  }
  if (scheme == "ssh") {
    if (authority.user.find(':') != std::string::npos) {
      return fail(give_up("CredentialsInUrl",
                          "--git: the address holds a password",
                          "the address without it; --git-ssh-key"));
    }
    if ((!authority.user.empty() && !is_user(authority.user)) || !is_host(authority.host) ||
        !has_path) {
      return bad_url("no repository on a host");
    }
    out.transport = GitTransport::Ssh;
    return out;
  }
  if (scheme == "file") {
    if (slash != 0 || !has_path) return bad_url("file:// takes an absolute path", "file:///PATH");
    out.transport = GitTransport::File;
    out.origin.clear();
    return out;
  }
  return bad_url(fmt::format("{}:// is not spoken", printable(scheme, 20)));
}

}  // namespace

Result<GitAddress> parse_git_address(const std::string& text) {
  if (text.empty() || text.size() > 2000 || !is_plain(text)) {
    return bad_url("an address of 1 to 2,000 printable characters without blanks");
  }
  if (text.find("://") != std::string::npos) return with_scheme(text);
  // user@host:path, as ssh users write it.
  const auto colon = text.find(':');
  const auto slash = text.find('/');
  if (colon == std::string::npos || (slash != std::string::npos && slash < colon)) {
    return bad_url("neither an address nor USER@HOST:PATH");
  }
  const auto authority = authority_of(std::string_view(text).substr(0, colon));
  const auto path = text.substr(colon + 1);
  if ((!authority.user.empty() && !is_user(authority.user)) || !is_host(authority.host) ||
      path.empty() || path.starts_with('-') || path.starts_with(':')) {
    return bad_url("neither an address nor USER@HOST:PATH");
  }
  return GitAddress{GitTransport::Ssh, text, "ssh://" + lower(authority.host)};
}

bool is_commit_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<void> check_git_ref(const std::string& ref) {
  const auto wrong = [&] {
    return fail(
        give_up("BadGitRef",
                fmt::format("--git-ref: {} names no branch, tag or commit", printable(ref, 100)),
                "a branch, a tag, HEAD, or a commit's whole id in small letters"));
  };
  if (ref.empty() || ref.size() > 250 || !is_plain(ref)) return wrong();
  if (ref.find_first_of(":^~?*[\\+") != std::string::npos) return wrong();
  if (ref.find("..") != std::string::npos || ref.find("@{") != std::string::npos) return wrong();
  if (ref.find("//") != std::string::npos || ref.find("/.") != std::string::npos) return wrong();
  if (ref.front() == '-' || ref.front() == '/' || ref.front() == '.') return wrong();
  if (ref.back() == '/' || ref.back() == '.' || ref.ends_with(".lock")) return wrong();
  return {};
}

Result<std::string> tidy_git_path(const std::string& path) {
  if (path.starts_with('/') || path.find('\0') != std::string::npos) {
    return fail(give_up("BadGitPath",
                        "--git-path: " + printable(path, 200) + " is no path in a repository",
                        "a path from the repository's root, without a slash in front"));
  }
  auto tidy = manifest::tidy_path(path);
  if (tidy == ".") return std::string();
  if (tidy == ".." || tidy.starts_with("../")) {
    return fail(give_up("BadGitPath",
                        "--git-path: " + printable(path, 200) + " leaves the repository",
                        "a path from the repository's root"));
  }
  return tidy;
}

}  // namespace dps::controller
