// simulator-bench: how many GETs of services a second the simulator answers over kept-alive
// connections. Starts nothing: give it the first line that arm-simulator printed.
//   arm-simulator --fleet services=100 > line & simulator-bench "$(cat line)" [CONNECTIONS]
//   [SECONDS]
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {
using Json = nlohmann::json;

class Connection {
 public:
  explicit Connection(const std::string& url) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    const int on = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    open_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { ::close(descriptor_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The whole answer; empty when the connection broke.
  std::string ask(const std::string& request) {
    if (!open_ || ::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
    std::string text;
    while (true) {
      const auto head = text.find("\r\n\r\n");
      const auto field = text.find("Content-Length: ");
      if (head != std::string::npos && field != std::string::npos &&
          text.size() >= head + 4 + std::stoul(text.substr(field + 16)))
        return text;
      char block[16384];
      const auto got = ::recv(descriptor_, block, sizeof block, 0);
      if (got <= 0) return {};
      text.append(block, static_cast<std::size_t>(got));
    }
  }

 private:
  int descriptor_;
  bool open_ = false;
};

Json body_of(const std::string& text) {
  return Json::parse(text.substr(text.find("\r\n\r\n") + 4));
}

std::string form_encoded(const std::string& text) {
  std::string result;
  for (const char c : text) result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return result;
}

int run(const Json& line, std::size_t connections, int seconds) {
  const auto arm = line.at("arm").get<std::string>();
  const auto text = [&](const char* name) { return line.at(name).get<std::string>(); };
  Connection first(arm);
  const auto form =
      fmt::format("grant_type=client_credentials&client_id={}&client_secret={}&scope=x%2F.default",
                  text("client_id"),
                  form_encoded(text("client_secret")));
  const auto signed_in = first.ask(fmt::format(
      "POST /{}/oauth2/v2.0/token HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n{}",
      text("tenant"),
      form.size(),
      form));
  const auto token = body_of(signed_in).at("access_token").get<std::string>();
  const auto get = [&](const std::string& path) {
    return fmt::format(
        "GET {}?api-version=2022-12-12 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\r\n",
        path,
        token);
  };
  const auto list = body_of(first.ask(
      get(fmt::format("/subscriptions/{}/providers/Microsoft.Devices/provisioningServices",
                      line.at("subscriptions").at(0).get<std::string>()))));
  std::vector<std::string> requests;
  for (const auto& service : list.at("value"))
    requests.push_back(get(service.at("id").get<std::string>()));
  if (requests.empty()) {
    fmt::print(stderr, "simulator-bench: the first subscription has no service\n");
    return 1;
  }

  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> failed{0};
  const auto start = std::chrono::steady_clock::now();
  const auto end = start + std::chrono::seconds(seconds);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < connections; ++i)
    threads.emplace_back([&, i] {
      Connection connection(arm);
      for (std::size_t n = i; std::chrono::steady_clock::now() < end; ++n) {
        const auto answer = connection.ask(requests[n % requests.size()]);
        ++(answer.starts_with("HTTP/1.1 200") ? answered : failed);
        if (answer.empty()) return;
      }
    });
  for (auto& thread : threads) thread.join();
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{:.0f} requests/s over {} connections, {} failed\n",
             static_cast<double>(answered) / took,
             connections,
             failed.load());
  return failed == 0 ? 0 : 1;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: simulator-bench FIRST_LINE [CONNECTIONS] [SECONDS]\n");
    return 64;
  }
  try {
    return run(Json::parse(argv[1]),
               argc > 2 ? std::stoul(argv[2]) : 16,
               argc > 3 ? std::stoi(argv[3]) : 3);
  } catch (const std::exception& error) {
    fmt::print(stderr, "simulator-bench: {}\n", error.what());
    return 1;
  }
}
