// private_key: a private key read from whatever form people keep it in. OpenSSL inside: for
// proof_leaf and x509 alone; others ask check_key of x509.
#pragma once

#include <string_view>

#include "reconciler/base/result.hpp"
#include "reconciler/base/x509_openssl.hpp"

namespace dps {

/// PEM with exactly one private key (PKCS#8, PKCS#1, SEC1, each perhaps encrypted; other blocks
/// beside it are passed over) or DER of one (PKCS#8, perhaps encrypted, PKCS#1, SEC1).
/// Errors (GiveUp), none quotes the key: "BadKey" says what it is instead (a certificate, a public
/// key, several keys, an OpenSSH key, …); "PassphraseMissing"; "PassphraseWrong".
Result<openssl::KeyPointer> read_private_key(std::string_view bytes, std::string_view passphrase);

/// Can it sign a proof? RSA of 2048 to 8192 bits, P-256, P-384, P-521. GiveUp "BadKey" for others.
[[nodiscard]] Result<void> check_kind(EVP_PKEY* key);

}  // namespace dps
