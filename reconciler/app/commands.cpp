#include "reconciler/app/commands.hpp"

#include <fmt/format.h>

#include "reconciler/app/control_commands.hpp"
#include "reconciler/app/doctor_command.hpp"
#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/pass_commands.hpp"
#include "reconciler/app/run_command.hpp"
#include "reconciler/app/session.hpp"
#include "reconciler/app/show.hpp"
#include "reconciler/app/terminal.hpp"
#include "reconciler/app/version.hpp"
#include "reconciler/app/wire.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/manifest/schema.hpp"
#include "reconciler/model/capabilities.hpp"

namespace dps::app {
namespace {

OrderedJson faults_json(const manifest::Loaded& loaded) {
  OrderedJson faults = OrderedJson::array();
  for (const auto& fault : loaded.faults) {
    faults.push_back(
        {{"id", fault.id},
         {"severity", fault.severity == manifest::Severity::Error ? "error" : "warning"},
         {"class", fault.fault_class == manifest::FaultClass::Text ? "text" : "environment"},
         {"file", fault.mark.file},
         {"line", fault.mark.line},
         {"column", fault.mark.column},
         {"message", fault.message},
         {"remedy", fault.remedy},
         {"service", fault.service ? OrderedJson(fault.service->path()) : OrderedJson()}});
  }
  return faults;
}

int validate(Session& session) {
  const auto chosen = selectors(session.options);
  if (!chosen) {
    complain(chosen.error());
    return kExitUsage;
  }
  const auto loaded = load(session);
  const auto errors = error_count(loaded);
  const int code = errors > 0 ? kExitFailed : kExitOk;
  if (session.options.output == OutputForm::Json) {
    const OrderedJson record = {{"schema", "dps-reconciler/validation/v1"},
                                {"files", loaded.files},
                                {"documents", loaded.documents},
                                {"services", loaded.desired.services.size()},
                                {"source_revision", loaded.desired.revision},
                                {"faults", faults_json(loaded)}};
    return print(record.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n", code);
  }
  print_faults(loaded, session.color_err());
  const auto scope = fmt::format("{} of {} in {}",
                                 count_of(loaded.desired.services.size(), "service"),
                                 count_of(loaded.documents, "document"),
                                 count_of(loaded.files, "file"));
  if (errors > 0) {
    write_error(
        fmt::format("{} in {}\n", count_of(errors, "fault"), count_of(loaded.files, "file")));
    return code;
  }
  return print("Valid: " + scope + ".\n", code);
}

int show_service(Session& session) {
  auto azure = wire_azure(session.options, session.environment, session.clock, session.log);
  if (!azure) {
    complain(azure.error());
    return kExitUsage;
  }
  std::vector<ServiceId> known;
  if (!session.options.manifests.empty()) {
    for (const auto& [id, service] : load(session).desired.services) known.push_back(id);
  }
  const auto shown =
      show(session.options.show_service, known, (*azure)->client(), session.signals.drain());
  if (!shown) {
    complain(shown.error());
    return shown.error().id == "Usage" ? kExitUsage : kExitFailed;
  }
  return print(session.options.output == OutputForm::Json ? show_json(*shown) : show_text(*shown),
               kExitOk);
}

int print_version(const Session& session) {
  if (session.options.output == OutputForm::Json) {
    const OrderedJson record = {{"schema", "dps-reconciler/version/v1"},
                                {"version", kVersion},
                                {"api_version", kDefaultVersion}};
    return print(record.dump(2) + "\n", kExitOk);
  }
  return print(fmt::format("dps-reconciler {}\n", kVersion), kExitOk);
}

}  // namespace

int run_command(const Options& options, const Environment& environment, Signals& signals) {
  Session session(options, environment, signals);
  switch (options.command) {
    case Command::Plan:
      return make_plan(session);
    case Command::Apply:
      return apply_plan(session);
    case Command::Validate:
      return validate(session);
    case Command::Schema:
      return print(manifest::json_schema(), kExitOk);
    case Command::Show:
      return show_service(session);
    case Command::Doctor:
      return doctor(session);
    case Command::Version:
      return print_version(session);
    case Command::Run:
      return run_daemon(session);
    case Command::Status:
    case Command::Why:
    case Command::Reconcile:
    case Command::Suspend:
    case Command::Resume:
    case Command::Approve:
      return control_command(session);
    case Command::Help:
      break;
  }
  return kExitUsage;
}

}  // namespace dps::app
