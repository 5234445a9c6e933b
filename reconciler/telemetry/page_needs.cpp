#include "reconciler/telemetry/page_needs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "reconciler/telemetry/page_parts.hpp"

namespace dps::telemetry {
namespace {

using controller::ServiceStatus;
using controller::Standing;
using controller::Status;

constexpr std::size_t kMost = 40;
constexpr std::size_t kMostLines = 8;
constexpr std::size_t kMostAlike = 12;
constexpr auto kSoon = std::chrono::hours{24 * 30};

enum class Weight { Bad, Warn, Calm };

class List {
 public:
  void add(Weight weight, const std::string& title, const std::string& body) {
    ++needs_.count;
    needs_.grave = needs_.grave || weight == Weight::Bad;
    if (needs_.count > kMost) return;
    const std::string_view name = weight == Weight::Bad    ? " class=\"bad\""
                                  : weight == Weight::Calm ? " class=\"calm\""
                                                           : "";
    needs_.html += fmt::format("<li{}><h3>{}</h3>{}</li>\n", name, title, body);
  }
  Needs finish() {
    if (needs_.count > kMost) {
      needs_.html += fmt::format("<li class=\"calm\">and {} more: see the table below</li>\n",
                                 needs_.count - kMost);
    }
    if (needs_.count > 0) needs_.html = "<ul class=\"needs\">\n" + needs_.html + "</ul>\n";
    return std::move(needs_);
  }

 private:
  Needs needs_;
};

std::string paragraph(const std::string& text) {
  return text.empty() ? std::string() : "<p>" + escaped(text) + "</p>";
}

std::string remedy(const std::string& text) {
  return text.empty() ? std::string() : "<p class=\"do\">What helps: " + escaped(text) + "</p>";
}

std::string lines(const std::vector<std::string>& all, std::size_t total) {
  std::string out = "<ul class=\"lines\">";
  for (std::size_t i = 0; i < all.size() && i < kMostLines; ++i) {
    out += "<li><code>" + escaped(all[i], 300) + "</code></li>";
  }
  const auto shown = std::min(all.size(), kMostLines);
  if (total > shown) out += fmt::format("<li class=\"soft\">and {} more</li>", total - shown);
  return out + "</ul>";
}

void add_source(List& list, const controller::SourceStatus& source) {
  if (source.trouble) {
    list.add(Weight::Bad,
             fmt::format("The {} cannot be read", source.kind == "git" ? "repository" : "folder"),
             paragraph(source.trouble->message) + remedy(source.trouble->remedy) +
                 (source.revision.empty()
                      ? ""
                      : fmt::format("<p>Revision <code>{}</code> stays in force.</p>",
                                    escaped(short_revision(source.revision)))));
  }
  if (source.fault_count == 0 && source.refused_revision.empty()) return;
  std::vector<std::string> texts;
  for (const auto& fault : source.faults) texts.push_back(fault.text);
  const auto total = std::max(source.fault_count, texts.size());
  std::string title, body;
  if (source.refused_revision.empty()) {
    title = fmt::format("{} fault{} in the manifests", total, total == 1 ? "" : "s");
  } else {
    title = fmt::format("Revision <code>{}</code> is faulty and was not taken",
                        escaped(short_revision(source.refused_revision)));
    body = source.revision.empty() ? "<p>No revision is in force: nothing is written.</p>"
                                   : fmt::format("<p>Revision <code>{}</code> stays in force.</p>",
                                                 escaped(short_revision(source.revision)));
  }
  list.add(source.refused_revision.empty() ? Weight::Warn : Weight::Bad,
           title,
           body + lines(texts, total));
}

void add_guards(List& list, const Status& status) {
  for (std::size_t i = 0; i < status.guards.size(); ++i) {
    const auto& held = status.guards[i];
    auto body =
        paragraph(held.message) + lines(held.removals, std::max(held.count, held.removals.size()));
    if (!status.approve_digest.empty()) {
      body += "<p class=\"do\">If all of them are meant: " +
              command_html("approve " + status.approve_digest) + "</p>";
    }
    list.add(Weight::Warn,
             fmt::format("Removals are withheld by the guard {}", escaped(held.guard)),
             body);
  }
}

bool is_true(const ServiceStatus& service, std::string_view type) {
  for (const auto& condition : service.conditions) {
    if (condition.type == type) return condition.status == controller::Truth::True;
  }
  return false;
}

// Services that are wrong for the same reason: one role that is missing fails a whole fleet.
using Alike = std::vector<const ServiceStatus*>;

std::string reason_of(const ServiceStatus& service) {
  std::string out;
  for (const auto& trouble : service.troubles) {
    out += trouble.id + "\n" + trouble.message + "\n" + trouble.remedy + "\n";
  }
  return out;
}

std::vector<Alike> alike(const Status& status, Standing standing) {
  std::vector<Alike> groups;
  std::map<std::string, std::size_t> known;
  for (const auto& service : status.services) {
    if (service->standing != standing) continue;
    const auto [entry, fresh] = known.emplace(reason_of(*service), groups.size());
    if (fresh) groups.emplace_back();
    groups[entry->second].push_back(service.get());
  }
  return groups;
}

std::string troubles(const ServiceStatus& service) {
  std::string body;
  for (std::size_t i = 0; i < service.troubles.size() && i < 3; ++i) {
    body += paragraph(service.troubles[i].message) + remedy(service.troubles[i].remedy);
  }
  return body;
}

void add_stuck(List& list, Standing standing, const Alike& group, WallTime now) {
  const auto& first = *group.front();
  const bool failed = standing == Standing::Failed;
  const auto weight = failed ? Weight::Bad : Weight::Warn;
  auto body = troubles(first);
  if (group.size() == 1) {
    if (failed && first.next_due) {
      body +=
          fmt::format("<p class=\"soft\">{}; next try {}</p>",
                      first.failures == 1 ? "failed once"
                                          : fmt::format("failed {} times in a row", first.failures),
                      time_html(first.next_due, now));
    }
    list.add(weight, standing_html(standing) + " " + service_anchor(first.id), body);
    return;
  }
  body += "<p class=\"names\">";
  for (std::size_t i = 0; i < group.size() && i < kMostAlike; ++i) {
    body += (i == 0 ? "" : ", ") + service_anchor(group[i]->id);
  }
  if (group.size() > kMostAlike) {
    body += fmt::format(" and <a href=\"?state={}#services\">{} more</a>",
                        controller::word(standing),
                        group.size() - kMostAlike);
  }
  list.add(
      weight, fmt::format("{} {} services", standing_html(standing), group.size()), body + "</p>");
}

void add_oddities(List& list, const ServiceStatus& service) {
  if (!service.contested.empty()) {
    list.add(Weight::Warn,
             "Contested: " + service_anchor(service.id),
             "<p>Somebody puts these back each time; they are left alone until the manifest "
             "changes.</p>" +
                 lines(service.contested, service.contested.size()));
  }
  if (is_true(service, "OwnershipLost")) {
    list.add(Weight::Warn,
             "Ownership lost: " + service_anchor(service.id),
             "<p>Another tool wiped our owner tag; it is put back.</p>");
  }
  if (!service.stale_hubs.empty()) {
    list.add(Weight::Warn,
             "The key of a hub is stale: " + service_anchor(service.id),
             lines(service.stale_hubs, service.stale_hubs.size()));
  }
}

void add_certificates(List& list, const Status& status) {
  std::size_t ended = 0, soon = 0;
  for (const auto& service : status.services) {
    for (const auto& certificate : service->certificates) {
      if (!certificate.managed || !certificate.expires_at) continue;
      if (*certificate.expires_at <= status.now) {
        ++ended;
      } else if (*certificate.expires_at < status.now + kSoon) {
        ++soon;
      }
    }
  }
  if (ended + soon == 0) return;
  std::string title;
  if (ended > 0)
    title = fmt::format("{} certificate{} expired", ended, ended == 1 ? " has" : "s have");
  if (soon > 0) {
    title += fmt::format("{}{}{} {} within 30 days",
                         title.empty() ? "" : ", ",
                         soon,
                         title.empty() ? soon == 1 ? " certificate" : " certificates" : "",
                         soon == 1 ? "expires" : "expire");
  }
  list.add(ended > 0 ? Weight::Bad : Weight::Warn,
           title,
           "<p><a href=\"#certificates\">By expiry</a></p>");
}

}  // namespace

Needs needs_of(const Status& status, const controller::Health& health) {
  List list;
  if (!health.alive) list.add(Weight::Bad, "The loop stands still", "");
  add_source(list, status.source);
  add_guards(list, status);
  for (const auto& [subscription, trouble] : status.subscriptions) {
    list.add(Weight::Bad,
             "Subscription <code>" + escaped(subscription, 80) + "</code> cannot be listed",
             paragraph(trouble.message) + remedy(trouble.remedy));
  }
  for (const auto standing : {Standing::Failed, Standing::Blocked}) {
    for (const auto& group : alike(status, standing)) add_stuck(list, standing, group, status.now);
  }
  for (const auto& service : status.services) add_oddities(list, *service);
  add_certificates(list, status);
  for (const auto& notice : status.notices) list.add(Weight::Calm, escaped(notice, 500), "");
  return list.finish();
}

}  // namespace dps::telemetry
