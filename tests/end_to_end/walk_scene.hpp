// scene: one furnished service in a lab: what the manifest names, and beside it everything that a
// careless write would lose. A case of the walk begins here, and is judged here.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/end_to_end/lab.hpp"

namespace dps::lab {

/// A switch of the simulator and its answer.
struct Setting {
  std::string name;
  std::string value;
};
using Settings = std::vector<Setting>;
/// "if-match=refused put-status=200", or "as they come".
std::string text_of(const Settings& settings);
bool has(const Settings& settings, std::string_view name, std::string_view value);

inline constexpr const char* kOldest = "2017-11-15";
inline constexpr const char* kNewest = "2022-12-12";

inline constexpr const char* kHub1 = "hub-1.azure-devices.net";
inline constexpr const char* kHub2 = "hub-2.azure-devices.net";
inline constexpr const char* kHub3 = "hub-3.azure-devices.net";  ///< foreign: no manifest names it

class Scene {
 public:
  using Change = std::function<void(SimJson&)>;

  /// `base` changes the manifest before the service is made.
  Scene(std::string version, const Settings& settings, const Change& base = {});

  /// The manifest goes through `change` and is written anew.
  void rewrite(const Change& change);
  /// A second writer changes the service's document as the simulator keeps it.
  void meddle(const Change& change);
  /// A second writer gives the hub new keys; the variables stay.
  void rotate_hub_keys(const std::string& hub);
  /// "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…" with a key that the hub has.
  std::string connection(const std::string& hub,
                         const std::string& policy = "iothubowner",
                         const std::string& which = "primaryKey");
  std::string variable(const std::string& name) const { return variables_.at(name); }
  void set_variable(const std::string& name, const std::string& value);

  /// The service as the simulator keeps it.
  SimJson document() { return lab.service("fleet"); }
  /// As it was before the last act.
  const SimJson& snapshot() const { return snapshot_; }
  void take_snapshot() { snapshot_ = document(); }
  bool can(std::string_view version) const { return version_ >= version; }
  const std::string& version() const { return version_; }

  /// Every key of this world that must not be printed, those of the past included.
  std::set<std::string> secrets();

  Lab lab;

 private:
  void furnish();

  std::string version_;
  SimJson manifest_;
  SimJson snapshot_;
  std::map<std::string, std::string> variables_;
  std::set<std::string> secrets_;
};

/// A document without what every write changes (the etag and our bookkeeping), the order of hubs
/// and policies, and the spelling of rights. A key "*" stands for any that is there.
SimJson comparable(SimJson document);
/// Where two documents differ: "/properties/iotHubs/0/location: "a" and "b"", at most a few.
std::string difference(const SimJson& expected, const SimJson& actual);

/// The entry of `list` whose `member` is `name`; fails the test when there is none.
SimJson& entry(SimJson& list, const char* member, const std::string& name);
/// Of a document, by host.
SimJson& hub_in(SimJson& document, const std::string& host);
SimJson& policy_in(SimJson& document, const std::string& name);
void remove_hub(SimJson& document, const std::string& host);
void remove_policy(SimJson& document, const std::string& name);
void remove_entry(SimJson& list, const char* member, const std::string& name);

}  // namespace dps::lab
