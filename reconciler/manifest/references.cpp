#include "reconciler/manifest/references.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/manifest/secret_source.hpp"

namespace dps::manifest {
namespace {

constexpr std::size_t kSecretLimit = std::size_t{64} * 1024;
constexpr std::size_t kCertificateLimit = std::size_t{1024} * 1024;

}  // namespace

References::References(Files& files, const LoadOptions& options)
    : files_(files), options_(options) {
  if (!options.secrets_dir.empty()) allow_folder(options.secrets_dir);
}

std::optional<std::string> References::variable(const std::string& name) const {
  if (options_.environment) return options_.environment(name);
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// A missing file has no resolved path: that of its folder and its own name, or the plain text.
std::string References::resolved_or_near(const std::string& path) {
  if (const auto resolved = files_.resolve(path)) return *resolved;
  const auto whole = files_.absolute(path);
  const auto slash = whole.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    if (const auto folder = files_.resolve(whole.substr(0, slash))) {
      return tidy_path(*folder + whole.substr(slash));
    }
  }
  return tidy_path(whole);
}

void References::allow_folder(const std::string& folder) {
  allowed_.push_back(resolved_or_near(folder));
}

bool References::may_read(const std::string& path,
                          const std::string& shown,
                          const Mark& mark,
                          Diagnostics& diagnostics) {
  const auto resolved = resolved_or_near(path);
  if (std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& folder) {
        return is_below(resolved, folder);
      })) {
    return true;
  }
  diagnostics.text(mark,
                   "OutsideRoot",
                   fmt::format("the file {} lies outside of the manifests and of {}",
                               quoted(shown),
                               printable(options_.secrets_dir)),
                   "a file below one of them, links resolved; see --secrets-dir");
  return false;
}

std::optional<Secret> References::peek(const SecretReference& reference,
                                       const std::string& what,
                                       const Mark& mark,
                                       std::vector<Block>& blocks) {
  if (const auto* env = std::get_if<EnvironmentReference>(&reference)) {
    auto value = variable(env->variable);
    if (value && !value->empty()) return Secret(std::move(*value));
    blocks.push_back(
        {"SecretMissing",
         fmt::format("{}: the variable {} is {}", what, env->variable, value ? "empty" : "not set"),
         "set it where the tool runs",
         mark});
    return std::nullopt;
  }
  if (const auto* file = std::get_if<FileReference>(&reference)) {
    auto content = files_.read(file->path, kSecretLimit);
    if (content) drop_final_newline(*content);
    if (content && !content->empty()) return Secret(std::move(*content));
    const bool missing = !content && content.error().id == "FileMissing";
    const bool large = !content && content.error().id == "FileTooLarge";
    blocks.push_back({"SecretMissing",
                      fmt::format("{}: the file {} {}",
                                  what,
                                  quoted(file->shown),
                                  content   ? "is empty"
                                  : missing ? "does not exist"
                                  : large   ? "has more than 64 KiB"
                                            : "cannot be read"),
                      "put the secret there",
                      mark});
  }
  return std::nullopt;
}

std::optional<CertificateFacts> References::checked(Result<CertificateFacts> facts,
                                                    const std::string& what,
                                                    const Mark& mark,
                                                    Diagnostics& diagnostics) {
  if (!facts) {
    const bool missing = facts.error().id == "FileMissing";
    diagnostics.text(
        mark,
        missing ? "FileMissing" : "BadCertificate",
        missing ? fmt::format("the file {} does not exist", what)
                : fmt::format("{}: {}",
                              what,
                              facts.error().id == "BadCertificate" ? facts.error().what
                                                                   : "the file cannot be read"),
        missing ? "a file that exists; the path is relative to the manifest"
                : facts.error().remedy);
    return std::nullopt;
  }
  return std::move(*facts);
}

std::optional<CertificateFacts> References::certificate_file(const std::string& manifest,
                                                             const std::string& shown,
                                                             const Mark& mark,
                                                             Diagnostics& diagnostics) {
  const auto path = path_below(folder_of(manifest), shown);
  if (!may_read(path, shown, mark, diagnostics)) return std::nullopt;
  const auto whole = files_.absolute(path);
  auto known = certificates_.find(whole);
  if (known == certificates_.end()) {
    const auto read = [&]() -> Result<CertificateFacts> {
      const auto content = files_.read(path, kCertificateLimit);
      if (!content) return fail(content.error());
      note(path, *content);
      return parse_certificate(*content);
    };
    known = certificates_.emplace(whole, read()).first;
  }
  return checked(known->second, quoted(shown), mark, diagnostics);
}

std::optional<CertificateFacts> References::certificate_text(const std::string& pem,
                                                             const Mark& mark,
                                                             Diagnostics& diagnostics) {
  return checked(parse_certificate(pem), "this", mark, diagnostics);
}

void References::note(const std::string& path, const std::string& content) {
  digests_[path] = sha256(content);
}

std::string References::revision() const {
  // Relative to the root: the same files in another place are the same revision.
  std::vector<std::string> lines;
  for (const auto& [path, digest] : digests_) {
    std::string shown = tidy_path(path);
    for (const auto& root : options_.roots) {
      const auto tidy = tidy_path(root);
      if (tidy != "." && shown != tidy && is_below(shown, tidy)) {
        shown = shown.substr(tidy.size() + 1);
        break;
      }
      if (shown == tidy) shown = shown.substr(shown.rfind('/') + 1);
    }
    lines.push_back(fmt::format("{}{}{}", shown, '\0', digest));
  }
  std::sort(lines.begin(), lines.end());
  return "sha256:" + hex(sha256(join(lines, "\n"))).substr(0, 12);
}

}  // namespace dps::manifest
