#include "reconciler/base/client_certificate.hpp"

#include <gtest/gtest.h>

#include "tests/support/client_identity.hpp"

namespace dps {
namespace {

using test::ClientIdentity;

const ClientIdentity& root() {
  static const ClientIdentity made("root");
  return made;
}
const ClientIdentity& leaf() {
  static const ClientIdentity made("leaf", ClientIdentity::KeyType::Rsa2048, &root());
  return made;
}

TEST(ClientCertificate, IsReadInEveryFormThatPeopleHave) {
  const auto pem = leaf().certificate_pem();
  const auto top = root().certificate_pem();
  struct Case {
    std::string name;
    std::string bytes;
    std::string password;
    std::size_t chain;
  };
  for (const Case& one : std::vector<Case>{
           {"key first", leaf().key_pem() + pem, "", 1},
           {"certificate first", pem + leaf().key_pem(), "", 1},
           {"chain upside down", top + leaf().key_pem() + pem, "", 2},
           {"text around",
            "Bag Attributes\n  x: y\n" + pem + "\r\nkey:\n" + leaf().key_pem(),
            "",
            1},
           {"PKCS#1", leaf().old_key_pem() + pem, "", 1},
           {"encrypted PKCS#8", leaf().key_pem("pass word") + pem, "pass word", 1},
           {"encrypted PKCS#1", leaf().old_key_pem("pass") + pem, "pass", 1},
           {"a password that is not needed", leaf().key_pem() + pem, "spare", 1},
           {"PKCS#12", leaf().pfx("s3cret"), "s3cret", 1},
           {"PKCS#12 with chain", leaf().pfx("s3cret", &root()), "s3cret", 2},
           {"PKCS#12 without password", leaf().pfx(""), "", 1},
       }) {
    SCOPED_TRACE(one.name);
    const auto read = ClientCertificate::read(one.bytes, Secret(one.password));
    ASSERT_TRUE(read.has_value()) << read.error().what;
    ASSERT_EQ(read->chain().size(), one.chain);
    EXPECT_EQ(read->chain().front(), leaf().der());
    EXPECT_EQ(read->chain().back(), one.chain == 2 ? root().der() : leaf().der());
    EXPECT_EQ(read->thumbprint().size(), 40U);
    EXPECT_LT(read->not_before(), read->not_after());
    const auto signature = read->sign_ps256("what is signed");
    ASSERT_TRUE(signature.has_value());
    EXPECT_TRUE(leaf().signed_by_this("what is signed", *signature));
    EXPECT_FALSE(leaf().signed_by_this("something else", *signature));
  }
}

TEST(ClientCertificate, SaysWhatIsWrongAndQuotesNothing) {
  const ClientIdentity curve("curve", ClientIdentity::KeyType::EcP256);
  const ClientIdentity weak("weak", ClientIdentity::KeyType::Rsa1024);
  const auto pem = leaf().certificate_pem();
  struct Case {
    std::string name;
    std::string bytes;
    std::string password;
    std::string id;
    std::string says;
  };
  for (const Case& one : std::vector<Case>{
           {"no key", pem, "", "BadClientCertificate", "no private key"},
           {"no certificate", leaf().key_pem(), "", "BadClientCertificate", "no certificate"},
           {"another's key", root().key_pem() + pem, "", "BadClientCertificate", "fits no"},
           {"a curve", curve.key_pem() + curve.certificate_pem(), "", "BadClientCertificate", "EC"},
           {"short", weak.key_pem() + weak.certificate_pem(), "", "BadClientCertificate", "1024"},
           {"empty", "", "", "BadClientCertificate", "neither"},
           {"garbage", "\x30\x82\x01", "", "BadClientCertificate", "neither"},
           {"torn", pem.substr(0, 200), "", "BadClientCertificate", "no certificate"},
           {"no password", leaf().key_pem("x") + pem, "", "BadPassword", "encrypted"},
           {"wrong password",
            leaf().key_pem("right") + pem,
            "wrong",
            "BadPassword",
            "does not open"},
           {"PKCS#12 no password", leaf().pfx("right"), "", "BadPassword", "encrypted"},
           {"PKCS#12 wrong password", leaf().pfx("right"), "wrong", "BadPassword", "does not open"},
       }) {
    SCOPED_TRACE(one.name);
    const auto read = ClientCertificate::read(one.bytes, Secret(one.password));
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().id, one.id);
    EXPECT_NE(read.error().what.find(one.says), std::string::npos) << read.error().what;
    EXPECT_EQ(read.error().next, NextMove::WaitForOthers);
    EXPECT_FALSE(read.error().remedy.empty());
    EXPECT_EQ(read.error().what.find("BEGIN"), std::string::npos);
  }
}

// PKCS#12 as Windows wrote it for decades: the certificates sealed with RC2.
TEST(ClientCertificate, ReadsOldPkcs12) {
  // OpenSSL loads its usual provider by itself, but not once somebody has loaded another by name.
  EVP_MD_free(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  OSSL_PROVIDER* old = OSSL_PROVIDER_load(nullptr, "legacy");
  ASSERT_NE(old, nullptr);
  const auto bytes = leaf().old_pfx("s3cret");
  OSSL_PROVIDER_unload(old);
  ASSERT_FALSE(bytes.empty());
  const auto read = ClientCertificate::read(bytes, Secret("s3cret"));
  ASSERT_TRUE(read.has_value()) << read.error().what;
  EXPECT_EQ(read->chain().front(), leaf().der());
  EXPECT_TRUE(leaf().signed_by_this("x", *read->sign_ps256("x")));
}

}  // namespace
}  // namespace dps
