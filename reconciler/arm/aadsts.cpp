#include <array>
#include <cctype>

#include "reconciler/arm/token_request.hpp"

namespace dps::arm {
namespace {

struct Row {
  int number;
  bool passing;
  const char* what;
  const char* remedy;
};

// Source: "Microsoft Entra authentication and authorization error codes", and the forms in which
// the SDKs' trackers show them.
constexpr std::array kMeanings = std::to_array<Row>({
    {7000215,
     false,
     "the client secret is wrong",
     "give the secret's value, not its id, of this very application; make a new one if it is lost"},
    {7000222,
     false,
     "the client secret has expired",
     "make a new secret for the application and give that; a certificate or a workload identity "
     "needs no such renewal by hand"},
    {700016,
     false,
     "the tenant does not know this application",
     "check client id and tenant id: the application must be registered, or consented to, in this "
     "tenant"},
    {7000229,
     false,
     "the application has no service principal in this tenant",
     "make one: az ad sp create --id CLIENT_ID"},
    {7000112, false, "the application is disabled", "have it enabled in the tenant"},
    {90002,
     false,
     "there is no such tenant",
     "check the tenant id, and --cloud: each cloud has tenants of its own"},
    {900023,
     false,
     "the tenant id is neither a GUID nor a domain",
     "check the tenant id (AZURE_TENANT_ID)"},
    {900971, false, "the application has no reply address", "check the application's registration"},
    {700024,
     false,
     "the assertion is not valid at this time",
     "set this machine's clock (NTP); for a workload identity: the federated token in the file is "
     "too old, so whatever renews the file has stopped"},
    {700023,
     false,
     "the assertion is meant for another audience",
     "check the authority: --authority and AZURE_AUTHORITY_HOST"},
    {700027,
     false,
     "the certificate is not one of the application's, or its signature does not fit",
     "upload the certificate (its public part) to the application's registration"},
    {700030, false, "the certificate is not valid", "check that it has not expired"},
    {70021,
     false,
     "no federated credential of the application fits the token",
     "compare issuer, subject and audience of the application's federated credential with those "
     "of the token"},
    {700211,
     false,
     "no federated credential of the application has the token's issuer",
     "the issuer of the federated credential must be the cluster's OIDC issuer, to the letter"},
    {700212,
     false,
     "no federated credential of the application has the token's audience",
     "the audience must be api://AzureADTokenExchange on both sides"},
    {700213,
     false,
     "no federated credential of the application has the token's subject",
     "the subject must be system:serviceaccount:NAMESPACE:ACCOUNT of this very pod"},
    {50013,
     false,
     "the assertion's signature does not fit",
     "the token's issuer has new keys, or the certificate is another one: get a new token"},
    {50027, false, "the assertion is no sound token", "check the file that holds it"},
    {500011,
     false,
     "the tenant does not know Azure Resource Manager under this audience",
     "check --cloud: the tenant may lie in another one"},
    {65001,
     false,
     "consent to the application is missing",
     "have an administrator of the tenant consent"},
    {50105,
     false,
     "the application requires an assignment that this identity does not have",
     "assign it in the tenant's enterprise applications"},
    {53003,
     false,
     "a conditional access policy of the tenant forbids it",
     "ask the tenant's administrator: often only known networks may sign in"},
    {530003, false, "conditional access asks for a managed device", "sign in another way"},
    {50076, false, "the tenant asks for a second factor", "run: az login"},
    {50079, false, "the tenant asks for a second factor", "run: az login"},
    {50173, false, "the login was revoked", "run: az login"},
    {700082, false, "the login has expired", "run: az login"},
    {70043, false, "the login has expired", "run: az login"},
    {50034, false, "the tenant does not know this user", "check the tenant, then: az login"},
    {50057, false, "the account is disabled", "have it enabled in the tenant"},
    {90033, true, "the authority is unwell for a moment", ""},
    {90024, true, "the authority gave up for a moment", ""},
    {90006, true, "the authority is unwell for a moment", ""},
    {50196,
     true,
     "the authority saw the same request too often",
     "make sure that not many processes sign in again and again"},
});

}  // namespace

AadstsMeaning aadsts_meaning(int number) {
  for (const auto& row : kMeanings) {
    if (row.number == number) return {number, row.passing, row.what, row.remedy};
  }
  return {number, false, {}, {}};
}

int aadsts_number(std::string_view text) {
  constexpr std::string_view kMark = "AADSTS";
  const auto found = text.find(kMark);
  if (found == std::string_view::npos) return 0;
  int number = 0;
  for (auto at = found + kMark.size(); at < text.size() && number < 100'000'000; ++at) {
    if (std::isdigit(static_cast<unsigned char>(text[at])) == 0) break;
    number = number * 10 + (text[at] - '0');
  }
  return number;
}

}  // namespace dps::arm
