#include "reconciler/base/x509.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "reconciler/base/crypto.hpp"

namespace dps {
namespace {

// A throw-away CA or leaf made by the test, so that no key stands in the tree.
struct Made {
  std::string certificate_pem, key_pem, der;
};

std::string taken(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(length));
  BIO_free(bio);
  return out;
}

Made make(const char* name, bool is_ca) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20260101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "20360101000000Z");
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_set_pubkey(certificate, key);
  X509_EXTENSION* constraints = X509V3_EXT_conf_nid(
      nullptr, nullptr, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  X509_add_ext(certificate, constraints, -1);
  X509_EXTENSION_free(constraints);
  X509_sign(certificate, key, EVP_sha256());
  Made made;
  BIO* pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, certificate);
  made.certificate_pem = taken(pem);
  BIO* key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  made.key_pem = taken(key_bio);
  BIO* der = BIO_new(BIO_s_mem());
  i2d_X509_bio(der, certificate);
  made.der = taken(der);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

TEST(X509, PemAndDerGiveTheSameFacts) {
  const auto made = make("factory", true);
  const auto pem = parse_certificate(made.certificate_pem);
  ASSERT_TRUE(pem.has_value());
  EXPECT_EQ(pem, parse_certificate(made.der));
  EXPECT_EQ(pem->subject, "CN=factory");
  EXPECT_EQ(pem->thumbprint, upper_hex(sha1(made.der)));
  EXPECT_EQ(rfc3339(pem->not_after), "2036-01-01T00:00:00Z");
  EXPECT_TRUE(pem->is_ca);
  EXPECT_EQ(pem->key, "EC P-256");
}

TEST(X509, OfSeveralBlocksTheCaIsTaken) {
  const auto leaf = make("leaf", false);
  const auto ca = make("ca", true);
  EXPECT_EQ(parse_certificate(leaf.certificate_pem + ca.certificate_pem)->subject, "CN=ca");
  EXPECT_EQ(parse_certificate(leaf.key_pem + leaf.certificate_pem)->subject, "CN=leaf");
  EXPECT_FALSE(parse_certificate(leaf.certificate_pem)->is_ca);
}

TEST(X509, ADamagedBlockIsNotPassedOver) {
  const auto leaf = make("leaf", false);
  auto ca = make("ca", true);
  ca.certificate_pem.replace(100, 20, "!!!!!!!!!!!!!!!!!!!!");
  const auto parsed = parse_certificate(leaf.certificate_pem + ca.certificate_pem);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().what, "a certificate in the PEM is damaged");
  EXPECT_FALSE(parse_certificate(leaf.der + "x").has_value());
}

TEST(X509, TextFromWindowsIsRead) {
  const auto ca = make("ca", true);
  auto text = "\xEF\xBB\xBF" + ca.certificate_pem;
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.insert(at, "\r");
  }
  EXPECT_EQ(parse_certificate(text), parse_certificate(ca.certificate_pem));
}

TEST(X509, SaysHowItWasSignedAndWhyItIsNoCa) {
  const auto ca = parse_certificate(make("ca", true).certificate_pem).value();
  EXPECT_EQ(ca.signature_algorithm, "ecdsa-with-SHA256");
  EXPECT_EQ(ca.signature_digest, "SHA256");
  EXPECT_EQ(ca.key_bits, 256);
  EXPECT_EQ(ca.version, 3);
  EXPECT_EQ(ca.why_no_ca, "");
  EXPECT_TRUE(ca_faults(ca).empty());
  const auto leaf = parse_certificate(make("leaf", false).certificate_pem).value();
  EXPECT_EQ(leaf.why_no_ca, "its basicConstraints say CA:FALSE");
  ASSERT_EQ(ca_faults(leaf).size(), 1U);
  EXPECT_EQ(ca_faults(leaf)[0].what, "CN=leaf is no CA: its basicConstraints say CA:FALSE");
}

TEST(X509, FaultsOfACaAreToldInOrder) {
  CertificateFacts facts = parse_certificate(make("ca", true).certificate_pem).value();
  facts.is_ca = false;
  facts.signature_digest = "SHA1";
  facts.key = "RSA 1024";
  facts.key_bits = 1024;
  std::vector<std::string> ids;
  for (const auto& fault : ca_faults(facts)) ids.push_back(fault.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"NotACa", "WeakSignature", "WeakKey"}));
  facts.is_ca = true;
  facts.version = 1;
  facts.key = "EC secp256k1";
  ids.clear();
  for (const auto& fault : ca_faults(facts)) ids.push_back(fault.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"WeakSignature", "OldVersion", "UnusualKey"}));
}

TEST(X509, CopiesShareTheContent) {
  const auto ca = parse_certificate(make("ca", true).certificate_pem).value();
  const auto copy = ca;
  EXPECT_EQ(copy.der.text().data(), ca.der.text().data());
  EXPECT_EQ(SharedBytes("a"), SharedBytes("a"));
  EXPECT_FALSE(SharedBytes("a") == SharedBytes("b"));
  EXPECT_TRUE(SharedBytes().empty());
}

TEST(X509, WhatIsNoCertificateIsAnErrorThatDoesNotQuoteIt) {
  for (const std::string& bytes :
       {std::string(), std::string("hunter2"), make("x", true).key_pem}) {
    const auto parsed = parse_certificate(bytes);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().id, "BadCertificate");
    EXPECT_EQ(parsed.error().what.find("hunter2"), std::string::npos);
  }
}

TEST(X509, AKeyIsHeldAgainstItsCertificate) {
  const auto ca = make("ca", true);
  const auto other = make("other", true);
  const auto facts = parse_certificate(ca.certificate_pem).value();
  EXPECT_TRUE(check_key(facts, ca.key_pem, "").has_value());
  EXPECT_EQ(check_key(facts, other.key_pem, "").error().id, "KeyDoesNotFit");
  EXPECT_EQ(check_key(facts, "no key", "").error().id, "BadKey");
}

}  // namespace
}  // namespace dps
