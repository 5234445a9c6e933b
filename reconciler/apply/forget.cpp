#include "reconciler/apply/forget.hpp"

#include "reconciler/apply/translate.hpp"
#include "reconciler/arm/write_service.hpp"
#include "reconciler/model/bookkeeping.hpp"

namespace dps::apply {
namespace {

constexpr int kTries = 3;

}  // namespace

Forgotten forget_fingerprints(arm::Client& arm,
                              const LiveService& service,
                              const std::set<std::string>& hosts,
                              Duration timeout,
                              std::stop_token stop) {
  Forgotten out;
  std::optional<Error> last;
  for (int number = 0; number < kTries; ++number) {
    auto fresh = arm::read_for_write(
        arm, service.id, service.api_version, arm::Keys::NotNeeded, std::nullopt, stop);
    if (!fresh) {
      last = fresh.error();
      break;
    }
    if (fresh->live.id_scope != service.id_scope) return out;
    auto book = read_bookkeeping(fresh->live.tags);
    const auto known = book.fingerprints.size();
    for (const auto& host : hosts) book.fingerprints.erase(host);
    if (book.fingerprints.size() == known) return out;
    const auto write = to_bookkeeping(book, fresh->live);
    auto reached = arm::Reached::Nothing;
    const auto written = arm::write_service(arm, *std::move(fresh), write, stop, &reached);
    if (reached != arm::Reached::Nothing) ++out.writes;
    if (written) return out;
    last = written.error();
    if (last->next != NextMove::ReadAgain) break;
    if (!arm.wait_until_settled(service.id, service.api_version, timeout, stop)) break;
  }
  if (last) {
    out.error =
        in_context("forgetting the fingerprints of keys that may not have been taken", *last);
  }
  return out;
}

}  // namespace dps::apply
