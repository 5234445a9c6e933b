#include <fmt/format.h>

#include <cstdio>
#include <ctime>

#include "reconciler/arm/fault.hpp"
#include "reconciler/arm/fetchers.hpp"
#include "reconciler/base/child_process.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

using std::chrono::seconds;

Error refused(std::string what, std::string remedy) {
  return {NextMove::WaitForOthers, "TokenRefused", std::move(what), std::move(remedy), 0, {}};
}

Error unavailable(std::string what, std::string remedy) {
  return {NextMove::RetryLater, "TokenUnavailable", std::move(what), std::move(remedy), 0, {}};
}

// "2023-06-01 12:34:56.000000": the machine's local time, without a zone.
std::optional<WallTime> local_time(const std::string& text) {
  std::tm parts{};
  if (std::sscanf(text.c_str(),
                  "%4d-%2d-%2d%*1[ T]%2d:%2d:%2d",
                  &parts.tm_year,
                  &parts.tm_mon,
                  &parts.tm_mday,
                  &parts.tm_hour,
                  &parts.tm_min,
                  &parts.tm_sec) != 6) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  parts.tm_isdst = -1;
  const auto time = std::mktime(&parts);
  if (time <= 0) return std::nullopt;
  return std::chrono::system_clock::from_time_t(time);
}

std::optional<WallTime> expiry_of(const Json& answer) {
  const auto& epoch = member(answer, "expires_on");
  constexpr std::int64_t kYear2200 = 7'258'118'400;
  if (epoch.is_number_integer() || epoch.is_number_unsigned()) {
    const auto count = epoch.get<std::int64_t>();
    if (count > 0 && count < kYear2200) return WallTime{seconds{count}};
  }
  return local_time(text_member(answer, "expiresOn"));
}

class AzureCliFetcher final : public TokenFetcher {
 public:
  AzureCliFetcher(std::string tenant, const CredentialSettings& settings, Clock& clock)
      : tenant_(std::move(tenant)),
        scope_(settings.cloud.audience + "/.default"),
        variable_(settings.variable),
        clock_(clock) {}

  Result<Fetched> fetch(std::stop_token stop) override {
    const auto path = variable_ ? variable_("PATH").value_or("") : std::string();
    Program program;
    program.argv = {program_in_path(path, "az"),
                    "account",
                    "get-access-token",
                    "--output",
                    "json",
                    "--scope",
                    scope_};
    if (!tenant_.empty()) program.argv.insert(program.argv.end(), {"--tenant", tenant_});
    if (program.argv.front().empty()) {
      return fail(refused("the Azure CLI is not installed: no program az in PATH",
                          "install it and run: az login; or sign in another way (--auth)"));
    }
    program.environment = {{"AZURE_CORE_NO_COLOR", "true"},
                           {"AZURE_CORE_ONLY_SHOW_ERRORS", "true"}};
    program.limit = seconds{30};
    program.most_complaint = std::size_t{4} * 1024;
    const auto output = run_program(program, stop);
    if (!output) return fail(explained(output.error()));
    return read(*output);
  }

 private:
  std::string login() const {
    return tenant_.empty() ? "run: az login" : "run: az login --tenant " + tenant_;
  }

  Error explained(const Error& error) const {
    if (error.id == "Interrupted") return give_up("Cancelled", "cancelled while getting a token");
    const auto what = clean(error.what);
    if (error.id == "ProgramTooSlow") {
      return unavailable("the Azure CLI gave no token: " + what,
                         "run it by hand: az account get-access-token");
    }
    const auto meaning = aadsts_meaning(aadsts_number(error.what));
    if (meaning.number != 0) {
      auto text = fmt::format("the Azure CLI gets no token: {}{}{}",
                              meaning.what,
                              meaning.what.empty() ? "" : "; it says: ",
                              what);
      return refused(std::move(text), meaning.remedy.empty() ? login() : meaning.remedy);
    }
    if (lower(error.what).find("az login") != std::string::npos) {
      return refused("nobody is logged in to the Azure CLI: " + what, login());
    }
    return refused("the Azure CLI gave no token: " + what,
                   "run it by hand: az account get-access-token");
  }

  Result<Fetched> read(const Secret& output) const {
    auto answer = parse_json(output.reveal());
    auto token = answer ? text_member(*answer, "accessToken") : std::string();
    const auto expiry = answer ? expiry_of(*answer) : std::nullopt;
    if (answer && answer->is_object() && answer->contains("accessToken") &&
        (*answer)["accessToken"].is_string()) {
      wipe((*answer)["accessToken"].get_ref<std::string&>());
    }
    if (token.empty() || !expiry || token.find_first_of("\r\n\t ") != std::string::npos) {
      wipe(token);
      return fail(unavailable("what the Azure CLI printed holds no token with its expiry",
                              "run it by hand: az account get-access-token --output json"));
    }
    const auto left = std::chrono::duration_cast<Duration>(*expiry - clock_.wall());
    if (left <= Duration{0}) {
      wipe(token);
      return fail(refused("the Azure CLI gave a token that expired at " + rfc3339(*expiry),
                          "set this machine's clock; then " + login()));
    }
    return Fetched{Secret(std::move(token)), left};
  }

  const std::string tenant_;
  const std::string scope_;
  const VariableReader variable_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<TokenFetcher> azure_cli_fetcher(const std::string& tenant,
                                                const CredentialSettings& settings,
                                                Clock& clock) {
  return std::make_unique<AzureCliFetcher>(tenant, settings, clock);
}

}  // namespace dps::arm
