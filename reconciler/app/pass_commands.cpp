#include "reconciler/app/pass_commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/run_runtime.hpp"
#include "reconciler/app/terminal.hpp"
#include "reconciler/app/wire.hpp"
#include "reconciler/app/write_file.hpp"
#include "reconciler/apply/execute.hpp"
#include "reconciler/apply/render_report.hpp"
#include "reconciler/controller/look.hpp"
#include "reconciler/controller/proof_signer.hpp"
#include "reconciler/http/jitter.hpp"
#include "reconciler/plan/certificate_diff.hpp"
#include "reconciler/plan/render_json.hpp"
#include "reconciler/plan/render_text.hpp"
#include "reconciler/plan/saved_plan.hpp"

namespace dps::app {
namespace {

constexpr std::size_t kLargestPlan = std::size_t{256} << 20U;

/// The objects of a pass over the manifests, kept together while it runs.
struct Pass {
  manifest::Loaded loaded;
  std::unique_ptr<Azure> azure;
  std::unique_ptr<manifest::SecretSource> secrets;
  KeyDigester digester = random_digester();
  controller::Scope scope;
  controller::Look look;
};

/// Loads, reads and plans. An exit code when that is already the end.
std::optional<int> prepare(Session& session, Pass& pass) {
  const auto& options = session.options;
  const auto settings = plan_settings(options);
  const auto chosen = selectors(options);
  for (const Error* error :
       {settings ? nullptr : &settings.error(), chosen ? nullptr : &chosen.error()}) {
    if (error == nullptr) continue;
    complain(*error);
    return kExitUsage;
  }
  pass.loaded = load(session);
  print_faults(pass.loaded, session.color_err());
  if (!pass.loaded.desired.complete) {
    write_error(fmt::format("{}: nothing is planned and nothing is written.\n",
                            count_of(error_count(pass.loaded), "fault")));
    return kExitFailed;
  }
  auto azure = wire_azure(options, session.environment, session.clock, session.log);
  if (!azure) {
    complain(azure.error());
    return kExitUsage;
  }
  pass.azure = std::move(*azure);
  pass.secrets = wire_secrets(options, session.environment);
  pass.scope.settings = *settings;
  pass.scope.read.concurrency = options.concurrency;
  pass.scope.read.key_reads =
      options.key_check == KeyCheck::Never ? arm::KeyReads::Skip : arm::KeyReads::Ask;
  pass.scope.select = *chosen;
  pass.scope.settle = options.timeout;
  // On a terminal each look is a sign of life; in a log once is enough.
  pass.scope.progress =
      [&session, watched = is_terminal(2), said = std::string()](const std::string& what) mutable {
        if (watched) {
          write_error(what + "\n");
        } else if (said != what) {
          session.log.write(LogLevel::Info, what);
          said = what;
        }
      };
  controller::World world{pass.azure->client(), *pass.secrets, session.clock, pass.digester};
  auto looked = controller::look(pass.loaded.desired, pass.scope, world, session.signals.drain());
  if (!looked) {
    if (session.signals.caught() != 0) return session.interrupted();
    complain(looked.error());
    return looked.error().id == "Usage" ? kExitUsage : kExitFailed;
  }
  pass.look = *std::move(looked);
  return std::nullopt;
}

std::string plan_text(const Session& session, const plan::Plan& plan, bool color) {
  plan::TextStyle style;
  style.color = color ? plan::Color::On : plan::Color::Off;
  style.width = static_cast<std::size_t>(terminal_width(1));
  style.verbosity = session.options.log_level <= LogLevel::Debug ? plan::Verbosity::Everything
                                                                 : plan::Verbosity::Changes;
  return plan::render_text(plan, style);
}

Endings endings_of(const Session& session, const manifest::Loaded& loaded, const plan::Plan& plan) {
  Endings endings;
  endings.failed = plan.has_problems() || error_count(loaded) > 0 ||
                   (session.options.strict && !plan.unseen.empty());
  endings.guarded = plan.has_guard_holds();
  return endings;
}

}  // namespace

int make_plan(Session& session) {
  Pass pass;
  if (const auto end = prepare(session, pass)) return *end;
  const auto& options = session.options;
  const auto& plan = pass.look.plan;
  const bool in_json = options.output == OutputForm::Json;
  const auto json = in_json || !options.plan_out.empty() ? plan::render_json(plan) : std::string();
  auto endings = endings_of(session, pass.loaded, plan);
  endings.changes = options.detailed_exitcode && plan.has_changes();
  if (!options.plan_out.empty()) {
    if (const auto saved = write_file(options.plan_out, json); !saved) {
      complain(saved.error());
      return kExitFailed;
    }
  }
  return print(in_json ? json : plan_text(session, plan, session.color_out()), exit_code(endings));
}

namespace {

Result<plan::SavedPlan> read_saved(const std::string& path) {
  manifest::DiskFiles files;
  const auto text = files.read(path, kLargestPlan);
  if (!text) return fail(in_context(path, text.error()));
  auto saved = plan::parse_saved_plan(*text);
  if (!saved) return fail(in_context(path, saved.error()));
  return saved;
}

// The flags must be those that the saved plan was made with.
Result<void> fits(const plan::SavedPlan& saved, const Options& options, std::string_view version) {
  if (saved.owner != options.owner) {
    return fail(give_up("Usage",
                        fmt::format("the saved plan is of owner \"{}\"", saved.owner),
                        "--owner " + saved.owner));
  }
  if (saved.api_version != version) {
    return fail(give_up("Usage",
                        fmt::format("the saved plan is of API version {}", saved.api_version),
                        "--api-version " + saved.api_version));
  }
  return {};
}

/// A CA that waits for its place: the manifest is not reached until the date that the plan names.
bool waits_for_an_overlap(const plan::Plan& plan) {
  for (const auto& service : plan.services) {
    for (const auto& change : service.changes) {
      if (change.held && change.held->id == plan::kOverlapHold) return true;
    }
  }
  return false;
}

bool destroys(const plan::Plan& plan) {
  for (const auto& service : plan.services) {
    if (!service.has_work()) continue;
    for (const auto& change : service.changes) {
      if (change.destructive && !change.held) return true;
    }
  }
  return false;
}

// Services of the saved plan that are not as they were: in the report, untouched.
void add_out_of_date(Report& report, const std::vector<plan::OutOfDate>& services) {
  for (const auto& service : services) {
    Finished finished;
    finished.id = service.id;
    finished.outcome = Outcome::OutOfDate;
    for (const auto& moved : service.moved) {
      finished.errors.push_back(give_up("OutOfDate", moved, "make a new plan"));
    }
    report.services.push_back(std::move(finished));
  }
  std::sort(report.services.begin(),
            report.services.end(),
            [](const Finished& a, const Finished& b) { return a.id < b.id; });
}

Report execute(Session& session, Pass& pass, const plan::Plan& plan, apply::Origin origin) {
  apply::Settings settings;
  settings.plan = pass.scope.settings;
  settings.origin = origin;
  settings.concurrency = session.options.concurrency;
  settings.timeout = session.options.timeout;
  controller::SecretsForArm secrets(*pass.secrets);
  controller::ManifestSigner proofs(
      *pass.secrets, {session.options.allow_exec, [&] {
                        return pass.azure->client().memory().server_time(session.clock.wall());
                      }});
  const bool watched = is_terminal(2);
  const auto color = session.color_err() ? apply::ReportColor::On : apply::ReportColor::Off;
  apply::Tools tools{
      pass.azure->client(),
      secrets,
      pass.digester,
      http::random_jitter,
      [&](const apply::Step& step) {
        if (watched) {
          write_error(fmt::format("…             {}: {}\n", step.id.brief(), step.what));
        } else {
          session.log.write(LogLevel::Debug, step.what, {{"service", step.id.brief()}});
        }
      },
      [&](const Finished& finished) {
        if (finished.outcome == Outcome::Unchanged) return;
        if (watched) {
          write_error(apply::render_text(finished, color));
        } else {
          session.log.write(
              LogLevel::Info,
              word(finished.outcome),
              {{"service", finished.id.brief()}, {"writes", std::to_string(finished.writes)}});
        }
      },
      &proofs};
  return apply::execute(plan,
                        pass.loaded.desired,
                        pass.look.keys,
                        settings,
                        tools,
                        {session.signals.drain(), session.signals.abort()});
}

}  // namespace

int apply_plan(Session& session) {
  const auto& options = session.options;
  std::optional<plan::SavedPlan> saved;
  if (!options.saved_plan.empty()) {
    auto read = read_saved(options.saved_plan);
    const auto capabilities = capabilities_of(options.api_version);
    if (read && capabilities) {
      if (const auto fit = fits(*read, options, capabilities->version); !fit)
        read = fail(fit.error());
    }
    if (!read) {
      complain(read.error());
      return kExitUsage;
    }
    saved = *std::move(read);
  }
  Pass pass;
  if (const auto end = prepare(session, pass)) return *end;
  plan::Plan plan = pass.look.plan;
  std::vector<plan::OutOfDate> out_of_date;
  if (saved) {
    auto compared = plan::compare(*saved, std::move(plan));
    plan = std::move(compared.plan);
    out_of_date = std::move(compared.out_of_date);
  }

  const bool text = options.output == OutputForm::Text;
  if (text) {
    if (!write_out(plan_text(session, plan, session.color_out()) + "\n")) return kExitFailed;
  }
  if (destroys(plan) && !options.yes && is_terminal(0) && is_terminal(2) &&
      !confirm(
          "The plan removes or replaces things (see the lines with - and ↻). Type yes to apply "
          "it: ")) {
    write_error("Nothing was changed.\n");
    return kExitFailed;
  }
  auto report = execute(session, pass, plan, saved ? apply::Origin::Saved : apply::Origin::Fresh);
  add_out_of_date(report, out_of_date);

  auto endings = endings_of(session, pass.loaded, plan);
  endings.failed = endings.failed || report.failed() || waits_for_an_overlap(plan);
  endings.out_of_date = report.out_of_date();
  const auto color = session.color_out() ? apply::ReportColor::On : apply::ReportColor::Off;
  const int code = print(text ? apply::render_text(report, color) : apply::render_json(report),
                         exit_code(endings));
  return session.signals.caught() != 0 && report.count(Outcome::Interrupted) > 0
             ? session.interrupted()
             : code;
}

}  // namespace dps::app
