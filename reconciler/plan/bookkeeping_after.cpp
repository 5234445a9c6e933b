#include "reconciler/plan/bookkeeping_after.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/match.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

constexpr std::size_t kRevisionLength = 12;

/// Text in which no two different values look alike: each part carries its length.
class Canonical {
 public:
  Canonical& add(std::string_view text) {
    fmt::format_to(std::back_inserter(text_), "{}:", text.size());
    text_ += text;
    return *this;
  }
  Canonical& add(bool value) { return add(std::string_view(value ? "true" : "false")); }
  Canonical& add(std::int64_t value) { return add(std::string_view(std::to_string(value))); }
  template <class Value>
  Canonical& add(const std::optional<Value>& value) {
    if (!value) {
      text_ += '-';
      return *this;
    }
    text_ += '+';
    return add(*value);
  }
  Canonical& add(const SecretReference& reference) {
    return match(
        reference,
        [&](const EnvironmentReference& env) -> Canonical& { return add("env").add(env.variable); },
        [&](const FileReference& file) -> Canonical& { return add("file").add(file.shown); },
        [&](const ExecReference& exec) -> Canonical& {
          return add("exec").add(join(exec.argv, "\n"));
        });
  }
  Canonical& add(const HubCredential& credential) {
    return match(
        credential,
        [&](const HubKeyReference& key) -> Canonical& {
          return add(lower(key.hub_path())).add(key.policy).add(key.key == KeyKind::Primary);
        },
        [&](const SecretReference& reference) -> Canonical& { return add(reference); });
  }
  Canonical& add(const Sku& sku) { return add(sku.name).add(sku.capacity); }
  Canonical& add(const Rights& rights) { return add(rights.text()); }

  /// Members in the order of their texts.
  Canonical& add_set(std::vector<std::string> members) {
    std::sort(members.begin(), members.end());
    add(static_cast<std::int64_t>(members.size()));
    for (const auto& member : members) add(member);
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  Canonical& add(const char* text) { return add(std::string_view(text)); }
  std::string text_;
};

std::string canonical(const DesiredHub& hub) {
  return Canonical()
      .add(lower(hub.host_name))
      .add(location_key(hub.location.value_or("")))
      .add(hub.allocation_weight)
      .add(hub.apply_allocation_policy)
      .add(hub.credential)
      .add(hub.presence == Presence::Present)
      .text();
}

std::string canonical(const DesiredPolicy& policy) {
  return Canonical()
      .add(lower(policy.name))
      .add(policy.rights)
      .add(policy.primary_key)
      .add(policy.secondary_key)
      .add(policy.presence == Presence::Present)
      .text();
}

template <class Entry>
void add_entries(Canonical& out, const std::optional<std::vector<Entry>>& entries) {
  out.add(entries.has_value());
  if (!entries) return;
  std::vector<std::string> texts;
  texts.reserve(entries->size());
  for (const auto& entry : *entries) texts.push_back(canonical(entry));
  out.add_set(std::move(texts));
}

}  // namespace

std::string desired_revision(const DesiredService& desired) {
  Canonical out;
  out.add(location_key(desired.location.value_or("")))
      .add(desired.sku)
      .add(desired.allocation_policy)
      .add(desired.public_network_access)
      .add(desired.data_residency)
      .add(desired.ip_filter_rules.has_value());
  for (const auto& rule : desired.ip_filter_rules.value_or(std::vector<IpFilterRule>())) {
    out.add(rule.name).add(rule.action).add(rule.mask).add(rule.target);
  }
  out.add(desired.tags.has_value());
  for (const auto& [name, value] : desired.tags.value_or(Tags())) out.add(lower(name)).add(value);
  add_entries(out, desired.linked_hubs);
  add_entries(out, desired.policies);
  const auto& lifecycle = desired.lifecycle;
  out.add(lifecycle.protect).add_set(lifecycle.ignore);
  for (const auto unlisted : {lifecycle.hubs, lifecycle.policies, lifecycle.tags}) {
    out.add(unlisted == Unlisted::Keep);
  }
  return short_digest(out.text(), kRevisionLength);
}

Bookkeeping bookkeeping_after(const Subject& subject, const std::vector<Change>& changes) {
  Bookkeeping after = subject.bookkeeping;
  if (subject.desired.declared) {
    after.owner = subject.settings.owner;
    after.revision = desired_revision(subject.desired);
    if (subject.desired.tags) {
      after.tag_digests.clear();
      for (const auto& [name, value] : *subject.desired.tags) {
        after.tag_digests.insert(tag_digest(name));
      }
    }
    if (subject.desired.lifecycle.protect) after.protect = *subject.desired.lifecycle.protect;
  }
  std::map<std::string, std::string> linked;
  if (subject.live != nullptr && !after.fingerprints.empty()) {
    for (const auto& hub : subject.live->linked_hubs) {
      const auto found = after.fingerprints.find(host_digest(hub.host_name));
      if (found != after.fingerprints.end()) linked.insert(*found);
    }
    for (const auto& change : changes) {
      if (change.kind == Kind::LinkedHub && change.action == Action::Delete) {
        linked.erase(host_digest(change.name));
      }
    }
  }
  after.fingerprints = std::move(linked);
  return after;
}

void leave_out(const Change& change, const Bookkeeping& live, Bookkeeping& after) {
  if (change.kind == Kind::Certificate) return;
  after.revision = live.revision;
  if (change.kind == Kind::LinkedHub && change.action == Action::Delete) {
    const auto known = live.fingerprints.find(host_digest(change.name));
    if (known != live.fingerprints.end()) after.fingerprints.insert(*known);
  }
  if (change.kind == Kind::Tag) {
    const auto digest = tag_digest(change.name);
    if (live.tag_digests.contains(digest)) {
      after.tag_digests.insert(digest);
    } else {
      after.tag_digests.erase(digest);
    }
  }
  if (change.field == "lifecycle.protect") after.protect = live.protect;
}

}  // namespace dps::plan
