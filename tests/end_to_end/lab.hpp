// lab: the reconciler's real code over real sockets against the simulator in this process. Time is
// the simulator's: a wait of the reconciler moves its clock, so that operations end without
// waiting.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reconciler/apply/execute.hpp"
#include "reconciler/arm/client.hpp"
#include "reconciler/controller/engine.hpp"
#include "reconciler/controller/look.hpp"
#include "reconciler/http/admission.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/token_source.hpp"
#include "reconciler/manifest/files.hpp"
#include "reconciler/manifest/load.hpp"
#include "reconciler/model/report.hpp"
#include "reconciler/plan/plan.hpp"
#include "tests/arm_simulator/simulator.hpp"

namespace dps::lab {

/// As the simulator's states and documents are.
using SimJson = nlohmann::ordered_json;

inline constexpr const char* kSubscription = "11111111-1111-4111-8111-111111111111";

/// "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/NAME"
std::string service_path(const std::string& name, const std::string& group = "rg");
std::string hub_path(const std::string& name, const std::string& group = "rg");

struct Asked {
  std::string method;
  std::string path;  ///< as it was sent
  std::string query;
  int status = 0;
  std::string if_match;
  std::string body_etag;
};

class Lab {
 public:
  /// A world with one subscription, the group `rg`, hubs hub-1 … hub-3 and operations of 2 s.
  Lab();
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // ---- the world ----
  sim::Simulator& simulator() { return *simulator_; }
  void set_switch(const std::string& name, const std::string& value);
  void plant(const SimJson& seed);
  /// A second writer: a JSON merge patch on a resource.
  void edit(const std::string& id, const SimJson& patch);
  SimJson state();
  /// The resource of the state by its ARM id; null when it is not there. Secrets in clear.
  SimJson service(const std::string& name, const std::string& group = "rg");
  SimJson hub(const std::string& name);
  std::string hub_key(const std::string& name, const std::string& policy = "iothubowner");
  /// The requests since the last call of forget_requests().
  std::vector<Asked> requests();
  void forget_requests();
  /// Requests that change something: PUT, PATCH, DELETE (POSTs of keys are reads).
  std::vector<Asked> writes();

  // ---- the manifests: path -> text, below "/manifests" ----
  void manifest(const std::string& path, const std::string& text);
  void remove_manifest(const std::string& path);
  /// "/manifests/PATH" -> text: for a test that hands them to a process.
  const std::map<std::string, std::string>& manifests() const { return contents_; }
  void variable(const std::string& name, const std::string& value);
  manifest::Loaded load();

  // ---- the flags ----
  plan::Settings settings;
  arm::ReadOptions read;
  std::vector<manifest::Selector> select;
  bool allow_empty = false;
  /// What apply calls while it works: a place for a second writer. May be empty.
  std::function<void(const apply::Step&)> on_step;

  // ---- the time ----
  /// How long (of the person's time) nobody may move before a wait moves the simulator's clock, and
  /// then to the earliest wake-up of all: for passes in which many wait at once and the pace is
  /// what is tested. 0: every wait moves the clock at once. Set before a pass.
  std::chrono::microseconds patience{0};

  // ---- the wire ----
  http::CurlSettings curl;
  /// True: this request finds nobody listening. From any thread; may be empty.
  std::function<bool(const http::Request&)> refuse;

  /// Watches every exchange. Not owned; null: nobody does.
  http::ExchangeObserver* observer = nullptr;

  // ---- a process that runs for long: one of these outlives its engine ----
  /// The flags as they are now.
  std::shared_ptr<controller::Runtime> runtime(const controller::EngineSettings& engine = {});
  Clock& clock();
  /// Time goes on by itself.
  void advance(Duration step);

  // ---- the passes; each as a process of its own: no token, no connection, no memory is shared
  // ----
  /// GTest-fails on faults of the manifests.
  controller::Look look();
  plan::Plan plan() { return look().plan; }
  Report apply();
  /// What was looked at a while ago, applied now; `Saved` refuses what has moved.
  Report apply(const controller::Look& look, apply::Origin origin = apply::Origin::Fresh);

  /// Fails the test unless the plan of now has no changes and no problems.
  void expect_nothing_to_do();

 private:
  class Wired;
  class LabRuntime;
  class Refusing;
  class SimulatedClock;
  http::AdmissionSettings admission_settings() const;
  std::unique_ptr<sim::Simulator> simulator_;
  std::unique_ptr<SimulatedClock> clock_;
  std::map<std::string, std::string> contents_;
  std::map<std::string, std::string> variables_;
  std::uint64_t first_request_ = 0;
  /// One for all passes: a Look is applied by the process that looked.
  KeyDigester digester_ = random_digester();
};

/// Every change of a plan as "update LinkedHub hub-1… allocationWeight (drift)", held ones with
/// "!".
std::vector<std::string> lines(const plan::Plan& plan);

}  // namespace dps::lab
