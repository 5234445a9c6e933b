// text: the few string helpers that several rooms need. ASCII only: Azure's names are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dps {

std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::string_view trim(std::string_view text);
bool equal_ignoring_case(std::string_view left, std::string_view right);
/// Splits at every `separator`; empty pieces stay: split("a,,b", ',') has three.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// Globs with `*` (any run) and `?` (one character), without case; `/` is not special.
bool glob_match(std::string_view pattern, std::string_view text);
/// Edit distance, for "did you mean"; O(n·m), meant for names.
std::size_t edit_distance(std::string_view left, std::string_view right);
/// The candidate nearest to `word` (distance of at most a third of its length, at least 1), or "".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
/// Text of others made fit for a terminal or a log line: control characters (ESC, newlines, DEL,
/// C1) become "\xNN" forms. Length bounded to `limit` characters, cut ones end in "…".
std::string printable(std::string_view text, std::size_t limit = 400);

/// Orders strings without regard to ASCII case.
struct LessIgnoringCase {
  using is_transparent = void;
  bool operator()(std::string_view left, std::string_view right) const;
};

}  // namespace dps
