#include "tests/arm_simulator/admin.hpp"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "tests/arm_simulator/switches.hpp"

namespace dps::sim {

namespace {
using Json = nlohmann::ordered_json;

Response answer(int status, const Json& body) {
  Response response;
  response.status = status;
  response.set("Content-Type", "application/json; charset=utf-8");
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  response.body += '\n';
  return response;
}

Response bad(const std::string& message) {
  return answer(400, {{"error", message}});
}

Response after(const std::optional<std::string>& fault, const Json& body) {
  return fault ? bad(*fault) : answer(200, body);
}

std::optional<Json> parsed(const Request& request) {
  auto body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return std::nullopt;
  return std::optional<Json>(std::in_place, std::move(body));
}

std::uint64_t since(const Request& request) {
  const auto fields = form_fields(request.query);
  const auto found = fields.find("since");
  std::uint64_t seq = 0;
  if (found != fields.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), seq);
  return seq;
}

Json described(const World& world) {
  static constexpr std::string_view kinds[] = {"choice", "set", "duration", "number", "quota"};
  Json table = Json::array();
  for (const auto& row : switch_table())
    table.push_back({{"name", row.name},
                     {"kind", kinds[static_cast<std::size_t>(row.kind)]},
                     {"values", row.values},
                     {"default", row.initial},
                     {"value", world.switch_value(row.name)},
                     {"meaning", row.meaning}});
  return table;
}

Response patch_switches(World& world, const Json& body) {
  if (!body.is_object()) return bad("an object {name: value} is expected");
  // All or none: a typing error in the second name must not leave the first one changed.
  Switches trial;
  for (const auto& [name, value] : body.items()) {
    const auto text = value.is_string() ? value.get<std::string>() : value.dump();
    if (auto fault = trial.set(name, text)) return bad(*fault);
  }
  for (const auto& [name, value] : body.items()) {
    const auto text = value.is_string() ? value.get<std::string>() : value.dump();
    if (auto fault = world.set_switch(name, text)) return bad(*fault);
  }
  return answer(200, world.switches());
}

Response clock(World& world, const Json& body) {
  const auto advance = body.is_object() ? body.find("advance") : body.end();
  if (!body.is_object() || advance == body.end() || !advance->is_string())
    return bad("{\"advance\": \"10s\"} is expected");
  const auto by = duration(advance->get<std::string>());
  if (!by) return bad(fmt::format("'{}' is not a duration", advance->get<std::string>()));
  world.advance(*by);
  return answer(200, {{"now", rfc3339(world.now())}});
}

Response edit(World& world, const Json& body) {
  const bool sound =
      body.is_object() && body.contains("id") && body["id"].is_string() && body.contains("patch");
  if (!sound) return bad("{\"id\": …, \"patch\": …} is expected");
  return after(world.edit(body["id"].get<std::string>(), body["patch"]), {{"edited", body["id"]}});
}
}  // namespace

Response serve_admin(World& world, Faults& faults, const Request& request) {
  const auto route = request.method + " " + request.path;
  if (route == "GET /health") return answer(200, {{"status", "ok"}});
  if (route == "GET /state") return answer(200, world.state());
  if (route == "GET /requests") return answer(200, world.requests(since(request)));
  if (route == "GET /history") return answer(200, world.history(since(request)));
  if (route == "GET /switches") return answer(200, world.switches());
  if (route == "GET /switches/describe") return answer(200, described(world));
  if (route == "GET /faults") return answer(200, faults.list());
  if (route == "GET /identities") return answer(200, world.identities());
  if (route == "GET /clock") return answer(200, {{"now", rfc3339(world.now())}});
  if (route == "DELETE /requests") {
    world.forget_requests();
    return answer(200, Json::object());
  }
  if (route == "DELETE /faults") {
    faults.clear();
    return answer(200, Json::array());
  }
  const bool writes = route == "PUT /state" || route == "PATCH /switches" ||
                      route == "PUT /faults" || route == "POST /clock" || route == "POST /edit" ||
                      route == "POST /identities";
  if (!writes) return answer(404, {{"error", fmt::format("there is no {}", route)}});
  const auto body = parsed(request);
  if (!body) return bad("the body is not JSON");
  if (route == "PUT /state") return after(world.set_state(*body), Json::object());
  if (route == "PATCH /switches") return patch_switches(world, *body);
  if (route == "PUT /faults") {
    const auto fault = faults.set(*body);
    return after(fault, faults.list());
  }
  if (route == "POST /clock") return clock(world, *body);
  if (route == "POST /identities") return after(world.set_identity(*body), world.identities());
  return edit(world, *body);
}

}  // namespace dps::sim
