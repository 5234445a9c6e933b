// page: what the daemon knows, as one self-contained page for people: no script is needed, nothing
// is loaded from elsewhere, and every name in it is escaped.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/controller/control.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry {

/// What the person asked for, by the query of the address.
struct PageQuery {
  std::string service;  ///< the page of this one; empty: the fleet
  std::optional<controller::Standing> standing;
  std::string text;      ///< only services with this in "GROUP/NAME", without case
  std::size_t page = 1;  ///< of the table of services
};

struct Page {
  int status = 200;  ///< 404, 409 for a service that is not one
  std::string html;
};

/// Bounded for any fleet: a hundred services a page, and lists that say how much they leave out.
Page render_page(const controller::Status& status,
                 const controller::Health& health,
                 std::string_view version,
                 const PageQuery& query);

/// The Content-Security-Policy that lets exactly the page's own style and script through.
std::string_view page_policy();
std::string_view favicon();  ///< SVG

}  // namespace dps::telemetry
