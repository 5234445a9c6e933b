// findings: what the comparisons of one service are given, and what they gather.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/error.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::plan {

/// One service, both sides. Refers to values that outlive it.
struct Subject {
  const DesiredService& desired;
  const LiveService* live;         ///< null: it does not exist and is to be created
  const Bookkeeping& bookkeeping;  ///< of the live one; empty for a create
  const KeyFacts& keys;
  const Settings& settings;
  WallTime now;

  /// Does lifecycle.ignore silence the path? Never on a create: ignored fields are used there.
  bool ignores(std::string_view path) const;
};

struct Findings {
  std::vector<Change> changes;
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
  std::vector<CertificateStatus> certificates;
  std::vector<std::string> unseen;
  /// One of the errors may pass by itself: the service counts as failed, not as blocked.
  bool failed = false;

  void error(std::string id, std::string message, std::string remedy);
  void warning(std::string id, std::string message, std::string remedy);
  /// An Error of a read, put as a problem of this service; passing trouble sets `failed`.
  void error(const Error& error);
};

/// A POST that is denied or locked: something cannot be seen, and nothing more.
bool is_refusal(const Error& error);

/// The change of one field; cause and calls come later.
Change field_change(Kind kind,
                    std::string_view name,
                    std::string field,
                    std::string path,
                    nlohmann::json before,
                    nlohmann::json after,
                    std::string impact);

}  // namespace dps::plan
