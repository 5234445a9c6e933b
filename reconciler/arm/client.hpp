// client: the typed calls. Each is one request, or one chain of pages; blocking; from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/arm/client_memory.hpp"
#include "reconciler/arm/cloud.hpp"
#include "reconciler/arm/codec.hpp"
#include "reconciler/arm/operation.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/json_fwd.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/model/capabilities.hpp"
#include "reconciler/model/etag.hpp"
#include "reconciler/model/live_service.hpp"
#include "reconciler/model/secret_reference.hpp"

namespace dps::arm {

/// For those who count: Azure is at work on a write that it took, or not any more (or nobody waits
/// for it any longer). A write that was done with its answer is no news.
struct OperationNews {
  enum class Stage { Began, Ended };
  Stage stage = Stage::Began;
  Deed deed = Deed::Put;
  Duration took{0};  ///< of Ended
};

struct ClientSettings {
  Cloud cloud;
  std::string correlation_id;  ///< x-ms-correlation-request-id of every request; one for a pass
  Duration operation_timeout = std::chrono::minutes{20};  ///< of follow()
  std::function<void(const Notice&)> notice;              ///< may be empty; called from any thread
  /// May be empty; called from any thread, must not block. Each Began has its Ended.
  std::function<void(const OperationNews&)> operation_news{};
};

/// A write that ARM took: for follow().
struct Operation {
  Deed deed = Deed::Put;
  ServiceId id;
  std::string version;
  Progress progress;
};

/// How an operation ended well: a poll said so; or polls said something else (`unclear`, the last)
/// and the state of the service did.
struct Ended {
  std::optional<Error> unclear;
};

struct NameAnswer {
  bool available = false;
  std::string message;  ///< ARM's words; may be empty
};

/// A CA for the upload. `verified` is sent only where the API version can carry it.
struct CertificateUpload {
  std::string name;
  std::string der;
  bool verified = false;         ///< isVerified: trusted without a proof
  std::optional<Etag> if_match;  ///< of what stands under the name; nothing: a new one
};

/// The answer to generateVerificationCode: the etag is the one that the proof must send.
struct VerificationCode {
  LiveCertificate certificate;
  std::string code;
};

/// Cheap to build: one for each pass. Exchange (a pipeline), clock and memory outlive it.
///
/// Errors of every call are those of fault.hpp and of the pipeline; also RetryLater "BadAnswer" for
/// a 200 whose body is not what was asked for: a list without its `value` is never an empty list.
/// Where `version` is a parameter, "" means the version of reads, which falls back (said once by a
/// notice) to what ARM has.
class Client {
 public:
  Client(http::Exchange& exchange, Clock& clock, ClientMemory& memory, ClientSettings settings);

  /// All pages. A nextLink to another host is refused ("ForeignHost"); one that was followed
  /// already, or more than 10,000 of them, is "BadAnswer".
  Result<std::vector<LiveService>> list_services(const std::string& subscription,
                                                 const std::stop_token& stop);
  Result<std::vector<LiveService>> list_services_of_group(const std::string& subscription,
                                                          const std::string& group,
                                                          const std::stop_token& stop);
  Result<LiveService> get_service(const ServiceId& id,
                                  std::string_view version,
                                  const std::stop_token& stop);
  Result<std::vector<PolicyWithKeys>> list_keys(const ServiceId& id,
                                                std::string_view version,
                                                const std::stop_token& stop);
  Result<std::vector<LiveCertificate>> list_certificates(const ServiceId& id,
                                                         const std::stop_token& stop);
  /// The names of the SKUs that the service may have.
  Result<std::vector<std::string>> list_skus(const ServiceId& id, const std::stop_token& stop);

  /// Both keys of one policy of an IoT hub. 404 is "HubNotFound" whatever ARM's code.
  Result<PolicyWithKeys> hub_keys(const HubKeyReference& reference, const std::stop_token& stop);
  Result<NameAnswer> check_name(const std::string& subscription,
                                const std::string& name,
                                const std::stop_token& stop);
  [[nodiscard]] Result<void> get_resource_group(const std::string& subscription,
                                                const std::string& group,
                                                const std::stop_token& stop);

  /// `body` is JSON text with keys in it. With an etag it is sent as If-Match.
  Result<Operation> put_service(const ServiceId& id,
                                std::string_view version,
                                const Secret& body,
                                const std::optional<Etag>& if_match,
                                const std::stop_token& stop);
  /// `tags` becomes all of its tags.
  Result<Operation> patch_tags(const ServiceId& id,
                               std::string_view version,
                               const Tags& tags,
                               const std::optional<Etag>& if_match,
                               const std::stop_token& stop);
  /// A service that is not there is a DELETE that succeeded.
  Result<Operation> delete_service(const ServiceId& id,
                                   std::string_view version,
                                   const std::optional<Etag>& if_match,
                                   const std::stop_token& stop);

  // Certificates. Each write gives a new etag: that of the answer is what the next step sends.
  // 404 is "CertificateNotFound" (or the service's own); 412 ReadAgain "PreconditionFailed".
  Result<LiveCertificate> get_certificate(const ServiceId& id,
                                          const std::string& name,
                                          const std::stop_token& stop);
  Result<LiveCertificate> put_certificate(const ServiceId& id,
                                          const Capabilities& capabilities,
                                          const CertificateUpload& upload,
                                          const std::stop_token& stop);
  Result<VerificationCode> generate_verification_code(const ServiceId& id,
                                                      std::string_view version,
                                                      const std::string& name,
                                                      const Etag& etag,
                                                      const std::stop_token& stop);
  /// `leaf` is PEM.
  Result<LiveCertificate> verify_certificate(const ServiceId& id,
                                             std::string_view version,
                                             const std::string& name,
                                             const std::string& leaf,
                                             const Etag& etag,
                                             const std::stop_token& stop);
  /// One that is not there is a removal that succeeded.
  [[nodiscard]] Result<void> delete_certificate(const ServiceId& id,
                                                std::string_view version,
                                                const std::string& name,
                                                const Etag& etag,
                                                const std::stop_token& stop);

  /// Polls until the operation ends. Errors: what it failed with ("OperationFailed", "HubNotFound",
  /// …); ReadAgain "OperationTimeout"; GiveUp "Cancelled".
  Result<Ended> follow(const Operation& operation, const std::stop_token& stop);
  /// Polls the state until Azure is no longer at work on it; a service that goes meanwhile is
  /// "ServiceNotFound". ReadAgain "InTransition" after `timeout`.
  Result<LiveService> wait_until_settled(const ServiceId& id,
                                         std::string_view version,
                                         Duration timeout,
                                         const std::stop_token& stop);

  Clock& clock() const { return clock_; }
  ClientMemory& memory() const { return memory_; }
  void notice(const Notice& notice) const;

 private:
  struct Versioned;
  http::Request request(http::Method method, std::string url) const;
  http::Answer send(http::Request request, const std::stop_token& stop);
  Result<http::Response> get(std::string url, const std::stop_token& stop);
  Result<Versioned> get_versioned(const std::function<std::string(std::string_view)>& url,
                                  std::string_view version,
                                  http::Method method,
                                  const std::stop_token& stop);
  [[nodiscard]] Result<void> each_page(
      const std::function<std::string(std::string_view)>& url,
      std::string_view version,
      http::Method first,
      const std::function<Result<void>(const Json&, std::string_view)>& take,
      const std::stop_token& stop);
  Result<std::vector<LiveService>> services(const std::function<std::string(std::string_view)>& url,
                                            const std::stop_token& stop);
  Result<Operation> begin(Deed deed,
                          const ServiceId& id,
                          std::string_view version,
                          http::Request request,
                          const std::stop_token& stop);
  Progress look(const Operation& operation, int number, const std::stop_token& stop);

  http::Exchange& exchange_;
  Clock& clock_;
  ClientMemory& memory_;
  const ClientSettings settings_;
};

}  // namespace dps::arm
