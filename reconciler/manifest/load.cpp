#include "reconciler/manifest/load.hpp"

#include <fmt/format.h>

#include <exception>
#include <set>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/assemble.hpp"
#include "reconciler/manifest/decode.hpp"
#include "reconciler/manifest/defaults.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::manifest {
namespace {

constexpr std::size_t kFileLimit = std::size_t{1024} * 1024;

class Loading {
 public:
  Loading(Files& files, const LoadOptions& options)
      : files_(files), options_(options), references_(files, options) {}

  Loaded run() {
    std::vector<std::string> paths;
    for (const auto& root : options_.roots) list_root(root, paths);
    for (const auto& path : paths) {
      if (seen_.insert(files_.absolute(path)).second) read_file(path);
    }
    const bool any = !documents_.services.empty() || !documents_.entries.empty();
    lay_in_defaults(documents_, diagnostics_);
    loaded_.desired.services = assemble(std::move(documents_), diagnostics_);
    if (!any && !options_.allow_empty && !diagnostics_.any_text_fault()) {
      diagnostics_.text({},
                        "NoManifests",
                        "no manifests found in " + printable(join(options_.roots, ", ")),
                        "check --manifests; --allow-empty if that is meant");
    }
    // Faults between files: their text is gone by now.
    for (const auto& file : diagnostics_.without_source()) {
      if (const auto text = files_.read(file, kFileLimit)) diagnostics_.attach_source(file, *text);
    }
    loaded_.desired.complete = !diagnostics_.any_text_fault();
    loaded_.desired.revision = references_.revision();
    loaded_.faults = diagnostics_.take_sorted();
    return std::move(loaded_);
  }

 private:
  void list_root(const std::string& root, std::vector<std::string>& out) {
    const auto paths = files_.list(root);
    if (!paths) {
      diagnostics_.text({}, paths.error().id, paths.error().what, paths.error().remedy);
      return;
    }
    const bool is_file = paths->size() == 1 && paths->front() == root;
    references_.allow_folder(is_file ? folder_of(root) : root);
    out.insert(out.end(), paths->begin(), paths->end());
  }

  void read_file(const std::string& path) {
    const Mark whole{path, 0, 0};
    if (!references_.may_read(path, path, whole, diagnostics_)) return;
    const auto text = files_.read(path, kFileLimit);
    if (!text) {
      const auto& error = text.error();
      diagnostics_.text(whole,
                        error.id,
                        error.id == "FileTooLarge" ? "the file has more than 1 MiB" : error.what,
                        error.remedy);
      return;
    }
    ++loaded_.files;
    references_.note(path, *text);
    auto yaml = parse_yaml(*text);
    for (auto& fault : yaml.faults) {
      diagnostics_.text({path, fault.at.line, fault.at.column},
                        std::move(fault.id),
                        std::move(fault.message),
                        std::move(fault.remedy));
    }
    loaded_.documents += yaml.documents.size();
    for (auto& document : yaml.documents) {
      decode_document(document, {path, references_, diagnostics_}, documents_);
    }
    diagnostics_.attach_source(path, *text);
  }

  Files& files_;
  const LoadOptions& options_;
  References references_;
  Diagnostics diagnostics_;
  Documents documents_;
  std::set<std::string> seen_;
  Loaded loaded_;
};

}  // namespace

Loaded load(Files& files, const LoadOptions& options) {
  try {
    return Loading(files, options).run();
  } catch (const std::exception&) {
    // Out of memory or a fault of our own; the text of the exception might quote a manifest.
    Loaded out;
    out.desired.complete = false;
    Diagnostic fault;
    fault.id = "InternalFault";
    fault.message = "the manifests could not be loaded";
    fault.remedy = "this is a fault of the program; please report it";
    out.faults.push_back(std::move(fault));
    return out;
  }
}

}  // namespace dps::manifest
