#include "reconciler/app/write_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "reconciler/base/text.hpp"

namespace dps::app {

Result<void> write_file(const std::string& path, std::string_view text) {
  auto beside = path + ".XXXXXX";
  const auto wrong = [&](const char* doing) {
    return fail(give_up("CannotWrite",
                        printable(path, 200) + ": " + doing + ": " + std::strerror(errno),
                        "a folder that can be written"));
  };
  const int file = ::mkostemp(beside.data(), O_CLOEXEC);  // mode 0600
  if (file < 0) return wrong("cannot be made");
  bool good = true;
  while (good && !text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    good = written >= 0;
    if (good) text.remove_prefix(static_cast<std::size_t>(written));
  }
  good = good && ::fsync(file) == 0;
  const int problem = errno;
  good = ::close(file) == 0 && good;
  if (good && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  if (problem != 0) errno = problem;
  auto failure = wrong("cannot be written");
  ::unlink(beside.c_str());
  return failure;
}

}  // namespace dps::app
