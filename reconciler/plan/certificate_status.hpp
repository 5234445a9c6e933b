// certificate_status: what a live certificate is by itself, whoever names it.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

/// All but role, entry and the dates of a rotation.
CertificateStatus status_of(const LiveCertificate& live, const Subject& subject);

/// Warns of one that ended ("CertificateExpired") or ends within Settings::warn_validity
/// ("CertificateExpiresSoon"). No date: nothing is known, and nothing said.
void warn_of_end(const std::string& name,
                 const std::optional<WallTime>& ends,
                 const Subject& subject,
                 Findings& out);

}  // namespace dps::plan
