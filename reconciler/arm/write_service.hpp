// write_service: the flows that change a service. Mechanical: what to do about an error, and
// whether to try once more, is the caller's business.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/moved.hpp"
#include "reconciler/arm/write_request.hpp"

namespace dps::arm {

/// A read older than this is made again before the write.
inline constexpr Duration kMostWindow = std::chrono::seconds{2};

/// Will a PUT be made? Then all keys must be sent back. A PATCH of tags needs none.
enum class Keys { Needed, NotNeeded };

/// What a write starts from: the document in the version of the write, and keys that belong to it.
struct FreshService {
  LiveService live;
  std::optional<std::vector<PolicyWithKeys>> policies;  ///< with Keys::Needed
  TimePoint read_at{};                                  ///< when the document's answer came
};

/// Reads keys first, then the document. The keys belong to it when its etag is `known` (the
/// plan's), for then nobody wrote in between; else both are read again until the etag stands still,
/// at most three times. The caller compares `live.etag` with what it planned on. Errors: as
/// list_keys and get_service; a denied listkeys is WaitForOthers "KeysUnreadable"; ReadAgain
/// "Conflict" when the service would not stand still.
Result<FreshService> read_for_write(Client& client,
                                    const ServiceId& id,
                                    std::string_view version,
                                    Keys keys,
                                    const std::optional<Etag>& known,
                                    const std::stop_token& stop);

/// How far a change came, for a caller that got an error.
enum class Reached {
  Nothing,  ///< no write was sent
  Sent,     ///< it was sent; refused, or its answer was lost
  Begun,    ///< ARM took it: what stuck of it only a read can tell
  Done,     ///< its operation ended well; what followed, reading back, did not
};

struct WriteOutcome {
  LiveService after;  ///< read back, settled
  Moved moved;        ///< what was not meant to change and did
  /// The operation's polls never said that it succeeded: only the state of the service did.
  std::optional<Error> unclear;
  Duration
      window{};  ///< from the read that the write started from to its start: undetectable there
};

/// PATCH for tags alone, else PUT of the overlay; If-Match and the body's etag; follows the
/// operation; reads back and compares. A PUT that names policies costs one listkeys more, which
/// tells whether their keys stayed. Errors, nothing having been written: ReadAgain
/// "PreconditionFailed" (somebody was faster), "InTransition"; those of overlay. Perhaps written:
/// ReadAgain "LostAnswer", "BadAnswer", "OperationTimeout". Written and failed: "OperationFailed",
/// "HubNotFound" and what else the operation says. `reached` is told in every case, here and below.
Result<WriteOutcome> write_service(Client& client,
                                   FreshService fresh,
                                   const ServiceWrite& write,
                                   const std::stop_token& stop,
                                   Reached* reached = nullptr);

/// GET (must say that it is missing), PUT, follow, read back.
/// Errors: ReadAgain "AlreadyExists"; as above; "OperationFailed" with the state when it settles in
/// a failed one. Never sends If-None-Match: nothing tells what the service does with it.
Result<LiveService> create_service(Client& client,
                                   std::string_view version,
                                   const ServiceCreate& create,
                                   const std::stop_token& stop,
                                   Reached* reached = nullptr);

/// What the service must still be to be removed. Empty members are not looked at.
struct RemovalGuard {
  Etag etag;
  std::string id_scope;
};

/// GET, check, DELETE, follow, and waits until a GET no longer finds it. Missing is success, so is
/// being deleted by somebody else already.
/// Errors: ReadAgain "PreconditionFailed", "InTransition", "LostAnswer" (and it is still there);
/// GiveUp "OtherService" when the id scope is another one.
[[nodiscard]] Result<void> remove_service(Client& client,
                                          const ServiceId& id,
                                          std::string_view version,
                                          const RemovalGuard& guard,
                                          const std::stop_token& stop,
                                          Reached* reached = nullptr);

}  // namespace dps::arm
