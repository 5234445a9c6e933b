#include "reconciler/manifest/schema.hpp"

#include <algorithm>

#include "reconciler/manifest/names.hpp"
#include "reconciler/model/rights.hpp"

namespace dps::manifest {
namespace {

constexpr std::string_view kEntryPattern = "^[A-Za-z0-9._-]{1,64}$";
constexpr std::string_view kEntryExpected = "1 to 64 letters, digits, -, . or _";

Shape text(bool (*valid)(std::string_view), std::string_view pattern, std::string_view expected) {
  Shape shape;
  shape.valid = valid;
  shape.pattern = pattern;
  shape.expected = expected;
  return shape;
}
Shape words(std::string_view expected) {
  return text(is_not_empty, "^[\\s\\S]+$", expected);
}
Shape one_of(std::vector<std::string> values) {
  Shape shape;
  shape.values = std::move(values);
  return shape;
}
Shape integer(std::int64_t least, std::int64_t most) {
  Shape shape;
  shape.form = Form::Integer;
  shape.least = least;
  shape.most = most;
  return shape;
}
Shape plain(Form form) {
  Shape shape;
  shape.form = form;
  return shape;
}
Shape list(Shape element, std::size_t fewest = 0, std::size_t most = 10'000) {
  Shape shape;
  shape.form = Form::List;
  shape.element.push_back(std::move(element));
  shape.fewest_items = fewest;
  shape.most_items = most;
  return shape;
}
Shape object(std::vector<Field> fields, Choice choice = Choice::Free) {
  Shape shape;
  shape.form = Form::Object;
  shape.fields = std::move(fields);
  shape.choice = choice;
  return shape;
}
Shape secret(Shape shape) {
  shape.literal = Literal::Secret;
  return shape;
}

Field field(std::string_view name, Shape shape, std::string_view note, std::string_view fallback) {
  return {name, std::move(shape), note, fallback, Need::Optional, false};
}
Field required(std::string_view name, Shape shape, std::string_view note) {
  return {name, std::move(shape), note, {}, Need::Required, false};
}
Field alternative(std::string_view name, Shape shape, std::string_view note) {
  return {name, std::move(shape), note, {}, Need::Optional, true};
}

Shape service_name() {
  return text(is_service_name,
              "^(?![0-9]+$)(?!-)(?![Gg][Ll][Oo][Bb][Aa][Ll]$)[a-zA-Z0-9-]{2,49}[a-zA-Z0-9]$",
              "3 to 50 letters, digits or -, not digits alone, no - at either end, not \"global\"");
}
Shape resource_group() {
  return text(is_resource_group,
              "^[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]$",
              "1 to 90 letters, digits, _, -, ., ( or ), no dot at the end");
}
Shape subscription() {
  return text(is_uuid,
              "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
              "a subscription id such as 00000000-0000-0000-0000-000000000000");
}
Shape location() {
  return text(is_location,
              "^[A-Za-z](?:[A-Za-z0-9 ]{0,62}[A-Za-z0-9])?$",
              "a region such as westeurope or \"West Europe\"");
}
Shape entry_name() {
  return text(is_entry_name, kEntryPattern, kEntryExpected);
}
Shape owner() {
  return text(is_owner, kEntryPattern, kEntryExpected);
}
Shape thumbprint() {
  return text(is_thumbprint, "^[0-9A-Fa-f]{40}$", "40 hex digits (SHA-1 of the certificate)");
}
Shape host_name() {
  return text(is_host_name,
              "^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
              "(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$",
              "a host name such as hub-eu-1.azure-devices.net");
}
Shape path() {
  return words("a path, relative to the manifest or absolute");
}
Shape arguments() {
  return list(words("an argument"), 1, 200);
}

std::vector<Field> secret_sources() {
  return {
      alternative("env",
                  text(is_variable,
                       "^(?!AZURE_)[A-Za-z_][A-Za-z0-9_]*$",
                       "the name of an environment variable"),
                  "The environment variable that holds the secret; never AZURE_*."),
      alternative("file", path(), "The file that holds the secret."),
      alternative("exec",
                  arguments(),
                  "A program that prints the secret, without a shell; needs --allow-exec."),
  };
}
Shape secret_reference() {
  return secret(object(secret_sources(), Choice::ExactlyOne));
}
Shape secret_reference_with_passphrase() {
  auto fields = secret_sources();
  fields.push_back(
      field("passphrase", secret_reference(), "The passphrase of the key.", "no passphrase"));
  return secret(object(std::move(fields), Choice::ExactlyOne));
}

Shape hub_credential() {
  return secret(object(
      {
          alternative(
              "hub",
              object({
                  field("subscription", subscription(), "The hub's subscription.", "the service's"),
                  required("resourceGroup", resource_group(), "The hub's resource group."),
                  field("name",
                        text(is_hub_name,
                             "^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
                             "the hub's name, without its domain"),
                        "The hub's name.",
                        "the first label of hostName"),
                  required("policy",
                           entry_name(),
                           "The hub's shared access policy, such as iothubowner."),
                  field("key", one_of({"primary", "secondary"}), "Which key.", "primary"),
              }),
              "The tool asks the hub for its key (listkeys)."),
          alternative("connectionString",
                      secret_reference(),
                      "Where the hub's connection string is to be had."),
      },
      Choice::ExactlyOne));
}

std::vector<Field> hub_fields(Need host) {
  return {
      {"hostName", host_name(), "The hub's host name; names the entry.", {}, host, false},
      field("location", location(), "The hub's region; needed only to link.", ""),
      field("allocationWeight",
            integer(0, std::numeric_limits<std::int32_t>::max()),
            "The hub's share of new devices.",
            ""),
      field("applyAllocationPolicy",
            plain(Form::Boolean),
            "Whether the allocation policy may choose this hub.",
            ""),
      field("credential",
            hub_credential(),
            "How the hub's connection string is had; needed to link.",
            "the stored key stays"),
  };
}

std::vector<Field> policy_fields(Need name) {
  return {
      {"name", entry_name(), "The policy's name.", {}, name, false},
      field("rights",
            list(one_of(right_names()), 1, 6),
            "What keys of the policy may do; needed to create it.",
            ""),
      field(
          "keys",
          secret(object({
              field("primary", secret_reference(), "The primary key.", "kept, or made by Azure"),
              field(
                  "secondary", secret_reference(), "The secondary key.", "kept, or made by Azure"),
          })),
          "Keys of your own.",
          "kept, or made by Azure"),
  };
}

std::vector<Field> certificate_fields(Need name, Need content) {
  const auto proof = object(
      {
          alternative("key",
                      secret_reference_with_passphrase(),
                      "The CA's private key; signs a leaf for the verification code."),
          alternative("exec",
                      arguments(),
                      "A program that signs: code on stdin, leaf on stdout; needs --allow-exec."),
      },
      Choice::ExactlyOne);
  return {
      {"name", entry_name(), "The name that enrollment groups refer to.", {}, name, false},
      {"certificate",
       object(
           {
               alternative("file", path(), "The CA as PEM or DER."),
               alternative("pem", words("a PEM block"), "The CA as PEM text."),
               alternative(
                   "thumbprint", thumbprint(), "Of a CA that must exist; it cannot be uploaded."),
           },
           Choice::ExactlyOne),
       "The CA.",
       {},
       content,
       false},
      field("verification",
            object(
                {
                    alternative("proofOfPossession", proof, "Verify by the CA's private key."),
                    alternative("trusted", plain(Form::True), "Mark it verified at upload."),
                    alternative("none",
                                plain(Form::True),
                                "Never verify; a live verified one is no difference."),
                },
                Choice::AtMostOne),
            "How the CA gets verified.",
            "its state is not managed"),
      field("rotation",
            object({
                field("strategy",
                      one_of({"overlap", "inPlace"}),
                      "Two names that groups name once, or new content under one name.",
                      "overlap with proofOfPossession, else inPlace"),
                field("overlap",
                      text(is_duration,
                           "^(?:[0-9]+(?:ms|s|m|h|d|w))+$",
                           "a duration such as 30d or 12h"),
                      "How long the predecessor stands beside its successor at least.",
                      "30d"),
                field("retire",
                      one_of({"hold", "automatic"}),
                      "What happens to the predecessor after the overlap.",
                      "hold"),
                field("slots",
                      list(entry_name(), 2, 2),
                      "The two names of the entry.",
                      "[NAME, NAME-2]"),
            }),
            "How the CA is replaced by its successor.",
            ""),
      field("revoked",
            list(thumbprint(), 0, 25),
            "CAs to remove first, after a breach; needs approval.",
            "none"),
  };
}

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
