#include "reconciler/plan/findings.hpp"

#include <algorithm>

#include "reconciler/model/field_path.hpp"

namespace dps::plan {

bool Subject::ignores(std::string_view path) const {
  if (live == nullptr) return false;
  const auto& ignored = desired.lifecycle.ignore;
  return std::any_of(ignored.begin(), ignored.end(), [&](const std::string& one) {
    return path_covers(one, path);
  });
}

void Findings::error(std::string id, std::string message, std::string remedy) {
  errors.push_back({std::move(id), std::move(message), std::move(remedy)});
}

void Findings::warning(std::string id, std::string message, std::string remedy) {
  warnings.push_back({std::move(id), std::move(message), std::move(remedy)});
}

void Findings::error(const Error& error) {
  errors.push_back({error.id, error.what, error.remedy});
  failed = failed || error.next == NextMove::RetryLater || error.next == NextMove::ReadAgain;
}

bool is_refusal(const Error& error) {
  return error.http_status == 403 || error.id == "ScopeLocked";
}

Change field_change(Kind kind,
                    std::string_view name,
                    std::string field,
                    std::string path,
                    nlohmann::json before,
                    nlohmann::json after,
                    std::string impact) {
  Change change;
  change.action = Action::Update;
  change.kind = kind;
  change.name = name;
  change.field = std::move(field);
  change.path = std::move(path);
  change.before = std::move(before);
  change.after = std::move(after);
  change.impact = std::move(impact);
  return change;
}

}  // namespace dps::plan
