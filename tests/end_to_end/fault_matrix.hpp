// fault_matrix: the rows (kinds of request), the columns (faults) and the scenarios of the fault
// matrix, and a bench on which a cell of it runs.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/end_to_end/safety.hpp"

namespace dps::lab {

/// One kind of request: where a fault strikes.
struct Row {
  std::string name;
  std::string method;
  std::string path;  ///< a glob, as the simulator's faults take it
  int nth = 1;       ///< of these requests of a pass
};

/// A pass whose requests are troubled: the world before it, and which kinds of request it makes.
struct Scenario {
  std::string name;
  std::function<void(Lab&)> prepare;  ///< the world and the manifests, ready for the pass
  std::vector<Row> rows;
  /// Several writes, each of which stands for itself: what is half done is allowed between them.
  bool in_steps = false;
  /// "For ever" would show nothing here that other scenarios do not show.
  bool once_only = false;
};
std::vector<Scenario> scenarios();

/// One kind of fault.
struct Trouble {
  std::string name;
  SimJson action;          ///< null: nobody listens
  bool passing = true;     ///< once, it must not be noticed: the same pass converges
  bool real_time = false;  ///< costs real seconds: the wire's timeouts are short
  bool only_once = false;  ///< for ever it would be no fault, or another one's
};
std::vector<Trouble> troubles();
std::string test_name(const std::string& text);  ///< letters and digits only

enum class Repeated { Once, ForEver };

/// What a pass came to, as its caller is told.
struct Told {
  std::vector<Error> errors;
  std::size_t unseen = 0;
  bool quiet = true;  ///< nothing failed, nothing blocked
  std::string text;   ///< all of it, for a failing test
  bool claims_success() const { return quiet && unseen == 0; }
};

class Bench {
 public:
  /// Runs the scenario undisturbed and remembers how that went.
  Bench(const Scenario& of, bool short_timeouts);

  void restart();
  void strike(const Row& row, const Trouble& trouble, Repeated repeated);
  /// Look and apply, as the program does.
  Told pass();
  /// Takes the fault away; how often it struck.
  std::size_t heal();

  SimJson now();
  const SimJson& started() const { return started_; }
  const SimJson& finished() const { return finished_; }
  bool is_quiet();  ///< a plan of now has nothing to say
  std::vector<Asked> requests() { return lab.requests(); }
  std::size_t undisturbed_requests() const { return undisturbed_requests_; }
  /// How often what took effect, since the restart: "created /subscriptions/…".
  std::map<std::string, int> effects();
  const std::map<std::string, int>& undisturbed_effects() const { return undisturbed_effects_; }

  Lab lab;
  const Scenario& scenario;

 private:
  SimJson normal(SimJson state) const;
  SimJson start_;
  SimJson started_, finished_;
  std::set<std::string> there_before_;
  std::map<std::string, int> undisturbed_effects_;
  std::size_t undisturbed_requests_ = 0;
  std::uint64_t history_from_ = 0;
  std::atomic<std::size_t> refused_{0};
};

/// An id, a sentence, and what to do about it.
bool is_clear(const Error& error);
/// A key of the world, or the client's secret.
bool shows_a_secret(Bench& bench, const std::string& text);
/// "" when equal; else the JSON patch from one to the other.
std::string difference_of_states(const SimJson& is, const SimJson& should_be);
std::string printed(const std::vector<Asked>& requests);

}  // namespace dps::lab
