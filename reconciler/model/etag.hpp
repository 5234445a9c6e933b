// etag: ARM's concurrency token, and the precondition that every write names.
#pragma once

#include <string>
#include <variant>

namespace dps {

/// Opaque; sent back as it came, without quotes. Empty: the answer carried none.
struct Etag {
  std::string text;
  bool operator==(const Etag&) const = default;
};

struct IfAbsent {  ///< a create: fail if somebody was faster
  bool operator==(const IfAbsent&) const = default;
};
struct Unguarded {
  std::string why;  ///< shown in the report
  bool operator==(const Unguarded&) const = default;
};
/// No default: a write that nobody thought about cannot be made.
using Precondition = std::variant<Etag, IfAbsent, Unguarded>;

}  // namespace dps
