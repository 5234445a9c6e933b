// write_file: a file that is there whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps::app {

/// Writes beside `path`, syncs, renames. Mode 0600: a plan names what is where. GiveUp
/// "CannotWrite".
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view text);

}  // namespace dps::app
