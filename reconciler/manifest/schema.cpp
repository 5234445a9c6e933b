#include "reconciler/manifest/schema.hpp"

#include <algorithm>

#include "reconciler/manifest/names.hpp"
#include "reconciler/manifest/shapes.hpp"

namespace dps::manifest {
namespace {

using namespace shapes;  // the words of the table

std::vector<Field> common_lifecycle() {
  const auto unlisted = one_of({"remove", "keep"});
  return {
      field("adopt",
            one_of({"always", "additive", "whenEqual", "never"}),
            "When an existing service that nobody owns is taken over.",
            "additive"),
      field("adoptFrom", owner(), "Take over from this owner tag.", "nobody"),
      field("protect",
            plain(Form::Boolean),
            "Never delete; recorded on the service.",
            "the mark on the service stays"),
      field("interval",
            text(is_interval,
                 "^(?:[0-9]+(?:ms|s|m|h|d|w))+$",
                 "a duration of at least 10s such as 1m or 1h"),
            "How often the daemon compares the service.",
            "--interval"),
      field("unlisted",
            object({
                field("linkedHubs", unlisted, "Live hubs that the list does not name.", "remove"),
                field("sharedAccessPolicies", unlisted, "Live policies likewise.", "remove"),
                field("certificates", unlisted, "Live certificates likewise.", "remove"),
                field("tags", unlisted, "Live tags likewise.", "keep"),
            }),
            "What becomes of live entries that a list does not name.",
            ""),
  };
}

Shape ignore() {
  return list(text(is_field_path,
                   "",
                   "a field such as tags[\"created-by\"] or "
                   "linkedHubs[HOST].allocationWeight"));
}

Shape service_lifecycle() {
  auto suspend = object({
      field("reason", words("a reason"), "Shown in plans and status.", "none"),
      field("until",
            text(is_time,
                 "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]+)?"
                 "(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$",
                 "a time such as 2026-12-01T00:00:00Z"),
            "When the suspension ends.",
            "it does not end"),
  });
  suspend.form = Form::FlagOrObject;
  std::vector<Field> fields = {
      field("state",
            one_of({"present", "absent", "released"}),
            "absent deletes the service; released takes our tags off and lets go.",
            "present"),
      field("idScope",
            text(is_id_scope, "^[A-Za-z0-9]{1,64}$", "an id scope such as 0ne0012ABCD"),
            "With absent: only the service with this id scope is deleted.",
            ""),
      field("suspend", std::move(suspend), "Look and report, write nothing.", "false"),
      field("ignore", ignore(), "Fields used on create, then left to others.", "none"),
  };
  for (auto& common : common_lifecycle()) fields.push_back(std::move(common));
  return object(std::move(fields));
}

Shape entry_lifecycle() {
  return object({
      field("state", one_of({"present", "absent"}), "absent removes the entry.", "present"),
      field("ignore",
            list(words("a field of the entry such as allocationWeight")),
            "Fields of this entry, used on create, then left to others.",
            "none"),
  });
}

Shape sku() {
  return object({
      required("name", text(is_sku_name, "^[A-Za-z0-9]{1,16}$", "a SKU such as S1"), "S1."),
      field("capacity", integer(1, std::numeric_limits<std::int32_t>::max()), "Units.", ""),
  });
}

Shape document(std::string_view kind, std::vector<Field> rest) {
  std::vector<Field> fields = {
      required("apiVersion", one_of({std::string(kApiVersion)}), "The version of this format."),
      required("kind", one_of({std::string(kind)}), "What the document describes."),
  };
  for (auto& one : rest) fields.push_back(std::move(one));
  return object(std::move(fields));
}

Shape service_document() {
  const auto metadata = object({
      required("name", service_name(), "The Azure name; unique in all of Azure."),
      field("resourceGroup", resource_group(), "The resource group.", "from Defaults, else needed"),
      field("subscription", subscription(), "The subscription.", "from Defaults, else needed"),
  });
  const auto rule = object({
      required("name", entry_name(), "The rule's name."),
      required("action", one_of({"Accept", "Reject"}), "What happens to a match."),
      required("mask",
               text(is_ip_mask,
                    "^[0-9]{1,3}(?:\\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?$",
                    "IPv4 addresses such as 10.0.0.0/8"),
               "The addresses."),
      field("target",
            one_of({"all", "serviceApi", "deviceApi"}),
            "Which side of the service is meant.",
            ""),
  });
  const auto spec = object({
      field("location", location(), "The region; needed only to create.", ""),
      field("sku", sku(), "The tier; needed only to create.", ""),
      field("allocationPolicy",
            one_of({"Hashed", "GeoLatency", "Static"}),
            "How devices are spread over the hubs.",
            ""),
      field("publicNetworkAccess",
            one_of({"Enabled", "Disabled"}),
            "Whether the public end points answer; API 2020-03-01 and later.",
            ""),
      field("ipFilterRules",
            list(rule, 0, 1000),
            "IP filter rules, order kept; API 2020-01-01 and later.",
            ""),
      field("dataResidency",
            plain(Form::Boolean),
            "Data stays in the region; create only; API 2021-10-15 and later.",
            ""),
      field("tags", plain(Form::TextMap), "Tags.", ""),
      field("linkedHubs", list(object(hub_fields(Need::Required))), "The linked IoT hubs.", ""),
      field("sharedAccessPolicies",
            list(object(policy_fields(Need::Required))),
            "The shared access policies.",
            ""),
      field("certificates",
            list(object(certificate_fields(Need::Required, Need::Required))),
            "The CA certificates.",
            ""),
  });
  return document("ProvisioningService",
                  {required("metadata", metadata, "Which service."),
                   field("spec", spec, "What it shall be.", "nothing is managed"),
                   field("lifecycle", service_lifecycle(), "How it is kept.", "")});
}

Shape entry_document(std::string_view kind, std::vector<Field> fields) {
  const auto service = object({
      required("name", service_name(), "The service's name."),
      field("resourceGroup", resource_group(), "Its resource group.", "from Defaults, else needed"),
      field("subscription", subscription(), "Its subscription.", "from Defaults, else needed"),
      field("owner", owner(), "The owner whose service this entry joins.", "nobody"),
  });
  std::vector<Field> spec = {required("service", service, "The service that has the entry.")};
  for (auto& one : fields) spec.push_back(std::move(one));
  const auto name = kind == "LinkedHub" ? words("a name") : entry_name();
  return document(kind,
                  {field("metadata",
                         object({field("name", name, "Names the entry.", "the name in spec")}),
                         "Which entry.",
                         "the name in spec"),
                   required("spec", object(std::move(spec)), "The entry."),
                   field("lifecycle", entry_lifecycle(), "Whether the entry is there.", "")});
}

Shape defaults_document() {
  return document(
      "Defaults",
      {field("metadata",
             object({field("name", words("a name"), "For people.", "none")}),
             "For people.",
             "none"),
       field("spec",
             object({
                 field("subscription", subscription(), "Of services and entries.", ""),
                 field("resourceGroup", resource_group(), "Of services and entries.", ""),
                 field("location", location(), "Of services.", ""),
                 field("sku", sku(), "Of services.", ""),
                 field("tags", plain(Form::TextMap), "Merged by key, the nearest wins.", ""),
             }),
             "What documents in this folder and below leave out.",
             ""),
       field("lifecycle", object(common_lifecycle()), "Likewise.", "")});
}

}  // namespace

const std::vector<KindSchema>& kind_schemas() {
  static const std::vector<KindSchema> table = {
      {Kind::ProvisioningService,
       "ProvisioningService",
       "A Device Provisioning Service and all that belongs to it.",
       service_document()},
      {Kind::LinkedHub,
       "LinkedHub",
       "One linked hub of a service, for a team that owns the hub.",
       entry_document("LinkedHub", hub_fields(Need::Optional))},
      {Kind::Certificate,
       "Certificate",
       "One CA of a service, for a team that owns the CA.",
       entry_document("Certificate", certificate_fields(Need::Optional, Need::Optional))},
      {Kind::SharedAccessPolicy,
       "SharedAccessPolicy",
       "One shared access policy of a service.",
       entry_document("SharedAccessPolicy", policy_fields(Need::Optional))},
      {Kind::Defaults,
       "Defaults",
       "What the documents of a folder and below leave out.",
       defaults_document()},
  };
  return table;
}

const KindSchema& schema_of(Kind kind) {
  return *std::find_if(kind_schemas().begin(), kind_schemas().end(), [&](const KindSchema& row) {
    return row.kind == kind;
  });
}

}  // namespace dps::manifest
