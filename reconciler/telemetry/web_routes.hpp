// web_routes: what the daemon answers to which request; no sockets here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/control.hpp"
#include "reconciler/http/message.hpp"

namespace dps::telemetry {

struct WebRequest {
  std::string method;                                      ///< "GET"
  std::string path;                                        ///< decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order
  http::Headers headers;  ///< those that came several times joined by ", "
  std::string body;
  std::string peer;  ///< the address without the port, for the count of failed tries
};

struct WebAnswer {
  int status = 200;
  std::string body;
  http::Headers headers;
};

/// Failed tries of one peer: ten at once, then one every ten seconds. Remembers a bounded number of
/// peers. Not thread-safe.
class FailedTries {
 public:
  bool may_try(const std::string& peer, TimePoint now);
  void failed(const std::string& peer, TimePoint now);

 private:
  std::map<std::string, TimePoint> until_;  ///< when the peer's debt is paid
};

struct RouteSettings {
  std::string version;
  /// Read at each request, so that it can be replaced. Empty: POST is refused.
  std::string control_token_file;
};

/// GET and HEAD: /metrics, /healthz, /readyz, /status, /, /favicon.svg. POST: /-/reconcile,
/// /-/suspend, /-/resume, /-/approve, with the bearer token. docs/http.md says what each takes and
/// answers. Thread-safe; `control` and `clock` outlive it.
class Routes {
 public:
  Routes(RouteSettings settings,
         controller::Control& control,
         std::function<std::string()> metrics,
         Clock& clock);
  WebAnswer answer(const WebRequest& request);

 private:
  WebAnswer read(const WebRequest& request);
  WebAnswer act(const WebRequest& request);
  WebAnswer status(const WebRequest& request) const;
  [[nodiscard]] Result<void> authorise(const WebRequest& request);

  RouteSettings settings_;
  controller::Control& control_;
  std::function<std::string()> metrics_;
  Clock& clock_;
  std::mutex mutex_;
  FailedTries failed_;
};

/// {"schema": "dps-reconciler/error/v1", "error": {"id", "message", "remedy"}}
WebAnswer error_answer(int status, const Error& error);

}  // namespace dps::telemetry
