#include "reconciler/manifest/secret_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "reconciler/base/child_process.hpp"
#include "reconciler/base/match.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/manifest/files.hpp"
#include "reconciler/manifest/interpolate.hpp"

namespace dps::manifest {
namespace {

constexpr std::size_t kLimit = std::size_t{64} * 1024;

Failure missing(std::string what, std::string remedy) {
  return fail(
      {NextMove::WaitForOthers, "SecretMissing", std::move(what), std::move(remedy), 0, {}});
}

// DER of a key, whose last byte may look like a line end: a SEQUENCE that ends with the content.
bool is_der(std::string_view bytes) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  if (bytes.size() < 8 || byte(0) != 0x30) return false;
  if (byte(1) < 0x80) return byte(2) == 0x02 && bytes.size() == std::size_t{2} + byte(1);
  const std::size_t digits = byte(1) & 0x7FU;
  if (digits < 1 || digits > 2) return false;
  std::size_t length = 0;
  for (std::size_t at = 2; at < 2 + digits; ++at) length = length * 256 + byte(at);
  return bytes.size() == 2 + digits + length;
}

}  // namespace

// In place, so that the whole buffer is wiped with the secret.
void drop_final_newline(std::string& text) {
  if (is_der(text)) return;
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

Result<Secret> SystemSecretSource::read(const SecretReference& reference, std::stop_token stop) {
  return match(
      reference,
      [&](const EnvironmentReference& env) { return from_environment(env); },
      [&](const FileReference& file) { return from_file(file); },
      [&](const ExecReference& exec) { return from_program(exec, stop); });
}

Result<Secret> SystemSecretSource::from_environment(const EnvironmentReference& reference) const {
  if (is_reserved_variable(reference.variable)) {
    return fail(give_up("VariableNotAllowed",
                        fmt::format("the variable {} may not be used", reference.variable),
                        "AZURE_* are credentials of the tool itself"));
  }
  std::optional<std::string> value;
  if (options_.environment) {
    value = options_.environment(reference.variable);
  } else if (const char* found = std::getenv(reference.variable.c_str()); found != nullptr) {
    value = found;
  }
  if (!value || value->empty()) {
    return missing(
        fmt::format("the variable {} is {}", reference.variable, value ? "empty" : "not set"),
        "set it where the tool runs");
  }
  return Secret(std::move(*value));
}

Result<Secret> SystemSecretSource::from_file(const FileReference& reference) const {
  DiskFiles files;
  const auto shown = printable(reference.shown, 200);
  if (!options_.folders.empty()) {
    const auto resolved = files.resolve(reference.path);
    if (!resolved) return missing("the file " + shown + " cannot be found", "put the secret there");
    const bool inside =
        std::any_of(options_.folders.begin(), options_.folders.end(), [&](const auto& folder) {
          const auto real = files.resolve(folder);
          return real && is_below(*resolved, *real);
        });
    if (!inside) {
      return fail(give_up("OutsideRoot",
                          "the file " + shown + " lies outside of the manifests and the secrets",
                          "a file below one of them, links resolved; see --secrets-dir"));
    }
  }
  auto content = files.read(reference.path, kLimit);
  if (!content) {
    return missing("the file " + shown +
                       (content.error().id == "FileMissing"    ? " does not exist"
                        : content.error().id == "FileTooLarge" ? " has more than 64 KiB"
                                                               : " cannot be read"),
                   "put the secret there");
  }
  drop_final_newline(*content);
  if (content->empty()) return missing("the file " + shown + " is empty", "put the secret there");
  return Secret(std::move(*content));
}

Result<Secret> SystemSecretSource::from_program(const ExecReference& reference,
                                                const std::stop_token& stop) const {
  if (!options_.allow_exec) {
    return fail(give_up(
        "ExecNotAllowed", "programs may not be run for secrets", "--allow-exec, or env or file"));
  }
  Program program;
  program.argv = reference.argv;
  program.withheld = credential_variables();
  auto output = run_program(program, stop);
  if (!output) return output;
  std::string text = output->reveal();
  drop_final_newline(text);
  if (text.empty()) {
    return missing("the program " + printable(reference.argv.front(), 200) + " printed nothing",
                   "a program that prints the secret");
  }
  return Secret(std::move(text));
}

}  // namespace dps::manifest
