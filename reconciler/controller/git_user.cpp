#include "reconciler/controller/git_user.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <string_view>

#include "reconciler/base/descriptor.hpp"

namespace dps::controller {
namespace {

// Where Debian and its kin keep it; the loader finds it by its name alone.
bool has_wrapper() {
  for (const char* folder : {"/usr/lib",
                             "/usr/lib64",
                             "/usr/lib/x86_64-linux-gnu",
                             "/usr/lib/aarch64-linux-gnu",
                             "/usr/lib/arm-linux-gnueabihf"}) {
    if (::access(fmt::format("{}/libnss_wrapper.so", folder).c_str(), R_OK) == 0) return true;
  }
  return false;
}

bool has_name(uid_t user) {
  return ::getpwuid(user) != nullptr;
}

// What cannot be written shows where the repository is made, in the same folder.
void put(const std::string& path, std::string_view text) {
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.number() < 0) return;
  [[maybe_unused]] const auto written = ::write(file.number(), text.data(), text.size());
}

}  // namespace

Result<void> check_user(uid_t user) {
  if (has_name(user) || has_wrapper()) return {};
  return fail(
      {NextMove::WaitForOthers,
       "NoUserEntry",
       fmt::format("OpenSSH does not work for user {}, who is not in /etc/passwd", user),
       "libnss-wrapper installed, the image's own user, or a passwd file mounted with a line "
       "for this one",
       0,
       {}});
}

std::map<std::string, std::string> user_variables(uid_t user, const std::string& home) {
  if (has_name(user) || !has_wrapper()) return {};
  put(home + "/passwd", fmt::format("dps:x:{}:{}::{}:/bin/sh\n", user, ::getgid(), home));
  put(home + "/group", fmt::format("dps:x:{}:\n", ::getgid()));
  return {{"LD_PRELOAD", "libnss_wrapper.so"},
          {"NSS_WRAPPER_PASSWD", home + "/passwd"},
          {"NSS_WRAPPER_GROUP", home + "/group"}};
}

}  // namespace dps::controller
