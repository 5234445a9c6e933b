#include "reconciler/manifest/shapes.hpp"

#include "reconciler/manifest/names.hpp"
#include "reconciler/model/rights.hpp"

namespace dps::manifest::shapes {
namespace {

constexpr std::string_view kEntryPattern = "^[A-Za-z0-9._-]{1,64}$";

constexpr std::string_view kEntryExpected = "1 to 64 letters, digits, -, . or _";

}  // namespace

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

Shape list(Shape element, std::size_t fewest, std::size_t most) {
  Shape shape;
  shape.form = Form::List;
  shape.element.push_back(std::move(element));
  shape.fewest_items = fewest;
  shape.most_items = most;
  return shape;
}

Shape object(std::vector<Field> fields, Choice choice) {
  Shape shape;
  shape.form = Form::Object;
  shape.fields = std::move(fields);
  shape.choice = choice;
  return shape;
}

namespace {

Shape secret(Shape shape) {
  shape.literal = Literal::Secret;
  return shape;
}

}  // namespace

Field field(std::string_view name, Shape shape, std::string_view note, std::string_view fallback) {
  return {name, std::move(shape), note, fallback, Need::Optional, false};
}

Field required(std::string_view name, Shape shape, std::string_view note) {
  return {name, std::move(shape), note, {}, Need::Required, false};
}

namespace {

Field alternative(std::string_view name, Shape shape, std::string_view note) {
  return {name, std::move(shape), note, {}, Need::Optional, true};
}

}  // namespace

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

namespace {

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

}  // namespace

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
               field("allow",
                     list(one_of({"expired", "notCa", "weak"}), 1, 3),
                     "What is taken although devices may not be able to use it.",
                     "nothing"),
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

}  // namespace dps::manifest::shapes
