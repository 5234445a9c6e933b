// defaults: Defaults documents laid over what they cover; the nearest folder wins.
#pragma once

#include "reconciler/manifest/diagnostic.hpp"
#include "reconciler/manifest/documents.hpp"

namespace dps::manifest {

/// Fills what services and entries leave out. Reports a second Defaults document of a folder.
void lay_in_defaults(Documents& documents, Diagnostics& diagnostics);

}  // namespace dps::manifest
