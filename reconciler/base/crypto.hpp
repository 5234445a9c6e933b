// crypto: digests, codings and randomness. With x509 and secret the only OpenSSL below http/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps {

/// Raw bytes of the digest: 32, 20.
std::string sha256(std::string_view bytes);
std::string sha1(std::string_view bytes);

/// SHA-256 of what comes piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view bytes);
  std::string finish();  ///< 32 raw bytes; once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};
std::string hmac_sha256(std::string_view key, std::string_view bytes);

std::string hex(std::string_view bytes);        ///< lower case
std::string upper_hex(std::string_view bytes);  ///< as ARM writes thumbprints
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);  ///< no padding
/// White space between is allowed; anything else that is not base64 is GiveUp "BadBase64".
Result<std::string> decode_base64(std::string_view text);

/// The first `length` base64url characters of SHA-256: 6 bits each; at most 43.
std::string short_digest(std::string_view bytes, std::size_t length);

/// Cryptographic randomness.
std::string random_bytes(std::size_t count);
/// A version 4 UUID in its usual form.
std::string random_uuid();

}  // namespace dps
