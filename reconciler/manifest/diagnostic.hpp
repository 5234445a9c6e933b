// diagnostic: a fault with its place, what is wrong, what would be right, and the line it is in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/manifest/yaml.hpp"
#include "reconciler/model/desired_service.hpp"

namespace dps::manifest {

enum class Severity { Error, Warning };

/// Text: the whole revision is not taken. Environment: a date passed, a secret is missing; only
/// that service is blocked.
enum class FaultClass { Text, Environment };

struct Diagnostic {
  Mark mark;                ///< line 0: it is about the file or folder as a whole
  std::string id;           ///< stable, PascalCase; the list is in docs/manifests.md
  std::string message;      ///< one sentence without a full stop; never a secret
  std::string remedy;       ///< what would be right; may be empty
  std::string source_line;  ///< secrets hidden, cut to a window around the place; may be empty
  int caret = 0;            ///< the column in `source_line`, from 0
  Severity severity = Severity::Error;
  FaultClass fault_class = FaultClass::Text;
  std::optional<ServiceId> service;  ///< whose; of faults of the environment
  bool operator==(const Diagnostic&) const = default;
};

/// `file:line:column: what is wrong; what would be right`, then the source line and a caret. Ends
/// in a newline. `color`: with ANSI sequences.
std::string render(const Diagnostic& diagnostic, bool color);

/// Collects the faults of a load. Bounded: of each file the first 500 are kept and the others are
/// counted in one more.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  void text(Mark mark, std::string id, std::string message, std::string remedy);
  void warning(Mark mark, std::string id, std::string message, std::string remedy);
  /// A literal secret stands at `mark`: nothing of its line from there on is ever shown.
  void hide(const Mark& mark);

  /// Gives the faults of `file` that have none yet their source line.
  void attach_source(const std::string& file, std::string_view text);
  /// The files of faults that still lack their line.
  std::vector<std::string> without_source() const;

  bool any_text_fault() const { return text_faults_ > 0; }
  /// All, by file, line, column. Leaves the collection empty.
  std::vector<Diagnostic> take_sorted();

 private:
  std::vector<Diagnostic> all_;
  std::map<std::string, std::size_t> per_file_;
  std::map<std::string, std::map<int, int>> hidden_;  // file -> line -> first hidden column
  std::size_t text_faults_ = 0;
};

}  // namespace dps::manifest
