// assemble: documents -> the desired state: entries join their service, names are unique, limits
// hold.
#pragma once

#include "reconciler/manifest/diagnostic.hpp"
#include "reconciler/manifest/documents.hpp"
#include "reconciler/model/state.hpp"

namespace dps::manifest {

/// Defaults are laid in already. Faults are reported; blocks become diagnostics as well.
std::map<ServiceId, DesiredService> assemble(Documents documents, Diagnostics& diagnostics);

}  // namespace dps::manifest
