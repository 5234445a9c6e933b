#include "reconciler/arm/write_service.hpp"

#include <fmt/format.h>

#include <utility>

#include "reconciler/arm/guarded.hpp"
#include "reconciler/arm/operation.hpp"
#include "reconciler/arm/overlay.hpp"
#include "reconciler/arm/preflight.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

constexpr int kMostRounds = 3;
constexpr Duration kSettles = std::chrono::minutes{5};

Error moved_since(const LiveService& live) {
  return Error{NextMove::ReadAgain,
               "PreconditionFailed",
               fmt::format("{} was written by somebody else meanwhile", live.id.name),
               "nothing: it is read and compared again",
               0,
               {}};
}

Error busy(const LiveService& live) {
  return Error{NextMove::ReadAgain,
               "InTransition",
               fmt::format("Azure is at work on {}: {}", live.id.name, printable(live.state, 40)),
               "nothing: it is looked at again",
               0,
               {}};
}

Result<std::vector<PolicyWithKeys>> keys_of(Client& client,
                                            const ServiceId& id,
                                            std::string_view version,
                                            const std::stop_token& stop) {
  auto keys = client.list_keys(id, version, stop);
  if (keys) return keys;
  auto error = in_context("reading the keys to send back", keys.error());
  if (is_denied(error)) {
    error.next = NextMove::WaitForOthers;
    error.id = "KeysUnreadable";
    error.remedy =
        "let the identity list the service's keys (…/provisioningServices/listkeys/action): a "
        "write without them would make them anew";
  }
  return fail(std::move(error));
}

// The window between read and write is kept small: what is old is read again, and must be the same.
Result<void> refresh(Client& client, FreshService& fresh, const std::stop_token& stop) {
  if (client.clock().now() - fresh.read_at <= kMostWindow) return {};
  const auto again = client.get_service(fresh.live.id, fresh.live.api_version, stop);
  if (!again) return fail(in_context("reading again before the write", again.error()));
  if (again->etag != fresh.live.etag) return fail(moved_since(*again));
  if (in_transition(again->state)) return fail(busy(*again));
  fresh.live = *again;
  fresh.read_at = client.clock().now();
  return {};
}

void reach(Reached* reached, Reached how_far) {
  if (reached != nullptr) *reached = how_far;
}

Duration since(const Client& client, TimePoint then) {
  return std::chrono::duration_cast<Duration>(client.clock().now() - then);
}

// Every PUT gives a new etag. A service that still shows the old one is still at work, whatever its
// state says: without an address to poll, and where a GET shows the old values until the end,
// nothing else tells.
Result<LiveService> wait_until_shown(Client& client,
                                     const ServiceId& id,
                                     std::string_view version,
                                     const Etag& before,
                                     const std::stop_token& stop) {
  const auto deadline = client.clock().now() + kSettles;
  for (int number = 1;; ++number) {
    auto live = client.wait_until_settled(id, version, kSettles, stop);
    if (!live || live->etag != before) return live;
    const auto pause = poll_delay(number, std::nullopt);
    if (client.clock().now() + pause > deadline) {
      return fail(Error{NextMove::ReadAgain,
                        "OperationTimeout",
                        fmt::format("ARM took the write, and after {} nothing of it is to be seen",
                                    duration_text(kSettles)),
                        "nothing: it is read and compared again",
                        0,
                        {}});
    }
    if (!client.clock().sleep(pause, stop)) {
      return fail(give_up("Cancelled", "cancelled while Azure was at work; it goes on without us"));
    }
  }
}

void wipe_strings(Json& value) {
  if (value.is_string()) {
    wipe(value.get_ref<std::string&>());
  } else if (value.is_structured()) {
    for (auto& child : value) wipe_strings(child);
  }
}

// Connection strings stand in it in clear.
struct WipedTree {
  Json& tree;
  ~WipedTree() { wipe_strings(tree); }
};

}  // namespace

Result<FreshService> read_for_write(Client& client,
                                    const ServiceId& id,
                                    std::string_view version,
                                    Keys keys,
                                    const std::optional<Etag>& known,
                                    const std::stop_token& stop) {
  auto standing = known;
  for (int round = 0; round <= kMostRounds; ++round) {
    FreshService fresh;
    if (keys == Keys::Needed) {
      auto policies = keys_of(client, id, version, stop);
      if (!policies) return fail(policies.error());
      fresh.policies = *std::move(policies);
    }
    auto live = client.get_service(id, version, stop);
    if (!live) return fail(in_context("reading before the write", live.error()));
    fresh.read_at = client.clock().now();
    fresh.live = *std::move(live);
    if (keys == Keys::NotNeeded || standing == fresh.live.etag) return fresh;
    standing = fresh.live.etag;
  }
  return fail(Error{NextMove::ReadAgain,
                    "Conflict",
                    fmt::format("{} changes faster than it can be read", id.name),
                    "find out who else writes it",
                    0,
                    {}});
}

Result<WriteOutcome> write_service(Client& client,
                                   FreshService fresh,
                                   const ServiceWrite& write,
                                   const std::stop_token& stop,
                                   Reached* reached) {
  reach(reached, Reached::Nothing);
  if (in_transition(fresh.live.state)) return fail(busy(fresh.live));
  const auto id = fresh.live.id;
  const std::string version = fresh.live.api_version;
  const bool patch = write.only_tags();

  Secret body;
  if (!patch) {
    auto made = overlay(fresh.live, fresh.policies, write);
    if (!made) return fail(made.error());
    body = *std::move(made);
  }
  const auto tags = overlay_tags(fresh.live.tags, write);
  if (auto current = refresh(client, fresh, stop); !current) return fail(current.error());

  WriteOutcome outcome;
  outcome.window = since(client, fresh.read_at);
  reach(reached, Reached::Sent);
  const auto operation = send_guarded(
      client,
      id,
      version,
      fresh.live.etag,
      [&](const std::optional<Etag>& if_match) {
        return patch ? client.patch_tags(id, version, tags, if_match, stop)
                     : client.put_service(id, version, body, if_match, stop);
      },
      stop);
  if (!operation) return fail(in_context("writing", operation.error()));
  reach(reached, Reached::Begun);
  auto ended = client.follow(*operation, stop);
  if (!ended) return fail(in_context("writing", ended.error()));
  outcome.unclear = std::move(ended->unclear);
  reach(reached, Reached::Done);

  // The write's own answer is not the truth: its etag is old and its hosts are gone.
  auto after = patch ? client.wait_until_settled(id, version, kSettles, stop)
                     : wait_until_shown(client, id, version, fresh.live.etag, stop);
  if (!after) return fail(in_context("reading back", after.error()));
  outcome.after = *std::move(after);
  auto expected =
      patch ? expected_after(fresh.live, tags) : expected_after(fresh.live, body.reveal());
  if (!expected) return fail(in_context("comparing with what was sent", expected.error()));
  const WipedTree wiped{*expected};
  outcome.moved = compare(*expected, outcome.after, write);
  if (!patch && !write.policies.empty()) {
    // Best effort: the write is done, and the keys could be read a moment ago.
    if (const auto policies = client.list_keys(id, version, stop)) {
      compare_policies(*fresh.policies, *policies, write, outcome.moved);
    }
  }
  return outcome;
}

Result<LiveService> create_service(Client& client,
                                   std::string_view version,
                                   const ServiceCreate& create,
                                   const std::stop_token& stop,
                                   Reached* reached) {
  reach(reached, Reached::Nothing);
  const auto body = creation_body(create);
  if (!body) return fail(body.error());
  const auto before = client.get_service(create.id, version, stop);
  if (before) {
    return fail(Error{NextMove::ReadAgain,
                      "AlreadyExists",
                      fmt::format("{} exists: somebody was faster", create.id.name),
                      "nothing: it is read and compared",
                      0,
                      {}});
  }
  if (before.error().id != "ServiceNotFound") {
    return fail(in_context("looking before the create", before.error()));
  }

  reach(reached, Reached::Sent);
  const auto operation = client.put_service(create.id, version, *body, std::nullopt, stop);
  if (!operation) return fail(in_context("creating", operation.error()));
  reach(reached, Reached::Begun);
  if (auto ended = client.follow(*operation, stop); !ended) {
    return fail(in_context("creating", ended.error()));
  }
  reach(reached, Reached::Done);
  auto live = client.wait_until_settled(create.id, version, kSettles, stop);
  if (!live) return fail(in_context("reading the new service", live.error()));
  if (has_failed(live->state)) {
    return fail(Error{NextMove::WaitForOthers,
                      "OperationFailed",
                      fmt::format("the new service is in state {}", printable(live->state, 40)),
                      "look at the service in the portal; it is never deleted and made anew",
                      0,
                      {}});
  }
  return live;
}

Result<void> remove_service(Client& client,
                            const ServiceId& id,
                            std::string_view version,
                            const RemovalGuard& guard,
                            const std::stop_token& stop,
                            Reached* reached) {
  reach(reached, Reached::Nothing);
  const auto gone = [](const Error& error) { return error.id == "ServiceNotFound"; };
  const auto wait_until_gone = [&]() -> Result<void> {
    const auto left = client.wait_until_settled(id, version, kSettles, stop);
    if (!left) return gone(left.error()) ? Result<void>{} : fail(left.error());
    return fail(Error{NextMove::ReadAgain,
                      "StillThere",
                      fmt::format("{} is still there, in state {}", id.name, left->state),
                      "nothing: it is read again",
                      0,
                      {}});
  };

  const auto live = client.get_service(id, version, stop);
  if (!live) {
    if (gone(live.error())) return {};
    return fail(in_context("looking before the delete", live.error()));
  }
  if (!guard.id_scope.empty() && live->id_scope != guard.id_scope) {
    return fail(give_up("OtherService",
                        fmt::format("{} has the id scope {} and not {}",
                                    id.name,
                                    printable(live->id_scope, 40),
                                    printable(guard.id_scope, 40)),
                        "it is another service of the same name: check the tombstone"));
  }
  if (live->state == "Deleting") return wait_until_gone();
  if (!guard.etag.text.empty() && live->etag != guard.etag) return fail(moved_since(*live));
  if (in_transition(live->state)) return fail(busy(*live));

  reach(reached, Reached::Sent);
  const auto operation = send_guarded(
      client,
      id,
      version,
      live->etag,
      [&](const std::optional<Etag>& if_match) {
        return client.delete_service(id, version, if_match, stop);
      },
      stop);
  if (!operation) {
    if (gone(operation.error())) return {};
    if (operation.error().id == "LostAnswer") {
      const auto left = client.wait_until_settled(id, version, kSettles, stop);
      if (!left && gone(left.error())) return {};
    }
    return fail(in_context("deleting", operation.error()));
  }
  reach(reached, Reached::Begun);
  if (auto ended = client.follow(*operation, stop); !ended) {
    return fail(in_context("deleting", ended.error()));
  }
  reach(reached, Reached::Done);
  return wait_until_gone();
}

}  // namespace dps::arm
