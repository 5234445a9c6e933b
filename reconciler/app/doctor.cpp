#include "reconciler/app/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/app/doctor_parts.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/match.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::app {
namespace {

constexpr Duration kSkewWarns = std::chrono::minutes{1};
constexpr Duration kSkewFails = std::chrono::minutes{5};
constexpr Duration kCertificateWarns = std::chrono::hours{7 * 24};

std::string times(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string host_of(const std::string& url) {
  const auto origin = http::origin_of(url);
  return origin ? origin->host : url;
}

/// Every secret that the manifests name, once each.
std::vector<SecretReference> references(const DesiredState& desired) {
  std::vector<SecretReference> all;
  const auto add = [&](const SecretReference& reference) {
    if (std::find(all.begin(), all.end(), reference) == all.end()) all.push_back(reference);
  };
  for (const auto& [id, service] : desired.services) {
    for (const auto& hub : service.linked_hubs.value_or(std::vector<DesiredHub>{})) {
      if (!hub.credential) continue;
      if (const auto* reference = std::get_if<SecretReference>(&*hub.credential)) add(*reference);
    }
    for (const auto& policy : service.policies.value_or(std::vector<DesiredPolicy>{})) {
      if (policy.primary_key) add(*policy.primary_key);
      if (policy.secondary_key) add(*policy.secondary_key);
    }
    for (const auto& certificate :
         service.certificates.value_or(std::vector<DesiredCertificate>{})) {
      if (!certificate.signer) continue;
      if (const auto* key = std::get_if<KeySigner>(&*certificate.signer)) {
        add(key->key);
        if (key->passphrase) add(*key->passphrase);
      } else {
        add(SecretReference(std::get<ExecReference>(*certificate.signer)));
      }
    }
  }
  return all;
}

void look_at_secrets(const Patient& patient, Chart& chart, const std::stop_token& stop) {
  const auto all = references(patient.manifests->desired);
  std::size_t read = 0, programs = 0, broken = 0;
  for (const auto& reference : all) {
    if (std::holds_alternative<ExecReference>(reference)) {
      ++programs;
      if (patient.allow_exec) continue;
      ++broken;
      chart.add({Mark::Fail,
                 "secrets",
                 "",
                 describe(reference) + ": programs are not allowed",
                 "services that name it are blocked",
                 "--allow-exec, if whoever writes the manifests may run programs here"});
      continue;
    }
    const auto secret = patient.secrets->read(reference, stop);
    if (secret) {
      ++read;
    } else {
      ++broken;
      chart.fail("secrets", "", secret.error(), "services that name it are blocked");
    }
  }
  if (all.empty()) {
    chart.ok("secrets", "", "the manifests name none");
  } else if (broken == 0) {
    chart.ok("secrets",
             "",
             fmt::format("{} can be read{}",
                         times(read, "secret"),
                         programs == 0 ? std::string()
                                       : fmt::format(", {} allowed and not run",
                                                     times(programs, "program"))));
  }
}

}  // namespace

std::string_view word(Mark mark) {
  switch (mark) {
    case Mark::Ok:
      return "ok";
    case Mark::Warn:
      return "warn";
    case Mark::Fail:
      return "fail";
    case Mark::Skip:
      return "skip";
  }
  return "";
}

std::size_t Diagnosis::count(Mark mark) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) {
        return finding.mark == mark;
      }));
}

bool Diagnosis::failed() const {
  return count(Mark::Fail) > 0;
}

void Chart::fail(std::string check, std::string scope, const Error& error, std::string means) {
  add({Mark::Fail, std::move(check), std::move(scope), error.what, std::move(means), error.remedy});
}

http::Answer ask(http::Exchange& exchange, std::string url, const std::stop_token& stop) {
  http::Request request;
  request.url = std::move(url);
  request.connect_limit = kDoctorConnect;
  request.total_limit = kDoctorAnswer;
  return exchange.send(request, stop);
}

void look_at_manifests(const Patient& patient, Chart& chart, const std::stop_token& stop) {
  if (patient.manifests == nullptr) {
    chart.skip("manifests", "", "none were named; --manifests PATH for the rest of this list");
    return;
  }
  const auto& loaded = *patient.manifests;
  const manifest::Diagnostic* first = nullptr;
  std::size_t of_text = 0, of_time = 0;
  for (const auto& fault : loaded.faults) {
    if (fault.severity != manifest::Severity::Error) continue;
    const bool text = fault.fault_class == manifest::FaultClass::Text;
    (text ? of_text : of_time) += 1;
    if (first == nullptr) first = &fault;
  }
  const auto what = fmt::format(
      "{} in {}", times(loaded.desired.services.size(), "service"), times(loaded.files, "file"));
  if (first == nullptr) {
    chart.ok("manifests", "", what);
  } else {
    chart.add(
        {Mark::Fail,
         "manifests",
         "",
         fmt::format("{}; {}, the first at {}:{}: {}",
                     what,
                     times(of_text + of_time, "fault"),
                     first->mark.file,
                     first->mark.line,
                     first->message),
         of_text > 0 ? "plan and apply do nothing at all" : "services with a fault are blocked",
         "dps-reconciler validate shows them all"});
  }
  look_at_secrets(patient, chart, stop);
}

namespace {

/// The lines of a host: who answers, and until when its certificate is good.
void tell_peer(const Patient& patient,
               Chart& chart,
               const std::string& check,
               const std::string& url,
               int status) {
  const auto host = host_of(url);
  if (!patient.peer) {
    chart.ok(check, host, fmt::format("answers (HTTP {})", status));
    return;
  }
  const auto peer = patient.peer(url);
  if (!peer || peer->issuer.empty()) {
    const bool plain = url.starts_with("http:");
    chart.ok(check,
             host,
             fmt::format("answers{}{}",
                         peer && !peer->address.empty() ? " at " + peer->address : "",
                         plain ? ", without TLS" : ""));
    return;
  }
  auto said = fmt::format("answers at {}, certificate by {}", peer->address, peer->issuer);
  if (!peer->expires) {
    chart.ok(check, host, said);
    return;
  }
  said += ", good until " + rfc3339(*peer->expires);
  if (*peer->expires - patient.clock->wall() < kCertificateWarns) {
    chart.add({Mark::Warn,
               check,
               host,
               said,
               "when it ends nothing works through this connection",
               "Azure renews its own in time: look for a proxy that opens TLS"});
    return;
  }
  chart.ok(check, host, said);
}

void tell_clock(Chart& chart, const http::Response& answer, WallTime before, WallTime after) {
  const auto date = parse_rfc1123(answer.header("date"));
  if (!date) {
    chart.skip("clock", "", "the answer had no Date to compare with");
    return;
  }
  // A Date has whole seconds, and was made somewhere between the two moments.
  Duration skew{0};
  const auto late = std::chrono::duration_cast<Duration>(before - *date) - std::chrono::seconds{1};
  const auto early = std::chrono::duration_cast<Duration>(*date - after);
  if (late > Duration{0}) skew = late;
  if (early > Duration{0}) skew = early;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(skew);
  const auto said = skew <= kSkewWarns ? std::string("agrees with Azure's to the minute")
                                       : fmt::format("{} {} Azure's",
                                                     duration_text(seconds),
                                                     late > Duration{0} ? "ahead of" : "behind");
  Finding finding{Mark::Ok, "clock", "", said, {}, {}};
  if (skew > kSkewWarns) {
    finding.mark = skew > kSkewFails ? Mark::Fail : Mark::Warn;
    finding.means = skew > kSkewFails
                        ? "sign-in by certificate or token is refused, and expiry dates are "
                          "misjudged"
                        : "at five minutes sign-in begins to fail";
    finding.remedy =
        "set this machine's clock (chronyd, systemd-timesyncd); in a container, its "
        "host's";
  }
  chart.add(std::move(finding));
}

}  // namespace

bool look_at_arm(const Patient& patient, Chart& chart, const std::stop_token& stop) {
  const auto host = host_of(patient.cloud.arm);
  // Answered without a token.
  const auto url = patient.cloud.arm + "/metadata/endpoints?api-version=2015-01-01";
  const auto before = patient.clock->wall();
  const auto answer = ask(*patient.bare, url, stop);
  const auto after = patient.clock->wall();
  if (!answer) {
    chart.fail("arm", host, answer.error().error, "no command but validate and schema works");
    chart.skip("clock", "", "not tried: nobody tells the time, " + host + " does not answer");
    return false;
  }
  tell_peer(patient, chart, "arm", url, answer->status);
  if (answer->header("x-ms-request-id").empty() &&
      answer->header("x-ms-correlation-request-id").empty()) {
    chart.add({Mark::Warn,
               "arm",
               host,
               fmt::format("HTTP {} without Azure's headers: perhaps it is not Azure that answers",
                           answer->status),
               "what a proxy or a sign-in page answers is taken for errors of Azure",
               "ask for the page with curl, look at HTTPS_PROXY and --arm-endpoint"});
  }
  tell_clock(chart, *answer, before, after);
  return true;
}

bool look_at_authority(const Patient& patient, Chart& chart, const std::stop_token& stop) {
  const auto& kind = patient.credential ? patient.credential->kind : std::string();
  const auto host = host_of(patient.cloud.authority);
  if (kind != "client-secret" && kind != "client-certificate" && kind != "workload-identity") {
    chart.skip("authority",
               host,
               kind.empty() ? "not tried: no credential"
                            : "not tried: " + kind + " does not ask it from here");
    return true;
  }
  const auto tenant = patient.tenant.empty() ? std::string("common") : patient.tenant;
  const auto url = fmt::format("{}/{}/v2.0/.well-known/openid-configuration",
                               patient.cloud.authority,
                               http::percent_encoded(tenant));
  const auto answer = ask(*patient.bare, url, stop);
  if (!answer) {
    chart.fail("authority", host, answer.error().error, "no token, so nothing works");
    return false;
  }
  tell_peer(patient, chart, "authority", url, answer->status);
  if (answer->status / 100 == 4) {
    chart.add({Mark::Fail,
               "tenant",
               tenant,
               fmt::format("the authority knows no such tenant (HTTP {})", answer->status),
               "no token, so nothing works",
               "check AZURE_TENANT_ID, and --cloud: each cloud has tenants of its own"});
    return false;
  }
  return true;
}

namespace {

struct Claims {
  std::string tenant, client, object, audience;
  std::optional<WallTime> expires;
};

// What the token says of itself; opaque ones say nothing.
std::optional<Claims> claims_of(const Secret& token) {
  const auto parts = split(token.reveal(), '.');
  if (parts.size() != 3) return std::nullopt;
  auto middle = parts[1];
  for (char& c : middle) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (middle.size() % 4 != 0) middle += '=';
  const auto text = decode_base64(middle);
  if (!text) return std::nullopt;
  const auto json = parse_json(*text);
  if (!json) return std::nullopt;
  Claims claims;
  const auto shown = [&](const char* name) { return printable(text_member(*json, name), 80); };
  claims.tenant = shown("tid");
  claims.client = shown("appid");
  if (claims.client.empty()) claims.client = shown("azp");
  claims.object = shown("oid");
  claims.audience = shown("aud");
  const auto& expiry = member(*json, "exp");
  if (expiry.is_number_integer())
    claims.expires = WallTime(std::chrono::seconds(expiry.get<std::int64_t>()));
  return claims;
}

}  // namespace

bool look_at_token(const Patient& patient,
                   Chart& chart,
                   bool authority_answers,
                   const std::stop_token& stop) {
  if (!patient.credential || patient.no_credential) {
    const auto& error = patient.credential ? *patient.no_credential : patient.credential.error();
    chart.fail("credential", "", error, "no token, so nothing works");
    chart.skip("token", "", "not tried: no credential");
    return false;
  }
  chart.ok("credential", "", arm::sentence(*patient.credential));
  if (!authority_answers) {
    chart.skip("token", "", "not tried: the authority does not answer");
    return false;
  }
  const auto token = patient.tokens->token(stop);
  if (!token) {
    chart.fail("token", "", token.error(), "nothing of Azure can be read or written");
    return false;
  }
  const auto claims = claims_of(token->text);
  if (!claims) {
    chart.ok("token", "", "there is one; it does not say whose it is");
    return true;
  }
  auto said = fmt::format("tenant {}, client {}, object {}",
                          claims->tenant.empty() ? "unknown" : claims->tenant,
                          claims->client.empty() ? "unknown" : claims->client,
                          claims->object.empty() ? "unknown" : claims->object);
  if (claims->expires) said += ", good until " + rfc3339(*claims->expires);
  if (!patient.tenant.empty() && !claims->tenant.empty() &&
      !equal_ignoring_case(patient.tenant, claims->tenant)) {
    chart.add({Mark::Warn,
               "token",
               "",
               said,
               fmt::format("it is of another tenant than AZURE_TENANT_ID ({})", patient.tenant),
               "unset AZURE_TENANT_ID, or sign in to that tenant"});
    return true;
  }
  chart.ok("token", "", said);
  return true;
}

Diagnosis examine(const Patient& patient, const std::stop_token& stop) {
  Diagnosis diagnosis;
  diagnosis.at = patient.clock->wall();
  Chart chart(diagnosis);
  look_at_manifests(patient, chart, stop);
  const bool arm_answers = look_at_arm(patient, chart, stop);
  const bool authority_answers = look_at_authority(patient, chart, stop);
  const bool signed_in = look_at_token(patient, chart, authority_answers, stop);
  look_at_subscriptions(patient,
                        chart,
                        !signed_in     ? "no token"
                        : !arm_answers ? "Azure Resource Manager does not answer"
                                       : "",
                        stop);
  return diagnosis;
}

}  // namespace dps::app
