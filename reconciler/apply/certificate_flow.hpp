// certificate_flow: the certificates of one service: read, judge, do the first thing that is due,
// read again.
#pragma once

#include "reconciler/apply/execute.hpp"

namespace dps::apply {

/// Which of the certificate changes: the revoked ones go before everything else of their service,
/// the other removals after everything else of it succeeded.
enum class CertificatePart { Revoked, Wanted, Removals };

/// Is the change of this part? False for what is no certificate.
bool is_of(CertificatePart part, const plan::Change& change);

/// Runs to the end on the calling thread. Each step starts from what is live at that moment, sends
/// the etag that was just read (or that the step before was answered with), and is followed by
/// another read; so an upload, a proof or a removal by somebody else, or by a process that was
/// killed half way, is taken as it is. Removals that the plan did not have are left for the next
/// pass. A certificate that fails does not stop the others; its error is in the result, and the
/// outcome is Failed.
///
/// With a saved plan a certificate that somebody else wrote since is `OutOfDate`.
Finished run_certificates(CertificatePart part,
                          const plan::ServicePlan& plan,
                          const DesiredService& desired,
                          const Settings& settings,
                          Tools& tools,
                          const Stops& stops);

}  // namespace dps::apply
