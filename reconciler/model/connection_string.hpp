// connection_string: what links a hub: host, key name, key.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"

namespace dps {

struct ConnectionString {
  std::string host_name;
  std::string key_name;
  Secret key;  ///< "****" when it comes from a GET: then `masked()`

  bool masked() const { return key.reveal() == "****"; }
  /// "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…"
  Secret text() const;
};

/// Members in any order and case, a trailing `;` is dropped. GiveUp "BadConnectionString" says
/// which member is missing; the text is never quoted.
Result<ConnectionString> parse_connection_string(std::string_view text);

}  // namespace dps
