#include "reconciler/telemetry/webhook_filter.hpp"

#include <fmt/format.h>

#include <iterator>
#include <vector>

namespace dps::telemetry {
namespace {

using controller::EventKind;

// Kinds after which an event of the given kind is news again.
std::vector<EventKind> opposites(EventKind kind) {
  switch (kind) {
    case EventKind::Failed:
      return {EventKind::Recovered};
    case EventKind::Recovered:
      return {EventKind::Failed, EventKind::Contested, EventKind::OwnershipLost};
    case EventKind::Suspended:
      return {EventKind::Resumed};
    case EventKind::Resumed:
      return {EventKind::Suspended};
    case EventKind::SourceFault:
      return {EventKind::SourceRecovered};
    case EventKind::SourceRecovered:
      return {EventKind::SourceFault};
    // Of these the newest tells how it stands: A, B, A are three pieces of news.
    case EventKind::LeaderChanged:
    case EventKind::RevisionTaken:
    case EventKind::Configuration:
      return {kind};
    default:
      return {};
  }
}

std::string rest_of(const controller::Event& event) {
  std::string out = event.reason + '\x1f' + event.message;
  for (const auto& line : event.details) out += '\x1f' + line;
  return out;
}

}  // namespace

void WebhookFilter::forget_opposite(const controller::Event& event) {
  const auto service = event.service ? event.service->key() : "";
  for (const auto kind : opposites(event.kind)) {
    const auto found = sent_.find({kind, service});
    if (found == sent_.end()) continue;
    if (kind == event.kind) {
      const auto mine = rest_of(event);
      std::erase_if(found->second, [&](const auto& one) { return one.first != mine; });
    } else {
      sent_.erase(found);
    }
  }
}

WebhookFilter::Verdict WebhookFilter::judge(const controller::Event& event, TimePoint now) {
  for (auto place = sent_.begin(); place != sent_.end();) {
    std::erase_if(place->second,
                  [&](const auto& one) { return now - one.second >= limits_.same_again; });
    place = place->second.empty() ? sent_.erase(place) : std::next(place);
  }
  forget_opposite(event);
  auto& sent = sent_[{event.kind, event.service ? event.service->key() : ""}];
  const auto [place, is_new] = sent.emplace(rest_of(event), now);
  if (!is_new) return Verdict::Duplicate;

  // A window that owes a summary ends with it; see summary().
  if (!window_began_ || (now - *window_began_ >= limits_.window && untold_.empty())) {
    window_began_ = now;
    in_window_ = 0;
  }
  if (++in_window_ <= limits_.most) return Verdict::Send;
  ++untold_[std::string(word(event.kind))];
  sent.erase(place);  // nobody was told
  return Verdict::Limited;
}

std::optional<std::string> WebhookFilter::summary(TimePoint now, Now at_once) {
  if (untold_.empty()) return std::nullopt;
  if (at_once == Now::No && now - *window_began_ < limits_.window) return std::nullopt;
  std::size_t all = 0;
  std::string kinds;
  for (const auto& [kind, count] : untold_) {
    all += count;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, kind);
  }
  untold_.clear();
  window_began_.reset();
  return fmt::format("{} more event{} since the last one: {}", all, all == 1 ? "" : "s", kinds);
}

}  // namespace dps::telemetry
