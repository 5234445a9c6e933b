#include "reconciler/plan/certificate_status.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"

namespace dps::plan {
namespace {

Validity validity_of(const std::optional<WallTime>& ends, const Subject& subject) {
  if (!ends || *ends - subject.now >= subject.settings.warn_validity) return Validity::Good;
  return *ends <= subject.now ? Validity::Ended : Validity::EndsSoon;
}

}  // namespace

CertificateStatus status_of(const LiveCertificate& live, const Subject& subject) {
  CertificateStatus out;
  out.name = live.name;
  out.thumbprint = live.thumbprint;
  out.subject = live.subject;
  out.etag = live.etag;
  out.expires_at = live.expiry;
  out.uploaded_at = live.updated;
  out.validity = validity_of(live.expiry, subject);
  out.verified = live.verified;
  return out;
}

void warn_of_end(const std::string& name,
                 const std::optional<WallTime>& ends,
                 const Subject& subject,
                 Findings& out) {
  const auto validity = validity_of(ends, subject);
  if (validity == Validity::Good) return;
  const bool ended = validity == Validity::Ended;
  out.warning(ended ? "CertificateExpired" : "CertificateExpiresSoon",
              fmt::format("certificate {} {} on {}: {}",
                          printable(name, 64),
                          ended ? "expired" : "expires",
                          rfc3339(*ends),
                          ended ? "devices cannot register through it any more"
                                : "from then on devices cannot register through it"),
              "a successor of it; --warn-validity says how early to warn");
}

}  // namespace dps::plan
