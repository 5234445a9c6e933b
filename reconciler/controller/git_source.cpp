#include "reconciler/controller/git_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/backoff.hpp"
#include "reconciler/controller/git_user.hpp"

namespace dps::controller {
namespace {

constexpr std::size_t kMebi = std::size_t{1024} * 1024;

Failure usage(const std::string& what, const std::string& remedy) {
  return fail(give_up("Usage", what, remedy));
}

std::string this_program() {
  std::array<char, 4096> path{};
  const auto length = ::readlink("/proc/self/exe", path.data(), path.size());
  return length <= 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

class GitSource final : public Source {
 public:
  GitSource(GitSettings settings, GitAccess access, Clock& clock, std::function<double()> jitter)
      : settings_(std::move(settings)),
        access_(access),
        repository_(std::move(access), settings_.timeout, settings_.max_size * kMebi),
        clock_(clock),
        jitter_(std::move(jitter)) {}

  std::string kind() const override { return "git"; }
  std::string location() const override {
    return settings_.path.empty()
               ? fmt::format("{} ({})", settings_.url, settings_.ref)
               : fmt::format("{} ({}, {})", settings_.url, settings_.ref, settings_.path);
  }

  Result<Checkout> newest(std::stop_token stop) override {
    auto found = look(stop);
    if (!found && found.error().id == "RepositoryCorrupt" && !stop.stop_requested()) {
      repository_.throw_away();
      found = look(stop);
    }
    if (found) {
      failures_ = 0;
    } else {
      ++failures_;
      next_ = found.error().next;
    }
    return found;
  }

  bool wait(std::stop_token stop) override {
    auto pause = spread(settings_.interval, jitter_());
    if (failures_ > 0) {
      const auto most = std::min<Duration>(settings_.interval * 4, std::chrono::minutes{15});
      BackoffRules rules;
      rules.first = std::min(rules.first, most);
      rules.most = rules.most_waiting = rules.final_pause = most;
      pause = pause_after(next_, failures_, jitter_(), rules);
    }
    return clock_.sleep(pause, stop) && !stop.stop_requested();
  }

 private:
  Result<Checkout> look(const std::stop_token& stop) {
    if (auto fine = check_access(access_); !fine) return fail(fine.error());
    std::string signers;
    if (!settings_.verify.empty()) {
      if (auto fine = check_user(::getuid()); !fine) return fail(fine.error());
      manifest::DiskFiles disk;
      const auto text = disk.read(settings_.verify, kMebi);
      if (!text) {
        return fail({NextMove::WaitForOthers,
                     "SecretMissing",
                     "--git-verify: " + text.error().what,
                     "a file of allowed signers, readable for the user that runs this program",
                     0,
                     {}});
      }
      signers = sha256(*text);
    }
    if (auto ready = repository_.prepare(stop); !ready) return fail(ready.error());
    const auto tip = repository_.tip(settings_.ref, stop);
    if (!tip) return fail(tip.error());
    if (read_ && read_->revision == tip->commit && signers == signers_) return *read_;
    if (tip->commit == refused_) return fail(refusal_);
    auto commit = tip->commit;
    if (!repository_.has(commit, stop)) {
      auto fetched = repository_.fetch(*tip, stop);
      if (!fetched) {
        if (fetched.error().id == "SourceTooLarge") {
          // Not again and again for as long as it is the same.
          refused_ = tip->commit;
          refusal_ = fetched.error();
        }
        return fail(fetched.error());
      }
      commit = std::move(*fetched);
    }
    if (!settings_.verify.empty()) {
      if (auto signed_well = repository_.verify(commit, settings_.verify, stop); !signed_well) {
        return fail(signed_well.error());
      }
    }
    auto read = repository_.read(commit, settings_.path, settings_.tree, stop);
    if (!read) return fail(read.error());
    Checkout out;
    out.revision = commit;
    out.files =
        std::make_shared<TreeFiles>(std::move(read->tree), read->scope, settings_.secrets_dir);
    out.roots = {read->path.empty() ? std::string(".") : read->path};
    read_ = std::move(out);
    signers_ = std::move(signers);
    return *read_;
  }

  const GitSettings settings_;
  const GitAccess access_;
  GitRepository repository_;
  Clock& clock_;
  std::function<double()> jitter_;
  std::optional<Checkout> read_;  // the newest that could be read whole
  std::string signers_;           // the digest of those that it was held against
  std::string refused_;           // a commit that is too large
  Error refusal_;
  std::size_t failures_ = 0;
  NextMove next_ = NextMove::RetryLater;
};

// What means something to a shell or to ssh's own configuration.
bool is_safe(const std::string& path) {
  return path.find_first_of("'\"\\%$\n\r~*?") == std::string::npos;
}

[[nodiscard]] Result<void> check_transport(const GitSettings& settings, const GitAddress& address) {
  const bool web =
      address.transport == GitTransport::Https || address.transport == GitTransport::Http;
  if (!settings.token_file.empty() && !web) {
    return usage("--git-token-file without an https address", "--git-ssh-key for ssh");
  }
  if (!settings.ca_file.empty() && address.transport != GitTransport::Https) {
    return usage("--git-ca-file without an https address", "an https address");
  }
  if (!settings.username.empty() && settings.token_file.empty()) {
    return usage("--git-username without --git-token-file", "both, or neither");
  }
  if (address.transport == GitTransport::Ssh) {
    if (settings.ssh_key.empty()) {
      return usage("--git with ssh, without a key",
                   "--git-ssh-key, a private key without passphrase");
    }
    if (settings.known_hosts.empty()) {
      return usage("--git with ssh, without --git-known-hosts",
                   "--git-known-hosts with the host's key as its owner publishes it; a key that is "
                   "believed at first sight protects nobody");
    }
    for (const auto& path : {settings.ssh_key, settings.known_hosts}) {
      if (!is_safe(path))
        return usage("ssh cannot take the path " + printable(path, 200), "another name");
    }
    return {};
  }
  if (!settings.ssh_key.empty() || !settings.known_hosts.empty()) {
    return usage("--git-ssh-key or --git-known-hosts without an ssh address",
                 "ssh://USER@HOST/PATH");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Source>> make_git_source(GitSettings settings,
                                                Clock& clock,
                                                std::function<double()> jitter) {
  auto address = parse_git_address(settings.url);
  if (!address) return fail(address.error());
  if (auto good = check_git_ref(settings.ref); !good) return fail(good.error());
  auto path = tidy_git_path(settings.path);
  if (!path) return fail(path.error());
  settings.path = std::move(*path);
  if (settings.state_dir.empty()) {
    return usage("--git without --state-dir", "--state-dir, a folder that this program may write");
  }
  if (auto fits = check_transport(settings, *address); !fits) return fail(fits.error());
  manifest::DiskFiles disk;
  GitAccess access;
  access.address = std::move(*address);
  access.username = settings.username.empty() ? "git" : settings.username;
  // git runs in a folder of its own: relative paths would mean something else there.
  const auto whole = [&](const std::string& name) {
    return name.empty() ? name : disk.absolute(name);
  };
  settings.verify = whole(settings.verify);
  settings.secrets_dir = whole(settings.secrets_dir);
  access.token_file = whole(settings.token_file);
  access.ca_file = whole(settings.ca_file);
  access.ssh_key = whole(settings.ssh_key);
  access.known_hosts = whole(settings.known_hosts);
  access.askpass = settings.askpass.empty() ? this_program() : settings.askpass;
  access.home = whole(settings.state_dir) + "/git";
  access.folder = fmt::format("{}/{}", access.home, hex(sha256(settings.url)).substr(0, 16));
  return std::unique_ptr<Source>(std::make_unique<GitSource>(
      std::move(settings), std::move(access), clock, std::move(jitter)));
}

}  // namespace dps::controller
