#include <malloc.h>

#include <exception>
#include <string>
#include <vector>

#include "reconciler/app/command_line.hpp"
#include "reconciler/app/commands.hpp"
#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/harden.hpp"
#include "reconciler/app/init_process.hpp"
#include "reconciler/app/signals.hpp"
#include "reconciler/app/terminal.hpp"

extern char** environ;

int main(int count, char** arguments) {
  using namespace dps;
  try {
    app::harden_process();

    // Half a hundred threads that wait would each keep an arena of what they once held.
    mallopt(M_ARENA_MAX, 2);

    const auto environment = app::process_environment(environ);
    const auto parsed = app::parse_command_line(
        std::vector<std::string>(arguments + std::min(count, 1), arguments + count), environment);
    if (!parsed) {
      app::write_error("dps-reconciler: " + parsed.error().what +
                       (parsed.error().remedy.empty() ? "" : "; " + parsed.error().remedy) + "\n");
      return app::kExitUsage;
    }
    if (!parsed->text.empty())
      return app::write_out(parsed->text) ? app::kExitOk : app::kExitFailed;
    if (parsed->options.command == app::Command::Run) {
      if (const auto code = app::split_off_init()) return *code;
    }
    app::Signals signals;
    return app::run_command(parsed->options, environment, signals);
  } catch (...) {
    app::write_error("dps-reconciler: internal fault: " + app::fault_text() +
                     "; please report it\n");
    return app::kExitFailed;
  }
}
