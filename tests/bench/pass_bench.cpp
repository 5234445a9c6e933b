// bench-pass: the manifests are loaded once, then passes that change nothing are repeated in this
// process. Takes the flags of `dps-reconciler plan`, before them the number of passes. Prints the
// least of all passes, in milliseconds of CPU (all threads, user and system):
//   SERVICES LOAD_MS PASS_MS PLAN_MS CHANGES LOAD_KB READ_KB PASS_KB
// PLAN_MS is the pure difference alone, which is a part of PASS_MS. The last three are the peak of
// resident memory after loading, after reading Azure for the first time, after the first pass.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "reconciler/app/command_line.hpp"
#include "reconciler/app/wire.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/controller/look.hpp"
#include "reconciler/model/capabilities.hpp"
#include "reconciler/plan/plan.hpp"
#include "reconciler/telemetry/log.hpp"

extern char** environ;

namespace {

using namespace dps;

double cpu_milliseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

long peak_kilobytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int failed(const Error& error) {
  std::fprintf(stderr, "bench-pass: %s\n", error.what.c_str());
  return 1;
}

int run(int passes, const app::Options& options, const app::Environment& environment) {
  SystemClock clock;
  telemetry::Log log(options.log_format, options.log_level);
  manifest::DiskFiles files;

  const auto before = cpu_milliseconds();
  const auto loaded = manifest::load(files, app::load_options(options, environment, clock.wall()));
  const auto load = cpu_milliseconds() - before;
  const auto load_peak = peak_kilobytes();
  if (!loaded.desired.complete) return failed(give_up("Faults", "the manifests have faults"));
  const auto& desired = loaded.desired;

  auto azure = app::wire_azure(options, environment, clock, log);
  if (!azure) return failed(azure.error());
  const auto secrets = app::wire_secrets(options, environment);
  const auto capabilities = capabilities_of(options.api_version);
  if (!capabilities) return failed(capabilities.error());
  const auto digester = random_digester();
  controller::World world{(*azure)->client(), *secrets, clock, digester};
  controller::Scope scope;
  scope.settings.owner = options.owner;
  scope.settings.capabilities = *capabilities;
  scope.read.concurrency = options.concurrency;
  scope.read.key_reads =
      options.key_check == app::KeyCheck::Never ? arm::KeyReads::Skip : arm::KeyReads::Ask;

  static_cast<void>(arm::read_live(desired, scope.read, world.arm, digester, {}));
  const auto read_peak = peak_kilobytes();
  long pass_peak = 0;
  double least_pass = std::numeric_limits<double>::max();
  double least_plan = std::numeric_limits<double>::max();
  std::size_t changes = 0;
  for (int i = 0; i < passes; ++i) {
    const auto start = cpu_milliseconds();
    const auto look = controller::look(desired, scope, world, {});
    if (!look) return failed(look.error());
    if (i == 0) pass_peak = peak_kilobytes();
    const auto looked = cpu_milliseconds();
    const auto plan = plan::make(desired, look->live, look->keys, scope.settings, clock.wall());
    const auto planned = cpu_milliseconds();
    least_pass = std::min(least_pass, looked - start);
    least_plan = std::min(least_plan, planned - looked);
    for (const auto& service : plan.services)
      changes += service.changes.size() + service.errors.size();
  }
  std::printf("%zu %.2f %.2f %.2f %zu %ld %ld %ld\n",
              desired.services.size(),
              load,
              least_pass,
              least_plan,
              changes,
              load_peak,
              read_peak,
              pass_peak);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() < 2) {
    std::fputs("usage: bench-pass PASSES plan FLAG...\n", stderr);
    return 64;
  }
  const auto environment = dps::app::process_environment(environ);
  const auto parsed = dps::app::parse_command_line({words.begin() + 1, words.end()}, environment);
  if (!parsed) return failed(parsed.error());
  return run(std::max(1, std::atoi(words.front().c_str())), parsed->options, environment);
}
