// The simulated cloud behind one mutex: a request goes in, an answer comes out, no sockets. All
// members may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/arm_simulator/message.hpp"

namespace dps::sim {

struct WorldOptions {
  std::string tenant = "5f0d3c4e-9b1a-4c6e-8d57-2f6f0a1b7c11";
  std::string client_id = "0b6f2f7a-4a57-4b0e-9d7c-6f1d5a3e2c22";
  std::string client_secret = "s3cret~of+the/simulator&co=1";  // every character that forms escape
  std::uint64_t random_seed = 1;
};

class World {
 public:
  explicit World(const WorldOptions& options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] const WorldOptions& options() const { return options_; }

  /// What ARM answers. `fault`: the name of the fault that acts on this request, for the log.
  [[nodiscard]] Response handle(const Request& request);
  /// Enters a request into the log. Status 0: never answered.
  void log(const Request& request, TimePoint arrived, int status, std::string_view fault);

  [[nodiscard]] nlohmann::ordered_json state() const;
  /// Replaces the world. The problem as one sentence, and then nothing has changed.
  [[nodiscard]] std::optional<std::string> set_state(const nlohmann::ordered_json& seed);
  /// Adds to the world, as a seed does at the start.
  [[nodiscard]] std::optional<std::string> plant(const nlohmann::ordered_json& seed);
  /// Who may sign in, over the one of the same tenant and client id; docs/simulator.md has the
  /// members. The problem as one sentence, and then nothing has changed.
  [[nodiscard]] std::optional<std::string> set_identity(const nlohmann::ordered_json& entry);
  [[nodiscard]] nlohmann::ordered_json identities() const;
  [[nodiscard]] std::string identity_header() const;
  /// A second writer: a JSON merge patch over the resource as GET /state shows it; null deletes it;
  /// an id that does not exist is made. Gives a new etag. The problem as one sentence.
  [[nodiscard]] std::optional<std::string> edit(std::string_view id,
                                                const nlohmann::ordered_json& patch);

  [[nodiscard]] std::optional<std::string> set_switch(std::string_view name,
                                                      std::string_view value);
  [[nodiscard]] std::string switch_value(std::string_view name) const;
  [[nodiscard]] nlohmann::ordered_json switches() const;
  void advance(Milliseconds by);
  /// No token that was given out so far is good any more.
  void expire_tokens();
  [[nodiscard]] TimePoint now() const;
  [[nodiscard]] Milliseconds latency() const;

  /// Records with seq > `since`, oldest first, as the admin API shows them.
  [[nodiscard]] nlohmann::ordered_json requests(std::uint64_t since = 0) const;
  void forget_requests();
  void forget_history();  ///< and operations that have ended
  [[nodiscard]] nlohmann::ordered_json history(std::uint64_t since = 0) const;
  [[nodiscard]] std::vector<std::string> subscriptions() const;

 private:
  struct Data;
  WorldOptions options_;
  std::unique_ptr<Data> data_;
};

}  // namespace dps::sim
