#include "reconciler/controller/proof_signer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "reconciler/base/child_process.hpp"
#include "reconciler/base/match.hpp"
#include "reconciler/base/proof_leaf.hpp"
#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr int kAboveScripts = 100;

// A file that needs no folder that can be written and is gone with its owner, however that ends.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content)
      : file_(::memfd_create("dps-reconciler-ca", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    if (file_ < 0) return;
    // Scripts use the low numbers for themselves.
    const int high = ::fcntl(file_, F_DUPFD_CLOEXEC, kAboveScripts);
    if (high < 0) return;
    ::close(std::exchange(file_, high));
    while (!content.empty()) {
      const auto count = ::write(file_, content.data(), content.size());
      if (count <= 0) return;
      content.remove_prefix(static_cast<std::size_t>(count));
    }
    ::fchmod(file_, 0400);
    ::fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    whole_ = true;
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (file_ >= 0) ::close(file_);
  }
  bool whole() const { return whole_; }
  int descriptor() const { return file_; }
  /// For processes that were given the descriptor. Not by way of our own /proc entry: that is shut
  /// to others of the same user, as we are not to be dumped.
  std::string path() const { return fmt::format("/proc/self/fd/{}", file_); }

 private:
  int file_ = -1;
  bool whole_ = false;
};

}  // namespace

ManifestSigner::ManifestSigner(manifest::SecretSource& secrets, SignerSettings settings)
    : secrets_(secrets), settings_(std::move(settings)) {}

Result<std::string> ManifestSigner::leaf(const DesiredCertificate& ca,
                                         const std::string& code,
                                         std::stop_token stop) {
  if (!ca.signer || !ca.content) {
    return fail(give_up("NoSigner",
                        fmt::format("the manifest says not what signs for {}", ca.name),
                        "verification: {proofOfPossession: {key: {file: …}}}, and certificate: "
                        "{file: …}"));
  }
  return match(
      *ca.signer,
      [&](const KeySigner& signer) { return with_key(ca, signer, code, stop); },
      [&](const ExecReference& program) { return with_program(ca, program, code, stop); });
}

Result<std::string> ManifestSigner::with_key(const DesiredCertificate& ca,
                                             const KeySigner& signer,
                                             const std::string& code,
                                             const std::stop_token& stop) {
  const auto doing = fmt::format("signing with the key of {}", printable(ca.name, 64));
  const auto key = secrets_.read(signer.key, stop);
  if (!key) return fail(in_context(doing, key.error()));
  Secret passphrase;
  if (signer.passphrase) {
    auto read = secrets_.read(*signer.passphrase, stop);
    if (!read) return fail(in_context(doing + ", its passphrase", read.error()));
    passphrase = *std::move(read);
  }
  auto made = make_proof_leaf(*ca.content, *key, passphrase, code, settings_.now());
  if (!made) return fail(in_context(doing, made.error()));
  return made;
}

Result<std::string> ManifestSigner::with_program(const DesiredCertificate& ca,
                                                 const ExecReference& reference,
                                                 const std::string& code,
                                                 const std::stop_token& stop) {
  if (!settings_.allow_exec) {
    return fail(give_up("ExecNotAllowed",
                        "programs may not be run to sign",
                        "--allow-exec, or proofOfPossession: {key: {file: …}}"));
  }
  const MemoryFile file(certificate_pem(*ca.content));
  if (!file.whole()) {
    return fail({NextMove::RetryLater,
                 "ProgramFailed",
                 "there is no memory for the file that shows the CA to the signer",
                 {},
                 0,
                 {}});
  }
  Program program;
  program.argv = reference.argv;
  program.withheld = credential_variables();
  program.input = code + "\n";
  program.environment = {{"DPS_RECONCILER_CA_FILE", file.path()},
                         {"DPS_RECONCILER_CERTIFICATE", ca.name}};
  program.descriptors = {file.descriptor()};
  program.limit = settings_.limit;
  program.most_complaint = std::size_t{4} * 1024;
  const auto output = run_program(program, stop);
  if (!output) return fail(in_context("signing for " + printable(ca.name, 64), output.error()));
  if (trim(output->reveal()).empty()) {
    return fail(give_up("SignerSaidNothing",
                        fmt::format("signing for {}: the program {} printed nothing",
                                    printable(ca.name, 64),
                                    printable(reference.argv.front(), 200)),
                        "a program that prints the leaf as PEM on its stdout"));
  }
  return output->reveal();
}

}  // namespace dps::controller
