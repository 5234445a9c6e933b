// A small HTTP/1.1 server: one listener, one thread per connection, with or without TLS. Written
// for what a library does not do: see the request line as it came, and break connections on
// purpose (docs/decisions/0006).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "tests/arm_simulator/faults.hpp"
#include "tests/arm_simulator/message.hpp"

namespace dps::sim {

/// An answer and how it travels.
struct Delivery {
  Response response;
  /// Nothing: plainly. Else Reset, Close, Truncate, Hang, Drip, Stall, Chunked, CutChunks.
  std::optional<FaultKind> travel;
  Milliseconds drip{0};
};

/// Waits; false when the server is being stopped.
using Sleeper = std::function<bool(Milliseconds)>;
using Handler = std::function<Delivery(const Request&, const Sleeper&)>;

class TlsContext {
 public:
  /// The certificate chain and key as PEM. Throws std::runtime_error when they do not fit.
  TlsContext(const std::string& certificate_pem, const std::string& key_pem);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  [[nodiscard]] void* handle() const { return context_; }

 private:
  void* context_;  // SSL_CTX
};

class HttpServer {
 public:
  /// Listens at once on HOST:PORT (port 0: any free one). `tls` may be null; it must outlive the
  /// server. `connections` numbers the connections of all servers that share it. A request's body
  /// may have `body_most` bytes; a larger one gets 413. Throws
  /// std::runtime_error when the address cannot be had.
  HttpServer(const std::string& address,
             const TlsContext* tls,
             std::atomic<std::uint64_t>& connections,
             std::size_t body_most,
             Handler handler);
  /// Ends every connection and waits for its thread.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }  // without a final slash

 private:
  struct Connection;
  void accept_all();
  void serve(Connection& connection);
  void reap();
  [[nodiscard]] bool sleep(Milliseconds time);

  const TlsContext* tls_;
  std::atomic<std::uint64_t>& numbers_;
  std::size_t body_most_;
  Handler handler_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::string url_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::list<std::unique_ptr<Connection>> open_;
  std::thread acceptor_;
};

}  // namespace dps::sim
