#include "reconciler/telemetry/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"
#include "reconciler/telemetry/find_service.hpp"
#include "reconciler/telemetry/page_needs.hpp"
#include "reconciler/telemetry/page_parts.hpp"

namespace dps::telemetry {
namespace {

using controller::kStandings;
using controller::ServiceStatus;
using controller::Standing;
using controller::Status;

constexpr std::size_t kRowsAPage = 100;

using Counts = std::array<std::size_t, kStandings.size()>;

Counts counts_of(const Status& status) {
  Counts counts{};
  for (const auto& service : status.services) ++counts[static_cast<std::size_t>(service->standing)];
  return counts;
}

std::string services_words(std::size_t count) {
  return fmt::format("{} service{}", count, count == 1 ? "" : "s");
}

struct Verdict {
  std::string_view look;
  std::string text;
};

Verdict verdict_of(const Status& status, const Counts& counts, const Needs& needs) {
  const auto at = [&](Standing standing) { return counts[static_cast<std::size_t>(standing)]; };
  const auto all = status.services.size();
  if (status.source.revision.empty()) {
    return {needs.grave ? "bad" : "warn", "No revision of the manifests is in force yet"};
  }
  if (all == 0) return {"warn", "The manifests name no service"};
  const auto stuck = at(Standing::Failed) + at(Standing::Blocked);
  if (stuck > 0) {
    return {at(Standing::Failed) > 0 ? "bad" : "warn",
            fmt::format(
                "{} of {} {} a person", stuck, services_words(all), stuck == 1 ? "needs" : "need")};
  }
  const auto moving = at(Standing::Drifted) + at(Standing::Pending);
  if (moving > 0) {
    const std::string_view what = status.mode == controller::Mode::Observe || !status.leader
                                      ? "not as the manifests want"
                                      : "on the way to what the manifests want";
    return {needs.count > 0 ? "warn" : "",
            fmt::format(
                "{} of {} {} {}", moving, services_words(all), moving == 1 ? "is" : "are", what)};
  }
  const auto rest = at(Standing::Suspended);
  if (rest == all) return {"warn", "All services are suspended"};
  const auto good =
      rest == 0
          ? all == 1 ? std::string("The service is as its manifest wants")
                     : fmt::format("All {} services are as the manifests want", all)
          : fmt::format("{} as the manifests want, {} suspended", services_words(all - rest), rest);
  return {needs.grave ? "bad" : needs.count > 0 ? "warn" : "", good};
}

std::string bar(const Counts& counts, std::size_t all) {
  if (all == 0) return {};
  std::string out =
      "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\">";
  double from = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    // One of ten thousand is still to be seen.
    const double width =
        std::max(6.0, 1000.0 * static_cast<double>(counts[i]) / static_cast<double>(all));
    out += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" width=\"{:.1f}\" height=\"10\"/>",
                       controller::word(kStandings[i]),
                       from,
                       width);
    from += width;
  }
  return out + "</svg>\n";
}

std::string tiles(const Counts& counts, const PageQuery& query) {
  std::string out = "<ul class=\"tiles\">\n";
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool current = query.standing == kStandings[i];
    out += fmt::format("<li{}><a href=\"?{}#services\"{}><b>{}</b>{}</a></li>\n",
                       counts[i] == 0 ? " class=\"none\"" : "",
                       current ? "" : fmt::format("state={}", controller::word(kStandings[i])),
                       current ? " aria-current=\"true\"" : "",
                       counts[i],
                       standing_html(kStandings[i]));
  }
  return out + "</ul>\n";
}

std::string source_line(const Status& status) {
  const auto& source = status.source;
  std::string out = fmt::format("<p class=\"soft\">{} <code>{}</code>",
                                source.kind == "git" ? "Git" : "Folder",
                                escaped(source.location, 300));
  if (!source.revision.empty()) {
    out += fmt::format(" at <code title=\"{}\">{}</code>, in force since {}",
                       escaped(source.revision),
                       escaped(short_revision(source.revision)),
                       time_html(source.loaded_at, status.now));
  }
  out += source.last_success
             ? fmt::format("; last read {}. ", time_html(source.last_success, status.now))
             : "; not read yet. ";
  if (status.last_success) {
    out += fmt::format("Everything was last seen as wanted {}. ",
                       time_html(status.last_success, status.now));
  }
  out += status.queue_depth == 0 ? "Nothing is due."
                                 : fmt::format("{} due, the oldest for {}.",
                                               status.queue_depth,
                                               span_words(status.queue_oldest));
  return out + "</p>\n";
}

std::string what_html(const ServiceStatus& service) {
  std::string first;
  if (!service.troubles.empty()) {
    first = escaped(service.troubles.front().message, 200);
  } else if (service.standing == Standing::Suspended) {
    for (const auto& condition : service.conditions) {
      if (condition.type == "Suspended") first = escaped(condition.message, 200);
    }
  }
  if (service.differences.empty()) return first;
  if (!first.empty()) first += "<br>";
  first += "<code>" + escaped(service.differences.front(), 160) + "</code>";
  if (service.differences.size() > 1) {
    first += fmt::format(" <span class=\"soft\">+{}</span>", service.differences.size() - 1);
  }
  return first;
}

std::string due_html(const ServiceStatus& service, WallTime now) {
  if (service.running) return "in work";
  if (service.queue_position) return fmt::format("due, number {}", *service.queue_position + 1);
  return time_html(service.next_due, now, "–");
}

std::string row(const ServiceStatus& service, WallTime now) {
  std::string change = "–";
  if (!service.history.empty()) {
    const auto& moment = service.history.front();
    change = escaped(moment.event, 40) + " " + time_html(moment.at, now);
  }
  return fmt::format(
      "<tr><td>{}</td><td class=\"name\">{}</td><td class=\"diff\">{}</td>"
      "<td class=\"when\" data-label=\"Last change:\">{}</td>"
      "<td class=\"when\" data-label=\"Next look:\">{}</td></tr>\n",
      standing_html(service.standing),
      service_anchor(service.id),
      what_html(service),
      change,
      due_html(service, now));
}

// What needs attention stands first.
int urgency(Standing standing) {
  switch (standing) {
    case Standing::Failed:
      return 0;
    case Standing::Blocked:
      return 1;
    case Standing::Drifted:
      return 2;
    case Standing::Pending:
      return 3;
    case Standing::Suspended:
      return 4;
    case Standing::InSync:
      return 5;
  }
  return 6;
}

std::string page_link(const PageQuery& query, std::size_t page) {
  std::string out = "?";
  if (query.standing) out += fmt::format("state={}&amp;", controller::word(*query.standing));
  if (!query.text.empty()) out += "q=" + http::percent_encoded(query.text) + "&amp;";
  return fmt::format("{}page={}#services", out, page);
}

std::string filter_form(const PageQuery& query) {
  std::string out =
      "<form method=\"get\" action=\"#services\"><label for=\"q\">Name</label>"
      "<input id=\"q\" name=\"q\" type=\"search\" maxlength=\"200\" value=\"" +
      escaped(query.text, 200) +
      "\"><label for=\"state\">State</label><select id=\"state\" name=\"state\"><option "
      "value=\"\">any</option>";
  for (const auto standing : kStandings) {
    out += fmt::format("<option value=\"{}\"{}>{}</option>",
                       controller::word(standing),
                       query.standing == standing ? " selected" : "",
                       look_of(standing).label);
  }
  return out + "</select><button>Show</button></form>\n";
}

std::string table(const Status& status, const PageQuery& query) {
  std::vector<const ServiceStatus*> chosen;
  const auto wanted = lower(query.text);
  for (const auto& service : status.services) {
    if (query.standing && service->standing != *query.standing) continue;
    if (!wanted.empty() &&
        lower(service->id.resource_group + "/" + service->id.name).find(wanted) ==
            std::string::npos) {
      continue;
    }
    chosen.push_back(service.get());
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const auto* left, const auto* right) {
    return urgency(left->standing) < urgency(right->standing);
  });

  std::string out = "<section id=\"services\"><h2>Services</h2>\n";
  if (status.services.size() > 1) out += filter_form(query);
  if (chosen.empty()) {
    return out + (status.services.empty() ? "<p class=\"soft\">None is known.</p></section>\n"
                                          : "<p class=\"soft\">None is like that. <a "
                                            "href=\"?#services\">Show all</a></p></section>\n");
  }
  const auto pages = (chosen.size() + kRowsAPage - 1) / kRowsAPage;
  const auto page = std::clamp<std::size_t>(query.page, 1, pages);
  const auto begin = (page - 1) * kRowsAPage;
  const auto end = std::min(begin + kRowsAPage, chosen.size());
  std::string navigation;
  if (pages > 1) {
    navigation = fmt::format(
        "<nav class=\"pages\" aria-label=\"Pages of services\"><span "
        "class=\"soft\">{} to {} of {}</span>",
        begin + 1,
        end,
        chosen.size());
    if (page > 1)
      navigation +=
          fmt::format("<a rel=\"prev\" href=\"{}\">← Previous</a>", page_link(query, page - 1));
    if (page < pages)
      navigation +=
          fmt::format("<a rel=\"next\" href=\"{}\">Next →</a>", page_link(query, page + 1));
    navigation += "</nav>\n";
  }
  out += navigation;
  out +=
      "<div class=\"table\"><table><thead><tr><th scope=\"col\">State</th><th "
      "scope=\"col\">Service</th><th scope=\"col\">What</th><th scope=\"col\">Last change</th><th "
      "scope=\"col\">Next look</th></tr></thead><tbody>\n";
  for (auto i = begin; i < end; ++i) out += row(*chosen[i], status.now);
  return out + "</tbody></table></div>\n" + navigation + "</section>\n";
}

std::string fleet_html(const Status& status,
                       const controller::Health& health,
                       const PageQuery& query) {
  const auto counts = counts_of(status);
  const auto needs = needs_of(status, health);
  const auto verdict = verdict_of(status, counts, needs);
  std::string out = fmt::format("<h1 class=\"verdict {}\">{}</h1>\n", verdict.look, verdict.text);
  out += source_line(status);
  if (!health.ready && !health.reasons.empty()) {
    out += "<p>Not ready: " + escaped(join(health.reasons, "; "), 600) + "</p>\n";
  }
  out += bar(counts, status.services.size());
  out += tiles(counts, query);
  if (needs.count > 0) out += "<section><h2>Needs a person</h2>\n" + needs.html + "</section>\n";
  // Whoever filters or turns pages wants the table.
  const bool searching = query.standing || !query.text.empty() || query.page > 1;
  out += searching ? table(status, query) + certificates_html(status)
                   : certificates_html(status) + table(status, query);
  return out;
}

}  // namespace

Page render_page(const Status& status,
                 const controller::Health& health,
                 std::string_view version,
                 const PageQuery& query) {
  if (query.service.empty()) {
    return {200,
            document_html(
                status, health, version, "dps-reconciler", fleet_html(status, health, query))};
  }
  const auto service = find_service(status, query.service);
  if (!service) {
    const auto& error = service.error();
    return {error.id == "UnknownService" ? 404 : 409,
            document_html(status,
                          health,
                          version,
                          "No such service",
                          fmt::format("<h1>{}</h1><p>{}</p><p><a href=\"?\">The fleet</a></p>\n",
                                      escaped(error.what),
                                      escaped(error.remedy)))};
  }
  return {200,
          document_html(status,
                        health,
                        version,
                        (*service)->id.name + " – dps-reconciler",
                        service_html(status, **service))};
}

}  // namespace dps::telemetry
