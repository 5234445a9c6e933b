// web: the daemon's HTTP: metrics, health, status, the page, and what asks it to act.
// The only libmicrohttpd. Every bound is here; docs/http.md is the manual of what it answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/control.hpp"

namespace dps::telemetry {

struct WebSettings {
  std::string listen = "127.0.0.1:9464";  ///< as parse_listen; "off": nowhere
  std::string cert_file, key_file;        ///< PEM: chain and key; both for TLS, none for plain HTTP
  std::string control_token_file;         ///< empty: POST is refused
  std::string version;

  unsigned most_connections = 256;                 ///< more wait until one ends
  unsigned most_per_peer = 128;                    ///< of one address; more are closed at once
  Duration idle_limit = std::chrono::seconds{30};  ///< without a byte; whole seconds
  Duration request_limit =
      std::chrono::seconds{60};                      ///< from connection or last answer to the next
  Duration reload_pause = std::chrono::seconds{10};  ///< how often TLS files are looked at
  std::size_t most_body = std::size_t{64} * 1024;    ///< of a request
  std::size_t most_unsent = std::size_t{256} * 1024 * 1024;  ///< of all answers together

  /// Told when new TLS files were taken, or refused and the old ones kept; from a thread of ours.
  /// May be empty.
  std::function<void(const std::string&)> notice;
};

/// Serves from `start` until its destructor, which ends what is in flight and takes under a second.
/// Calls `control` and `metrics` from two threads of its own; those and `clock` outlive it. TLS is
/// 1.2 or later; changed files are taken within reload_pause, without an interruption.
class Web {
 public:
  /// Errors (GiveUp): "BadListen", "ListenFailed"; "BadTlsFiles" when they cannot be read or do not
  /// belong together.
  static Result<std::unique_ptr<Web>> start(WebSettings settings,
                                            controller::Control& control,
                                            std::function<std::string()> metrics,
                                            Clock& clock);
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  std::uint16_t port() const;  ///< the real one; 0 when off

 private:
  class Server;
  explicit Web(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace dps::telemetry
