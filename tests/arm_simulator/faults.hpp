// Faults on request: which requests they hit and what they do to them. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/arm_simulator/message.hpp"

namespace dps::sim {

enum class FaultKind {
  Status,        // answer this status, headers and body
  Reset,         // TCP RST
  Close,         // FIN without an answer
  Truncate,      // a Content-Length larger than what is sent, then FIN
  Hang,          // no answer until the client leaves
  Drip,          // the answer in single bytes, `delay` between them
  Stall,         // half of the answer, then nothing until the client leaves
  Chunked,       // the answer in chunks
  CutChunks,     // in chunks, and FIN where the last one should be
  Gzip,          // the answer compressed
  OtherHeaders,  // the true answer, these headers set
  Delay,         // wait `delay`, then go on
  Edit,          // a second writer's edit, then go on
  ExpireTokens,  // no token that was given out is good any more, then go on
};
enum class FaultMoment { Before, After };  // the request took effect

/// The request is processed all the same, and another kind may decide its answer.
[[nodiscard]] bool goes_on(FaultKind kind);

struct FaultAction {
  FaultKind kind = FaultKind::Status;
  FaultMoment when = FaultMoment::Before;
  int status = 500;
  Headers headers;
  std::optional<std::string> body;
  Milliseconds delay{0};
  std::string edit_id;
  std::string edit_patch;  // JSON text
  std::string label;       // for the request log
};

class Faults {
 public:
  Faults();
  ~Faults();

  /// Replaces the list: a JSON array of `{match, do}`. The problem as one sentence; then unchanged.
  [[nodiscard]] std::optional<std::string> set(const nlohmann::ordered_json& list);
  /// The list as it was set, each with `matched` and `applied`, how often so far.
  [[nodiscard]] nlohmann::ordered_json list() const;
  void clear();

  /// Counts the request and gives what acts on it, in the order of the list; at most one of them
  /// (the last) decides the answer.
  [[nodiscard]] std::vector<FaultAction> matching(const Request& request);

 private:
  struct Fault;
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
};

/// `*` any run within a segment, `**` any run, `?` one character; without case, over the whole
/// text.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace dps::sim
