#include "reconciler/base/secret_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/text.hpp"

namespace dps {
namespace {

Failure missing(const std::string& path, const std::string& what) {
  return fail({NextMove::WaitForOthers,
               "SecretMissing",
               fmt::format("the file {} {}", printable(path, 200), what),
               "put it there, readable for the user that runs this program",
               0,
               {}});
}

std::string reason(int code) {
  if (code == ENOENT) return "does not exist";
  if (code == EACCES || code == EPERM) return "may not be read";
  return fmt::format("cannot be read: {}", std::strerror(code));
}

}  // namespace

Result<Secret> read_secret_file(const std::string& path, std::size_t most) {
  // Not waiting for a writer, should it be a pipe.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return missing(path, reason(errno));
  struct stat facts {};
  if (::fstat(file.number(), &facts) != 0) return missing(path, reason(errno));
  if (!S_ISREG(facts.st_mode)) return missing(path, "is no regular file");
  std::string text(most + 1, '\0');  // never moved: no copies stay behind
  std::size_t length = 0;
  while (length < text.size()) {
    const auto count = ::read(file.number(), text.data() + length, text.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const auto why = reason(errno);
      wipe(text);
      return missing(path, why);
    }
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
  }
  if (length > most || length == 0) {
    wipe(text);
    return missing(path,
                   length == 0 ? "is empty" : fmt::format("has more than {} KiB", most / 1024));
  }
  text.resize(length);
  return Secret(std::move(text));
}

Result<Secret> read_secret_word(const std::string& path, std::size_t most) {
  const auto whole = read_secret_file(path, most);
  if (!whole) return whole;
  const auto word = trim(whole->reveal());
  if (word.empty()) return missing(path, "is empty");
  return Secret(std::string(word));
}

}  // namespace dps
