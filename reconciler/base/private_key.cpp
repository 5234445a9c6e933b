#include "reconciler/base/private_key.hpp"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <cstring>
#include <string>

#include "reconciler/base/text.hpp"
#include "reconciler/base/x509.hpp"

namespace dps {
namespace {

using openssl::KeyPointer;

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";
constexpr const char* kForms =
    "one private key as PEM or DER (PKCS#8, PKCS#1 or SEC1), and its passphrase if it has one";

Failure bad(std::string what, std::string remedy = kForms) {
  ERR_clear_error();
  return fail(give_up("BadKey", std::move(what), std::move(remedy)));
}

struct Phrase {
  std::string_view text;
  bool asked = false;
};

int give_phrase(char* buffer, int size, int, void* user) {
  auto& phrase = *static_cast<Phrase*>(user);
  phrase.asked = true;
  // None or too long a one fails here; cut short it would be another's.
  if (phrase.text.empty() || phrase.text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, phrase.text.data(), phrase.text.size());
  return static_cast<int>(phrase.text.size());
}

Failure unreadable(const Phrase& phrase) {
  if (!phrase.asked) {
    return bad("the private key is damaged, or of a kind that is not known");
  }
  ERR_clear_error();
  if (phrase.text.empty()) {
    return fail(give_up("PassphraseMissing",
                        "the private key is encrypted and no passphrase is given",
                        "key: {…, passphrase: {file: …}}, or a key without a passphrase"));
  }
  return fail(give_up("PassphraseWrong",
                      "the passphrase does not open the private key",
                      "the passphrase of this very key; to see by hand: openssl pkey -in FILE "
                      "-noout"));
}

// Where one block of a PEM text stands, BEGIN to END, and what its label is.
struct Block {
  std::string_view label;
  std::string_view text;
};

// The next block at or after `from`, which is moved behind it. Nothing at the end.
Block next_block(std::string_view pem, std::size_t& from) {
  const auto begin = pem.find(kBegin, from);
  if (begin == std::string_view::npos) return {};
  const auto label_from = begin + kBegin.size();
  const auto label_to = pem.find(kDashes, label_from);
  if (label_to == std::string_view::npos) return {};
  const auto label = pem.substr(label_from, label_to - label_from);
  const auto end = pem.find("-----END ", label_to);
  const auto close = end == std::string_view::npos ? end : pem.find(kDashes, end + 9);
  from = close == std::string_view::npos ? pem.size() : close + kDashes.size();
  return {label, pem.substr(begin, from - begin)};
}

bool is_private(std::string_view label) {
  return label == "PRIVATE KEY" || label == "ENCRYPTED PRIVATE KEY" || label == "RSA PRIVATE KEY" ||
         label == "EC PRIVATE KEY";
}

Result<KeyPointer> from_pem(std::string_view pem, Phrase& phrase) {
  Block key;
  int keys = 0;
  bool certificate = false;
  bool public_key = false;
  bool request = false;
  std::string_view other;
  for (std::size_t at = 0; at < pem.size();) {
    const auto block = next_block(pem, at);
    if (block.text.empty()) break;
    if (is_private(block.label)) {
      ++keys;
      key = block;
    } else if (block.label.ends_with("CERTIFICATE REQUEST")) {
      request = true;
    } else if (block.label.find("CERTIFICATE") != std::string_view::npos) {
      certificate = true;
    } else if (block.label.ends_with("PUBLIC KEY")) {
      public_key = true;
    } else if (block.label != "EC PARAMETERS") {
      other = block.label;
    }
  }
  if (keys > 1)
    return bad(fmt::format("there are {} private keys, and which is meant is not said", keys));
  if (keys == 0) {
    if (other == "OPENSSH PRIVATE KEY") {
      return bad("this is a key of OpenSSH", "convert it: ssh-keygen -p -m PKCS8 -f FILE");
    }
    if (!other.empty()) return bad(fmt::format("this is a \"{}\"", printable(other, 40)));
    if (public_key) return bad("this is a public key: a signature needs the private one");
    if (certificate) return bad("this is a certificate, not its private key");
    if (request) return bad("this is a certificate request, not a private key");
    return bad("there is no private key in the PEM");
  }
  const auto bio = openssl::reading(key.text);
  KeyPointer read(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_phrase, &phrase));
  if (!read) return unreadable(phrase);
  ERR_clear_error();
  return read;
}

Result<KeyPointer> from_der(std::string_view der, Phrase& phrase) {
  const auto length = static_cast<long>(der.size());
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  KeyPointer plain(d2i_AutoPrivateKey(nullptr, &at, length));
  ERR_clear_error();
  if (plain) return plain;
  {
    const auto bio = openssl::reading(der);
    KeyPointer encrypted(d2i_PKCS8PrivateKey_bio(bio.get(), nullptr, give_phrase, &phrase));
    ERR_clear_error();
    if (encrypted) return encrypted;
    if (phrase.asked) return unreadable(phrase);
  }
  if (openssl::certificate_from_der(der)) return bad("this is a certificate, not its private key");
  at = reinterpret_cast<const unsigned char*>(der.data());
  if (const KeyPointer its(d2i_PUBKEY(nullptr, &at, length)); its) {
    return bad("this is a public key: a signature needs the private one");
  }
  const auto bio = openssl::reading(der);
  if (PKCS12* bag = d2i_PKCS12_bio(bio.get(), nullptr); bag != nullptr) {
    PKCS12_free(bag);
    return bad("this is a PKCS#12 bag", "convert it: openssl pkcs12 -nocerts -in FILE -out KEY");
  }
  return bad("neither PEM nor DER of a private key");
}

}  // namespace

Result<KeyPointer> read_private_key(std::string_view bytes, std::string_view passphrase) {
  if (bytes.empty()) return bad("the private key is empty");
  if (bytes.size() > std::size_t{64} * 1024) return bad("more than 64 KiB is no private key");
  Phrase phrase{passphrase};
  return bytes.find(kBegin) == std::string_view::npos ? from_der(bytes, phrase)
                                                      : from_pem(bytes, phrase);
}

Result<void> check_kind(EVP_PKEY* key) {
  constexpr const char* kKinds = "RSA of 2048 to 8192 bits, or EC on P-256, P-384 or P-521";
  const int bits = EVP_PKEY_get_bits(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (bits >= 2048 && bits <= 8192) return {};
      return bad(
          fmt::format("an RSA key of {} bits is too {}", bits, bits < 2048 ? "weak" : "long"),
          kKinds);
    case EVP_PKEY_EC: {
      char group[64] = {};
      std::size_t length = 0;
      EVP_PKEY_get_group_name(key, group, sizeof group, &length);
      const int curve = OBJ_txt2nid(group);
      ERR_clear_error();
      if (curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1) {
        return {};
      }
      return bad(fmt::format("a key on the curve {} is not known to be accepted by Azure",
                             length == 0 ? "without a name" : printable(group, 40)),
                 kKinds);
    }
    default: {
      const char* name = EVP_PKEY_get0_type_name(key);
      return bad(fmt::format("a key of the kind {} is not known to be accepted by Azure",
                             name == nullptr ? "unknown" : name),
                 kKinds);
    }
  }
}

Result<void> check_key(const CertificateFacts& certificate,
                       std::string_view key_bytes,
                       std::string_view passphrase) {
  const auto key = read_private_key(key_bytes, passphrase);
  if (!key) return fail(key.error());
  const auto parsed = openssl::certificate_from_der(certificate.der.text());
  const bool fits = parsed && X509_check_private_key(parsed.get(), key->get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return fail(give_up("KeyDoesNotFit",
                        "the private key is not that of the certificate",
                        "the key that the certificate was made with"));
  }
  return {};
}

}  // namespace dps
