// error: what went wrong, and what the caller may do about it.
#pragma once

#include <string>
#include <utility>

namespace dps {

/// What the caller may do next; not where it broke.
enum class NextMove {
  RetryLater,  ///< passing trouble of network or server: the same again after a pause
  ReadAgain,   ///< the world moved, or a write's answer was lost: read the live state, then decide
  WaitForOthers,  ///< a role, a hub, a group, a lock: somebody has to act, Azure may need minutes
  GiveUp,         ///< the same request can only fail again until the manifest or the flags change
};

/// A failure as a value. `what` and `remedy` are sentences for a person; never a secret, never a
/// whole body.
struct Error {
  NextMove next = NextMove::GiveUp;
  std::string id;  ///< stable, PascalCase: "OwnedByOther", "KeysUnreadable"; what scripts look for
  std::string what;        ///< one sentence
  std::string remedy;      ///< what would be right; may be empty
  int http_status = 0;     ///< of the answer that said so; 0 when there was none
  std::string request_id;  ///< ARM's x-ms-request-id, for a support case; may be empty

  bool operator==(const Error&) const = default;
};

/// The same error, said with what was being done: "reading the keys: …".
inline Error in_context(const std::string& doing, Error error) {
  error.what = doing + ": " + error.what;
  return error;
}

/// A failure of our own making or of the manifest: nothing will change by trying again.
inline Error give_up(std::string id, std::string what, std::string remedy = {}) {
  return {NextMove::GiveUp, std::move(id), std::move(what), std::move(remedy), 0, {}};
}

}  // namespace dps
