#include "reconciler/app/control_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/telemetry/page_parts.hpp"

namespace dps::app {
namespace {

using plan::shown;
using plan::Tone;
using plan::toned;
using telemetry::relative_words;
using telemetry::short_revision;
using telemetry::span_words;

std::string text_of(const Json& object, std::string_view name) {
  return shown(text_member(object, name));
}

std::size_t number_of(const Json& object, std::string_view name) {
  const auto& value = member(object, name);
  return value.is_number() && value.get<double>() > 0 ? value.get<std::size_t>() : 0;
}

bool is_set(const Json& object, std::string_view name) {
  const auto& value = member(object, name);
  return value.is_boolean() && value.get<bool>();
}

const Json& list_of(const Json& object, std::string_view name) {
  static const Json kNone = Json::array();
  const auto& value = member(object, name);
  return value.is_array() ? value : kNone;
}

std::optional<WallTime> time_of(const Json& object, std::string_view name) {
  return parse_rfc3339(text_member(object, name));
}

std::string when(const Json& object, std::string_view name, WallTime now) {
  const auto time = time_of(object, name);
  return time ? relative_words(*time, now) : "never";
}

std::string plural(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

struct Look {
  std::string_view word;
  std::string_view label;
  Tone tone;
};
// What needs a person stands first.
constexpr Look kLooks[] = {{"failed", "failed", Tone::Bad},
                           {"blocked", "blocked", Tone::Bad},
                           {"drifted", "drifted", Tone::Change},
                           {"pending", "pending", Tone::Change},
                           {"suspended", "suspended", Tone::Note},
                           {"in_sync", "in sync", Tone::Good}};

const Look& look_of(const Json& service) {
  static constexpr Look kUnknown = {"", "unknown", Tone::Note};
  const auto word = text_member(service, "state");
  const auto* found = std::find_if(
      std::begin(kLooks), std::end(kLooks), [&](const Look& l) { return l.word == word; });
  return found == std::end(kLooks) ? kUnknown : *found;
}

std::string name_of(const Json& service) {
  return text_of(service, "resource_group") + "/" + text_of(service, "name");
}

std::string next_of(const Json& service, WallTime now) {
  if (is_set(service, "running")) return "in work";
  if (member(service, "queue_position").is_number()) {
    return fmt::format("due, number {}", number_of(service, "queue_position") + 1);
  }
  const auto due = time_of(service, "next_due");
  return due ? relative_words(*due, now) : "-";
}

std::string what_of(const Json& service) {
  const auto& troubles = list_of(service, "troubles");
  if (!troubles.empty()) return text_of(troubles.front(), "message");
  const auto& differences = list_of(service, "differences");
  if (!differences.empty() && differences.front().is_string()) {
    auto line = shown(differences.front().get<std::string>());
    if (differences.size() > 1) line += fmt::format(" (+{})", differences.size() - 1);
    return line;
  }
  if (text_member(service, "state") == "suspended") {
    for (const auto& condition : list_of(service, "conditions")) {
      if (text_member(condition, "type") == "Suspended") return text_of(condition, "message");
    }
  }
  return text_of(service, "held_by");
}

/// "label      text", the text wrapped beside it.
void put(std::string& out, const Screen& screen, std::string_view label, const std::string& text) {
  constexpr std::size_t kIndent = 13;
  if (text.empty()) return;
  out += plan::padded(label, kIndent) +
         plan::wrapped(text, std::max<std::size_t>(screen.width, 40), kIndent) + "\n";
}

void put_trouble(std::string& out,
                 const Screen& screen,
                 std::string_view label,
                 const Json& trouble) {
  put(out, screen, label, text_of(trouble, "message"));
  const auto remedy = text_of(trouble, "remedy");
  if (!remedy.empty()) put(out, screen, "  do", remedy);
}

void put_approval(std::string& out, const Screen& screen, const Json& status) {
  const auto digest = text_of(status, "approve_digest");
  if (!digest.empty())
    put(out, screen, "  do", "if all are meant: dps-reconciler approve " + digest);
}

void put_guards(std::string& out, const Screen& screen, const Json& status) {
  for (const auto& guard : list_of(status, "guards")) {
    put(out, screen, "held", text_of(guard, "guard") + ": " + text_of(guard, "message"));
    for (const auto& removal : list_of(guard, "removals")) {
      if (removal.is_string()) put(out, screen, "", shown(removal.get<std::string>()));
    }
    put_approval(out, screen, status);
  }
}

std::string head(const Json& status, WallTime now) {
  auto out = fmt::format(
      "dps-reconciler {}, {}, owner {}",
      text_of(status, "version"),
      text_member(status, "mode") == "observe" ? "observing, writes nothing" : "enforcing",
      text_of(status, "owner"));
  if (!is_set(status, "leader")) out += ", standby";
  if (const auto shard = text_of(status, "shard"); !shard.empty()) out += ", shard " + shard;
  if (const auto started = time_of(status, "started_at")) {
    out += ", up " + span_words(std::chrono::duration_cast<Duration>(now - *started));
  }
  return out + (is_set(status, "ready") ? ", ready" : ", not ready");
}

void put_source(std::string& out, const Screen& screen, const Json& status, WallTime now) {
  const auto& source = member(status, "source");
  const auto revision = text_of(source, "revision");
  put(out,
      screen,
      "source",
      fmt::format("{} {}, {}; last read {}",
                  text_of(source, "kind"),
                  text_of(source, "location"),
                  revision.empty() ? "no revision in force"
                                   : fmt::format("revision {} since {}",
                                                 short_revision(revision),
                                                 when(source, "loaded_at", now)),
                  when(source, "last_success", now)));
  if (const auto& trouble = member(source, "trouble"); trouble.is_object()) {
    put_trouble(out, screen, "  wrong", trouble);
  }
  if (const auto refused = text_of(source, "refused_revision"); !refused.empty()) {
    put(out, screen, "  refused", fmt::format("revision {} is faulty", short_revision(refused)));
  }
  const auto& faults = list_of(source, "faults");
  for (const auto& fault : faults) put(out, screen, "  fault", text_of(fault, "text"));
  if (const auto all = number_of(source, "fault_count"); all > faults.size()) {
    put(out, screen, "", fmt::format("and {} more", all - faults.size()));
  }
}

std::string table(const Json& services, const Screen& screen, WallTime now) {
  std::vector<const Json*> rows;
  for (const auto& service : services) rows.push_back(&service);
  std::stable_sort(rows.begin(), rows.end(), [](const Json* left, const Json* right) {
    return &look_of(*left) < &look_of(*right);
  });
  std::size_t name = 7, next = 9;
  for (const auto* row : rows) {
    name = std::max(name, plan::columns(name_of(*row)));
    next = std::max(next, plan::columns(next_of(*row, now)));
  }
  auto out = "\n" +
             toned(plan::padded("STATE", 11) + plan::padded("SERVICE", name + 2) +
                       plan::padded("NEXT LOOK", next + 2) + "WHAT",
                   Tone::Dim,
                   screen.color) +
             "\n";
  for (const auto* row : rows) {
    const auto& look = look_of(*row);
    const auto used = 11 + name + 2 + next + 2;
    const auto room = screen.width > used + 20 ? screen.width - used : 20;
    auto line = plan::padded(name_of(*row), name + 2) + plan::padded(next_of(*row, now), next + 2) +
                shown(what_of(*row), room - 1);
    out += toned(plan::padded(look.label, 11), look.tone, screen.color) +
           line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string sentence(const Json& status, const Json& service, WallTime now) {
  const auto state = text_member(service, "state");
  std::string out;
  if (state == "in_sync") {
    out = "Azure is as the manifest wants.";
  } else if (state == "drifted") {
    out = "Azure differs, and the manifest did not change: somebody else did.";
  } else if (state == "pending") {
    out = time_of(service, "last_read") ? "The manifest wants something that is not in Azure yet."
                                        : "It was not looked at yet.";
  } else if (state == "suspended") {
    out = "It is suspended: looked at and reported, not written.";
  } else if (state == "blocked") {
    out = "Something forbids writing it; it will not come right by itself.";
  } else if (state == "failed") {
    out = fmt::format("It failed {} in a row; it is tried again.",
                      plural(number_of(service, "failures"), "time"));
  }
  const bool differs = !list_of(service, "differences").empty();
  if (differs && text_member(status, "mode") == "observe")
    out += " In observe mode nothing is written.";
  if (differs && !is_set(status, "leader")) out += " This daemon is a standby: another one writes.";
  if (!member(service, "manifest").is_object()) out += " No manifest names it any more.";
  const auto due = time_of(service, "next_due");
  if (is_set(service, "running")) {
    out += " It is being worked on now.";
  } else if (member(service, "queue_position").is_number()) {
    out += fmt::format(" It is due: number {} in the queue.",
                       number_of(service, "queue_position") + 1);
  } else if (due) {
    out += fmt::format(" The next look is {}, at {}.", relative_words(*due, now), rfc3339(*due));
  }
  return out;
}

void put_why(std::string& out, const Screen& screen, const Json& status, const Json& service) {
  for (const auto& trouble : list_of(service, "troubles")) {
    put_trouble(out, screen, "wrong", trouble);
  }
  for (const auto& difference : list_of(service, "differences")) {
    if (difference.is_string()) put(out, screen, "differs", shown(difference.get<std::string>()));
  }
  for (const auto& field : list_of(service, "contested")) {
    if (!field.is_string()) continue;
    put(out,
        screen,
        "contested",
        shown(field.get<std::string>()) +
            ": somebody puts it back each time; left alone until the manifest changes");
  }
  for (const auto& hub : list_of(service, "stale_hubs")) {
    if (hub.is_string()) {
      put(out,
          screen,
          "stale key",
          shown(hub.get<std::string>()) + ": its key here is not its own any more");
    }
  }
  for (const auto& condition : list_of(service, "conditions")) {
    const auto type = text_member(condition, "type");
    if ((type == "Suspended" || type == "Held" || type == "OwnershipLost") &&
        text_member(condition, "status") == "True") {
      const auto message = text_of(condition, "message");
      put(out,
          screen,
          lower(type == "OwnershipLost" ? "ownership" : type),
          text_of(condition, "reason") + (message.empty() ? "" : ": " + message));
    }
  }
  const auto held = text_of(service, "held_by");
  for (const auto& guard : list_of(status, "guards")) {
    if (held.empty() || text_of(guard, "guard") != held) continue;
    put(out, screen, "guard", held + ": " + text_of(guard, "message"));
    put_approval(out, screen, status);
  }
  for (const auto& entry : list_of(status, "unreadable_subscriptions")) {
    if (equal_ignoring_case(text_member(entry, "subscription"),
                            text_member(service, "subscription"))) {
      put_trouble(out, screen, "unreadable", entry);
    }
  }
}

void put_facts(std::string& out, const Screen& screen, const Json& service, WallTime now) {
  const auto or_dash = [](std::string text) { return text.empty() ? "-" : text; };
  put(out,
      screen,
      "Azure",
      fmt::format("{}, id scope {}, subscription {}",
                  text_of(service, "live_state").empty() ? "not there or not read"
                                                         : text_of(service, "live_state"),
                  or_dash(text_of(service, "id_scope")),
                  text_of(service, "subscription")));
  if (const auto& manifest = member(service, "manifest"); manifest.is_object()) {
    put(out,
        screen,
        "manifest",
        fmt::format("{}:{}", text_of(manifest, "file"), number_of(manifest, "line")));
  }
  put(out,
      screen,
      "revisions",
      fmt::format("wanted {}, compared with {}, last written for {}",
                  or_dash(short_revision(text_of(service, "desired_revision"))),
                  or_dash(short_revision(text_of(service, "observed_revision"))),
                  or_dash(short_revision(text_of(service, "attempted_revision")))));
  put(out,
      screen,
      "last",
      fmt::format("read {}, written {}, seen as wanted {}",
                  when(service, "last_read", now),
                  when(service, "last_write", now),
                  when(service, "last_success", now)));
  put(out, screen, "request id", text_of(service, "last_request_id"));
}

}  // namespace

std::string status_text(const Json& status, const Screen& screen) {
  const auto now = time_of(status, "now").value_or(WallTime{});
  auto out = head(status, now) + "\n";
  for (const auto& reason : list_of(status, "not_ready_reasons")) {
    if (reason.is_string()) put(out, screen, "not ready", shown(reason.get<std::string>()));
  }
  put_source(out, screen, status, now);
  const auto& queue = member(status, "queue");
  put(out,
      screen,
      "queue",
      number_of(queue, "depth") == 0
          ? std::string("nothing is due")
          : fmt::format("{} due, the oldest for {}",
                        number_of(queue, "depth"),
                        span_words(std::chrono::seconds{number_of(queue, "oldest_seconds")})));
  put_guards(out, screen, status);
  for (const auto& entry : list_of(status, "unreadable_subscriptions")) {
    put(out, screen, "unreadable", "subscription " + text_of(entry, "subscription"));
    put_trouble(out, screen, "  wrong", entry);
  }
  for (const auto& notice : list_of(status, "notices")) {
    if (notice.is_string()) put(out, screen, "notice", shown(notice.get<std::string>()));
  }
  const auto& services = list_of(status, "services");
  if (!services.empty()) out += table(services, screen, now);
  std::vector<std::string> counts;
  std::size_t all = 0;
  for (const auto& look : kLooks) {
    const auto count = number_of(member(status, "summary"), look.word);
    all += count;
    if (count > 0) counts.push_back(fmt::format("{} {}", count, look.label));
  }
  std::reverse(counts.begin(), counts.end());
  out += "\n" + plural(all, "service") + (counts.empty() ? "" : ": " + join(counts, ", ")) + ".\n";
  return out;
}

std::string why_text(const Json& status, const Screen& screen) {
  const auto now = time_of(status, "now").value_or(WallTime{});
  const auto& services = list_of(status, "services");
  if (services.empty()) return "no service\n";
  const auto& service = services.front();
  const auto& look = look_of(service);
  auto out = fmt::format("{} is {}\n",
                         toned(name_of(service), Tone::Strong, screen.color),
                         toned(look.label, look.tone, screen.color));
  out += plan::wrapped(sentence(status, service, now), std::max<std::size_t>(screen.width, 40), 0) +
         "\n\n";
  put_why(out, screen, status, service);
  put_facts(out, screen, service, now);
  for (const auto& certificate : list_of(status, "certificates")) {
    const auto ends = time_of(certificate, "expires_at");
    put(out,
        screen,
        "certificate",
        fmt::format(
            "{} ({}), {}, {}",
            text_of(certificate, "name"),
            is_set(certificate, "managed") ? text_of(certificate, "role") : "not managed",
            is_set(certificate, "verified") ? "verified" : "not verified",
            ends ? fmt::format(
                       "ends {}, {}", rfc3339(*ends).substr(0, 10), relative_words(*ends, now))
                 : "end not known"));
  }
  const auto& requests = list_of(service, "requests");
  for (const auto& request : requests) {
    const auto code = number_of(request, "status");
    const auto& took = member(request, "took_seconds");
    put(out,
        screen,
        &request == &requests.front() ? "requests" : "",
        fmt::format("{} {} {}: {} after {} {}",
                    text_of(request, "time"),
                    text_of(request, "method"),
                    text_of(request, "operation"),
                    code == 0 ? text_of(request, "failure") : std::to_string(code),
                    took.is_number() ? fmt::format("{:.3f} s", took.get<double>()) : "?",
                    code >= 200 && code < 300 ? "" : text_of(request, "request_id")));
  }
  const auto& history = list_of(service, "history");
  if (!history.empty()) out += "\n";
  for (const auto& moment : history) {
    put(out,
        screen,
        "",
        fmt::format("{} {}: {}",
                    text_of(moment, "time"),
                    text_of(moment, "event"),
                    text_of(moment, "message")));
    for (const auto& detail : list_of(moment, "details")) {
      if (detail.is_string()) put(out, screen, "", shown(detail.get<std::string>()));
    }
  }
  return out;
}

std::string acted_text(const Json& answer) {
  const auto action = text_member(answer, "action");
  const auto service = text_of(answer, "service");
  const auto count = number_of(answer, "count");
  const auto whom = service.empty() ? std::string("all services") : service;
  if (action == "reconcile") {
    return fmt::format("Looking at {} now: {} due.\n", whom, plural(count, "run"));
  }
  if (action == "suspend") {
    return service.empty() ? fmt::format("Suspended all services, {} of them known now.\n", count)
                           : fmt::format("Suspended {}.\n", whom);
  }
  if (action == "resume") {
    return count == 0
               ? fmt::format("Nothing was suspended by hand: {}.\n", whom)
               : fmt::format("Resumed {}.\n", service.empty() ? plural(count, "service") : whom);
  }
  if (action == "approve") return fmt::format("{} let through.\n", plural(count, "removal"));
  return "Done.\n";
}

}  // namespace dps::app
