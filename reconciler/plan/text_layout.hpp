// text_layout: foreign text made harmless, widths, wrapping, colour: what the printed forms share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dps::plan {

/// Text of others for one line of a terminal: no control characters, no marks that reorder or hide
/// text, at most `limit` characters; cut ones end in "…".
std::string shown(std::string_view text, std::size_t limit = 400);

/// Columns on a terminal: characters, not bytes. (Wide characters count as one.)
std::size_t columns(std::string_view text);
std::string padded(std::string_view text, std::size_t width);

/// Broken at spaces so that no line is longer than `width` where that is possible; every line but
/// the first begins with `indent` spaces, and the first is reckoned to. Runs of spaces become one.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

enum class Tone { Plain, Good, Change, Bad, Note, Dim, Strong };
enum class Color { Off, On };
/// With ANSI colours, or as it is.
std::string toned(std::string_view text, Tone tone, Color color);

}  // namespace dps::plan
