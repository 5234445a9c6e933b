#include "reconciler/controller/git_repository.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/git_fault.hpp"
#include "reconciler/controller/git_output.hpp"

namespace dps::controller {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHead = "refs/dps/head";
constexpr std::size_t kKibi = 1024;
constexpr std::size_t kMostNames = std::size_t{64} * 1024 * 1024;

Error waits(std::string id, std::string what, std::string remedy) {
  return {NextMove::WaitForOthers, std::move(id), std::move(what), std::move(remedy), 0, {}};
}

Failure unwritable(const std::string& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  return fail({full ? NextMove::RetryLater : NextMove::WaitForOthers,
               full ? "DiskFull" : "StateDirUnwritable",
               fmt::format("{}: {}", printable(path, 200), std::strerror(code)),
               full ? "more room for --state-dir"
                    : "--state-dir: a folder that the user that runs this program may write",
               0,
               {}});
}

Failure no_ref(const std::string& ref, const std::string& why) {
  return fail(waits("RefNotFound",
                    fmt::format("the repository {} {}", why, printable(ref, 200)),
                    "check --git-ref; the revision in force stays until it is there again"));
}

GitCall asked(std::vector<std::string> arguments) {
  GitCall call;
  call.arguments = std::move(arguments);
  return call;
}

Error too_large_on_disk(std::size_t most) {
  return waits("SourceTooLarge",
               fmt::format("the repository takes more than {} MiB", most / kKibi / kKibi),
               "--git-max-size, or a repository for the manifests alone");
}

Failure too_large(const std::string& what) {
  return fail(waits("SourceTooLarge", what, "--git-path, or a repository for the manifests alone"));
}

}  // namespace

GitRepository::GitRepository(GitAccess access, Duration timeout, std::size_t max_size)
    : access_(std::move(access)), timeout_(timeout), max_size_(max_size) {}

std::vector<std::string> GitRepository::hidden() const {
  if (access_.token_file.empty()) return {};
  const auto token = read_secret_word(access_.token_file);
  if (!token) return {};
  return {token->reveal(), base64(access_.username + ":" + token->reveal())};
}

Result<std::string> GitRepository::made_into_text(const std::string& doing,
                                                  Result<ProgramEnd> end) const {
  if (!end) return fail(in_context(doing, end.error()));
  if (end->exit_code == 0 && end->signal == 0) return end->output.reveal();
  if (end->signal != 0)
    end->complaint += fmt::format("\nfatal: git died of signal {}", end->signal);
  return fail(git_fault(doing, end->complaint, hidden()));
}

Result<std::string> GitRepository::local(const std::string& doing,
                                         const GitCall& call,
                                         const std::stop_token& stop) const {
  auto text = made_into_text(doing, run_git(access_, call, stop));
  // Of what lies on this disk nothing is unreadable but by a fault of it.
  if (!text && text.error().id == "SourceUnreadable") {
    auto error = text.error();
    error.id = "RepositoryCorrupt";
    return fail(std::move(error));
  }
  return text;
}

Result<std::string> GitRepository::remote(const std::string& doing,
                                          GitCall call,
                                          const std::stop_token& stop) const {
  call.remote = true;
  call.limit = timeout_;
  return made_into_text(doing, run_git(access_, call, stop));
}

Result<void> GitRepository::prepare(const std::stop_token& stop) {
  std::error_code code;
  fs::create_directories(access_.home, code);
  if (code) return unwritable(access_.home, code.value());
  if (!lock_) {
    const auto path = access_.folder + ".lock";
    auto lock = std::make_unique<Descriptor>(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (lock->number() < 0) return unwritable(path, errno);
    if (::flock(lock->number(), LOCK_EX | LOCK_NB) != 0) {
      return fail(waits("StateDirInUse",
                        "another process keeps this repository in " + printable(access_.home, 200),
                        "a --state-dir for each process"));
    }
    lock_ = std::move(lock);
  }
  if (fs::exists(access_.folder + "/HEAD", code)) return {};
  throw_away();
  // Others on the machine have no business in it.
  if (::mkdir(access_.folder.c_str(), 0700) != 0) return unwritable(access_.folder, errno);
  const auto made = local("making the repository under --state-dir",
                          asked({"init", "--bare", "--quiet", "--template=", access_.folder}),
                          stop);
  if (!made) {
    throw_away();
    return fail(made.error());
  }
  return {};
}

void GitRepository::throw_away() {
  std::error_code ignored;
  fs::remove_all(access_.folder, ignored);
}

Result<RemoteTip> GitRepository::tip(const std::string& ref, const std::stop_token& stop) {
  if (is_commit_id(ref)) return RemoteTip{ref, ref};
  std::vector<std::string> names = {ref};
  if (ref != "HEAD" && !ref.starts_with("refs/")) names = {"refs/heads/" + ref, "refs/tags/" + ref};
  GitCall call;
  call.arguments = {"ls-remote", "--quiet", access_.address.url, "HEAD"};
  for (const auto& name : names) {
    call.arguments.push_back(name);
    call.arguments.push_back(name + "^{}");
  }
  call.most_output = std::size_t{1024} * 1024;
  const auto text = remote("asking the repository", std::move(call), stop);
  if (!text) return fail(text.error());
  std::map<std::string, std::string> found;
  for (const auto& line : split(*text, '\n')) {
    const auto tab = line.find('\t');
    if (tab != std::string::npos && is_commit_id(line.substr(0, tab))) {
      found[line.substr(tab + 1)] = line.substr(0, tab);
    }
  }
  for (const auto& name : names) {
    if (const auto peeled = found.find(name + "^{}"); peeled != found.end()) {
      return RemoteTip{name, peeled->second};
    }
    if (const auto plain = found.find(name); plain != found.end()) {
      return RemoteTip{name, plain->second};
    }
  }
  return found.empty() ? no_ref(ref, "is empty, or has no branch or tag")
                       : no_ref(ref, "has no branch or tag");
}

bool GitRepository::has(const std::string& commit, const std::stop_token& stop) {
  const auto held =
      local("looking for the commit",
            asked({"rev-parse", "--verify", "--quiet", std::string(kHead) + "^{commit}"}),
            stop);
  return held && trim(*held) == commit;
}

Result<std::string> GitRepository::fetch(const RemoteTip& tip, const std::stop_token& stop) {
  GitCall call;
  call.arguments = {"fetch",
                    "--quiet",
                    "--no-progress",
                    "--depth=1",
                    "--no-tags",
                    "--force",
                    "--update-shallow",
                    "--no-recurse-submodules",
                    "--no-write-fetch-head",
                    access_.address.url,
                    fmt::format("+{}:{}", tip.ref, kHead)};
  call.most_file_size = max_size_;
  if (const auto got = remote("fetching", std::move(call), stop); !got) {
    auto error = got.error();
    // index-pack, which is stopped at the bound, says nothing of it.
    const bool at_bound = drop_unfinished() >= max_size_;
    if (at_bound) error = too_large_on_disk(max_size_);
    if (at_bound || error.id == "DiskFull") throw_away();
    return fail(std::move(error));
  }
  const auto commit = local("reading what was fetched",
                            asked({"rev-parse", "--verify", std::string(kHead) + "^{commit}"}),
                            stop);
  if (!commit) {
    if (commit.error().id != "RepositoryCorrupt") return fail(commit.error());
    return no_ref(tip.ref, "has no commit at");
  }
  if (auto tidied = tidy(stop); !tidied) return fail(tidied.error());
  return std::string(trim(*commit));
}

// What a fetch that was cut short leaves behind would fill the disk in time. The size of the
// largest.
std::size_t GitRepository::drop_unfinished() const {
  std::error_code code;
  std::size_t largest = 0;
  std::vector<fs::path> unfinished;
  for (fs::directory_iterator at(access_.folder + "/objects/pack", code), end; !code && at != end;
       at.increment(code)) {
    if (!at->path().filename().string().starts_with("tmp_")) continue;
    const auto size = at->file_size(code);
    if (!code) largest = std::max(largest, static_cast<std::size_t>(size));
    unfinished.push_back(at->path());
  }
  for (const auto& path : unfinished) fs::remove(path, code);
  return largest;
}

// Each fetch adds a pack; what the last one needs is little. Of months of them nothing stays.
Result<void> GitRepository::tidy(const std::stop_token& stop) {
  const auto measure = [&]() -> Result<GitSizes> {
    const auto text = local("measuring", asked({"count-objects", "-v"}), stop);
    if (!text) return fail(text.error());
    return git_sizes(*text);
  };
  auto sizes = measure();
  if (!sizes) return fail(sizes.error());
  constexpr std::size_t kMostPacks = 8;
  if (sizes->packs > kMostPacks || sizes->garbage > 0 || sizes->bytes > max_size_) {
    for (const auto& arguments : {std::vector<std::string>{"repack", "-a", "-d", "-q", "-n"},
                                  std::vector<std::string>{"prune", "--expire=now"}}) {
      if (const auto done = local("tidying", asked(arguments), stop); !done)
        return fail(done.error());
    }
    sizes = measure();
    if (!sizes) return fail(sizes.error());
  }
  if (sizes->bytes <= max_size_) return {};
  throw_away();
  return fail(too_large_on_disk(max_size_));
}

Result<void> GitRepository::verify(const std::string& commit,
                                   const std::string& signers,
                                   const std::stop_token& stop) {
  GitCall show = asked({"cat-file", "commit", commit});
  show.most_output = std::size_t{1024} * 1024;
  const auto text = local("reading the commit", show, stop);
  if (!text) return fail(text.error());
  const auto head = "\n" + text->substr(0, text->find("\n\n"));
  if (head.find("\ngpgsig") == std::string::npos) {
    return fail(waits("SignatureMissing",
                      fmt::format("the commit {} is not signed", commit),
                      "a commit signed with ssh by one of --git-verify"));
  }
  GitCall call;
  // Only what the file of signers says counts: nothing that a gpg of this machine believes.
  for (const auto& setting : {std::string("gpg.format=ssh"),
                              "gpg.ssh.allowedSignersFile=" + signers,
                              std::string("gpg.ssh.program=ssh-keygen"),
                              std::string("gpg.program=false"),
                              std::string("gpg.openpgp.program=false"),
                              std::string("gpg.x509.program=false"),
                              std::string("gpg.minTrustLevel=fully")}) {
    call.arguments.emplace_back("-c");
    call.arguments.push_back(setting);
  }
  call.arguments.emplace_back("verify-commit");
  call.arguments.push_back(commit);
  const auto end = run_git(access_, call, stop);
  if (!end) return fail(in_context("checking the signature", end.error()));
  if (end->exit_code == 0 && end->signal == 0) return {};
  const auto small = lower(end->complaint);
  if (small.find("cannot run ssh-keygen") != std::string::npos ||
      small.find("ssh-keygen: not found") != std::string::npos) {
    return fail(give_up("GitMissing",
                        "ssh-keygen, which checks signatures, cannot be started",
                        "install OpenSSH's client"));
  }
  const auto line = telling_line(end->complaint, {});
  return fail(waits("SignatureBad",
                    fmt::format("the signature of the commit {} does not hold{}{}",
                                commit,
                                line.empty() ? "" : ": ",
                                line),
                    "a commit signed by one of --git-verify, while that signer is valid"));
}

Result<ReadTree> GitRepository::read(const std::string& commit,
                                     const std::string& asked_path,
                                     const TreeLimits& limits,
                                     const std::stop_token& stop) {
  auto path = asked_path;
  std::string scope = path;
  std::vector<GitListed> names;
  for (int links = 0;; ++links) {
    GitCall list;
    list.arguments = {"ls-tree", "-r", "-z", "-l", "--full-tree", commit};
    if (!scope.empty()) list.arguments.push_back(scope);
    list.most_output = kMostNames;
    const auto text = local("reading the tree", list, stop);
    if (!text) return fail(text.error());
    names = git_listed(*text);
    const bool is_alone = names.size() == 1 && names[0].path == path && scope == path;
    if (!is_alone || path.empty()) break;
    if (names[0].mode != "120000") {
      scope = manifest::folder_of(path);
      if (scope == ".") scope.clear();
      continue;
    }
    const auto target = local("reading a link", asked({"cat-file", "blob", names[0].object}), stop);
    if (!target) return fail(target.error());
    auto led = tidy_git_path(manifest::path_below(manifest::folder_of(path), *target));
    if (!led || links > 8) {
      return fail(waits("PathNotFound",
                        "--git-path leads out of the repository by a link",
                        "a path within the repository"));
    }
    path = scope = std::move(*led);
  }
  if (names.empty() && !path.empty()) {
    return fail(waits("PathNotFound",
                      fmt::format("the commit {} has nothing at {}", commit, printable(path, 200)),
                      "check --git-path"));
  }
  if (names.size() > limits.files) {
    return too_large(fmt::format("there are {} files, more than {}", names.size(), limits.files));
  }
  std::map<std::string, std::size_t> objects;
  std::size_t bytes = 0;
  for (const auto& one : names) {
    if (one.mode == "160000" || one.size > limits.bytes_of_one) continue;
    if (objects.emplace(one.object, one.size).second) bytes += one.size;
  }
  if (bytes > limits.bytes) {
    return too_large(fmt::format("the files are {} MiB together, more than {}",
                                 bytes / kKibi / kKibi,
                                 limits.bytes / kKibi / kKibi));
  }
  GitCall show = asked({"cat-file", "--batch"});
  for (const auto& [object, size] : objects) show.input += object + "\n";
  show.most_output = bytes + 200 * (objects.size() + 1);
  auto text = local("reading the files", show, stop);
  if (!text) return fail(text.error());
  const auto read = git_contents(*text);
  if (!read) return fail(read.error());
  ReadTree out{{}, path, scope};
  for (const auto& one : names) {
    TreeEntry entry;
    entry.kind = one.mode == "160000"   ? TreeEntry::Kind::Submodule
                 : one.mode == "120000" ? TreeEntry::Kind::Link
                                        : TreeEntry::Kind::File;
    entry.too_large = one.size > limits.bytes_of_one;
    const auto content = read->find(one.object);
    if (content != read->end()) entry.content = content->second;
    if (content == read->end() && !entry.too_large && entry.kind != TreeEntry::Kind::Submodule) {
      return fail({NextMove::RetryLater,
                   "RepositoryCorrupt",
                   printable(one.path, 200) + " is missing from the repository",
                   "it is made anew at the next try",
                   0,
                   {}});
    }
    out.tree.emplace(one.path, std::move(entry));
  }
  return out;
}

}  // namespace dps::controller
