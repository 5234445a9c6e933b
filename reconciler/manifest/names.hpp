// names: which names Azure takes, as predicates; the patterns of the schema say the same.
#pragma once

#include <string_view>

namespace dps::manifest {

/// ^(?![0-9]+$)(?!-)[a-zA-Z0-9-]{2,49}[a-zA-Z0-9]$, and not `global`. Source: the public REST
/// description of Microsoft.Devices, narrowest of three.
bool is_service_name(std::string_view text);
bool is_resource_group(
    std::string_view text);  ///< 1-90 of letters, digits, _ - . ( ); no final dot
bool is_uuid(std::string_view text);
bool is_host_name(std::string_view text);   ///< a DNS name of two labels or more
bool is_hub_name(std::string_view text);    ///< one label
bool is_entry_name(std::string_view text);  ///< policies, certificates: 1-64 letters digits - . _
bool is_location(std::string_view text);    ///< "westeurope", "West Europe"
bool is_thumbprint(std::string_view text);  ///< 40 hex digits
bool is_variable(std::string_view text);    ///< [A-Za-z_][A-Za-z0-9_]*
bool is_owner(std::string_view text);       ///< 1-64 letters digits - . _
bool is_id_scope(std::string_view text);    ///< letters and digits
bool is_sku_name(std::string_view text);
bool is_ip_mask(std::string_view text);  ///< IPv4, with or without a prefix length
bool is_duration(std::string_view text);
bool is_interval(std::string_view text);  ///< a duration from 10 s to 31 days
bool is_time(std::string_view text);      ///< RFC 3339
bool is_field_path(std::string_view text);
bool is_not_empty(std::string_view text);

}  // namespace dps::manifest
