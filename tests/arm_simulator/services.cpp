#include "tests/arm_simulator/services.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/operations.hpp"
#include "tests/arm_simulator/policies.hpp"
#include "tests/arm_simulator/service_content.hpp"

namespace dps::sim {

namespace {
constexpr std::string_view kDeviceHost = "global.azure-devices-provisioning.net";

const Json* find_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool known_property(std::string_view name) {
  return name == "iotHubs" || name == "allocationPolicy" || name == "ipFilterRules" ||
         name == "publicNetworkAccess" || name == "privateEndpointConnections" ||
         name == "enableDataResidency";
}

Json hub_view(const Json& hub, bool with_name, bool in_clear, bool with_authentication) {
  Json view = Json::object();
  for (const char* first : {"applyAllocationPolicy", "allocationWeight"})
    if (const auto* value = find_in(hub, first)) view[first] = *value;
  const auto* text = find_in(hub, "connectionString");
  if (text != nullptr) {
    const auto whole = text->get<std::string>();
    const auto parts = parse_connection_string(whole);
    if (with_name && parts) view["name"] = parts->host_name;
    view["connectionString"] = in_clear ? whole : masked(whole);
  } else if (const auto* host = find_in(hub, "hostName"); host != nullptr && with_name) {
    view["name"] = *host;
  }
  for (const auto& [name, value] : hub.items())
    if (!view.contains(name)) view[name] = value;
  if (with_authentication && !view.contains("authenticationType"))
    view["authenticationType"] = "KeyBased";
  return view;
}

Json hubs_view(const Json& hubs, bool with_name, bool in_clear, bool with_authentication) {
  Json list = Json::array();
  for (const auto& hub : hubs)
    list.push_back(hub_view(hub, with_name, in_clear, with_authentication));
  return list;
}

/// The members that a version shows beside the ones that every version has.
void add_network(Json& view, const Json& properties, const Version& version) {
  const auto add = [&](bool known, const char* name) {
    const auto* value = find_in(properties, name);
    if (known && value != nullptr) view[name] = *value;
  };
  add(version.network, "publicNetworkAccess");
  add(version.ip_filter, "ipFilterRules");
  add(version.network, "privateEndpointConnections");
}

void add_tail(Json& view, const Service& service, const Json& document) {
  view["resourcegroup"] = service.group;
  view["type"] = "Microsoft.Devices/provisioningServices";
  view["id"] = service_id(service);
  view["subscriptionid"] = service.subscription;
  view["tags"] = document.at("tags");
  view["sku"] = document.at("sku");
}

enum class Shown { New, Old };

Json view_of(const State& state, const Service& service, const Version& version, Shown shown) {
  const bool old = shown == Shown::Old;
  const auto& content = old && service.previous ? *service.previous : service.content;
  const auto& document = content.document;
  const auto& properties = document.at("properties");
  const bool activating = service.state == "Activating";
  Json view = Json::object();
  if (!activating) view["etag"] = counter_etag(content.etag);
  view["name"] = service.name;
  view["location"] = document.at("location");
  Json inner = Json::object();
  inner["state"] = old && !activating ? "Active" : service.state;
  if (version.provisioning_state)
    inner["provisioningState"] = old && !activating ? "Succeeded" : service.provisioning_state;
  add_network(inner, properties, version);
  inner["iotHubs"] = hubs_view(
      properties.at("iotHubs"), true, false, state.switches.is("hub-authentication-type", "shown"));
  inner["allocationPolicy"] = properties.at("allocationPolicy");
  if (activating) {
    inner["idScope"] = nullptr;
  } else {
    inner["serviceOperationsHostName"] = service.name + ".azure-devices-provisioning.net";
    inner["deviceProvisioningHostName"] = kDeviceHost;
    inner["idScope"] = service.id_scope;
    if (version.name >= "2022-12-12" && state.switches.is("portal-host", "shown"))
      inner["portalOperationsHostName"] = service.name + ".services.azure-devices-provisioning.net";
  }
  if (const auto* residency = find_in(properties, "enableDataResidency");
      residency != nullptr && version.data_residency)
    inner["enableDataResidency"] = *residency;
  for (const auto& [name, value] : properties.items())
    if (!known_property(name)) inner[name] = value;
  view["properties"] = std::move(inner);
  add_tail(view, service, document);
  for (const auto& [name, value] : document.items())
    if (!view.contains(name)) view[name] = value;
  return view;
}

/// What a PUT answers: what was sent, secrets in clear, as if nothing had happened yet.
Json put_answer(const Service& service, const Json& body, const Call& call, const State& state) {
  const auto& document = service.content.document;
  const auto& properties = document.at("properties");
  const auto& sent = body.at("properties");
  Json view = Json::object();
  if (const auto* etag = find_in(body, "etag"); etag != nullptr && etag->is_string())
    view["etag"] = *etag;
  view["name"] = service.name;
  view["location"] = document.at("location");
  Json inner = {{"state", service.state}, {"provisioningState", "Accepted"}};
  add_network(inner, properties, *call.version);
  if (const auto* hubs = find_in(sent, "iotHubs"); hubs != nullptr && hubs->is_array())
    inner["iotHubs"] =
        hubs_view(properties.at("iotHubs"), call.version->hub_name_in_put_answer, true, false);
  inner["allocationPolicy"] = properties.at("allocationPolicy");
  inner["idScope"] = nullptr;
  if (const auto* residency = find_in(properties, "enableDataResidency");
      residency != nullptr && call.version->data_residency)
    inner["enableDataResidency"] = *residency;
  // Masked strings come back masked: the answer knows what was sent, not what is stored.
  if (const auto hubs = inner.find("iotHubs"); hubs != inner.end())
    for (std::size_t i = 0; i < hubs->size() && i < sent.at("iotHubs").size(); ++i) {
      const auto* text = find_in(sent.at("iotHubs")[i], "connectionString");
      if (text == nullptr || !text->is_string()) continue;
      const auto parts = parse_connection_string(text->get<std::string>());
      if (parts && parts->key == kStars)
        (*hubs)[i]["connectionString"] = masked(text->get<std::string>());
    }
  if (const auto* policies = find_in(sent, "authorizationPolicies");
      policies != nullptr && policies->is_array())
    inner["authorizationPolicies"] = policies_json(service.content.policies, state.switches);
  view["properties"] = std::move(inner);
  add_tail(view, service, document);
  return view;
}

bool name_is_sound(std::string_view name) {
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (name.size() < 3 || name.size() > 50 || equal_ignoring_case(name, "global")) return false;
  if (!letter_or_digit(name.front()) || !letter_or_digit(name.back())) return false;
  return std::all_of(
      name.begin(), name.end(), [&](char c) { return letter_or_digit(c) || c == '-'; });
}

/// The 412 of a header If-Match or If-None-Match, as the switch wants it.
std::optional<Response> precondition(State& state, const Call& call, const Service* current) {
  if (state.switches.is("if-match", "ignored")) return std::nullopt;
  const auto fails = [&] {
    return provider_error(state, 412, 412001, "Precondition failed: Invalid ETag supplied.");
  };
  if (call.request.has_header("If-Match")) {
    if (state.switches.is("if-match", "refused")) return fails();
    auto wanted = trim(call.request.header("If-Match"));
    if (wanted.size() >= 2 && wanted.front() == '"' && wanted.back() == '"')
      wanted = wanted.substr(1, wanted.size() - 2);
    if (current == nullptr) return fails();
    if (wanted != "*" && wanted != counter_etag(current->content.etag)) return fails();
  }
  if (call.request.header("If-None-Match") == "*" && current != nullptr) return fails();
  return std::nullopt;
}

Service* find_service(State& state, const Call& call) {
  const auto found = state.services.find(call.resource_key());
  return found == state.services.end() ? nullptr : &found->second;
}

std::optional<Failure> wished_failure(State& state) {
  if (state.switches.is("operation-outcome", "succeeded")) return std::nullopt;
  return Failure{500001, 500, provider_message(state, 500001, "The operation failed.")};
}

Response accepted(State& state,
                  const Call& call,
                  const StartedOperation& started,
                  const Json& body) {
  const auto& status = state.switches.value("put-status");
  auto response = json_answer(status == "200" ? 200 : status == "202" ? 202 : 201, body);
  if (state.switches.is("put-async-header", "azure-async"))
    response.set("Azure-AsyncOperation", started.status_url);
  if (state.switches.is("put-async-header", "location"))
    response.set("Location", started.location_url);
  settle(state, call.now);  // with an operation-time of 0s the operation has ended already
  return response;
}

/// Names and limits that only a create can hurt.
std::variant<std::monostate, Failure, Response> create_refused(State& state, const Call& call) {
  if (state.service_names.contains(lower(call.name()))) {
    const auto message =
        fmt::format("The provisioning service name '{}' is not available.", call.name());
    if (state.switches.is("name-owned-elsewhere", "conflict"))
      return provider_error(state, 409, 409004, message);
    return Failure{409004, 409, provider_message(state, 409004, message)};
  }
  if (!state.switches.is("limits", "off")) {
    const auto prefix = subscription_key(call.subscription()) + "/";
    std::size_t count = 0;
    for (auto at = state.services.lower_bound(prefix);
         at != state.services.end() && at->first.starts_with(prefix);
         ++at)
      ++count;
    if (count >= 10) {
      constexpr std::string_view message =
          "Max number of provisioning services exceeded for this subscription (10).";
      if (state.switches.is("limits", "forbidden"))
        return gateway_error(403, "QuotaExceeded", message);
      return provider_error(state, 400, 400308, message);
    }
  }
  return std::monostate{};
}
}  // namespace

Json service_view(const State& state, const Service& service, const Version& version) {
  const bool old = !service.operation.empty() && state.switches.is("transition-view", "old");
  return view_of(state, service, version, old ? Shown::Old : Shown::New);
}

Response service_missing(State& state, const Call& call) {
  return provider_error(
      state,
      404,
      404002,
      fmt::format("IotHub '{}' not found under ResourceGroup '{}' and Subscription '{}'.",
                  call.name(),
                  call.group(),
                  call.subscription()));
}

std::optional<Response> in_transition(State& state, const Service& service) {
  const bool still =
      service.operation.empty() && (service.state == "Active" || service.state == "Suspended");
  if (still) return std::nullopt;
  return provider_error(
      state,
      409,
      409301,
      fmt::format("The IotDpsState is invalid for this operation. The current state is {}; it "
                  "should be Active or Suspended.",
                  service.state));
}

Response get_service(State& state, const Call& call) {
  const auto* service = find_service(state, call);
  if (service == nullptr) return service_missing(state, call);
  return json_answer(200, service_view(state, *service, *call.version));
}

Response put_service(State& state, const Call& call) {
  if (!name_is_sound(call.name()))
    return provider_error(
        state,
        400,
        400305,
        "Provisioning Service name can contain only alphanumeric and hyphen and must start/end "
        "with alphanumeric. Should be 3 to 50 chars long. Name 'global' not allowed.");
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  auto* current = find_service(state, call);
  if (current != nullptr)
    if (auto early = in_transition(state, *current)) return *early;
  if (auto refusal = precondition(state, call, current)) return *refusal;
  if (state.switches.is("body-etag", "enforced")) {
    const auto* etag = find_in(body.json, "etag");
    const bool sent = etag != nullptr && etag->is_string() && !etag->get<std::string>().empty();
    if (sent && (current == nullptr || *etag != counter_etag(current->content.etag)))
      return provider_error(state, 412, 412001, "Invalid ETag supplied.");
  }
  std::optional<Failure> failure = wished_failure(state);
  if (current == nullptr) {
    auto refused = create_refused(state, call);
    if (auto* response = std::get_if<Response>(&refused)) return *response;
    if (auto* later = std::get_if<Failure>(&refused)) failure = *later;
  }
  auto replaced = replacement(state, call, body.json, current);
  if (auto* refusal = std::get_if<Response>(&replaced)) return *refusal;
  auto& next = std::get<Replacement>(replaced);
  if (next.failure) failure = next.failure;
  next.content.etag = state.next_counter();

  const bool created = current == nullptr;
  if (created) {
    const auto& group = state.groups.at(group_key(call.subscription(), call.group()));
    Service fresh;
    fresh.subscription = group.subscription;
    fresh.group = group.name;
    fresh.name = call.name();
    fresh.id_scope = new_id_scope(state);
    fresh.content = std::move(next.content);
    const bool name_is_taken = state.service_names.contains(lower(fresh.name));
    const auto owner = name_is_taken ? state.service_names.at(lower(fresh.name)) : std::string();
    current = &add_service(state, std::move(fresh));
    // A doomed twin must not take the name from its owner.
    if (name_is_taken) state.service_names[lower(call.name())] = owner;
  } else {
    current->previous = std::move(current->content);
    current->content = std::move(next.content);
  }
  current->state = created ? "Activating" : "Transitioning";
  current->provisioning_state = "Accepted";
  const auto location = current->content.document.at("location").get<std::string>();
  const auto started = start_operation(state,
                                       call,
                                       OperationKind::PutService,
                                       call.resource_key(),
                                       service_id(*current),
                                       location,
                                       failure);
  current->operation = started.id;
  remember(state, *current, created ? "create-accepted" : "update-accepted");
  const auto answer = put_answer(*current, body.json, call, state);
  return accepted(state, call, started, answer);
}

Response patch_service(State& state, const Call& call) {
  auto* service = find_service(state, call);
  if (service == nullptr) return service_missing(state, call);
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  if (auto early = in_transition(state, *service)) return *early;
  if (auto refusal = precondition(state, call, service)) return *refusal;
  if (const auto* tags = find_in(body.json, "tags"); tags != nullptr && !tags->is_null()) {
    const bool sound =
        tags->is_object() && tags->size() <= 50 &&
        std::all_of(tags->begin(), tags->end(), [](const Json& value) {
          return value.is_string() && value.get_ref<const std::string&>().size() <= 256;
        });
    if (!sound) return gateway_error(400, "InvalidTag", "The tags are not allowed.");
    service->content.document["tags"] = *tags;
  }
  const auto before = counter_etag(service->content.etag);
  service->content.etag = state.next_counter();
  remember(state, *service, "patched");
  auto view = service_view(state, *service, *call.version);
  view["etag"] = call.version->patch_answers_empty_etag ? std::string() : before;
  return json_answer(200, view);
}

Response delete_service(State& state, const Call& call) {
  auto* service = find_service(state, call);
  if (service == nullptr) {
    if (state.switches.is("delete-missing-service", "204")) return empty_answer(204);
    return service_missing(state, call);
  }
  if (service->state != "ActivationFailed" || !service->operation.empty())
    if (auto early = in_transition(state, *service)) return *early;
  if (auto refusal = precondition(state, call, service)) return *refusal;
  service->state = "Deleting";
  service->provisioning_state = "Deleting";
  const auto started = start_operation(state,
                                       call,
                                       OperationKind::DeleteService,
                                       call.resource_key(),
                                       service_id(*service),
                                       service->content.document.at("location").get<std::string>(),
                                       wished_failure(state));
  service->operation = started.id;
  remember(state, *service, "delete-accepted");
  auto response = json_answer(202, nullptr);
  response.set("Azure-AsyncOperation", started.status_url);
  response.set("Location", started.location_url);
  response.set("Retry-After", "15");
  settle(state, call.now);
  return response;
}

Response list_services(State& state, const Call& call, const std::string& prefix) {
  const auto size = state.switches.number_of("page-size");
  std::string from = prefix + "/";
  for (const auto& [name, value] : call.query)
    if (equal_ignoring_case(name, "$skipToken")) {
      const auto last = from_base64_url(value);
      if (!last || !last->starts_with(prefix + "/"))
        return gateway_error(400, "InvalidSkipToken", "The skip token is not valid.");
      from = *last + '\x01';  // right after it, also when it has been deleted meanwhile
    }
  Json value = Json::array();
  std::string last;
  bool more = false;
  for (auto at = state.services.lower_bound(from);
       at != state.services.end() && at->first.starts_with(prefix + "/");
       ++at) {
    if (at->second.state == "Deleting") continue;  // a list drops a deleted service at once
    if (size > 0 && value.size() == size) {
      more = true;
      break;
    }
    value.push_back(service_view(state, at->second, *call.version));
    last = at->first;
  }
  Json page = {{"value", std::move(value)}};
  if (more)
    page["nextLink"] = fmt::format("{}{}?api-version={}&$skipToken={}",
                                   call.request.base_url,
                                   call.request.path,
                                   call.api_version,
                                   base64_url(last));
  return json_answer(200, page);
}

Response check_name(State& state, const Call& call) {
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  const auto* name = find_in(body.json, "name");
  if (name == nullptr || !name->is_string())
    return provider_error(state, 400, 400004, "The name is missing.");
  const auto text = name->get<std::string>();
  if (!name_is_sound(text))
    return json_answer(200,
                       {{"nameAvailable", false},
                        {"reason", "Invalid"},
                        {"message", fmt::format("The name '{}' is not valid.", text)}});
  if (state.service_names.contains(lower(text)))
    return json_answer(200,
                       {{"nameAvailable", false},
                        {"reason", state.switches.value("name-taken-reason")},
                        {"message", fmt::format("The name '{}' is not available.", text)}});
  return json_answer(200, {{"nameAvailable", true}, {"reason", "Invalid"}, {"message", nullptr}});
}

}  // namespace dps::sim
