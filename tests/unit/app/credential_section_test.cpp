#include "reconciler/app/credential_section.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/app/config_file.hpp"

namespace dps::app {
namespace {

using arm::SecretPlace;
using testing::HasSubstr;
using testing::Not;

const std::string kGuid = "22222222-2222-4222-8222-222222222222";

TEST(CredentialSection, EveryKindHasItsKeys) {
  const auto config = parse_config(
      "strict: true\n"
      "credentials:\n"
      "  - subscriptions: [22222222-2222-4222-8222-222222222222]\n"
      "    auth: client-secret\n"
      "    tenantId: t\n"
      "    clientId: c\n"
      "    clientSecret: {env: OTHER_SECRET}\n"
      "  - {subscriptions: [22222222-2222-4222-8222-222222222223], auth: client-certificate,\n"
      "     tenantId: t, clientId: c, clientCertificate: {file: app.pfx, password: {file: "
      "/run/p},\n"
      "     sendChain: true}}\n"
      "  - {subscriptions: [22222222-2222-4222-8222-222222222224], auth: workload-identity,\n"
      "     tenantId: t, clientId: c}\n"
      "  - {subscriptions: [22222222-2222-4222-8222-222222222225], auth: managed-identity,\n"
      "     managedIdentity: {resourceId: /subscriptions/x}}\n"
      "  - {subscriptions: [22222222-2222-4222-8222-222222222226], auth: azure-cli}\n"
      "  - {subscriptions: [22222222-2222-4222-8222-222222222227], auth: token,\n"
      "     accessToken: {file: token}}\n",
      "/etc/dps/config.yaml");
  ASSERT_TRUE(config.has_value()) << config.error().what;
  EXPECT_EQ(config->flags.size(), 1U);
  const auto& sections = config->credentials;
  ASSERT_EQ(sections.size(), 6U);
  EXPECT_EQ(sections[0].place, "/etc/dps/config.yaml:3:5");
  EXPECT_EQ(sections[0].subscriptions, std::vector<std::string>{kGuid});
  EXPECT_EQ(sections[0].spec.client_secret,
            (SecretPlace{SecretPlace::Kind::Variable, "OTHER_SECRET"}));
  EXPECT_EQ(sections[1].spec.certificate_file, "/etc/dps/app.pfx");
  EXPECT_EQ(sections[1].spec.certificate_password,
            (SecretPlace{SecretPlace::Kind::File, "/run/p"}));
  EXPECT_EQ(sections[1].spec.chain, arm::ChainSending::WholeChain);
  EXPECT_EQ(sections[2].spec.kind, "workload-identity");
  EXPECT_EQ(sections[3].spec.managed_identity.resource_id, "/subscriptions/x");
  EXPECT_EQ(sections[4].spec.kind, "azure-cli");
  EXPECT_EQ(sections[5].spec.access_token,
            (SecretPlace{SecretPlace::Kind::File, "/etc/dps/token"}));
}

TEST(CredentialSection, FaultsHaveTheirPlaceAndRemedy) {
  const std::string head = "credentials:\n  - {subscriptions: [" + kGuid + "], ";
  const std::string application = head + "auth: client-secret, tenantId: t, clientId: c, ";
  struct Case {
    std::string name;
    std::string text;
    std::string what;
    std::string remedy;
  };
  for (const Case& one : std::vector<Case>{
           {"no list", "credentials: {a: b}\n", "c.yaml:1:14: credentials is no list", ""},
           {"no map", "credentials: [a]\n", "is no map", "subscriptions"},
           {"no auth", head + "tenantId: t}\n", "c.yaml:2:5: the section has no auth", "azure-cli"},
           {"auth misspelt",
            head + "auth: client-secre}\n",
            "auth cannot be",
            "did you mean client-secret?"},
           {"auto", head + "auth: auto}\n", "auth cannot be \"auto\"", "one of"},
           {"unknown key",
            application + "clientSecert: {env: X}}\n",
            "unknown key \"clientSecert\"",
            "did you mean clientSecret?"},
           {"of another kind",
            head + "auth: azure-cli, clientSecret: {env: X}}\n",
            "clientSecret does not belong to auth: azure-cli",
            "tenantId"},
           {"missing key",
            head + "auth: client-secret, tenantId: t, clientSecret: {env: X}}\n",
            "auth: client-secret needs clientId",
            "add clientId"},
           {"literal secret",
            application + "clientSecret: l1teral~Canary}\n",
            "where the secret lies",
            "{env: NAME}"},
           {"two places",
            application + "clientSecret: {env: A, file: B}}\n",
            "names one place",
            "{env: NAME}"},
           {"unknown place",
            application + "clientSecret: {vault: l1teral~Canary}}\n",
            "unknown key \"vault\"",
            "{file: PATH}"},
           {"no subscriptions",
            "credentials: [{auth: azure-cli}]\n",
            "names no subscriptions",
            "GUID"},
           {"no GUID",
            "credentials: [{subscriptions: [prod], auth: azure-cli}]\n",
            "\"prod\" is no subscription id",
            "GUID"},
           {"twice",
            "credentials:\n- {auth: azure-cli, subscriptions: [" + kGuid +
                "]}\n- {auth: managed-identity, subscriptions: [" + kGuid + "]}\n",
            "c.yaml:3:",
            "one section"},
           {"password",
            head + "auth: client-certificate, tenantId: t, clientId: c, clientCertificate: {file: "
                   "a, password: l1teral~Canary}}\n",
            "password must say where",
            "{file: PATH}"},
           {"no file",
            head + "auth: client-certificate, tenantId: t, clientId: c, clientCertificate: {}}\n",
            "names no file",
            "PATH"},
           {"two identities",
            head + "auth: managed-identity, managedIdentity: {clientId: a, objectId: b}}\n",
            "one identity",
            "system-assigned"},
           {"section misspelt",
            "credential: []\n",
            "unknown key \"credential\"",
            "did you mean credentials?"}}) {
    SCOPED_TRACE(one.name);
    const auto parsed = parse_config(one.text, "c.yaml");
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().id, "Usage");
    EXPECT_THAT(parsed.error().what, HasSubstr("c.yaml:"));
    EXPECT_THAT(parsed.error().what, HasSubstr(one.what));
    EXPECT_THAT(parsed.error().remedy, HasSubstr(one.remedy));
    EXPECT_THAT(parsed.error().what + parsed.error().remedy, Not(HasSubstr("Canary")));
  }
}

}  // namespace
}  // namespace dps::app
