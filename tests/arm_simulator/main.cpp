// arm-simulator: parses its flags, starts the Simulator, says where it listens, serves until
// SIGTERM.
#include <fmt/core.h>
#include <fmt/os.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/arm_simulator/fleet.hpp"
#include "tests/arm_simulator/simulator.hpp"

namespace {
using Json = nlohmann::ordered_json;
constexpr int kWrongUsage = 64;

struct Flags {
  std::string listen = "127.0.0.1:0";
  std::string tls_listen;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca_out;
  std::string admin_listen = "127.0.0.1:0";
  std::string seed;
  std::string fleet;
  std::string page_size;
  std::string latency;
  std::string operation_time;
  std::vector<std::string> set;
  std::string faults;
  std::string manifests_out;
};

/// Thrown with what is wrong with the flags; ends the program with 64.
struct WrongUsage {
  std::string what;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) throw WrongUsage{fmt::format("cannot read {}", path)};
  return text.str();
}

Json read_json(const std::string& path) {
  auto parsed = Json::parse(read_file(path), nullptr, false);
  if (parsed.is_discarded()) throw WrongUsage{fmt::format("{} is not JSON", path)};
  return parsed;
}

void check(const std::optional<std::string>& fault) {
  if (fault) throw WrongUsage{*fault};
}

void set_switches(dps::sim::World& world, const Flags& flags) {
  if (!flags.page_size.empty()) check(world.set_switch("page-size", flags.page_size));
  if (!flags.latency.empty()) check(world.set_switch("latency", flags.latency));
  if (!flags.operation_time.empty())
    check(world.set_switch("operation-time", flags.operation_time));
  for (const auto& setting : flags.set) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos)
      throw WrongUsage{fmt::format("--set {} lacks =VALUE", setting)};
    check(world.set_switch(setting.substr(0, equals), setting.substr(equals + 1)));
  }
}

void fill_world(dps::sim::World& world, const Flags& flags) {
  if (!flags.seed.empty()) {
    const auto seed = read_json(flags.seed);
    if (auto fault = world.plant(seed)) throw WrongUsage{fmt::format("{}: {}", flags.seed, *fault)};
  }
  if (!flags.fleet.empty()) {
    const auto spec = dps::sim::parse_fleet(flags.fleet);
    if (const auto* fault = std::get_if<std::string>(&spec)) throw WrongUsage{*fault};
    check(world.plant(dps::sim::make_fleet(std::get<dps::sim::FleetSpec>(spec))));
  }
  if (flags.seed.empty() && flags.fleet.empty())
    check(world.plant({{"subscriptions", Json::array({"91d12660-3dec-467a-be2a-213b5544ddc0"})}}));
  if (!flags.manifests_out.empty())
    check(dps::sim::write_manifests(world.state(), flags.manifests_out));
}

int run(const Flags& flags, const sigset_t& signals) {
  dps::sim::SimulatorOptions options;
  options.listen = flags.listen;
  options.admin_listen = flags.admin_listen;
  if (!flags.tls_listen.empty()) options.tls_listen = flags.tls_listen;
  if (flags.tls_cert.empty() != flags.tls_key.empty())
    throw WrongUsage{"--tls-cert and --tls-key belong together"};
  if (flags.tls_listen.empty() && (!flags.tls_cert.empty() || !flags.tls_ca_out.empty()))
    throw WrongUsage{"--tls-cert and --tls-ca-out need --tls-listen"};
  if (!flags.tls_cert.empty()) {
    if (!flags.tls_ca_out.empty()) throw WrongUsage{"--tls-ca-out is for a certificate made here"};
    options.tls_certificate_pem = read_file(flags.tls_cert);
    options.tls_key_pem = read_file(flags.tls_key);
  }
  dps::sim::Simulator simulator(options);
  set_switches(simulator.world(), flags);
  fill_world(simulator.world(), flags);
  if (!flags.faults.empty()) check(simulator.faults().set(read_json(flags.faults)));
  if (!flags.tls_ca_out.empty()) {
    std::ofstream file(flags.tls_ca_out, std::ios::binary);
    file << simulator.tls_ca_pem();
    file.close();
    if (!file) throw WrongUsage{fmt::format("cannot write {}", flags.tls_ca_out)};
  }
  fmt::print("{}\n", simulator.greeting());
  std::fflush(stdout);
  int taken = 0;
  sigwait(&signals, &taken);
  return 0;
}
}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app{"An Azure Resource Manager for Device Provisioning Services that is none.",
               "arm-simulator"};
  app.add_option("--listen", flags.listen, "HOST:PORT of the ARM listener (port 0: any)");
  app.add_option("--tls-listen", flags.tls_listen, "HOST:PORT of a second ARM listener with TLS");
  app.add_option("--tls-cert", flags.tls_cert, "PEM chain of the TLS listener (else one is made)");
  app.add_option("--tls-key", flags.tls_key, "PEM key of --tls-cert");
  app.add_option("--tls-ca-out", flags.tls_ca_out, "where to write the PEM of the CA made for TLS");
  app.add_option("--admin-listen", flags.admin_listen, "HOST:PORT of the admin listener");
  app.add_option("--seed", flags.seed, "JSON file of the world to start with");
  app.add_option(
      "--fleet", flags.fleet, "subs=5,services=40,hubs=2,policies=3,certificates=3,seed=1");
  app.add_option("--page-size", flags.page_size, "entries of a page of a list (0: no pages)");
  app.add_option("--latency", flags.latency, "how long every answer is held back: 50ms");
  app.add_option("--operation-time", flags.operation_time, "how long operations run: 2s");
  app.add_option("--set", flags.set, "SWITCH=VALUE; see GET /switches/describe")
      ->allow_extra_args(false);
  app.add_option("--faults", flags.faults, "JSON file of faults");
  app.add_option(
      "--manifests-out", flags.manifests_out, "folder for manifests of the seeded world");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "arm-simulator: {}\n", error.what());
    return kWrongUsage;
  }
  // Blocked before the first thread, taken by sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(flags, signals);
  } catch (const WrongUsage& wrong) {
    fmt::print(stderr, "arm-simulator: {}\n", wrong.what);
    return kWrongUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "arm-simulator: {}\n", error.what());
    return kWrongUsage;
  }
}
