// secret_file: a small file that holds a secret, read whole and left nowhere else.
#pragma once

#include <cstddef>
#include <string>

#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"

namespace dps {

/// The bytes of a regular file of at most `most` bytes, links followed. Each call reads it again:
/// mounted secrets change under their name.
/// Errors: "SecretMissing" (WaitForOthers): not there, not readable, empty or too large; the path
/// is named, the content never.
Result<Secret> read_secret_file(const std::string& path, std::size_t most = std::size_t{64} * 1024);

/// The same without the white space around it, for tokens and passwords.
Result<Secret> read_secret_word(const std::string& path, std::size_t most = std::size_t{64} * 1024);

}  // namespace dps
