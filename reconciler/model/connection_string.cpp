#include "reconciler/model/connection_string.hpp"

#include "reconciler/base/text.hpp"

namespace dps {

Secret ConnectionString::text() const {
  return Secret("HostName=" + host_name + ";SharedAccessKeyName=" + key_name +
                ";SharedAccessKey=" + key.reveal());
}

Result<ConnectionString> parse_connection_string(std::string_view text) {
  ConnectionString out;
  std::string_view rest = trim(text);
  while (!rest.empty()) {
    const auto end = rest.find(';');
    const auto part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = trim(part.substr(0, equals));
    const auto value = trim(part.substr(equals + 1));
    if (equal_ignoring_case(name, "HostName")) out.host_name = value;
    if (equal_ignoring_case(name, "SharedAccessKeyName")) out.key_name = value;
    if (equal_ignoring_case(name, "SharedAccessKey")) out.key = Secret(std::string(value));
  }
  const char* missing = out.host_name.empty()  ? "HostName"
                        : out.key_name.empty() ? "SharedAccessKeyName"
                        : out.key.empty()      ? "SharedAccessKey"
                                               : nullptr;
  if (missing != nullptr) {
    return fail(give_up("BadConnectionString",
                        std::string("the connection string has no ") + missing,
                        "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…, as the hub shows it"));
  }
  return out;
}

}  // namespace dps
