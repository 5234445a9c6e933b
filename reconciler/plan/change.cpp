#include "reconciler/plan/change.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"

namespace dps::plan {

std::string_view word(Action action) {
  switch (action) {
    case Action::Create:
      return "create";
    case Action::Update:
      return "update";
    case Action::Delete:
      return "delete";
    case Action::Adopt:
      return "adopt";
    case Action::Release:
      return "release";
    case Action::Rotate:
      return "rotate";
    case Action::Verify:
      return "verify";
  }
  return "";
}

std::string_view word(Kind kind) {
  switch (kind) {
    case Kind::ProvisioningService:
      return "ProvisioningService";
    case Kind::LinkedHub:
      return "LinkedHub";
    case Kind::SharedAccessPolicy:
      return "SharedAccessPolicy";
    case Kind::Certificate:
      return "Certificate";
    case Kind::Tag:
      return "Tag";
  }
  return "";
}

std::string_view word(Goes goes) {
  switch (goes) {
    case Goes::Not:
      return "";
    case Goes::Revoked:
      return "revoked";
    case Goes::Retired:
      return "retired";
    case Goes::Unlisted:
      return "unlisted";
  }
  return "";
}

std::string identity(const Change& change) {
  return fmt::format(
      "{} {} {} {}", word(change.action), word(change.kind), lower(change.name), change.field);
}

std::string_view change_class(const Change& change) {
  if (change.action == Action::Delete) return "delete";
  if (change.kind == Kind::Certificate) return "rotate";
  const bool service = change.kind == Kind::ProvisioningService && change.action == Action::Create;
  return service ? "create" : "update";
}

std::string_view word(Cause cause) {
  return cause == Cause::Drift ? "drift" : "manifest";
}

}  // namespace dps::plan
