#include "tests/arm_simulator/http_server.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tests/arm_simulator/channel.hpp"
#include "tests/arm_simulator/framing.hpp"
#include "tests/arm_simulator/http_message.hpp"

namespace dps::sim {

struct HttpServer::Connection {
  std::unique_ptr<Channel> channel;
  std::uint64_t number = 0;
  std::thread thread;
  std::atomic<bool> finished{false};
};

namespace {
struct Address {
  std::string host;
  std::string port;
};

Address parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size())
    throw std::runtime_error(fmt::format("'{}' is not HOST:PORT", text));
  auto host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, text.substr(colon + 1)};
}

int listen_on(const std::string& text) {
  const auto address = parse_address(text);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  if (const int error = getaddrinfo(host, address.port.c_str(), &hints, &found); error != 0)
    throw std::runtime_error(fmt::format("cannot listen on {}: {}", text, gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  const int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) throw std::runtime_error(fmt::format("cannot listen on {}", text));
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, 1024) != 0) {
    const std::string why = std::strerror(errno);
    ::close(listener);
    throw std::runtime_error(fmt::format("cannot listen on {}: {}", text, why));
  }
  return listener;
}

int port_of(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

/// A Host header that may be put into URLs.
bool host_is_sound(std::string_view host) {
  return !host.empty() && host.size() < 256 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']' || c == '_';
  });
}

Response plain(int status) {
  Response response;
  response.status = status;
  response.set("Content-Type", "text/plain");
  response.body = std::string(reason(status)) + "\n";
  return response;
}
}  // namespace

HttpServer::HttpServer(const std::string& address,
                       const TlsContext* tls,
                       std::atomic<std::uint64_t>& connections,
                       std::size_t body_most,
                       Handler handler)
    : tls_(tls),
      numbers_(connections),
      body_most_(body_most),
      handler_(std::move(handler)),
      listener_(listen_on(address)) {
  if (pipe2(wake_, O_CLOEXEC) != 0) {
    ::close(listener_);
    throw std::runtime_error("no pipe could be made");
  }
  auto host = parse_address(address).host;
  if (host.empty() || host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  url_ = fmt::format("{}://{}:{}", tls == nullptr ? "http" : "https", host, port_of(listener_));
  acceptor_ = std::thread([this] {
    // TLS writes by write(2): to a client that has gone that is SIGPIPE, in a test's own process as
    // well. Blocked here it is blocked in every connection's thread, which then sees EPIPE.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    accept_all();
  });
}

HttpServer::~HttpServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  const char byte = 0;
  static_cast<void>(!::write(wake_[1], &byte, 1));
  acceptor_.join();
  {
    // A connection's thread blocks in a read or write of its socket; this ends it.
    const std::lock_guard lock(mutex_);
    for (const auto& connection : open_)
      if (connection->channel) ::shutdown(connection->channel->descriptor(), SHUT_RDWR);
  }
  for (const auto& connection : open_) connection->thread.join();
  open_.clear();
  ::close(listener_);
  ::close(wake_[0]);
  ::close(wake_[1]);
}

bool HttpServer::sleep(Milliseconds time) {
  std::unique_lock lock(mutex_);
  if (time.count() <= 0) return !stopping_;
  return !stopped_.wait_for(lock, time, [this] { return stopping_; });
}

void HttpServer::reap() {
  std::list<std::unique_ptr<Connection>> done;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = open_.begin(); at != open_.end();) {
      const auto next = std::next(at);
      if ((*at)->finished) done.splice(done.end(), open_, at);
      at = next;
    }
  }
  for (const auto& connection : done) connection->thread.join();
}

void HttpServer::accept_all() {
  while (true) {
    pollfd watched[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    // The timeout is for the sockets of connections that have finished meanwhile.
    if (::poll(watched, 2, 1000) < 0 && errno != EINTR) return;
    if (watched[1].revents != 0) return;
    reap();
    while (true) {
      const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (descriptor < 0) break;
      const int on = 1;
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto connection = std::make_unique<Connection>();
      connection->channel = std::make_unique<Channel>(descriptor);
      connection->number = ++numbers_;
      auto* raw = connection.get();
      const std::lock_guard lock(mutex_);
      try {
        raw->thread = std::thread([this, raw] {
          serve(*raw);
          // The peer must see the end now, not when this thread is reaped. Out of the list's sight
          // first, so that the destructor never shuts down a number that was given away again.
          std::unique_ptr<Channel> last;
          {
            const std::lock_guard closing(mutex_);
            last = std::move(raw->channel);
          }
          last.reset();
          raw->finished = true;
        });
      } catch (const std::system_error&) {
        continue;  // out of threads: the client sees a closed connection
      }
      open_.push_back(std::move(connection));
    }
  }
}

void HttpServer::serve(Connection& connection) {
  auto& channel = *connection.channel;
  const auto end = [&](bool graceful) {
    if (graceful) {
      ::shutdown(channel.descriptor(), SHUT_WR);
      // Closing with unread bytes would send RST and may destroy the answer on its way.
      timeval patience{0, 200'000};
      setsockopt(channel.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      std::string ignored;
      while (ignored.size() < kBodyMost) {
        char block[4096];
        const auto got = recv(channel.descriptor(), block, sizeof block, 0);
        if (got <= 0) break;
        ignored.append(block, static_cast<std::size_t>(got));
      }
    }
  };
  if (tls_ != nullptr && !channel.start_tls(*tls_)) return;
  const Sleeper sleeper = [this](Milliseconds time) { return sleep(time); };
  const auto limit = body_most_;
  std::string buffer;
  while (true) {
    std::size_t head_end = std::string::npos;
    while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (buffer.size() > kHeadMost) {
        static_cast<void>(channel.write(encode(plain(431), true, false)));
        return end(true);
      }
      if (!channel.read_more(buffer)) return;
    }
    auto head = parse_head(std::string_view(buffer).substr(0, head_end));
    if (!head || head->content_length > limit) {
      static_cast<void>(channel.write(encode(plain(head ? 413 : 400), true, false)));
      return end(true);
    }
    buffer.erase(0, head_end + 4);
    if (head->expects_continue && !channel.write("HTTP/1.1 100 Continue\r\n\r\n")) return;
    auto& request = head->request;
    if (head->chunked) {
      std::size_t consumed = 0;
      while (true) {
        const auto state = decode_chunked(buffer, limit, request.body, consumed);
        if (state == ChunkState::Complete) break;
        if (state == ChunkState::Broken) {
          static_cast<void>(channel.write(encode(plain(400), true, false)));
          return end(true);
        }
        if (!channel.read_more(buffer)) return;
      }
      buffer.erase(0, consumed);
    } else {
      while (buffer.size() < head->content_length)
        if (!channel.read_more(buffer)) return;
      request.body = buffer.substr(0, head->content_length);
      buffer.erase(0, head->content_length);
    }
    request.connection = connection.number;
    const auto host = request.header("Host");
    request.base_url = host_is_sound(host)
                           ? fmt::format("{}://{}", tls_ == nullptr ? "http" : "https", host)
                           : url_;

    Delivery delivery;
    try {
      delivery = handler_(request, sleeper);
    } catch (const std::exception& error) {
      delivery.response = plain(500);
      delivery.response.body = error.what();
    }
    const auto& response = delivery.response;
    const bool keep_alive =
        head->keep_alive && !equal_ignoring_case(response.header("Connection"), "close");
    const auto text = encode(response, request.method != "HEAD", keep_alive);
    if (delivery.travel) {
      switch (*delivery.travel) {
        case FaultKind::Reset:
          channel.reset_on_close();
          return;
        case FaultKind::Close:
          return end(true);
        case FaultKind::Hang:
          channel.await_end();
          return;
        case FaultKind::Truncate: {
          const auto body = std::min(response.body.size(), text.size());
          static_cast<void>(
              channel.write(std::string_view(text).substr(0, text.size() - (body + 1) / 2)));
          return end(true);
        }
        case FaultKind::Drip:
          for (const char byte : text)
            if (!channel.write({&byte, 1}) || !sleep(delivery.drip)) return;
          break;
        case FaultKind::Stall:
          static_cast<void>(channel.write(std::string_view(text).substr(0, text.size() / 2)));
          channel.await_end();
          return;
        case FaultKind::Chunked:
          if (!channel.write(encode_chunked(response, keep_alive, LastChunk::Sent))) return;
          break;
        case FaultKind::CutChunks:
          static_cast<void>(channel.write(encode_chunked(response, true, LastChunk::Missing)));
          return end(true);
        default:
          if (!channel.write(text)) return;
          break;
      }
    } else if (!channel.write(text)) {
      return;
    }
    if (!keep_alive) return end(true);
  }
}

}  // namespace dps::sim
