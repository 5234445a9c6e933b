#include "reconciler/app/session.hpp"

#include <fmt/format.h>

#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/terminal.hpp"
#include "reconciler/app/wire.hpp"

namespace dps::app {

Session::Session(const Options& given, const Environment& variables, Signals& taken)
    : options(given),
      environment(variables),
      signals(taken),
      log(given.log_format, given.log_level) {}

bool Session::color_out() const {
  return wants_color(options.color, 1, environment);
}
bool Session::color_err() const {
  return wants_color(options.color, 2, environment);
}

int print(std::string_view text, int code) {
  if (write_out(text)) return code;
  write_error("dps-reconciler: stdout cannot be written\n");
  return kExitFailed;
}

void complain(const Error& error) {
  write_error(fmt::format(
      "dps-reconciler: {}{}{}\n", error.what, error.remedy.empty() ? "" : "; ", error.remedy));
}

std::string count_of(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::size_t error_count(const manifest::Loaded& loaded) {
  std::size_t count = 0;
  for (const auto& fault : loaded.faults)
    count += fault.severity == manifest::Severity::Error ? 1U : 0U;
  return count;
}

void print_faults(const manifest::Loaded& loaded, bool color) {
  std::string text;
  for (const auto& fault : loaded.faults) text += manifest::render(fault, color);
  write_error(text);
}

manifest::Loaded load(const Session& session) {
  manifest::DiskFiles files;
  return manifest::load(files,
                        load_options(session.options, session.environment, session.clock.wall()));
}

Result<std::vector<manifest::Selector>> selectors(const Options& options) {
  std::vector<manifest::Selector> out;
  for (const auto& text : options.select) {
    auto selector = manifest::parse_selector(text);
    if (!selector) return fail(in_context("--select", selector.error()));
    out.push_back(*std::move(selector));
  }
  return out;
}

}  // namespace dps::app
