#include "tests/arm_simulator/services.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/operations.hpp"
#include "tests/arm_simulator/policies.hpp"
#include "tests/arm_simulator/service_content.hpp"
#include "tests/arm_simulator/service_view.hpp"

namespace dps::sim {

namespace {
const Json* find_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
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
