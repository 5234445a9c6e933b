// certificate_diff: CA certificates, by thumbprint within the names (slots) of an entry. Written so
// that apply can ask again after each step, make the first change that is due, and ends where
// nothing is.
#pragma once

#include "reconciler/plan/certificate_slots.hpp"
#include "reconciler/plan/findings.hpp"

namespace dps::plan {

inline constexpr std::string_view kCertificateList = "certificates";  ///< in paths and `unseen`
inline constexpr std::size_t kMaxCertificates = 25;
/// The id of the hold of a third CA while two stand in their overlap; `until` says its end.
inline constexpr std::string_view kOverlapHold = "overlap-running";

/// Changes, and what is known of each live certificate. An entry in its overlap is held and warned
/// of ("OverlapRunning"); nothing else of the service waits for it.
/// Errors: "CertificateMissing" (named by thumbprint only), "VerificationUndecided",
/// "LimitExceeded" (uploads come before removals, so it is the peak that counts).
void compare_certificates(const Subject& subject, Findings& out);

}  // namespace dps::plan
