// documents: what the files say, decoded one by one, before Defaults are laid in and entries join
// their service.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "reconciler/model/desired_service.hpp"

namespace dps::manifest {

/// A lifecycle as written: what is absent may be filled by Defaults.
struct LifecyclePart {
  std::optional<LifecycleState> state;
  std::optional<std::string> id_scope;
  std::optional<Adopt> adopt;
  std::optional<std::string> adopt_from;
  std::optional<bool> protect;
  std::optional<Suspension> suspend;
  std::optional<Duration> interval;
  std::vector<std::string> ignore;
  std::optional<Unlisted> hubs;
  std::optional<Unlisted> policies;
  std::optional<Unlisted> certificates;
  std::optional<Unlisted> tags;
};

/// Which service a document speaks of; Defaults may fill all but the name.
struct Identity {
  std::string name;
  std::optional<std::string> resource_group;
  std::optional<std::string> subscription;
  Mark mark;
  bool faulty = false;  ///< a part of it stands there and is wrong: say no more of it
};

struct ServiceDocument {
  Identity identity;
  DesiredService service;  ///< without id and lifecycle
  LifecyclePart lifecycle;
  Mark lifecycle_mark;
  Mark tags_mark;  ///< line 0: no tags written
  Mark hubs_mark;
  Mark certificates_mark;
};

using Entry = std::variant<DesiredHub, DesiredPolicy, DesiredCertificate>;

struct EntryDocument {
  Identity service;
  std::optional<std::string> owner;
  Entry entry;
  std::vector<std::string> ignore;  ///< whole paths
  std::vector<Block> blocks;
  Mark mark;
};

struct DefaultsDocument {
  std::string folder;
  std::optional<std::string> subscription;
  std::optional<std::string> resource_group;
  std::optional<std::string> location;
  std::optional<Sku> sku;
  std::optional<Tags> tags;
  LifecyclePart lifecycle;
  Mark mark;
};

struct Documents {
  std::vector<ServiceDocument> services;
  std::vector<EntryDocument> entries;
  std::vector<DefaultsDocument> defaults;
};

}  // namespace dps::manifest
