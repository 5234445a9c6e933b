#include <fmt/format.h>

#include <array>

#include "reconciler/arm/fault.hpp"
#include "reconciler/arm/fetchers.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::arm {
namespace {

using http::percent_encoded;
using std::chrono::seconds;

// The virtual machine's endpoint; the last pause is only for 410: an upgrade may take 70 s in all.
// Source: "How to use managed identities on an Azure VM to acquire an access token", retry
// guidance.
constexpr std::array<seconds, 5> kPauses = {
    seconds{2}, seconds{6}, seconds{14}, seconds{30}, seconds{18}};
constexpr std::size_t kUsualPauses = 4;
constexpr std::size_t kPausesWithoutAnswer = 2;
constexpr seconds kLongestPause{60};
constexpr const char* kMachine = "http://169.254.169.254";
constexpr const char* kAppHeader = "x-identity-header";

enum class Flavour { Machine, AppService };

struct Endpoint {
  Flavour flavour = Flavour::Machine;
  std::string url;  // with its query
  std::string host;
  Secret header;  // AppService
};

std::string query(Flavour flavour, const ManagedIdentityName& name, const Cloud& cloud) {
  const bool machine = flavour == Flavour::Machine;
  auto text = fmt::format("?api-version={}&resource={}",
                          machine ? "2018-02-01" : "2019-08-01",
                          percent_encoded(cloud.audience + "/"));
  const auto add = [&](const char* parameter, const std::string& value) {
    if (!value.empty()) text += fmt::format("&{}={}", parameter, percent_encoded(value));
  };
  add("client_id", name.client_id);
  add(machine ? "object_id" : "principal_id", name.object_id);
  add(machine ? "msi_res_id" : "mi_res_id", name.resource_id);
  return text;
}

// A token comes back from there: over the network only with TLS.
Result<std::string> checked(const char* variable, std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const auto origin = http::origin_of(url);
  const bool near = origin && (http::is_loopback(*origin) || origin->host.starts_with("169.254."));
  if (!origin || (origin->scheme != "https" && !near) ||
      url.find_first_of("?#") != std::string::npos) {
    return fail(give_up("BadCredential",
                        fmt::format("{} is no URL that a token may come from", variable),
                        "https, or plain http to loopback or 169.254.0.0/16; without query"));
  }
  return url;
}

Result<Endpoint> endpoint_of(const ManagedIdentityName& name, const CredentialSettings& settings) {
  const auto value = [&](std::string_view variable) {
    return settings.variable ? settings.variable(variable).value_or("") : std::string();
  };
  Endpoint endpoint;
  auto url = value("IDENTITY_ENDPOINT");
  if (!url.empty() && !value("IDENTITY_SERVER_THUMBPRINT").empty()) {
    return fail(give_up("BadCredential",
                        "managed identities of Service Fabric are not known to this program",
                        "sign in with a workload identity or a client certificate"));
  }
  if (!url.empty() && value("IDENTITY_HEADER").empty() && !value("IMDS_ENDPOINT").empty()) {
    return fail(give_up("BadCredential",
                        "managed identities of Azure Arc are not known to this program",
                        "sign in with a client certificate"));
  }
  if (!url.empty() && !value("IDENTITY_HEADER").empty()) {
    auto sound = checked("IDENTITY_ENDPOINT", std::move(url));
    if (!sound) return fail(sound.error());
    endpoint.flavour = Flavour::AppService;
    endpoint.header = Secret(value("IDENTITY_HEADER"));
    endpoint.url = *std::move(sound);
  } else {
    auto host = value("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    auto sound =
        checked("AZURE_POD_IDENTITY_AUTHORITY_HOST", host.empty() ? kMachine : std::move(host));
    if (!sound) return fail(sound.error());
    endpoint.url = *sound + "/metadata/identity/oauth2/token";
  }
  endpoint.host = http::origin_of(endpoint.url)->host;
  endpoint.url += query(endpoint.flavour, name, settings.cloud);
  return endpoint;
}

class ManagedIdentityFetcher final : public TokenFetcher {
 public:
  ManagedIdentityFetcher(Endpoint endpoint, ManagedIdentityName name, TokenTools tools)
      : endpoint_(std::move(endpoint)), name_(std::move(name)), tools_(std::move(tools)) {}

  Result<Fetched> fetch(std::stop_token stop) override {
    for (std::size_t attempt = 0;; ++attempt) {
      auto asked = request();
      auto answer = tools_.bare.send(asked, stop);
      if (const auto header = asked.headers.find(kAppHeader); header != asked.headers.end()) {
        wipe(header->second);
      }
      if (answer && answer->status == 200) {
        return read_token(answer->body, endpoint_.host, tools_.clock.wall());
      }
      auto error = answer ? refused(*answer) : unreachable(answer.error().error);
      if (error.next != NextMove::RetryLater || attempt >= pauses_for(answer)) {
        return fail(std::move(error));
      }
      Duration pause = kPauses[attempt];
      if (const auto pause_asked =
              answer ? http::retry_after(*answer, tools_.clock.wall()) : std::nullopt) {
        pause = std::max(pause, std::min<Duration>(*pause_asked, kLongestPause));
      }
      if (!tools_.clock.sleep(pause, stop)) {
        return fail(give_up("Cancelled", "cancelled while getting a token"));
      }
    }
  }

 private:
  http::Request request() const {
    http::Request request;
    request.url = endpoint_.url;
    request.headers["accept"] = "application/json";
    if (endpoint_.flavour == Flavour::Machine) {
      request.headers["metadata"] = "true";
    } else {
      request.headers[kAppHeader] = endpoint_.header.reveal();
    }
    request.connect_limit = seconds{3};
    request.total_limit = seconds{30};
    request.via = http::Via::NoProxy;
    return request;
  }

  static std::size_t pauses_for(const http::Answer& answer) {
    if (!answer) return kPausesWithoutAnswer;
    return answer->status == 410 ? kPauses.size() : kUsualPauses;
  }

  std::string identity() const {
    if (!name_.client_id.empty()) return "the managed identity " + printable(name_.client_id, 60);
    if (!name_.object_id.empty()) return "the managed identity " + printable(name_.object_id, 60);
    if (!name_.resource_id.empty()) {
      return "the managed identity " + printable(name_.resource_id, 200);
    }
    return "the system-assigned managed identity";
  }

  Error refused(const http::Response& answer) const {
    const bool machine = endpoint_.flavour == Flavour::Machine;
    const bool passing = answer.status == 408 || answer.status == 429 || answer.status >= 500 ||
                         (machine && (answer.status == 404 || answer.status == 410));
    const auto body = parse_json(answer.body);
    std::string theirs = body ? text_member(*body, "error_description") : std::string();
    if (theirs.empty()) theirs = read_error_body(std::string_view(answer.body)).message;
    if (theirs.empty() && body) theirs = text_member(*body, "error");
    Error error;
    error.next = passing ? NextMove::RetryLater : NextMove::WaitForOthers;
    error.id = passing ? "TokenUnavailable" : "TokenRefused";
    error.http_status = answer.status;
    error.request_id = printable(answer.header("x-ms-request-id"), 100);
    error.what = fmt::format("no token for {} from {}{}{} (HTTP {})",
                             identity(),
                             endpoint_.host,
                             theirs.empty() ? "" : ": ",
                             clean(printable(theirs, 240)),
                             answer.status);
    if (!passing && !machine && answer.status == 401) {
      error.remedy =
          "IDENTITY_ENDPOINT and IDENTITY_HEADER must be those that the platform gave this app";
    } else if (!passing) {
      error.remedy =
          name_ == ManagedIdentityName{}
              ? "assign an identity to this machine or app; of a user-assigned one AZURE_CLIENT_ID "
                "must name the client id"
              : "check that this identity is assigned to this machine or app; for the "
                "system-assigned one AZURE_CLIENT_ID must not be set";
    }
    return error;
  }

  Error unreachable(const Error& cause) const {
    if (cause.id == "Cancelled") return in_context("getting a token", cause);
    auto error = cause;
    error.what = fmt::format(
        "no token for {}: no answer from {} ({})", identity(), endpoint_.host, cause.what);
    error.id = cause.next == NextMove::RetryLater ? "TokenUnavailable" : cause.id;
    error.remedy =
        "a managed identity works only inside of Azure: elsewhere, or where the network forbids "
        "this address, sign in another way (--auth)";
    return error;
  }

  const Endpoint endpoint_;
  const ManagedIdentityName name_;
  const TokenTools tools_;
};

}  // namespace

Result<std::unique_ptr<TokenFetcher>> managed_identity_fetcher(const ManagedIdentityName& name,
                                                               const CredentialSettings& settings,
                                                               TokenTools tools) {
  auto endpoint = endpoint_of(name, settings);
  if (!endpoint) return fail(endpoint.error());
  return std::make_unique<ManagedIdentityFetcher>(*std::move(endpoint), name, std::move(tools));
}

}  // namespace dps::arm
