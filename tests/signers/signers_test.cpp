#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "reconciler/arm/proof.hpp"
#include "reconciler/base/child_process.hpp"
#include "reconciler/base/x509.hpp"
#include "reconciler/controller/proof_signer.hpp"
#include "tests/arm_simulator/x509.hpp"
#include "tests/support/new_folder.hpp"

namespace dps::controller {
namespace {

namespace fs = std::filesystem;

const std::string kCode = "FC5FE5693A68BF4D557D9A232014894A52EAD8F5430119A0";
const std::string kSamples = SIGNERS_FOLDER;

WallTime now() {
  return std::chrono::system_clock::now();
}

class Signers : public testing::Test {
 protected:
  Signers() { root_ = test::new_folder("signers"); }
  ~Signers() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ / name; }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  /// A program of the test's own.
  std::string script(const std::string& name, const std::string& body) const {
    auto whole = write(name, "#!/bin/sh\n" + body + "\n");
    fs::permissions(whole, fs::perms::owner_all);
    return whole;
  }
  void sh(const std::string& line) const {
    Program program;
    program.argv = {"/bin/sh", "-c", "cd '" + root_.string() + "' && { " + line + "; } 2>err"};
    program.environment = variables_;
    program.limit = std::chrono::seconds{60};
    const auto out = run_program(program, {});
    EXPECT_TRUE(out) << line << "\n" << out.error().what << "\n" << read("err");
  }
  void make_ca(const std::string& name = "ca",
               const std::string& kind = "ec -pkeyopt ec_paramgen_curve:P-256") const {
    sh("openssl req -x509 -newkey " + kind + " -nodes -keyout " + name + ".key -out " + name +
       ".pem -days 9 -subj /CN=" + name);
  }
  DesiredCertificate desired(Signer signer, const std::string& name = "ca") const {
    DesiredCertificate out;
    out.name = "factory-ca";
    out.content = parse_certificate(read(name + ".pem")).value();
    out.thumbprint = out.content->thumbprint;
    out.verification = Verification::ProofOfPossession;
    out.signer = std::move(signer);
    return out;
  }
  ManifestSigner signer(Duration limit = std::chrono::seconds{30}) {
    return ManifestSigner(secrets_, {true, now, limit});
  }
  /// What the trial before a proof says of it: "fine", or the error.
  std::string trial(const DesiredCertificate& ca, Duration limit = std::chrono::seconds{30}) {
    auto subject = signer(limit);
    const auto tried = arm::try_signer(ca, subject, now(), {});
    return tried ? "fine" : tried.error().id + ": " + tried.error().what;
  }

  fs::path root_;
  std::map<std::string, std::string> variables_;
  manifest::SystemSecretSource secrets_{manifest::SecretSourceOptions{{}, true, nullptr}};
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Signers, AKeyIsReadWhereTheManifestSays) {
  make_ca();
  sh("openssl pkcs8 -topk8 -passout pass:word -in ca.key -out locked.key; echo word >phrase");
  const FileReference key{path("ca.key"), "ca.key"};
  const FileReference locked{path("locked.key"), "locked.key"};
  const FileReference phrase{path("phrase"), "phrase"};
  const ExecReference by_program{{"/bin/cat", path("ca.key")}};
  EXPECT_EQ(trial(desired(KeySigner{key, {}})), "fine");
  EXPECT_EQ(trial(desired(KeySigner{by_program, {}})), "fine");
  EXPECT_EQ(trial(desired(KeySigner{locked, phrase})), "fine");
  EXPECT_TRUE(has(trial(desired(KeySigner{locked, {}})),
                  "PassphraseMissing: signing with the key "
                  "of factory-ca"));
  EXPECT_TRUE(has(trial(desired(KeySigner{FileReference{path("none"), "none"}, {}})),
                  "SecretMissing: signing with the key of factory-ca: the file none"));
  EXPECT_TRUE(has(trial(desired(KeySigner{locked, FileReference{path("none"), "none"}})),
                  "its passphrase"));
}

TEST_F(Signers, TheSimulatorTakesTheLeafOfEveryKindOfKey) {
  for (const auto* kind : {"rsa:2048",
                           "rsa:3072",
                           "ec -pkeyopt ec_paramgen_curve:P-256",
                           "ec -pkeyopt ec_paramgen_curve:P-384",
                           "ec -pkeyopt ec_paramgen_curve:P-521"}) {
    make_ca("ca", kind);
    auto subject = signer();
    const auto judged = sim::read_certificate(read("ca.pem"));
    for (const Signer& by : {Signer(KeySigner{FileReference{path("ca.key"), "ca.key"}, {}}),
                             Signer(ExecReference{{kSamples + "/openssl.sh", path("ca.key")}})}) {
      const auto leaf = subject.leaf(desired(by), kCode, {});
      ASSERT_TRUE(leaf) << kind << ": " << leaf.error().what;
      EXPECT_EQ(
          sim::proof_fault(
              *judged, *leaf, kCode, std::chrono::time_point_cast<sim::TimePoint::duration>(now())),
          std::nullopt)
          << kind;
    }
  }
}

TEST_F(Signers, WithoutASignerNothingIsTried) {
  make_ca();
  auto ca = desired(KeySigner{});
  ca.signer.reset();
  EXPECT_TRUE(has(trial(ca), "NoSigner: the manifest says not what signs for factory-ca"));
}

TEST_F(Signers, AProgramIsRunOnlyWhenThatIsAllowed) {
  make_ca();
  const auto ran = path("ran");
  const auto ca = desired(ExecReference{{script("sign", "touch '" + ran + "'")}});
  ManifestSigner subject(secrets_, {false, now});
  const auto leaf = subject.leaf(ca, kCode, {});
  ASSERT_FALSE(leaf);
  EXPECT_EQ(leaf.error().id, "ExecNotAllowed");
  EXPECT_FALSE(fs::exists(ran));
}

TEST_F(Signers, AProgramGetsTheCodeAndTheCa) {
  make_ca();
  const auto sign =
      script("sign",
             "cat >'" + path("stdin") + "'; cat \"$DPS_RECONCILER_CA_FILE\" >'" + path("ca.seen") +
                 "'; echo \"$DPS_RECONCILER_CERTIFICATE $*\" >'" + path("words") +
                 "'; echo \"$DPS_RECONCILER_CA_FILE\" >'" + path("file") + "'; echo leaf");
  auto subject = signer();
  const auto leaf = subject.leaf(desired(ExecReference{{sign, "a b", "$(id)"}}), kCode, {});
  ASSERT_TRUE(leaf) << leaf.error().what;
  EXPECT_EQ(*leaf, "leaf\n");
  EXPECT_EQ(read("stdin"), kCode + "\n");
  EXPECT_EQ(read("words"), "factory-ca a b $(id)\n");
  EXPECT_EQ(parse_certificate(read("ca.seen")), parse_certificate(read("ca.pem")));
  auto file = read("file");
  file.pop_back();
  EXPECT_TRUE(file.starts_with("/proc/")) << file;  // nothing is written, nothing stays behind
  EXPECT_FALSE(fs::exists(file));
}

// As the program is when it runs: not to be dumped, and so with a /proc entry that is shut to all
// but root.
TEST_F(Signers, AProgramOfASealedProcessOfAnOrdinaryUserSeesTheCa) {
  make_ca();
  auto subject = signer();
  const auto ca = desired(ExecReference{{"/bin/sh", "-c", "cat \"$DPS_RECONCILER_CA_FILE\""}});
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    ::prctl(PR_SET_DUMPABLE, 0);
    const auto seen = subject.leaf(ca, kCode, {});
    ::_exit(seen && seen->find("BEGIN CERTIFICATE") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Signers, WhatAProgramDoesWrongIsSaidInItsOwnWords) {
  make_ca();
  make_ca("other");
  const auto sample = kSamples + "/openssl.sh";
  const auto other = "DPS_RECONCILER_CA_FILE='" + path("other.pem") + "' " + sample + " '" +
                     path("other.key") + "'";
  const auto wrong_key = "exec " + sample + " '" + path("other.key") + "'";
  const auto wrong_name = "read -r code; echo 0000 | " + sample + " '" + path("ca.key") + "'";
  struct Case {
    const char* name;
    std::string body;
    const char* says;
  };
  const Case cases[] = {
      {"fails with words",
       "printf '\\n  token\\033[31m is locked\\nsecond line\\n' >&2; exit 3",
       "failed with exit code 3: token\\x1b[31m is locked"},
      {"fails without words", "exit 1", "failed with exit code 1"},
      {"is silent", "exit 0", "SignerSaidNothing: signing for factory-ca: the program"},
      {"prints words",
       "echo hello",
       "ProofRefused: the proof leaf would be refused: the signer "
       "gave no certificate in PEM"},
      {"prints the CA", "cat \"$DPS_RECONCILER_CA_FILE\"", "its common name is ca where"},
      {"signs by another CA", other, "its issuer is CN=other, and the CA is CN=ca"},
      {"signs another code", wrong_name, "its common name is 0000 where the code"},
      {"has another key", wrong_key, "ProgramFailed: signing for factory-ca: the program"},
      {"talks without end", "yes", "ProgramTooTalkative"},
      {"is not there", "", "ProgramNotFound"},
  };
  for (const auto& one : cases) {
    const auto program = one.body.empty() ? path("none") : script("sign", one.body);
    const auto said = trial(desired(ExecReference{{program}}));
    EXPECT_TRUE(has(said, one.says)) << one.name << ": " << said;
    EXPECT_FALSE(has(said, "second line")) << said;
  }
  const auto slow = desired(ExecReference{{script("sign", "sleep 60")}});
  EXPECT_TRUE(has(trial(slow, std::chrono::milliseconds{50}), "ProgramTooSlow"));
  std::stop_source stop;
  stop.request_stop();
  auto subject = signer();
  EXPECT_EQ(subject.leaf(slow, kCode, stop.get_token()).error().id, "Interrupted");
}

TEST_F(Signers, ManyProgramsSignAtOnce) {
  make_ca();
  const auto ca = desired(ExecReference{{kSamples + "/openssl.sh", path("ca.key")}});
  auto subject = signer();
  std::vector<std::string> said(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(said.size());
    for (auto& one : said) {
      threads.emplace_back([&] {
        const auto tried = arm::try_signer(ca, subject, now(), {});
        one = tried ? "fine" : tried.error().what;
      });
    }
  }
  for (const auto& one : said) EXPECT_EQ(one, "fine");
}

TEST_F(Signers, TheSampleForKeysInFilesSigns) {
  make_ca();
  const auto sample = kSamples + "/openssl.sh";
  EXPECT_EQ(trial(desired(ExecReference{{sample, path("ca.key")}})), "fine");
  EXPECT_TRUE(has(trial(desired(ExecReference{{sample, path("none")}})),
                  "failed with exit code 1: Could not open file"));
  EXPECT_TRUE(has(trial(desired(ExecReference{{sample}})), "usage: openssl.sh KEY-FILE"));
}

// A token in a folder of its own; the key is made in it and cannot be taken out.
class SoftHsm : public Signers {
 protected:
  void SetUp() override {
    fs::create_directory(path("tokens"));
    variables_ = {{"SOFTHSM2_CONF",
                   write("softhsm2.conf",
                         "directories.tokendir = " + path("tokens") +
                             "\nobjectstore.backend = file\nlog.level = ERROR\n")},
                  {"PKCS11_MODULE_PATH", "/usr/lib/softhsm/libsofthsm2.so"},
                  {"PKCS11_PIN_FILE", write("pin", "1234")}};
    for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
    sh("softhsm2-util --init-token --free --label ca --pin 1234 --so-pin 5678 >out");
  }
  void TearDown() override {
    for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
  }
  DesiredCertificate made_in_token(const std::string& kind) {
    sh("pkcs11-tool --module \"$PKCS11_MODULE_PATH\" --token-label ca --login --pin 1234 "
       "--keypairgen --key-type " +
       kind + " --label factory --id 01 --sensitive >out");
    sh("openssl req -x509 -new -engine pkcs11 -keyform engine -key '" + uri("factory") +
       ";pin-source=file:" + path("pin") + "' -subj /CN=ca -days 9 -out ca.pem");
    return desired(ExecReference{{kSamples + "/softhsm.sh", uri("factory")}});
  }
  static std::string uri(const std::string& object) {
    return "pkcs11:token=ca;object=" + object + ";type=private";
  }
};

TEST_F(SoftHsm, TheSampleSignsWithAnEcKeyThatNeverLeaves) {
  const auto ca = made_in_token("EC:prime256v1");
  EXPECT_TRUE(has(read("out"), "never extractable")) << read("out");
  EXPECT_EQ(trial(ca), "fine");
}

TEST_F(SoftHsm, TheSampleSignsWithAnRsaKey) {
  EXPECT_EQ(trial(made_in_token("rsa:2048")), "fine");
}

TEST_F(SoftHsm, WhatGoesWrongIsSaid) {
  auto ca = made_in_token("EC:prime256v1");
  write("pin", "1234\n");
  EXPECT_TRUE(has(trial(ca), "the PIN file has a line end")) << trial(ca);
  write("pin", "9999");
  EXPECT_TRUE(has(trial(ca), "Login failed")) << trial(ca);
  EXPECT_FALSE(has(trial(ca), "9999")) << trial(ca);
  write("pin", "1234");
  ca.signer = ExecReference{{kSamples + "/softhsm.sh", uri("none")}};
  EXPECT_TRUE(has(trial(ca), "The private key was not found at: pkcs11:token=ca;object=none"))
      << trial(ca);
  fs::remove(path("pin"));
  EXPECT_TRUE(has(trial(ca), "the PIN file cannot be read")) << trial(ca);
}

}  // namespace
}  // namespace dps::controller
