#include "reconciler/app/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "reconciler/base/text.hpp"

namespace dps::app {
namespace {

using Environment = std::map<std::string, std::string>;

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [last, code] = std::from_chars(text.data(), end, value);
  if (text.empty() || code != std::errc{} || last != end) return std::nullopt;
  return value;
}

std::string address_of(const Environment& environment) {
  auto name = value_of(environment, "NOTIFY_SOCKET");
  const bool fits = name.size() > 1 && name.size() < sizeof(sockaddr_un::sun_path);
  if (!fits || (name.front() != '/' && name.front() != '@')) return {};
  if (name.front() == '@') name.front() = '\0';
  return name;
}

int open_socket(const std::string& address) {
  if (address.empty()) return -1;
  const int number = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeval most{1, 0};
  if (number >= 0) ::setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
  return number;
}

std::optional<Duration> interval_of(const Environment& environment) {
  const auto microseconds = number(value_of(environment, "WATCHDOG_USEC"));
  if (!microseconds || *microseconds <= 0) return std::nullopt;
  const auto pid = value_of(environment, "WATCHDOG_PID");
  if (!pid.empty() && number(pid) != ::getpid()) return std::nullopt;
  const std::chrono::microseconds half{*microseconds / 2};
  return std::max(std::chrono::duration_cast<Duration>(half), Duration{1});
}

}  // namespace

ServiceManager::ServiceManager(const Environment& environment)
    : address_(address_of(environment)), socket_(open_socket(address_)) {
  if (is_there()) watchdog_ = interval_of(environment);
}

void ServiceManager::ready(std::string_view status) const {
  send(fmt::format("READY=1\nSTATUS={}\n", printable(status)));
}

void ServiceManager::reloading(TimePoint now) const {
  // systemd compares it with CLOCK_MONOTONIC, which is what a steady clock is.
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", since));
}

void ServiceManager::stopping(std::string_view status) const {
  send(fmt::format("STOPPING=1\nSTATUS={}\n", printable(status)));
}

void ServiceManager::status(std::string_view text) const {
  send(fmt::format("STATUS={}\n", printable(text)));
}

void ServiceManager::alive() const {
  send("WATCHDOG=1\n");
}

void ServiceManager::send(const std::string& message) const {
  if (!is_there()) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  ::sendto(socket_.number(),
           message.data(),
           message.size(),
           MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&to),
           length);
}

}  // namespace dps::app
