// X.509 as far as the simulator needs it: read what is uploaded, judge a proof leaf, and make the
// certificates of the TLS listener and of generated fleets. Its own code on purpose: a fault in the
// reconciler's X.509 must not hide behind the same fault here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/arm_simulator/text.hpp"

namespace dps::sim {

struct CertificateFacts {
  std::string der;
  std::string common_name;  // of the subject; empty without one
  std::string subject;      // RFC 2253
  std::string thumbprint;   // SHA-1 of the DER, upper-case hex
  TimePoint not_before;
  TimePoint not_after;
  bool operator==(const CertificateFacts&) const = default;
};

/// Reads PEM text, base64 of DER or base64 of a PEM file. Nothing when it is none of these.
[[nodiscard]] std::optional<CertificateFacts> read_certificate(std::string_view content);

/// Why `leaf` does not prove possession of the key of `ca`; nothing when it does: it was signed by
/// it, names it as its issuer, is valid `now`, and its common name is `code`.
[[nodiscard]] std::optional<std::string> proof_fault(const CertificateFacts& ca,
                                                     std::string_view leaf_content,
                                                     std::string_view code,
                                                     TimePoint now);

/// A key on the curve P-256.
class KeyPair {
 public:
  KeyPair();
  ~KeyPair();
  KeyPair(KeyPair&&) noexcept;
  KeyPair& operator=(KeyPair&&) noexcept;
  [[nodiscard]] std::string pem() const;
  struct Handle;
  [[nodiscard]] const Handle& handle() const { return *handle_; }

 private:
  std::unique_ptr<Handle> handle_;
};

enum class Purpose { Authority, Leaf, Server };

struct Issue {
  std::string common_name;
  Purpose purpose = Purpose::Authority;
  std::uint64_t serial = 1;
  TimePoint not_before;
  TimePoint not_after;
  std::string issuer_name;  // empty: self-signed
};

/// PEM of a certificate of `subject_key` signed by `issuer_key`. A Server certificate is good for
/// localhost, 127.0.0.1 and ::1.
[[nodiscard]] std::string issue(const Issue& wish,
                                const KeyPair& subject_key,
                                const KeyPair& issuer_key);

}  // namespace dps::sim
