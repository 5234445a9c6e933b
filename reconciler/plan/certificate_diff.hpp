// certificate_diff: CA certificates, by thumbprint within the names (slots) of an entry.
// Written so that apply can ask again after each step and make the first that is due.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

inline constexpr std::string_view kCertificateList = "certificates";  ///< in paths and `unseen`
inline constexpr std::size_t kMaxCertificates = 25;

/// Errors: "CertificateMissing" (named by thumbprint only), "VerificationUndecided",
/// "OverlapRunning", "LimitExceeded".
void compare_certificates(const Subject& subject, Findings& out);

/// The names that an entry may use: its slots, or [<name>, <name>-2] with overlap, or its name.
std::vector<std::string> slots_of(const DesiredCertificate& certificate);

}  // namespace dps::plan
