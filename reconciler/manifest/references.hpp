// references: what manifests refer to: secret files and variables, certificates; where they may
// lie, whether they are there, whether they fit.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/secret.hpp"
#include "reconciler/manifest/diagnostic.hpp"
#include "reconciler/manifest/files.hpp"
#include "reconciler/manifest/load.hpp"

namespace dps::manifest {

/// Reads each certificate file once. Not shared between threads.
class References {
 public:
  References(Files& files, const LoadOptions& options);

  /// Files below this folder may be read; to be said of every root before the first question.
  void allow_folder(const std::string& folder);

  /// May this file be read at all? `path` as the loader knows it. Reports "OutsideRoot" at `mark`
  /// naming it as `shown`.
  bool may_read(const std::string& path,
                const std::string& shown,
                const Mark& mark,
                Diagnostics& diagnostics);

  /// The secret behind a reference, when it can be had without running a program; else a block
  /// "SecretMissing" is added. Programs give nothing.
  std::optional<Secret> peek(const SecretReference& reference,
                             const std::string& what,
                             const Mark& mark,
                             std::vector<Block>& blocks);

  /// The certificate in a file, a CA where there is one. Reports faults of the text at `mark`;
  /// nothing then. Whether it will do as a CA is the caller's question.
  std::optional<CertificateFacts> certificate_file(const std::string& manifest,
                                                   const std::string& shown,
                                                   const Mark& mark,
                                                   Diagnostics& diagnostics);
  std::optional<CertificateFacts> certificate_text(const std::string& pem,
                                                   const Mark& mark,
                                                   Diagnostics& diagnostics);

  const LoadOptions& options() const { return options_; }
  std::optional<std::string> variable(const std::string& name) const;
  Files& files() { return files_; }

  /// Remembers a file for the revision.
  void note(const std::string& path, const std::string& content);
  /// "sha256:" and 12 hex digits over the sorted (path, content) of all that was noted.
  std::string revision() const;

 private:
  std::string resolved_or_near(const std::string& path);
  std::optional<CertificateFacts> checked(Result<CertificateFacts> facts,
                                          const std::string& what,
                                          const Mark& mark,
                                          Diagnostics& diagnostics);

  Files& files_;
  const LoadOptions& options_;
  std::vector<std::string> allowed_;                              // resolved
  std::map<std::string, Result<CertificateFacts>> certificates_;  // by absolute path
  std::map<std::string, std::string> digests_;                    // path -> SHA-256 of the content
};

}  // namespace dps::manifest
