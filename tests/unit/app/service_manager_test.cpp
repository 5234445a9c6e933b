#include "reconciler/app/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "reconciler/base/crypto.hpp"
#include "tests/support/new_folder.hpp"

namespace dps::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What systemd is here: a bound datagram socket.
class Listener {
 public:
  explicit Listener(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name.front() == '@') at.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.number(), reinterpret_cast<const sockaddr*>(&at), length), 0);
  }
  /// What was sent; datagrams are there at once.
  std::string heard() const {
    std::array<char, 4096> buffer{};
    const auto count = ::recv(socket_.number(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return count < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(count));
  }

 private:
  Descriptor socket_;
};

void expect_the_whole_conversation(const std::string& name) {
  const Listener systemd(name);
  const ServiceManager manager({{"NOTIFY_SOCKET", name}});
  ASSERT_TRUE(manager.is_there());
  EXPECT_FALSE(manager.watchdog_interval());
  manager.ready("3 services\nREADY=0");
  EXPECT_EQ(systemd.heard(), "READY=1\nSTATUS=3 services READY=0\n");
  manager.status("40 of 40 in sync");
  EXPECT_EQ(systemd.heard(), "STATUS=40 of 40 in sync\n");
  manager.alive();
  EXPECT_EQ(systemd.heard(), "WATCHDOG=1\n");
  manager.reloading(TimePoint{} + milliseconds{1500});
  EXPECT_EQ(systemd.heard(), "RELOADING=1\nMONOTONIC_USEC=1500000\n");
  manager.stopping("2 writes are under way");
  EXPECT_EQ(systemd.heard(), "STOPPING=1\nSTATUS=2 writes are under way\n");
  EXPECT_EQ(systemd.heard(), "nothing");
}

TEST(ServiceManager, TellsASocketWithAPath) {
  const auto folder = test::new_folder("dps-notify");
  expect_the_whole_conversation((folder / "notify").string());
  std::filesystem::remove_all(folder);
}

TEST(ServiceManager, TellsAnAbstractSocket) {
  expect_the_whole_conversation("@dps-notify-" + hex(random_bytes(8)));
}

TEST(ServiceManager, SaysNothingToNobody) {
  const auto folder = test::new_folder("dps-notify");
  for (const auto& name : {std::string(),
                           std::string("@"),
                           std::string("relative"),
                           std::string("vsock:2:1"),
                           "/" + std::string(300, 'x')}) {
    const ServiceManager manager({{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "2000000"}});
    EXPECT_FALSE(manager.is_there()) << name;
    EXPECT_FALSE(manager.watchdog_interval()) << name;
    manager.ready("");
  }
  const ServiceManager gone({{"NOTIFY_SOCKET", (folder / "gone").string()}});
  gone.ready("nobody listens");
  std::filesystem::remove_all(folder);
}

TEST(ServiceManager, IsAliveAtHalfTheTimeOfTheWatchdog) {
  const std::string me = std::to_string(::getpid());
  struct Case {
    const char* name;
    std::map<std::string, std::string> more;
    std::optional<Duration> interval;
  };
  for (const auto& one :
       {Case{"for anybody", {{"WATCHDOG_USEC", "30000000"}}, seconds{15}},
        Case{"for this one", {{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", me}}, seconds{15}},
        Case{"for another", {{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1"}}, std::nullopt},
        Case{"tiny", {{"WATCHDOG_USEC", "1"}}, milliseconds{1}},
        Case{"off", {{"WATCHDOG_USEC", "0"}}, std::nullopt},
        Case{"nonsense", {{"WATCHDOG_USEC", "soon"}}, std::nullopt}}) {
    auto environment = one.more;
    environment["NOTIFY_SOCKET"] = "/run/nowhere";
    EXPECT_EQ(ServiceManager(environment).watchdog_interval(), one.interval) << one.name;
  }
}

}  // namespace
}  // namespace dps::app
