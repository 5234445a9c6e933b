// page_server FLEET: serves the page of a made-up fleet on a port of the kernel's choice, which it
// prints, until its stdin ends. FLEET: calm, troubled, large, huge, hostile, cold.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "reconciler/telemetry/web.hpp"
#include "tests/unit/telemetry/page_control.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

int main(int count, char** arguments) {
  using namespace dps;
  using namespace dps::telemetry;
  const std::string fleet = count > 1 ? arguments[1] : "calm";
  test::FakeControl control;
  if (fleet == "calm") {
    control.known = test::calm_fleet(12);
  } else if (fleet == "troubled") {
    control.known = test::troubled_fleet();
  } else if (fleet == "large") {
    control.known = test::large_fleet();
  } else if (fleet == "huge") {
    control.known = test::large_fleet(10'000);
  } else if (fleet == "hostile") {
    control.known = test::hostile_fleet();
  } else if (fleet != "cold") {
    std::cerr << "no fleet " << fleet << "\n";
    return 64;
  }
  if (fleet == "cold") {
    control.known.source.kind = "folder";
    control.known.source.location = "/manifests";
    control.known.now = control.known.started_at = test::fleet_time();
  }
  if (fleet == "cold") control.reported = {true, false, {"no revision was loaded yet"}};

  SystemClock clock;
  WebSettings settings;
  settings.listen = "127.0.0.1:0";
  settings.version = "0.1.0";
  const auto web = Web::start(
      settings, control, [] { return std::string("# no metrics here\n"); }, clock);
  if (!web) {
    std::cerr << web.error().what << "\n";
    return 1;
  }
  fmt::print("http://127.0.0.1:{}/\n", (*web)->port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
  }
  return 0;
}
