#include "tests/arm_simulator/operations.hpp"

#include <fmt/core.h>

namespace dps::sim {

namespace {
constexpr std::size_t kEndedKept = 20'000;

void end_put_service(State& state, const Operation& operation) {
  const auto found = state.services.find(operation.target);
  if (found == state.services.end()) return;
  auto& service = found->second;
  const bool created = !service.previous;
  if (!operation.failure) {
    service.previous.reset();
    service.operation.clear();
    service.state = "Active";
    service.provisioning_state = "Succeeded";
    remember(state, service, created ? "created" : "updated");
    return;
  }
  if (!created) {
    service.content = std::move(*service.previous);
    service.content.etag = state.next_counter();
    service.previous.reset();
    service.operation.clear();
    service.state = "Active";
    service.provisioning_state = "Succeeded";
    remember(state, service, "update-failed");
    return;
  }
  if (state.switches.is("failed-create", "activation-failed")) {
    service.operation.clear();
    service.state = "ActivationFailed";
    service.provisioning_state = "Failed";
    remember(state, service, "create-failed");
    return;
  }
  remember_gone(state, service_id(service), "create-failed");
  remove_service(state, operation.target);
}

void end_delete_service(State& state, const Operation& operation) {
  const auto found = state.services.find(operation.target);
  if (found == state.services.end()) return;
  if (operation.failure) {
    found->second.operation.clear();
    found->second.state = "Active";
    found->second.provisioning_state = "Succeeded";
    remember(state, found->second, "delete-failed");
    return;
  }
  remember_gone(state, service_id(found->second), "deleted");
  remove_service(state, operation.target);
}

void end_hub(State& state, const Operation& operation) {
  const auto found = state.hubs.find(operation.target);
  if (found == state.hubs.end()) return;
  found->second.operation.clear();
  if (operation.kind == OperationKind::DeleteHub) {
    remember_gone(state, hub_id(found->second), "deleted");
    remove_hub(state, operation.target);
  } else {
    remember(state, found->second, "written");
  }
}

/// A signature as long as those that ARM appends, in the URL alphabet.
std::string signature(State& state, TimePoint now) {
  const auto ticks =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() * 10 +
      621355968000000000LL;
  return fmt::format("&t={}&c={}&s={}&h={}",
                     ticks,
                     base64_url(state.random.bytes(1848)),
                     base64_url(state.random.bytes(256)),
                     base64_url(state.random.bytes(32)));
}

/// The query as it was given out: Azure's JavaScript SDK reads the flag `asyncinfo` into a map and
/// writes it back with the value `undefined`.
std::string original_query(const State& state, std::string query) {
  constexpr std::string_view kWritten = "&asyncinfo=undefined&";
  const auto at = query.find(kWritten);
  if (at != std::string::npos && state.switches.is("asyncinfo-undefined", "accepted"))
    query.replace(at, kWritten.size(), "&asyncinfo&");
  return query;
}

std::string above_query(const std::string& url) {
  return url.substr(0, url.find('?'));
}
std::string below_query(const std::string& url) {
  return url.substr(url.find('?') + 1);
}
}  // namespace

StartedOperation start_operation(State& state,
                                 const Call& call,
                                 OperationKind kind,
                                 const std::string& target,
                                 const std::string& resource_id,
                                 std::string_view location,
                                 std::optional<Failure> failure) {
  const bool of_hub = kind == OperationKind::PutHub || kind == OperationKind::DeleteHub;
  Operation operation;
  operation.id = base64(fmt::format(
      "id=os_{}_{};region={}", of_hub ? "ih" : "id", state.random.guid(), region(location)));
  operation.kind = kind;
  operation.target = target;
  operation.resource_id = resource_id;
  operation.below_resource = !of_hub && state.switches.is("async-url", "resource");
  operation.exact_query = !of_hub && state.switches.is("async-url", "signed");
  operation.end = call.now + state.switches.duration_of("operation-time");
  operation.failure = std::move(failure);
  std::string address;
  if (operation.below_resource)
    address =
        fmt::format("{}{}/operationResults/{}", call.request.base_url, resource_id, operation.id);
  else
    address = fmt::format("{}/subscriptions/{}/providers/Microsoft.Devices/locations/{}/{}/{}",
                          call.request.base_url,
                          split(resource_id, '/')[2],
                          region(location),
                          of_hub ? "operationResults" : "provisioningserviceoperationresults",
                          operation.id);
  const auto signed_part = operation.exact_query ? signature(state, call.now) : std::string();
  StartedOperation started;
  started.id = operation.id;
  started.status_url =
      fmt::format("{}?api-version={}&asyncinfo{}", address, call.api_version, signed_part);
  started.location_url = fmt::format("{}?api-version={}{}", address, call.api_version, signed_part);
  operation.status_query = below_query(started.status_url);
  operation.location_query = below_query(started.location_url);
  state.running.emplace(operation.end, operation.id);
  state.operations.emplace(operation.id, std::move(operation));
  return started;
}

void settle(State& state, TimePoint now) {
  while (!state.running.empty() && state.running.begin()->first <= now) {
    const auto id = state.running.begin()->second;
    state.running.erase(state.running.begin());
    const auto found = state.operations.find(id);
    if (found == state.operations.end()) continue;
    auto& operation = found->second;
    operation.ended = true;
    switch (operation.kind) {
      case OperationKind::PutService:
        end_put_service(state, operation);
        break;
      case OperationKind::DeleteService:
        end_delete_service(state, operation);
        break;
      case OperationKind::PutHub:
      case OperationKind::DeleteHub:
        end_hub(state, operation);
        break;
    }
    state.ended.push_back(id);
    if (state.ended.size() > kEndedKept) {
      state.operations.erase(state.ended.front());
      state.ended.pop_front();
    }
  }
}

Response poll(State& state, const Call& call, const std::string& id) {
  const auto found = state.operations.find(id);
  if (found == state.operations.end())
    return gateway_error(
        404, "ResourceNotFound", fmt::format("The operation '{}' was not found.", id));
  const auto& operation = found->second;
  const bool asks_status = call.query.contains("asyncinfo");
  const auto query = original_query(state, call.request.query);
  if (operation.exact_query && query != operation.status_query &&
      query != operation.location_query) {
    if (state.switches.is("signed-url-mismatch", "400"))
      return gateway_error(
          400, "InvalidAsyncOperationUrl", "The signature of the URL does not match.");
    return gateway_error(
        403, "InvalidAsyncOperationUrl", "The signature of the URL does not match.");
  }
  const bool deletes =
      operation.kind == OperationKind::DeleteService || operation.kind == OperationKind::DeleteHub;
  const auto self = [&] {
    return call.request.base_url + call.request.path + "?" + operation.location_query;
  };
  if (!operation.ended) {
    if (asks_status) return json_answer(200, {{"status", "Running"}});
    auto response = empty_answer(deletes && state.switches.is("location-poll", "200") ? 200 : 202);
    response.set("Location", self());
    response.set("Retry-After", "15");
    return response;
  }
  if (operation.failure) {
    if (state.switches.is("failed-operation", "status-failed") && asks_status)
      return json_answer(200,
                         {{"status", "Failed"},
                          {"error",
                           {{"code", std::to_string(operation.failure->code)},
                            {"message", operation.failure->message}}}});
    return json_answer(operation.failure->http_status,
                       {{"code", operation.failure->code},
                        {"httpStatusCode", status_word(operation.failure->http_status)},
                        {"message", operation.failure->message}});
  }
  if (operation.kind == OperationKind::DeleteService && operation.below_resource &&
      state.switches.is("deleted-resource-poll", "not-found")) {
    const auto parts = split(operation.resource_id, '/');
    return gateway_error(404,
                         "ResourceNotFound",
                         fmt::format("The Resource 'Microsoft.Devices/provisioningServices/{}' "
                                     "under resource group '{}' was "
                                     "not found. For more details please go to "
                                     "https://aka.ms/ARMResourceNotFoundFix",
                                     parts.back(),
                                     parts[4]));
  }
  if (asks_status) return json_answer(200, {{"status", "Succeeded"}});
  auto response = empty_answer(200);
  if (deletes) {
    // As recorded: the address of the next Location carries the operation's part twice.
    const auto path = call.request.base_url + call.request.path;
    response.set(
        "Location",
        fmt::format("{}/operationResults/{}?{}", above_query(path), id, operation.location_query));
    response.set("Retry-After", "15");
  }
  return response;
}

}  // namespace dps::sim
