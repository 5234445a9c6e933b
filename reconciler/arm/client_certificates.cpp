#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/fault.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

// An answer to a write that cannot be read: it may have been done, so the live state decides.
Error unclear(Error error) {
  if (error.id == "BadAnswer") error.next = NextMove::ReadAgain;
  return error;
}

// Answers of Azure carry 48 hex digits. It becomes a common name (64 characters at most) and a
// line on a program's stdin: nothing else than letters, digits and hyphens goes there.
bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<Json> document_of(http::Answer answer) {
  auto response = accepted(std::move(answer));
  if (!response) return fail(unclear(of_certificate(response.error())));
  auto json = parse_json(response->body);
  if (!json) {
    if (auto foreign = foreign_answer(Deed::Put, *response)) return fail(*std::move(foreign));
    return fail(
        Error{NextMove::ReadAgain,
              "BadAnswer",
              "ARM's answer is " + json.error().what,
              "check that the endpoint is Azure Resource Manager and no proxy stands before",
              response->status,
              {}});
  }
  return json;
}

Result<LiveCertificate> written(http::Answer answer) {
  const auto document = document_of(std::move(answer));
  if (!document) return fail(document.error());
  auto certificate = decode_certificate_answer(*document);
  if (!certificate) return fail(unclear(certificate.error()));
  return certificate;
}

}  // namespace

Result<LiveCertificate> Client::put_certificate(const ServiceId& id,
                                                const Capabilities& capabilities,
                                                const CertificateUpload& upload,
                                                const std::stop_token& stop) {
  auto put = request(http::Method::Put,
                     certificate_url(settings_.cloud, id, upload.name, capabilities.version));
  put.headers.emplace("content-type", "application/json");
  if (upload.if_match) put.headers.emplace("if-match", upload.if_match->text);
  Json fields{{"certificate", base64(upload.der)}};
  // Said either way: what a certificate that replaces a verified one is, when nothing is said, is
  // nowhere documented.
  if (capabilities.verified_at_upload) fields["isVerified"] = upload.verified;
  put.body = canonical_text(capabilities.certificate_body == CertificateBody::Flat
                                ? fields
                                : Json{{"properties", std::move(fields)}});
  return written(send(std::move(put), stop));
}

Result<VerificationCode> Client::generate_verification_code(const ServiceId& id,
                                                            std::string_view version,
                                                            const std::string& name,
                                                            const Etag& etag,
                                                            const std::stop_token& stop) {
  auto post =
      request(http::Method::Post,
              certificate_url(settings_.cloud, id, name, version, "/generateVerificationCode"));
  post.headers.emplace("if-match", etag.text);
  const auto document = document_of(send(std::move(post), stop));
  if (!document) return fail(document.error());
  auto certificate = decode_certificate_answer(*document);
  if (!certificate) return fail(unclear(certificate.error()));
  auto code = text_member(member(*document, "properties"), "verificationCode");
  if (!is_code(code)) {
    return fail(
        Error{NextMove::ReadAgain,
              "BadAnswer",
              code.empty() ? "ARM gave no verification code"
                           : "ARM gave a verification code that cannot be a common name",
              "check that the endpoint is Azure Resource Manager and no proxy stands before",
              200,
              {}});
  }
  return VerificationCode{*std::move(certificate), std::move(code)};
}

Result<LiveCertificate> Client::verify_certificate(const ServiceId& id,
                                                   std::string_view version,
                                                   const std::string& name,
                                                   const std::string& leaf,
                                                   const Etag& etag,
                                                   const std::stop_token& stop) {
  auto post =
      request(http::Method::Post, certificate_url(settings_.cloud, id, name, version, "/verify"));
  post.headers.emplace("content-type", "application/json");
  post.headers.emplace("if-match", etag.text);
  // Base64 of the PEM text: what Azure's own command line sends.
  post.body = canonical_text(Json{{"certificate", base64(leaf)}});
  return written(send(std::move(post), stop));
}

Result<void> Client::delete_certificate(const ServiceId& id,
                                        std::string_view version,
                                        const std::string& name,
                                        const Etag& etag,
                                        const std::stop_token& stop) {
  auto removal = request(http::Method::Delete, certificate_url(settings_.cloud, id, name, version));
  removal.headers.emplace("if-match", etag.text);
  const auto response = accepted(send(std::move(removal), stop));
  if (response) {
    if (auto foreign = foreign_answer(Deed::Delete, *response)) return fail(*std::move(foreign));
    return {};
  }
  const auto error = of_certificate(response.error());
  if (error.id == "CertificateNotFound") return {};
  return fail(error);
}

}  // namespace dps::arm
