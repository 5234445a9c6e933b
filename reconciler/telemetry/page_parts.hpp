// page_parts: the pieces that the pages are made of. All text of others goes through escaped().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reconciler/controller/control.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry {

/// Fit for an element's text and for a quoted attribute; control characters, marks that turn the
/// direction of text, and bytes that are no UTF-8 are replaced; bounded to `limit` characters, cut
/// ones end in "…".
std::string escaped(std::string_view text, std::size_t limit = 2000);

/// "4 minutes", "26 hours", "9 days": one unit, rounded down.
std::string span_words(Duration span);
/// "4 minutes ago", "in 3 days", "now".
std::string relative_words(WallTime time, WallTime now);
/// A <time> element: the words, with the exact time as its title. "never" (or `otherwise`) for
/// nothing.
std::string time_html(const std::optional<WallTime>& time,
                      WallTime now,
                      std::string_view otherwise = "never");
/// A <time> element that shows the date itself.
std::string date_html(WallTime time);

struct StandingLook {
  std::string_view symbol;  ///< so that colour is never alone
  std::string_view label;   ///< "In sync"
};
StandingLook look_of(controller::Standing standing);
/// A mark of symbol and label.
std::string standing_html(controller::Standing standing);

/// "?service=…", relative, for an attribute.
std::string service_link(const ServiceId& id);
/// "GROUP/NAME" as a link to the service's page.
std::string service_anchor(const ServiceId& id);

/// What `dps-reconciler` command does it, in a <code>.
std::string command_html(std::string_view command);

/// The first characters of a commit's id, or of the digest that names a folder's content.
std::string short_revision(std::string_view revision);

/// The whole document around `body`.
std::string document_html(const controller::Status& status,
                          const controller::Health& health,
                          std::string_view version,
                          std::string_view title,
                          std::string_view body);

/// The certificates of the fleet by expiry, soonest first: a line of time, and a table.
std::string certificates_html(const controller::Status& status);

/// One service: what it is, why, differences, conditions, certificates, history.
std::string service_html(const controller::Status& status,
                         const controller::ServiceStatus& service);

}  // namespace dps::telemetry
