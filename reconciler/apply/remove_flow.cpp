#include "reconciler/apply/remove_flow.hpp"

#include <fmt/format.h>

#include "reconciler/apply/rounds.hpp"
#include "reconciler/arm/operation.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/bookkeeping.hpp"

namespace dps::apply {
namespace {

class Removal final : public Rounds {
 public:
  Removal(const plan::ServicePlan& plan,
          const DesiredService* desired,
          const Settings& settings,
          Tools& tools,
          const Stops& stops)
      : Rounds(plan, settings, tools, stops), desired_(desired) {}

 private:
  void round() override {
    const auto live = tools_.arm.get_service(plan_.id, version_, stops_.abort);
    if (!live) {
      if (live.error().id != "ServiceNotFound") return stumble(live.error());
      if (finished_.writes == 0) return end(Outcome::Unchanged);
      record(plan_.changes, Outcome::Deleted);
      return end(Outcome::Deleted);
    }
    if (arm::in_transition(live->state) && live->state != "Deleting") return settle();
    if (live->etag != plan_.etag) {
      if (saved() && finished_.writes == 0) {
        return out_of_date("the service was written since the plan was made");
      }
      // It may be another service of the same name, or protected by now.
      if (const auto refusal = no_longer_to_go(*live); !refusal.empty()) {
        return end(Outcome::Blocked, give_up("MovedBeforeDelete", refusal, "make a new plan"));
      }
    }
    if (draining() || is_answered_by_another()) return;
    step("deleting");
    auto reached = arm::Reached::Nothing;
    const auto removed = arm::remove_service(
        tools_.arm, plan_.id, version_, {live->etag, live->id_scope}, stops_.abort, &reached);
    count_write(reached);
    if (!removed) return stumble(removed.error());
    record(plan_.changes, Outcome::Deleted);
    end(Outcome::Deleted);
  }

  std::vector<std::string> still_differing() const override {
    return {"ProvisioningService " + plan_.id.name};
  }

  std::string no_longer_to_go(const LiveService& live) const {
    if (live.id_scope != plan_.id_scope) {
      return fmt::format("its id scope is {} by now, the plan was to delete {}",
                         printable(live.id_scope, 60),
                         printable(plan_.id_scope, 60));
    }
    const auto book = read_bookkeeping(live.tags);
    if (book.protect) return "it is protected by now";
    const bool prune = desired_ == nullptr;
    if (book.owner != settings_.plan.owner && (prune || book.owner.has_value())) {
      return "its owner tag says \"" + printable(book.owner.value_or(""), 60) + "\" by now";
    }
    return {};
  }

  const DesiredService* desired_;
};

}  // namespace

Finished run_removal(const plan::ServicePlan& plan,
                     const DesiredService* desired,
                     const Settings& settings,
                     Tools& tools,
                     const Stops& stops) {
  return Removal(plan, desired, settings, tools, stops).run();
}

}  // namespace dps::apply
