#include "reconciler/app/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "reconciler/app/config_file.hpp"
#include "reconciler/app/flags.hpp"
#include "reconciler/base/text.hpp"

namespace dps::app {
namespace {

Failure usage(const std::string& what, const std::string& remedy = "see dps-reconciler --help") {
  return fail(give_up("Usage", what, remedy));
}

/// What stands on the command line, before it becomes Options.
struct Raw {
  FlagValues values;
  std::string config;
  bool plan = false, once = false;
  bool detailed_exitcode = false;
  bool check = false;
  std::string out, saved_plan, service, reason, until, digest;
};

struct Tree {
  CLI::App app{"Keeps Azure IoT Hub Device Provisioning Services equal to YAML manifests."};
  CLI::App *plan, *apply, *show, *doctor, *validate, *schema, *version, *run;
  CLI::App *status, *why, *reconcile, *suspend, *resume, *approve;
};

void build(Tree& tree, Raw& raw) {
  auto& app = tree.app;
  app.name("dps-reconciler");
  app.option_defaults()->always_capture_default(false);
  app.set_help_flag("-h,--help", "this text");
  app.require_subcommand(0, 1);
  for (const auto& flag : flags()) {
    const auto option = "--" + flag.name;
    auto text = flag.description;
    if (!flag.default_text.empty() && flag.arity != Arity::Switch) {
      text += fmt::format(" [{}]", flag.default_text);
    }
    auto& values = raw.values;
    if (flag.arity == Arity::Switch) {
      app.add_flag_function(
             option,
             [&values, name = flag.name](std::int64_t given) {
               values[name] = {given > 0 ? "true" : "false"};
             },
             text)
          ->group("Flags");
    } else {
      CLI::Option* added = nullptr;
      if (flag.arity == Arity::Repeated) {
        added = app.add_option_function<std::vector<std::string>>(
            option,
            [&values, name = flag.name](const std::vector<std::string>& given) {
              values[name] = given;
            },
            text);
        added->allow_extra_args(false);
      } else {
        added = app.add_option_function<std::string>(
            option,
            [&values, name = flag.name](const std::string& given) { values[name] = {given}; },
            text);
        added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
      added->type_name(flag.value_name)->group("Flags");
    }
  }
  app.add_option("--config", raw.config, "YAML file of flags, keys in lowerCamelCase")
      ->type_name("FILE")
      ->group("Flags");
  app.add_flag("--plan", raw.plan, "the same as the command plan");
  app.add_flag("--once", raw.once, "the same as the command apply");
  app.add_flag("--detailed-exitcode",
               raw.detailed_exitcode,
               "plan: 2 when there are changes, 0 when there are none");

  tree.plan = app.add_subcommand("plan", "print what would be changed; writes nothing");
  tree.plan->add_option("--out", raw.out, "save the plan as JSON, for apply FILE")
      ->type_name("FILE");
  tree.apply = app.add_subcommand("apply", "one pass to convergence");
  tree.apply->add_option("saved-plan", raw.saved_plan, "apply exactly this saved plan")
      ->type_name("FILE");
  tree.show =
      app.add_subcommand("show", "one live service: scope, hosts, hubs, rights; never a key");
  tree.show->add_option("service", raw.service, "NAME, GROUP/NAME or SUBSCRIPTION/GROUP/NAME")
      ->required()
      ->type_name("SERVICE");
  tree.doctor =
      app.add_subcommand("doctor", "what stands in the way: token, permissions, clock, TLS");
  tree.validate = app.add_subcommand("validate", "check the manifests without a network");
  tree.schema = app.add_subcommand("schema", "print the JSON Schema of the manifests");
  tree.version = app.add_subcommand("version", "print the version");
  tree.run = app.add_subcommand("run", "the daemon; also without a command");
  tree.status = app.add_subcommand("status", "what a running daemon knows");
  tree.status->add_flag("--check", raw.check, "print nothing; 0 when it is ready, 1 when not");
  tree.why = app.add_subcommand("why", "of a running daemon: why a service is as it is");
  tree.reconcile = app.add_subcommand("reconcile", "have a running daemon look now");
  tree.suspend = app.add_subcommand("suspend", "have a running daemon write nothing to a service");
  tree.suspend->add_option("--reason", raw.reason, "why; others read it")->type_name("TEXT");
  tree.suspend->add_option("--until", raw.until, "2026-12-01T00:00:00Z, or 2h from now")
      ->type_name("TIME");
  tree.resume = app.add_subcommand("resume", "the end of that");
  for (auto* command : {tree.status, tree.reconcile, tree.suspend, tree.resume}) {
    command->add_option("service", raw.service, "one service; all when absent")
        ->type_name("SERVICE");
  }
  tree.why->add_option("service", raw.service, "NAME, GROUP/NAME or SUBSCRIPTION/GROUP/NAME")
      ->required()
      ->type_name("SERVICE");
  tree.approve =
      app.add_subcommand("approve", "let exactly the removals through that a guard withholds");
  tree.approve->add_option("digest", raw.digest, "as status and why print it")
      ->required()
      ->type_name("DIGEST");
  app.footer(
      "Each flag is also DPS_RECONCILER_<NAME> and a key of the file of --config. Credentials: "
      "AZURE_TENANT_ID, AZURE_CLIENT_ID,\nAZURE_CLIENT_SECRET. Exit codes: 0 well, 1 failed, 2 "
      "changes "
      "(--detailed-exitcode), 3 a guard holds, 4 saved plan out of date,\n64 usage.");
  for (auto* command : app.get_subcommands({})) {
    command->fallthrough();
    command->set_help_flag("-h,--help", "this text");
  }
}

Result<Command> command_of(const Tree& tree, const Raw& raw) {
  std::vector<Command> named;
  if (tree.plan->parsed() || raw.plan) named.push_back(Command::Plan);
  if (tree.apply->parsed() || raw.once) named.push_back(Command::Apply);
  if (tree.show->parsed()) named.push_back(Command::Show);
  if (tree.doctor->parsed()) named.push_back(Command::Doctor);
  if (tree.validate->parsed()) named.push_back(Command::Validate);
  if (tree.schema->parsed()) named.push_back(Command::Schema);
  if (tree.version->parsed()) named.push_back(Command::Version);
  if (tree.run->parsed()) named.push_back(Command::Run);
  if (tree.status->parsed()) named.push_back(Command::Status);
  if (tree.why->parsed()) named.push_back(Command::Why);
  if (tree.reconcile->parsed()) named.push_back(Command::Reconcile);
  if (tree.suspend->parsed()) named.push_back(Command::Suspend);
  if (tree.resume->parsed()) named.push_back(Command::Resume);
  if (tree.approve->parsed()) named.push_back(Command::Approve);
  if (named.size() > 1)
    return usage("more than one command",
                 "one of run, plan, apply, show, doctor, validate, schema");
  return named.empty() ? Command::Run : named.front();
}

// The values of a variable: a repeatable flag's are separated by commas.
std::vector<std::string> from_environment(const Flag& flag, const std::string& text) {
  if (flag.arity != Arity::Repeated) return {text};
  std::vector<std::string> values;
  for (const auto& part : split(text, ',')) {
    if (!trim(part).empty()) values.emplace_back(trim(part));
  }
  return values;
}

[[nodiscard]] Result<void> lay_in(Options& options,
                                  const Flag& flag,
                                  const std::vector<std::string>& values,
                                  const std::string& place) {
  if (values.empty() && flag.arity == Arity::Single) return {};
  auto set = flag.set(options, values);
  if (!set) return fail(in_context(place, set.error()));
  return {};
}

[[nodiscard]] Result<void> check(const Options& options) {
  const bool reads_manifests =
      options.command == Command::Plan || options.command == Command::Apply ||
      options.command == Command::Validate || options.command == Command::Run;
  if (options.prune && !options.owner_given) {
    return usage("--prune without --owner", "name the owner whose services may be deleted");
  }
  if (options.prune && !options.select.empty()) {
    return usage("--prune together with --select", "prune judges the whole set of manifests");
  }
  if (options.prune && !options.shard.empty()) {
    return usage("--prune together with --shard",
                 "a shard does not see the whole set; prune with one replica");
  }
  if (!options.git.empty() && options.command != Command::Run) {
    return usage("--git is the daemon's", "--manifests PATH of a checkout");
  }
  if (!options.git.empty() && !options.manifests.empty()) {
    return usage("--git together with --manifests", "one source; --git-path names a folder in git");
  }
  if (!options.git.empty() && options.state_dir.empty()) {
    return usage("--git without --state-dir", "--state-dir PATH, where the repository is kept");
  }
  if (options.command == Command::Run && !options.select.empty()) {
    return usage("--select is not for run", "plan and apply take it; the daemon keeps everything");
  }
  if (options.listen_cert.empty() != options.listen_key.empty()) {
    return usage("--listen-cert and --listen-key go together");
  }
  if (reads_manifests && options.manifests.empty() && options.git.empty()) {
    return usage("no --manifests",
                 options.command == Command::Run
                     ? "--manifests PATH, a folder or file of manifests, or --git URL"
                     : "--manifests PATH, a folder or file of manifests");
  }
  if (!options.plan_out.empty() && options.command != Command::Plan)
    return usage("--out without plan");
  if (options.detailed_exitcode && options.command != Command::Plan) {
    return usage("--detailed-exitcode without plan");
  }
  return {};
}

}  // namespace

Environment process_environment(char** variables) {
  Environment environment;
  for (char** variable = variables; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) {
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return environment;
}

Result<Parsed> parse_command_line(const std::vector<std::string>& arguments,
                                  const Environment& environment) {
  Raw raw;
  Tree tree;
  build(tree, raw);
  try {
    // CLI11 takes the arguments from the back.
    tree.app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Parsed{{}, tree.app.help()};
  } catch (const CLI::Error& error) {
    return usage(printable(error.what(), 300));
  }

  Parsed parsed;
  auto& options = parsed.options;
  const auto command = command_of(tree, raw);
  if (!command) return fail(command.error());
  options.command = *command;
  options.arguments = arguments;
  options.detailed_exitcode = raw.detailed_exitcode;
  options.plan_out = raw.out;
  options.saved_plan = raw.saved_plan;
  options.show_service = raw.service;
  options.target_service = raw.service;
  options.reason = raw.reason;
  options.until = raw.until;
  options.check = raw.check;
  options.digest = raw.digest;
  if (options.command == Command::Run) options.key_check = KeyCheck::Due;

  FlagValues file;
  std::string path = raw.config;
  if (const auto found = environment.find("DPS_RECONCILER_CONFIG");
      path.empty() && found != environment.end()) {
    path = found->second;
  }
  if (!path.empty()) {
    auto read = read_config_file(path);
    if (!read) return fail(read.error());
    file = std::move(read->flags);
    options.credentials = std::move(read->credentials);
    options.maintenance = std::move(read->maintenance);
  }

  for (const auto& flag : flags()) {
    const auto on_line = raw.values.find(flag.name);
    const auto variable = environment.find(environment_name(flag.name));
    const auto in_file = file.find(flag.name);
    Result<void> laid;
    if (on_line != raw.values.end()) {
      laid = lay_in(options, flag, on_line->second, "--" + flag.name);
    } else if (variable != environment.end() && !variable->second.empty()) {
      laid = lay_in(options, flag, from_environment(flag, variable->second), variable->first);
    } else if (in_file != file.end()) {
      laid = lay_in(options, flag, in_file->second, path + ": " + config_key(flag.name));
    }
    if (!laid) return fail(laid.error());
  }
  if (const auto checked = check(options); !checked) return fail(checked.error());
  return parsed;
}

}  // namespace dps::app
