// service_manager: what systemd is told, by the protocol of sd_notify(3); without libsystemd.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/descriptor.hpp"

namespace dps::app {

/// Says nothing where NOTIFY_SOCKET is not set: all calls are then without effect. What cannot be
/// sent is lost, after a second at most. Thread-safe.
class ServiceManager {
 public:
  /// Takes NOTIFY_SOCKET (a path, or "@name" of an abstract socket), WATCHDOG_USEC and
  /// WATCHDOG_PID from `environment`.
  explicit ServiceManager(const std::map<std::string, std::string>& environment);

  bool is_there() const { return socket_.number() >= 0; }
  /// How often `alive` is expected: half of the time after which systemd restarts the service;
  /// nothing: there is no watchdog.
  std::optional<Duration> watchdog_interval() const { return watchdog_; }

  void ready(std::string_view status) const;  ///< after the start and after every reload
  void reloading(TimePoint now) const;        ///< SIGHUP came; `ready` follows
  void stopping(std::string_view status) const;
  void status(std::string_view text) const;  ///< shown by `systemctl status`; one line
  void alive() const;                        ///< the loop turns

 private:
  void send(const std::string& message) const;
  std::string address_;  // as the kernel wants it: a null byte first when abstract
  Descriptor socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace dps::app
