// tcp_server: a server on loopback that behaves as badly as a test wants.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dps::test {

/// One accepted connection. Everything blocks, with a receive timeout of 5 s.
class Connection {
 public:
  explicit Connection(int socket) : socket_(socket) {
    const timeval limit{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  /// The head and the body of one request; "" when the other side closed.
  std::string read_request() {
    for (;;) {
      const auto head = buffer_.find("\r\n\r\n");
      if (head != std::string::npos) {
        const auto at = buffer_.find("Content-Length: ");
        const auto body =
            at == std::string::npos || at > head ? 0UL : std::stoul(buffer_.substr(at + 16));
        if (buffer_.size() >= head + 4 + body) {
          const auto out = buffer_.substr(0, head + 4 + body);
          buffer_.erase(0, out.size());
          return out;
        }
      }
      char chunk[4096];
      const auto got = ::recv(socket_, chunk, sizeof chunk, 0);
      if (got <= 0) return {};
      buffer_.append(chunk, static_cast<std::size_t>(got));
    }
  }
  bool write(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool ok(std::string_view body) {
    return write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                 std::string(body));
  }
  int descriptor() const { return socket_; }
  /// The next close sends a RST.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

 private:
  int socket_;
  std::string buffer_;
};

/// Copies bytes between the connection and a port of loopback, both ways, until one side ends.
inline void tunnel(Connection& connection, int port) {
  const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(far, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const int ends[2] = {connection.descriptor(), far};
    for (bool open = true; open;) {
      pollfd ready[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
      if (::poll(ready, 2, 5000) <= 0) break;
      for (int side = 0; side < 2; ++side) {
        if (ready[side].revents == 0) continue;
        char chunk[16384];
        const auto got = ::recv(ends[side], chunk, sizeof chunk, 0);
        if (got <= 0 ||
            ::send(ends[1 - side], chunk, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) {
          open = false;
          break;
        }
      }
    }
  }
  ::close(far);
}

/// Runs `serve(connection, number)` on a thread for each connection, number from 1; the connection
/// is closed when it returns.
class TcpServer {
 public:
  using Serve = std::function<void(Connection&, int)>;

  explicit TcpServer(Serve serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  ~TcpServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& thread : connections_) thread.join();
  }

  std::string url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  int accepted() const { return accepted_; }

 private:
  void accept_all() {
    for (;;) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      const int number = ++accepted_;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(socket);
      }
      connections_.emplace_back([this, socket, number] {
        Connection connection(socket);
        serve_(connection, number);
        const std::lock_guard lock(mutex_);
        std::erase(open_, socket);
        ::close(socket);
      });
    }
  }

  Serve serve_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
  std::vector<std::thread> connections_;
  std::mutex mutex_;
  std::vector<int> open_;
};

}  // namespace dps::test
