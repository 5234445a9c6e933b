#include "reconciler/plan/normalise.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "fixtures.hpp"
#include "reconciler/plan/bookkeeping_after.hpp"
#include "reconciler/plan/impact.hpp"
#include "reconciler/plan/text_layout.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::HasSubstr;

TEST(Normalise, TheTableHasOneRowForEachFieldInOrder) {
  for (std::size_t i = 0; i < rules().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(rules()[i].field), i) << rules()[i].path;
  }
  EXPECT_EQ(rules().size(), static_cast<std::size_t>(Field::CertificateVerification) + 1);
}

TEST(Normalise, TheDocumentationShowsTheTable) {
  std::ifstream file(DPS_DIFFERENCE_DOC);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(rules_markdown()))
      << "docs/difference.md must contain exactly:\n"
      << rules_markdown();
}

TEST(Normalise, ComparesTextsByTheirRule) {
  EXPECT_TRUE(same(Field::Location, "West Europe", "westeurope"));
  EXPECT_TRUE(same(Field::HubLocation, "westeurope ", "WestEurope"));
  EXPECT_FALSE(same(Field::Location, "westeurope", "westeurope2"));
  EXPECT_FALSE(same(Field::Location, "westeurope", ""));
  EXPECT_TRUE(same(Field::AllocationPolicy, "Hashed", ""));
  EXPECT_FALSE(same(Field::AllocationPolicy, "Static", ""));
  EXPECT_TRUE(same(Field::PublicNetworkAccess, "Enabled", ""));
  EXPECT_FALSE(same(Field::TagValue, "a", "A"));
  EXPECT_TRUE(same(Field::CertificateContent, "ABCD", "abcd"));
}

TEST(Normalise, ARevisionIsOfWhatTheManifestMeans) {
  const auto before = desired_revision(wanted());
  EXPECT_EQ(before.size(), 12U);
  auto same_meaning = wanted();
  same_meaning.linked_hubs->push_back(hub(kHub2));
  auto turned = same_meaning;
  std::swap((*turned.linked_hubs)[0], (*turned.linked_hubs)[1]);
  turned.mark = {"elsewhere.yaml", 99, 1};
  turned.location = "West Europe";
  EXPECT_EQ(desired_revision(same_meaning), desired_revision(turned));

  std::set<std::string> revisions = {before, desired_revision(same_meaning)};
  const auto differs = [&](const char* what, auto edit) {
    auto service = wanted();
    edit(service);
    EXPECT_TRUE(revisions.insert(desired_revision(service)).second) << what;
  };
  differs("no hubs managed", [](auto& s) { s.linked_hubs.reset(); });
  differs("no hubs", [](auto& s) { s.linked_hubs->clear(); });
  differs("weight", [](auto& s) { (*s.linked_hubs)[0].allocation_weight = 11; });
  differs("weight left out", [](auto& s) { (*s.linked_hubs)[0].allocation_weight.reset(); });
  differs("credential", [](auto& s) {
    (*s.linked_hubs)[0].credential = SecretReference(EnvironmentReference{"A"});
  });
  differs("tag", [](auto& s) { (*s.tags)["env"] = "test"; });
  differs("tags left out", [](auto& s) { s.tags.reset(); });
  differs("rights", [](auto& s) { (*s.policies)[0].rights = rights({Right::DeviceConnect}); });
  differs("unlisted", [](auto& s) { s.lifecycle.hubs = Unlisted::Keep; });
  differs("ignore", [](auto& s) { s.lifecycle.ignore = {"sku"}; });
  differs("protect", [](auto& s) { s.lifecycle.protect = false; });
  differs("empty rules", [](auto& s) { s.ip_filter_rules.emplace(); });
}

TEST(Impact, OfRightsNamesWhatIsLostAndGained) {
  const auto write = rights({Right::EnrollmentWrite});
  const auto read = rights({Right::EnrollmentRead});
  EXPECT_EQ(impact::rights_changed(write, read),
            "clients with its key lose EnrollmentWrite, RegistrationStatusWrite");
  EXPECT_EQ(impact::rights_changed(read, write),
            "clients with its key gain EnrollmentWrite, RegistrationStatusWrite");
}

TEST(Impact, OfAWeightIsAboutNewDevices) {
  EXPECT_EQ(impact::weight_changed(1, 0), "no new devices to this hub");
  EXPECT_THAT(impact::weight_changed(0, 1), HasSubstr("again"));
  EXPECT_THAT(impact::weight_changed(std::nullopt, 1), HasSubstr("registered devices stay"));
}

TEST(TextLayout, CountsCharactersAndNotBytes) {
  EXPECT_EQ(columns("1 → 0"), 5U);
  EXPECT_EQ(padded("→", 3), "→  ");
  EXPECT_EQ(shown("ααααα", 3), "ααα…");
  EXPECT_EQ(shown("a\x1b[0mb"), "a\\x1b[0mb");
  EXPECT_EQ(shown("a\u202eb\u200bc"), "a\\u202eb\\u200bc");
}

TEST(TextLayout, WrapsAtSpaces) {
  EXPECT_EQ(wrapped("one two  three", 9, 2), "one two\n  three");
  EXPECT_EQ(wrapped("averyveryverylongword x", 5, 0), "averyveryverylongword\nx");
  EXPECT_EQ(wrapped("", 5, 2), "");
}

}  // namespace
}  // namespace dps::plan
