#include "reconciler/manifest/select.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"

namespace dps::manifest {
namespace {

constexpr std::string_view kService = "ProvisioningService";

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> names = {
      std::string(kService), "LinkedHub", "Certificate", "SharedAccessPolicy"};
  return names;
}

bool matches_service(const Selector& selector, const ServiceId& service) {
  return glob_match(selector.subscription, service.subscription) &&
         glob_match(selector.resource_group, service.resource_group) &&
         glob_match(selector.service, service.name);
}

}  // namespace

Result<Selector> parse_selector(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return fail(give_up("BadSelector",
                        fmt::format("the selector \"{}\" {}", printable(text, 200), why),
                        "KIND/NAME or KIND/SUBSCRIPTION/GROUP/NAME[/ENTRY]; * and ? are globs"));
  };
  const auto parts = split(text, '/');
  if (parts.size() != 2 && parts.size() != 4 && parts.size() != 5) {
    return wrong(fmt::format("has {} parts", parts.size()));
  }
  if (std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); })) {
    return wrong("has an empty part");
  }
  const auto& kind = parts.front();
  if (std::none_of(kinds().begin(), kinds().end(), [&](const std::string& known) {
        return glob_match(kind, known);
      })) {
    const auto meant = nearest(kind, kinds());
    return wrong(meant.empty() ? "names no kind; the kinds are " + join(kinds(), ", ")
                               : "names no kind; did you mean " + meant + "?");
  }
  Selector out;
  out.kind = kind;
  const bool of_service = glob_match(kind, kService);
  if (parts.size() == 2) {
    (of_service ? out.service : out.entry) = parts[1];
    return out;
  }
  if (parts.size() == 5 && of_service) return wrong("names an entry of a ProvisioningService");
  out.subscription = parts[1];
  out.resource_group = parts[2];
  out.service = parts[3];
  if (parts.size() == 5) out.entry = parts[4];
  return out;
}

bool matches(const Selector& selector, const ServiceId& service) {
  return glob_match(selector.kind, kService) && matches_service(selector, service);
}

bool matches(const Selector& selector,
             const ServiceId& service,
             EntryKind kind,
             std::string_view name) {
  if (matches(selector, service)) return true;
  const auto& kind_name = kinds()[1 + static_cast<std::size_t>(kind)];
  return glob_match(selector.kind, kind_name) && matches_service(selector, service) &&
         glob_match(selector.entry, name);
}

bool any_matches(const std::vector<Selector>& selectors, const ServiceId& service) {
  return selectors.empty() ||
         std::any_of(selectors.begin(), selectors.end(), [&](const Selector& selector) {
           return matches(selector, service);
         });
}

bool any_matches(const std::vector<Selector>& selectors,
                 const ServiceId& service,
                 EntryKind kind,
                 std::string_view name) {
  return selectors.empty() ||
         std::any_of(selectors.begin(), selectors.end(), [&](const Selector& selector) {
           return matches(selector, service, kind, name);
         });
}

}  // namespace dps::manifest
