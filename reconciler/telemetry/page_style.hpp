// page_style: the style and the script that stand in the page.
#pragma once

#include <string_view>

namespace dps::telemetry {

std::string_view page_style();
/// Replaces the content every half minute, unless somebody is reading with the page's means: text
/// selected, a field in use, the window in the background. Without it the page reloads itself.
std::string_view page_script();

}  // namespace dps::telemetry
