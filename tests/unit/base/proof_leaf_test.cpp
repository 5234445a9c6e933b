#include "reconciler/base/proof_leaf.hpp"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "reconciler/base/child_process.hpp"
#include "reconciler/base/x509_openssl.hpp"
#include "tests/support/new_folder.hpp"

namespace dps {
namespace {

namespace fs = std::filesystem;

const std::string kCode = "FC5FE5693A68BF4D557D9A232014894A52EAD8F5430119A0";

// `openssl` itself makes the keys and judges the leaves: not our code.
class Workshop {
 public:
  Workshop() { root_ = test::new_folder("proof-leaf"); }
  ~Workshop() { fs::remove_all(root_); }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  std::string path(const std::string& name) const { return root_ / name; }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  /// Runs a line of sh in the folder; its stdout.
  std::string sh(const std::string& line) const {
    Program program;
    program.argv = {"/bin/sh", "-c", "cd '" + root_.string() + "' && { " + line + "; } 2>err"};
    program.limit = std::chrono::seconds{60};
    const auto out = run_program(program, {});
    EXPECT_TRUE(out) << line << "\n" << out.error().what << "\n" << read("err");
    return out ? out->reveal() : std::string();
  }
  /// A CA `name`.pem with its key in `name`.key (PKCS#8); returns what the certificate says.
  CertificateFacts authority(const std::string& name,
                             const std::string& algorithm,
                             const std::string& more = "") const {
    sh("openssl genpkey " + algorithm + " -out " + name + ".key && openssl req -x509 -new -key " +
       name + ".key -out " + name + ".pem -days 30 -subj '/O=Fleet/CN=" + name + "' " + more);
    return parse_certificate(read(name + ".pem")).value();
  }

 private:
  fs::path root_;
};

WallTime now() {
  return std::chrono::system_clock::now();
}

std::string error_of(const CertificateFacts& ca,
                     const std::string& key,
                     const std::string& passphrase = {}) {
  const auto leaf = make_proof_leaf(ca, Secret(key), Secret(passphrase), kCode, now());
  return leaf ? "none" : leaf.error().id + ": " + leaf.error().what;
}

struct Algorithm {
  const char* name;
  const char* genpkey;
  const char* key;
  bool rsa;
};
const Algorithm kAlgorithms[] = {
    {"rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA 2048", true},
    {"rsa3072", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072", "RSA 3072", true},
    {"rsa4096", "-algorithm RSA -pkeyopt rsa_keygen_bits:4096", "RSA 4096", true},
    {"p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "EC P-256", false},
    {"p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "EC P-384", false},
    {"p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "EC P-521", false},
};

struct Form {
  const char* name;
  const char* command;  // from $k.key to $k.form
  const char* passphrase;
};
const Form kForms[] = {
    {"PKCS#8", "cp $k.key $k.form", ""},
    {"PKCS#8 with Windows line ends", "sed 's/$/\\r/' $k.key > $k.form", ""},
    {"PKCS#8 beside the certificate", "cat $k.pem $k.key > $k.form", ""},
    {"PKCS#1 or SEC1", "openssl $t -in $k.key $traditional -out $k.form", ""},
    {"encrypted PKCS#8",
     "openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:'a b' -in $k.key -out $k.form",
     "a b"},
    {"traditional encrypted",
     "openssl $t -in $k.key $traditional -aes256 -passout pass:word -out $k.form",
     "word"},
    {"DER of PKCS#8", "openssl pkcs8 -topk8 -nocrypt -outform DER -in $k.key -out $k.form", ""},
    {"DER of PKCS#1 or SEC1", "openssl $t -in $k.key $traditional -outform DER -out $k.form", ""},
    {"DER of encrypted PKCS#8",
     "openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:word -outform DER -in $k.key -out $k.form",
     "word"},
};

TEST(ProofLeaf, IsAcceptedByOpensslForEveryKeyInEveryForm) {
  const Workshop workshop;
  for (const auto& algorithm : kAlgorithms) {
    const std::string name = algorithm.name;
    const auto ca =
        workshop.authority(name, algorithm.genpkey, "-addext keyUsage=critical,keyCertSign");
    EXPECT_EQ(ca.key, algorithm.key);
    EXPECT_TRUE(ca_faults(ca).empty());
    for (const auto& form : kForms) {
      SCOPED_TRACE(name + " as " + form.name);
      workshop.sh("k=" + name + "; t=" + (algorithm.rsa ? "rsa" : "ec") +
                  "; traditional=" + (algorithm.rsa ? "-traditional" : "") + "; " + form.command);
      const auto key = workshop.read(name + ".form");
      EXPECT_TRUE(check_key(ca, key, form.passphrase));
      const auto leaf = make_proof_leaf(ca, Secret(key), Secret(form.passphrase), kCode, now());
      ASSERT_TRUE(leaf) << leaf.error().what;
      EXPECT_EQ(check_proof_leaf(ca, *leaf, kCode, now()), leaf);
      workshop.write("leaf.pem", *leaf);
      EXPECT_EQ(workshop.sh("openssl verify -x509_strict -purpose sslclient -CAfile " + name +
                            ".pem leaf.pem"),
                "leaf.pem: OK\n");
    }
  }
}

TEST(ProofLeaf, SaysWhatItIsAndNoMore) {
  const Workshop workshop;
  const auto ca = workshop.authority("ca", kAlgorithms[4].genpkey);
  const auto at = *parse_rfc3339(rfc3339(now()));
  const auto leaf = make_proof_leaf(ca, Secret(workshop.read("ca.key")), {}, kCode, at);
  ASSERT_TRUE(leaf);
  const auto facts = parse_certificate(*leaf).value();
  EXPECT_EQ(facts.subject, "CN=" + kCode);
  EXPECT_EQ(facts.issuer, ca.subject);
  EXPECT_FALSE(facts.is_ca);
  EXPECT_EQ(facts.key, "EC P-256");
  EXPECT_EQ(facts.signature_algorithm, "ecdsa-with-SHA384");
  EXPECT_EQ(facts.not_before, ca.not_before);  // the CA is younger than an hour
  EXPECT_EQ(facts.not_after, at + std::chrono::hours{48});
  workshop.write("leaf.pem", *leaf);
  const auto text = workshop.sh("openssl x509 -noout -text -in leaf.pem");
  for (const auto* part : {"CA:FALSE",
                           "Digital Signature",
                           "TLS Web Client Authentication",
                           "X509v3 Subject Key Identifier",
                           "X509v3 Authority Key Identifier"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_NE(leaf, make_proof_leaf(ca, Secret(workshop.read("ca.key")), {}, kCode, at));
}

TEST(ProofLeaf, StaysWithinTheLifeOfItsCa) {
  const Workshop workshop;
  const auto ca = workshop.authority("ca", kAlgorithms[3].genpkey);
  const Secret key(workshop.read("ca.key"));
  const auto late = make_proof_leaf(ca, key, {}, kCode, ca.not_after - std::chrono::hours{2});
  ASSERT_TRUE(late);
  EXPECT_EQ(parse_certificate(*late)->not_after, ca.not_after);
  EXPECT_EQ(parse_certificate(*late)->not_before, ca.not_after - std::chrono::hours{3});
  EXPECT_TRUE(check_proof_leaf(ca, *late, kCode, ca.not_after - std::chrono::hours{1}));
  for (const auto when :
       {ca.not_after + std::chrono::hours{1}, ca.not_before - std::chrono::hours{1}}) {
    const auto refused = make_proof_leaf(ca, key, {}, kCode, when);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "BadCertificate");
  }
}

TEST(ProofLeaf, ACaWithoutIdentifiersSignsToo) {
  const Workshop workshop;
  workshop.write("bare.cnf",
                 "[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\n"
                 "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
                 "basicConstraints=critical,CA:TRUE,pathlen:0\n");
  const auto ca = workshop.authority("ca", kAlgorithms[3].genpkey, "-config bare.cnf");
  const auto leaf = make_proof_leaf(ca, Secret(workshop.read("ca.key")), {}, kCode, now());
  ASSERT_TRUE(leaf) << leaf.error().what;
  EXPECT_TRUE(check_proof_leaf(ca, *leaf, kCode, now()));
}

TEST(ProofLeaf, AnIntermediateCaSignsWithoutItsRoot) {
  const Workshop workshop;
  workshop.authority("root", kAlgorithms[0].genpkey);
  workshop.write("ca.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n");
  workshop.sh(
      "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key && openssl req "
      "-new -key ca.key -subj /CN=line-4 | openssl x509 -req -CA root.pem -CAkey root.key -days 9 "
      "-extfile ca.ext -out ca.pem");
  workshop.sh(
      "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout d.key "
      "-subj /CN=device | openssl x509 -req -CA ca.pem -CAkey ca.key -out device.pem");
  const auto ca =
      parse_certificate(workshop.sh("cat device.pem ca.pem root.pem")).value();  // a chain file
  EXPECT_EQ(ca.subject, "CN=line-4");
  const auto leaf = make_proof_leaf(ca, Secret(workshop.read("ca.key")), {}, kCode, now());
  ASSERT_TRUE(leaf) << leaf.error().what;
  EXPECT_TRUE(check_proof_leaf(ca, *leaf, kCode, now()));
}

TEST(ProofLeaf, WhatIsNoFittingKeyIsSaidInItsOwnWords) {
  const Workshop workshop;
  const auto ca = workshop.authority("ca", kAlgorithms[0].genpkey);
  workshop.authority("other", kAlgorithms[3].genpkey);
  workshop.sh(
      "openssl pkcs8 -topk8 -passout pass:secret-word -in ca.key -out locked.key;"
      "openssl rsa -traditional -aes128 -passout pass:secret-word -in ca.key -out old-locked.key;"
      "openssl pkcs8 -topk8 -passout pass:secret-word -outform DER -in ca.key -out locked.der;"
      "openssl pkey -in ca.key -pubout -out public.pem;"
      "openssl pkey -in ca.key -pubout -outform DER -out public.der;"
      "openssl x509 -in ca.pem -outform DER -out ca.der;"
      "openssl req -new -key ca.key -subj /CN=x -out request.pem;"
      "openssl pkcs12 -export -in ca.pem -inkey ca.key -passout pass: -out bag.p12;"
      "cat ca.key other.key > both.key");
  auto damaged = workshop.read("ca.key");
  damaged.replace(200, 40, std::string(40, 'A'));
  struct Case {
    const char* name;
    std::string key;
    std::string passphrase;
    const char* says;
  };
  const Case cases[] = {
      {"another's", workshop.read("other.key"), "", "KeyDoesNotFit: "},
      {"empty", "", "", "BadKey: the private key is empty"},
      {"text", "hunter2", "", "BadKey: neither PEM nor DER"},
      {"damaged", damaged, "", "BadKey: the private key is damaged"},
      {"cut short",
       workshop.read("ca.key").substr(0, 300),
       "",
       "BadKey: the private key is damaged"},
      {"locked", workshop.read("locked.key"), "", "PassphraseMissing: "},
      {"locked, old form", workshop.read("old-locked.key"), "", "PassphraseMissing: "},
      {"locked, DER", workshop.read("locked.der"), "", "PassphraseMissing: "},
      {"wrong word", workshop.read("locked.key"), "secret-wort", "PassphraseWrong: "},
      {"wrong word, old form", workshop.read("old-locked.key"), "secret-wort", "PassphraseWrong: "},
      {"wrong word, DER", workshop.read("locked.der"), "secret-wort", "PassphraseWrong: "},
      {"very long word", workshop.read("locked.key"), std::string(5000, 'x'), "PassphraseWrong: "},
      {"public", workshop.read("public.pem"), "", "BadKey: this is a public key"},
      {"public, DER", workshop.read("public.der"), "", "BadKey: this is a public key"},
      {"certificate", workshop.read("ca.pem"), "", "BadKey: this is a certificate, not"},
      {"certificate, DER", workshop.read("ca.der"), "", "BadKey: this is a certificate, not"},
      {"request", workshop.read("request.pem"), "", "BadKey: this is a certificate request"},
      {"PKCS#12", workshop.read("bag.p12"), "", "BadKey: this is a PKCS#12 bag"},
      {"two keys", workshop.read("both.key"), "", "BadKey: there are 2 private keys"},
      {"OpenSSH",
       "-----BEGIN OPENSSH PRIVATE KEY-----\nYQ==\n-----END OPENSSH PRIVATE KEY-----\n",
       "",
       "BadKey: this is a key of OpenSSH"},
      {"too much", std::string(70'000, 'x'), "", "BadKey: more than 64 KiB"},
  };
  for (const auto& one : cases) {
    const auto said = error_of(ca, one.key, one.passphrase);
    EXPECT_TRUE(said.starts_with(one.says)) << one.name << ": " << said;
    EXPECT_EQ(said.find("hunter2"), std::string::npos);
    EXPECT_EQ(said.find("secret-wort"), std::string::npos);
    EXPECT_FALSE(check_key(ca, one.key, one.passphrase)) << one.name;
  }
}

TEST(ProofLeaf, KeysThatAzureIsNotKnownToTakeAreRefused) {
  const Workshop workshop;
  struct Case {
    const char* name;
    const char* genpkey;
    const char* says;
    const char* fault;
  };
  const Case cases[] = {
      {"ed25519", "-algorithm ED25519", "ED25519 is not known to be accepted", "UnusualKey"},
      {"k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "curve secp256k1", "UnusualKey"},
      {"small", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "1024 bits is too weak", "WeakKey"},
      {"pss", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "RSA-PSS", "UnusualKey"},
  };
  for (const auto& one : cases) {
    const auto ca = workshop.authority(one.name, one.genpkey);
    const auto said = error_of(ca, workshop.read(std::string(one.name) + ".key"));
    EXPECT_TRUE(said.starts_with("BadKey: ")) << said;
    EXPECT_NE(said.find(one.says), std::string::npos) << said;
    ASSERT_EQ(ca_faults(ca).size(), 1U) << one.name;
    EXPECT_EQ(ca_faults(ca)[0].id, one.fault);
  }
}

TEST(ProofLeaf, OnlyAPlainCodeIsSigned) {
  const Workshop workshop;
  const auto ca = workshop.authority("ca", kAlgorithms[3].genpkey);
  for (const std::string& code : {std::string(),
                                  std::string(65, 'A'),
                                  std::string("a b"),
                                  std::string("x\0y", 3),
                                  std::string("é")}) {
    const auto leaf = make_proof_leaf(ca, Secret(workshop.read("ca.key")), {}, code, now());
    ASSERT_FALSE(leaf);
    EXPECT_EQ(leaf.error().id, "BadCode");
  }
}

TEST(ProofLeafCheck, SaysWhyArmWouldRefuse) {
  const Workshop workshop;
  const auto ca = workshop.authority("ca", kAlgorithms[3].genpkey);
  const auto twin = workshop.authority("twin", kAlgorithms[3].genpkey, "-subj /O=Fleet/CN=ca");
  const auto other = workshop.authority("other", kAlgorithms[3].genpkey);
  const auto sign = [&](const CertificateFacts& by, const std::string& key) {
    return make_proof_leaf(by, Secret(workshop.read(key)), {}, kCode, now()).value();
  };
  const auto good = sign(ca, "ca.key");
  const auto wrong = [&](const std::string& leaf, WallTime when) {
    const auto checked = check_proof_leaf(ca, leaf, kCode, when);
    EXPECT_FALSE(checked || checked.error().id != "ProofRefused");
    return checked ? "nothing" : checked.error().what;
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(wrong("", now()), "gave no certificate"));
  EXPECT_TRUE(has(wrong("hello", now()), "gave no certificate"));
  EXPECT_TRUE(has(wrong(workshop.read("ca.key"), now()), "gave no certificate"));
  EXPECT_TRUE(has(wrong(sign(other, "other.key"), now()), "its issuer is CN=other,O=Fleet, and"));
  EXPECT_TRUE(has(wrong(sign(twin, "twin.key"), now()), "signature was not made with the key"));
  EXPECT_TRUE(has(wrong(workshop.read("ca.pem"), now()), "its common name is ca where"));
  EXPECT_TRUE(has(wrong(good, now() + std::chrono::hours{50}), "it expired at"));
  EXPECT_TRUE(has(wrong(good, ca.not_after + std::chrono::hours{1}), "the CA expired at"));
  // What surrounds the certificate goes no further.
  EXPECT_EQ(check_proof_leaf(ca, "words\n" + good + workshop.read("ca.key"), kCode, now()), good);

  workshop.write("odd.ext", "1.2.3.4=critical,DER:0500\n");
  workshop.sh("openssl req -new -key other.key -subj /CN=" + kCode +
              " | openssl x509 -req -CA ca.pem -CAkey ca.key -extfile odd.ext -out odd.pem");
  EXPECT_TRUE(has(wrong(workshop.read("odd.pem"), now()), "critical extension"));
}

}  // namespace
}  // namespace dps
