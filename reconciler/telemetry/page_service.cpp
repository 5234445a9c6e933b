#include <fmt/format.h>

#include "reconciler/telemetry/page_parts.hpp"

namespace dps::telemetry {
namespace {

using controller::ServiceStatus;
using controller::Standing;
using controller::Status;

std::string code_or(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : "<code>" + escaped(text, 300) + "</code>";
}

// One sentence: why it is as it is, and what happens next.
std::string story(const Status& status, const ServiceStatus& service) {
  std::string out;
  switch (service.standing) {
    case Standing::InSync:
      out = "Azure is as the manifest wants.";
      break;
    case Standing::Drifted:
      out = "Azure differs, and the manifest did not change: somebody else did.";
      break;
    case Standing::Pending:
      out = service.last_read ? "The manifest wants something that is not in Azure yet."
                              : "It was not looked at yet.";
      break;
    case Standing::Suspended:
      out = "It is suspended: looked at and reported, not written.";
      break;
    case Standing::Blocked:
      out = "Something forbids writing it; it will not come right by itself.";
      break;
    case Standing::Failed:
      out = fmt::format(
          "The last {} failed; it is tried again.",
          service.failures == 1 ? std::string("try") : fmt::format("{} tries", service.failures));
      break;
  }
  if (service.manifest_file.empty()) out += " No manifest names it any more.";
  if (status.mode == controller::Mode::Observe && !service.differences.empty()) {
    out += " In observe mode nothing is written.";
  } else if (!status.leader && !service.differences.empty()) {
    out += " This is a standby: another replica writes.";
  }
  if (service.running) {
    out += " It is being worked on now.";
  } else if (service.queue_position) {
    out += fmt::format(" It is due, number {} in the queue.", *service.queue_position + 1);
  } else if (service.next_due) {
    out += fmt::format(" The next look is {}.", time_html(service.next_due, status.now));
  }
  return "<p>" + out + "</p>\n";
}

std::string troubles(const ServiceStatus& service) {
  if (service.troubles.empty()) return {};
  std::string out = "<section><h2>What is wrong</h2>\n<ul class=\"needs\">";
  for (const auto& trouble : service.troubles) {
    out += fmt::format("<li class=\"{}\"><h3>{}</h3><p>{}</p>",
                       service.standing == Standing::Failed ? "bad" : "warn",
                       escaped(trouble.id, 100),
                       escaped(trouble.message));
    if (!trouble.remedy.empty()) {
      out += "<p class=\"do\">What helps: " + escaped(trouble.remedy) + "</p>";
    }
    out += "</li>\n";
  }
  return out + "</ul></section>\n";
}

std::string lines(std::string_view title, const std::vector<std::string>& all) {
  if (all.empty()) return {};
  std::string out = fmt::format("<section><h2>{}</h2>\n<ul class=\"lines\">", title);
  for (const auto& line : all) out += "<li><code>" + escaped(line, 500) + "</code></li>\n";
  return out + "</ul></section>\n";
}

std::string conditions(const ServiceStatus& service, WallTime now) {
  if (service.conditions.empty()) return {};
  std::string out =
      "<section><h2>Conditions</h2>\n<div class=\"table\"><table><thead><tr><th "
      "scope=\"col\">Condition</th><th scope=\"col\">Is</th><th scope=\"col\">Reason</th><th "
      "scope=\"col\">Since</th></tr></thead><tbody>\n";
  for (const auto& condition : service.conditions) {
    out += fmt::format(
        "<tr><td>{}</td><td data-label=\"Is:\">{}</td><td>{}{}{}</td><td class=\"when\" "
        "data-label=\"Since:\">{}</td></tr>\n",
        escaped(condition.type, 60),
        controller::word(condition.status),
        escaped(condition.reason, 100),
        condition.message.empty() ? "" : "<br>",
        condition.message.empty() ? "" : "<small>" + escaped(condition.message, 500) + "</small>",
        time_html(condition.since, now));
  }
  return out + "</tbody></table></div></section>\n";
}

std::string facts(const Status& status, const ServiceStatus& service) {
  std::string out = "<section><h2>Facts</h2>\n<dl>";
  const auto fact = [&](std::string_view name, const std::string& html) {
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
  };
  fact("Subscription", code_or(service.id.subscription, "–"));
  fact("Resource group", code_or(service.id.resource_group, "–"));
  fact("ID scope", code_or(service.id_scope, "not known yet"));
  fact("State in Azure",
       service.live_state.empty() ? "not there, or not read" : escaped(service.live_state, 60));
  fact("Manifest",
       service.manifest_file.empty()
           ? "none"
           : fmt::format(
                 "<code>{}:{}</code>", escaped(service.manifest_file, 300), service.manifest_line));
  fact("Wanted revision", code_or(short_revision(service.desired_revision), "–"));
  fact("Compared with revision", code_or(short_revision(service.observed_revision), "–"));
  fact("Written for revision", code_or(short_revision(service.attempted_revision), "–"));
  fact("Last read", time_html(service.last_read, status.now));
  fact("Last write", time_html(service.last_write, status.now));
  fact("Last seen as wanted", time_html(service.last_success, status.now));
  fact("Held by", service.held_by.empty() ? "nothing" : escaped(service.held_by, 100));
  fact("Last request in Azure", code_or(service.last_request_id, "–"));
  return out + "</dl></section>\n";
}

std::string entries(const ServiceStatus& service) {
  if (service.entries.empty()) return {};
  std::string out = "<section><h2>Entries</h2>\n<dl>";
  for (const auto& [kind, counts] : service.entries) {
    std::string stand;
    for (std::size_t i = 0; i < controller::kStandings.size(); ++i) {
      if (counts[i] == 0) continue;
      stand += fmt::format("{}{} {}",
                           stand.empty() ? "" : " · ",
                           counts[i],
                           standing_html(controller::kStandings[i]));
    }
    out +=
        fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(kind, 60), stand.empty() ? "none" : stand);
  }
  return out + "</dl></section>\n";
}

std::string history(const ServiceStatus& service, WallTime now) {
  std::string out = "<section><h2>History</h2>\n";
  if (service.history.empty()) {
    return out +
           "<p class=\"soft\">Nothing has happened to it since the daemon started.</p></section>\n";
  }
  out +=
      "<div class=\"table\"><table><thead><tr><th scope=\"col\">When</th><th "
      "scope=\"col\">Event</th><th scope=\"col\">What</th><th scope=\"col\">Revision</th></tr>"
      "</thead><tbody>\n";
  for (const auto& moment : service.history) {
    out += fmt::format("<tr><td class=\"when\">{}</td><td>{}</td><td class=\"diff\">{}",
                       time_html(moment.at, now),
                       escaped(moment.event, 40),
                       escaped(moment.message, 500));
    if (!moment.details.empty()) {
      out += "<ul class=\"lines\">";
      for (const auto& detail : moment.details)
        out += "<li><code>" + escaped(detail, 300) + "</code></li>";
      out += "</ul>";
    }
    out += fmt::format("</td><td data-label=\"Revision:\">{}</td></tr>\n",
                       code_or(short_revision(moment.revision), "–"));
  }
  return out + "</tbody></table></div></section>\n";
}

std::string requests(const ServiceStatus& service, WallTime now) {
  if (service.requests.empty()) return {};
  std::string out =
      "<section><h2>Last requests to Azure</h2>\n<div class=\"table\"><table><thead><tr><th "
      "scope=\"col\">When</th><th scope=\"col\">Request</th><th scope=\"col\">Answer</th><th "
      "scope=\"col\">Took</th><th scope=\"col\">Request id</th></tr></thead><tbody>\n";
  for (const auto& request : service.requests) {
    out += fmt::format(
        "<tr><td class=\"when\">{}</td><td>{} {}</td><td>{}</td><td>{}</td><td "
        "class=\"diff\">{}</td></tr>\n",
        time_html(request.at, now),
        escaped(request.method, 20),
        escaped(request.operation, 60),
        request.status == 0 ? "none: " + escaped(request.failure, 300)
                            : std::to_string(request.status),
        duration_text(request.took),
        code_or(request.request_id, "–"));
  }
  return out + "</tbody></table></div></section>\n";
}

std::string commands(const ServiceStatus& service) {
  const auto name = service.id.resource_group + "/" + service.id.name;
  return "<section><h2>On the command line</h2>\n<p>" + command_html("why " + name) + " · " +
         command_html("reconcile " + name) + " · " +
         command_html((service.standing == Standing::Suspended ? "resume " : "suspend ") + name) +
         "</p></section>\n";
}

}  // namespace

std::string service_html(const Status& status, const ServiceStatus& service) {
  controller::Status alone;
  alone.now = status.now;
  alone.services = {std::make_shared<const ServiceStatus>(service)};
  std::string out = fmt::format("<p><a href=\"?\">← The fleet</a></p><h1>{}</h1>\n<p>{}</p>\n",
                                escaped(service.id.name, 90),
                                standing_html(service.standing));
  out += story(status, service);
  out += troubles(service);
  out += lines("What differs", service.differences);
  out +=
      lines("Contested: left alone, because somebody puts them back each time", service.contested);
  out += lines("Hubs whose key in this service is stale", service.stale_hubs);
  out += "<div class=\"two\"><div>" + facts(status, service) + "</div><div>" + entries(service) +
         commands(service) + "</div></div>\n";
  out += conditions(service, status.now);
  out += history(service, status.now);
  out += requests(service, status.now);
  out += certificates_html(alone);
  return out;
}

}  // namespace dps::telemetry
