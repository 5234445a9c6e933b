#include <malloc.h>

#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/app/askpass.hpp"
#include "reconciler/app/command_line.hpp"
#include "reconciler/app/commands.hpp"
#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/harden.hpp"
#include "reconciler/app/init_process.hpp"
#include "reconciler/app/signals.hpp"
#include "reconciler/app/terminal.hpp"
#include "reconciler/base/secret.hpp"

extern char** environ;

namespace {

std::optional<std::string> variable_of_process(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace

int main(int count, char** arguments) {
  using namespace dps;
  try {
    app::harden_process();
    if (auto asked = app::answer_askpass(count > 1 ? arguments[1] : "", variable_of_process)) {
      const bool said = asked->answer.empty() || app::write_out(asked->answer);
      wipe(asked->answer);
      return said ? asked->exit_code : app::kExitFailed;
    }

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
    const bool stays = parsed->options.command == app::Command::Run;
    if (stays) {
      if (const auto code = app::split_off_init()) return *code;
    }
    app::Signals signals(stays ? app::Hangup::Taken : app::Hangup::Ends);
    return app::run_command(parsed->options, environment, signals);
  } catch (...) {
    app::write_error("dps-reconciler: internal fault: " + app::fault_text() +
                     "; please report it\n");
    return app::kExitFailed;
  }
}
