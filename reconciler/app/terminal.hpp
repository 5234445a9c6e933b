// terminal: what stdout and stderr are, and asking a person.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/app/command_line.hpp"
#include "reconciler/app/options.hpp"

namespace dps::app {

/// Colour on this descriptor? `auto`: a terminal, no NO_COLOR, TERM not "dumb".
bool wants_color(Color color, int descriptor, const Environment& environment);
bool is_terminal(int descriptor);
/// Columns of the terminal; 100 where there is none.
int terminal_width(int descriptor);

/// Data. False when stdout is closed or full: the caller ends with 1.
[[nodiscard]] bool write_out(std::string_view text);
/// Everything that is not data.
void write_error(std::string_view text);
/// Asks on stderr, reads a line of stdin: only "yes" is yes.
bool confirm(std::string_view question);

}  // namespace dps::app
