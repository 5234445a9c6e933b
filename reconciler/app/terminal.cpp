#include "reconciler/app/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "reconciler/base/text.hpp"

namespace dps::app {
namespace {

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) == 1;
}

bool wants_color(Color color, int descriptor, const Environment& environment) {
  if (color != Color::Auto) return color == Color::Always;
  const auto no_color = environment.find("NO_COLOR");
  if (no_color != environment.end() && !no_color->second.empty()) return false;
  const auto term = environment.find("TERM");
  return is_terminal(descriptor) && (term == environment.end() || term->second != "dumb");
}

int terminal_width(int descriptor) {
  winsize size{};
  if (is_terminal(descriptor) && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) {
    return size.ws_col;
  }
  return 100;
}

bool write_out(std::string_view text) {
  return write_all(STDOUT_FILENO, text);
}
void write_error(std::string_view text) {
  write_all(STDERR_FILENO, text);
}

bool confirm(std::string_view question) {
  write_error(question);
  std::string line;
  return std::getline(std::cin, line) && trim(line) == "yes";
}

}  // namespace dps::app
