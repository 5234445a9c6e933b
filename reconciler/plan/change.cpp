#include "reconciler/plan/change.hpp"

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

std::string_view word(Cause cause) {
  return cause == Cause::Drift ? "drift" : "manifest";
}

}  // namespace dps::plan
