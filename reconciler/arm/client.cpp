#include "reconciler/arm/client.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "reconciler/arm/fault.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

Error bad_answer(std::string what) {
  return Error{NextMove::RetryLater,
               "BadAnswer",
               std::move(what),
               "check that the endpoint is Azure Resource Manager and no proxy stands before",
               200,
               {}};
}

// Bodies may hold keys: they go when they have been read.
Result<Json> read_and_wipe(http::Response& response) {
  auto json = parse_json(response.body);
  wipe(response.body);
  if (!json) return fail(bad_answer("ARM's answer is " + json.error().what));
  return json;
}

}  // namespace

struct Client::Versioned {
  http::Response response;
  std::string version;
};

Client::Client(http::Exchange& exchange,
               Clock& clock,
               ClientMemory& memory,
               ClientSettings settings)
    : exchange_(exchange), clock_(clock), memory_(memory), settings_(std::move(settings)) {}

void Client::notice(const Notice& notice) const {
  if (settings_.notice) settings_.notice(notice);
}

http::Request Client::request(http::Method method, std::string url) const {
  http::Request request;
  request.method = method;
  request.url = std::move(url);
  request.headers = {{"accept", "application/json"}};
  if (!settings_.correlation_id.empty()) {
    request.headers.emplace("x-ms-correlation-request-id", settings_.correlation_id);
  }
  return request;
}

http::Answer Client::send(http::Request request, const std::stop_token& stop) {
  auto answer = exchange_.send(request, stop);
  wipe(request.body);
  if (answer) {
    if (const auto told = parse_rfc1123(answer->header("date"))) {
      memory_.learn_server_time(*told, clock_.wall());
    }
  }
  return answer;
}

Result<http::Response> Client::get(std::string url, const std::stop_token& stop) {
  return accepted(send(request(http::Method::Get, std::move(url)), stop));
}

Result<Client::Versioned> Client::get_versioned(
    const std::function<std::string(std::string_view)>& url,
    std::string_view version,
    http::Method method,
    const std::stop_token& stop) {
  for (;;) {
    const auto asked = version.empty() ? memory_.read_version() : std::string(version);
    auto answer = send(request(method, url(asked)), stop);
    if (version.empty() && answer && answer->status >= 400 && answer->status < 500 &&
        to_error(*answer).id == "InvalidApiVersion" &&
        memory_.fall_back(asked, supported_versions(*answer))) {
      notice({"ReadVersion",
              fmt::format("ARM does not have api-version {} here; reading with {}",
                          asked,
                          memory_.read_version())});
      continue;  // ends: every round takes an older version
    }
    auto response = accepted(std::move(answer));
    if (!response) return fail(response.error());
    return Versioned{*std::move(response), asked};
  }
}

Result<void> Client::each_page(
    const std::function<std::string(std::string_view)>& url,
    std::string_view version,
    http::Method first,
    const std::function<Result<void>(const Json&, std::string_view)>& take,
    const std::stop_token& stop) {
  auto page = get_versioned(url, version, first, stop);
  if (!page) return fail(page.error());
  std::set<std::string> followed;
  for (;;) {
    const auto body = read_and_wipe(page->response);
    if (!body) return fail(body.error());
    const auto& values = member(*body, "value");
    if (!values.is_array()) return fail(bad_answer("ARM answered a list without its values"));
    for (const auto& value : values) {
      if (auto taken = take(value, page->version); !taken) return taken;
    }
    const auto next = text_member(*body, "nextLink");
    if (next.empty()) return {};
    if (!followed.insert(next).second || followed.size() > 10'000) {
      return fail(bad_answer("ARM's pages lead in a circle"));
    }
    auto response = get(next, stop);
    if (!response) return fail(in_context("following the next page", response.error()));
    page->response = *std::move(response);
  }
}

Result<std::vector<LiveService>> Client::services(
    const std::function<std::string(std::string_view)>& url, const std::stop_token& stop) {
  std::vector<LiveService> out;
  const auto take = [&](const Json& entry, std::string_view version) -> Result<void> {
    auto live = decode_service(entry, version);
    if (!live) return fail(live.error());
    out.push_back(*std::move(live));
    return {};
  };
  if (auto done = each_page(url, {}, http::Method::Get, take, stop); !done) {
    return fail(done.error());
  }
  return out;
}

Result<std::vector<LiveService>> Client::list_services(const std::string& subscription,
                                                       const std::stop_token& stop) {
  return services(
      [&](std::string_view version) {
        return services_url(settings_.cloud, subscription, version);
      },
      stop);
}

Result<std::vector<LiveService>> Client::list_services_of_group(const std::string& subscription,
                                                                const std::string& group,
                                                                const std::stop_token& stop) {
  return services(
      [&](std::string_view version) {
        return services_url(settings_.cloud, subscription, group, version);
      },
      stop);
}

Result<LiveService> Client::get_service(const ServiceId& id,
                                        std::string_view version,
                                        const std::stop_token& stop) {
  auto answer =
      get_versioned([&](std::string_view asked) { return service_url(settings_.cloud, id, asked); },
                    version,
                    http::Method::Get,
                    stop);
  if (!answer) return fail(answer.error());
  const auto document = read_and_wipe(answer->response);
  if (!document) return fail(document.error());
  return decode_service(*document, answer->version);
}

Result<std::vector<PolicyWithKeys>> Client::list_keys(const ServiceId& id,
                                                      std::string_view version,
                                                      const std::stop_token& stop) {
  std::vector<PolicyWithKeys> out;
  const auto take = [&](const Json& entry, std::string_view) -> Result<void> {
    out.push_back(decode_policy(entry));
    if (out.back().name.empty()) return fail(bad_answer("ARM showed a policy without a name"));
    return {};
  };
  const auto url = [&](std::string_view asked) {
    return service_url(settings_.cloud, id, asked, "/listkeys");
  };
  if (auto done = each_page(url, version, http::Method::Post, take, stop); !done) {
    return fail(done.error());
  }
  return out;
}

Result<std::vector<LiveCertificate>> Client::list_certificates(const ServiceId& id,
                                                               const std::stop_token& stop) {
  std::vector<LiveCertificate> out;
  const auto take = [&](const Json& entry, std::string_view) -> Result<void> {
    out.push_back(decode_certificate(entry));
    return {};
  };
  const auto url = [&](std::string_view asked) {
    return service_url(settings_.cloud, id, asked, "/certificates");
  };
  if (auto done = each_page(url, {}, http::Method::Get, take, stop); !done) {
    return fail(done.error());
  }
  return out;
}

Result<LiveCertificate> Client::get_certificate(const ServiceId& id,
                                                const std::string& name,
                                                const std::stop_token& stop) {
  const auto url = [&](std::string_view asked) {
    return certificate_url(settings_.cloud, id, name, asked);
  };
  auto answer = get_versioned(url, {}, http::Method::Get, stop);
  if (!answer) return fail(of_certificate(answer.error()));
  const auto document = read_and_wipe(answer->response);
  if (!document) return fail(document.error());
  return decode_certificate_answer(*document);
}

Result<std::vector<std::string>> Client::list_skus(const ServiceId& id,
                                                   const std::stop_token& stop) {
  std::vector<std::string> out;
  const auto take = [&](const Json& entry, std::string_view) -> Result<void> {
    out.push_back(text_member(entry, "name"));
    return {};
  };
  const auto url = [&](std::string_view asked) {
    return service_url(settings_.cloud, id, asked, "/skus");
  };
  if (auto done = each_page(url, {}, http::Method::Get, take, stop); !done) {
    return fail(done.error());
  }
  return out;
}

Result<PolicyWithKeys> Client::hub_keys(const HubKeyReference& reference,
                                        const std::stop_token& stop) {
  auto response =
      accepted(send(request(http::Method::Post, hub_keys_url(settings_.cloud, reference)), stop));
  if (!response) {
    auto error = response.error();
    if (error.id == "ServiceNotFound" || error.id == "NotFound") {
      error.id = "HubNotFound";
      error.remedy =
          "check the hub's name, its resource group and subscription, and the policy; a new hub "
          "takes minutes to appear";
    }
    return fail(in_context(fmt::format("reading the key {} of hub {}",
                                       printable(reference.policy, 64),
                                       printable(reference.hub, 64)),
                           std::move(error)));
  }
  const auto body = read_and_wipe(*response);
  if (!body) return fail(body.error());
  auto policy = decode_policy(*body);
  if (policy.primary.empty() || policy.secondary.empty()) {
    return fail(bad_answer("the hub showed a policy without its keys"));
  }
  return policy;
}

Result<NameAnswer> Client::check_name(const std::string& subscription,
                                      const std::string& name,
                                      const std::stop_token& stop) {
  for (;;) {
    const auto version = memory_.read_version();
    auto asked =
        request(http::Method::Post, name_check_url(settings_.cloud, subscription, version));
    asked.headers.emplace("content-type", "application/json");
    asked.body = canonical_text(Json{{"name", name}});
    auto answer = send(std::move(asked), stop);
    if (answer && answer->status == 400 && to_error(*answer).id == "InvalidApiVersion" &&
        memory_.fall_back(version, supported_versions(*answer))) {
      continue;
    }
    auto response = accepted(std::move(answer));
    if (!response) return fail(response.error());
    const auto body = read_and_wipe(*response);
    if (!body) return fail(body.error());
    const auto& available = member(*body, "nameAvailable");
    if (!available.is_boolean())
      return fail(bad_answer("ARM did not say whether the name is free"));
    return NameAnswer{available.get<bool>(), clean(text_member(*body, "message"))};
  }
}

Result<void> Client::get_resource_group(const std::string& subscription,
                                        const std::string& group,
                                        const std::stop_token& stop) {
  const auto response = get(group_url(settings_.cloud, subscription, group), stop);
  if (!response) return fail(response.error());
  return {};
}

}  // namespace dps::arm
