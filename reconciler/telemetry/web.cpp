#include "reconciler/telemetry/web.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/telemetry/web_listen.hpp"
#include "reconciler/telemetry/web_routes.hpp"

namespace dps::telemetry {
namespace {

using Steady = std::chrono::steady_clock;

constexpr unsigned kThreads = 2;
constexpr std::size_t kHeaderMemory = std::size_t{32} * 1024;
constexpr std::size_t kSmallAnswer = std::size_t{64} * 1024;
constexpr const char* kTlsVersions = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

struct TlsFiles {
  Secret certificate, key;
  bool operator==(const TlsFiles&) const = default;
};

Result<TlsFiles> read_tls(const WebSettings& settings) {
  constexpr std::size_t kMost = std::size_t{256} * 1024;
  auto certificate = read_secret_file(settings.cert_file, kMost);
  auto key = certificate ? read_secret_file(settings.key_file, kMost) : certificate;
  if (!key) {
    return fail(give_up("BadTlsFiles", key.error().what, "--listen-cert and --listen-key, PEM"));
  }
  return TlsFiles{std::move(*certificate), std::move(*key)};
}

/// One request while it comes in.
struct Pending {
  std::string body;
  bool too_large = false;
};

/// One answer while it goes out.
struct Outgoing {
  std::string text;
  std::atomic<std::size_t>& unsent;
};

std::string peer_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (info->client_addr->sa_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, info->client_addr, sizeof address);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
  } else {
    sockaddr_in address{};
    std::memcpy(&address, info->client_addr, sizeof address);
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  }
  return text;
}

MHD_Result add_header(void* target,
                      MHD_ValueKind,
                      const char* name,
                      std::size_t name_size,
                      const char* value,
                      std::size_t value_size) {
  auto& headers = *static_cast<http::Headers*>(target);
  auto& text = headers[std::string(name, name_size)];
  if (!text.empty()) text += ", ";
  if (value != nullptr) text.append(value, value_size);
  return MHD_YES;
}

MHD_Result add_parameter(void* target,
                         MHD_ValueKind,
                         const char* name,
                         std::size_t name_size,
                         const char* value,
                         std::size_t value_size) {
  auto& query = *static_cast<std::vector<std::pair<std::string, std::string>>*>(target);
  query.emplace_back(std::string(name, name_size),
                     value == nullptr ? std::string() : std::string(value, value_size));
  return MHD_YES;
}

}  // namespace

class Web::Server {
 public:
  Server(WebSettings settings,
         controller::Control& control,
         std::function<std::string()> metrics,
         Clock& clock)
      : settings_(std::move(settings)),
        routes_(
            {settings_.version, settings_.control_token_file}, control, std::move(metrics), clock) {
  }

  ~Server() {
    keeper_.request_stop();
    if (keeper_.joinable()) keeper_.join();
    for (auto& retired : retired_) MHD_stop_daemon(retired.daemon);
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  Result<void> start() {
    if (settings_.listen == "off") return {};
    const auto address = parse_listen(settings_.listen);
    if (!address) return fail(address.error());
    if (settings_.cert_file.empty() != settings_.key_file.empty()) {
      return fail(give_up("BadTlsFiles",
                          "a certificate and its key go together",
                          "--listen-cert and --listen-key, or neither"));
    }
    if (!settings_.cert_file.empty()) {
      auto files = read_tls(settings_);
      if (!files) return fail(files.error());
      tls_ = std::move(*files);
    }
    const auto socket = listen_on(*address);
    if (!socket) return fail(socket.error());
    listening_.emplace(*socket);
    port_ = port_of(*socket);
    auto begun = begin();
    if (!begun) return fail(begun.error());
    daemon_ = *begun;
    keeper_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
    return {};
  }

  std::uint16_t port() const { return port_; }

 private:
  struct Open {
    int socket;
    Steady::time_point since;  ///< it came, or its last answer was done
  };
  struct Retired {
    MHD_Daemon* daemon;
    Steady::time_point since;
  };

  // Each MHD daemon has a duplicate of the socket, so that one may follow another.
  Result<MHD_Daemon*> begin() {
    const int socket = ::fcntl(listening_->number(), F_DUPFD_CLOEXEC, 0);
    if (socket < 0) return fail(give_up("ListenFailed", "no file descriptor is left", ""));
    std::vector<MHD_OptionItem> more;
    if (tls_) {
      const auto text = [](const Secret& secret) {
        return const_cast<char*>(secret.reveal().c_str());
      };
      more.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, text(tls_->certificate)});
      more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, text(tls_->key)});
      more.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsVersions)});
    }
    more.push_back({MHD_OPTION_END, 0, nullptr});
    const auto seconds = std::max<long>(
        1, std::chrono::duration_cast<std::chrono::seconds>(settings_.idle_limit).count());
    // Not epoll: there MHD misses that a client went away in the middle of a request.
    auto* daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                                        (tls_ ? static_cast<unsigned>(MHD_USE_TLS) : 0U),
                                    0,
                                    nullptr,
                                    nullptr,
                                    &Server::on_request,
                                    this,
                                    // First, so that what goes wrong at the start is heard.
                                    MHD_OPTION_EXTERNAL_LOGGER,
                                    &Server::on_complaint,
                                    this,
                                    MHD_OPTION_LISTEN_SOCKET,
                                    socket,
                                    MHD_OPTION_THREAD_POOL_SIZE,
                                    kThreads,
                                    MHD_OPTION_CONNECTION_LIMIT,
                                    std::max(settings_.most_connections, kThreads),
                                    MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                    settings_.most_per_peer,
                                    MHD_OPTION_CONNECTION_TIMEOUT,
                                    static_cast<unsigned>(seconds),
                                    MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                    kHeaderMemory,
                                    MHD_OPTION_STRICT_FOR_CLIENT,
                                    1,
                                    MHD_OPTION_NOTIFY_CONNECTION,
                                    &Server::on_connection,
                                    this,
                                    MHD_OPTION_NOTIFY_COMPLETED,
                                    &Server::on_completed,
                                    this,
                                    MHD_OPTION_ARRAY,
                                    more.data(),
                                    MHD_OPTION_END);
    if (daemon != nullptr) return daemon;
    const std::lock_guard lock(mutex_);
    return fail(tls_ ? give_up("BadTlsFiles",
                               "the TLS certificate and key cannot be used: " + complaint_,
                               "a PEM chain, the server's first, and its unencrypted PEM key")
                     : give_up("ListenFailed", "the web server does not start: " + complaint_, ""));
  }

  static void on_complaint(void* self, const char* form, std::va_list arguments) {
    char text[300] = "";
    std::vsnprintf(text, sizeof text, form, arguments);
    auto& server = *static_cast<Server*>(self);
    const std::lock_guard lock(server.mutex_);
    server.complaint_ = printable(trim(text), 200);
  }

  static void on_connection(void* self,
                            MHD_Connection* connection,
                            void**,
                            MHD_ConnectionNotificationCode code) {
    auto& server = *static_cast<Server*>(self);
    const std::lock_guard lock(server.mutex_);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
      server.open_.erase(connection);
      return;
    }
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == nullptr) return;
    server.open_[connection] = {info->connect_fd, Steady::now()};
    server.changed_.notify_all();
  }

  static void on_completed(void* self,
                           MHD_Connection* connection,
                           void** context,
                           MHD_RequestTerminationCode) {
    delete static_cast<Pending*>(*context);
    *context = nullptr;
    auto& server = *static_cast<Server*>(self);
    const std::lock_guard lock(server.mutex_);
    if (const auto found = server.open_.find(connection); found != server.open_.end()) {
      found->second.since = Steady::now();
    }
  }

  static MHD_Result on_request(void* self,
                               MHD_Connection* connection,
                               const char* url,
                               const char* method,
                               const char*,
                               const char* data,
                               std::size_t* size,
                               void** context) {
    // C calls us: nothing may be thrown through it.
    try {
      return static_cast<Server*>(self)->take(connection, url, method, data, *size, *context);
    } catch (...) {
      return MHD_NO;
    }
  }

  MHD_Result take(MHD_Connection* connection,
                  const char* url,
                  const char* method,
                  const char* data,
                  std::size_t& size,
                  void*& context) {
    if (context == nullptr) {
      context = new Pending;
      const char* length =
          MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
      if (length != nullptr && std::strtoull(length, nullptr, 10) > settings_.most_body) {
        return send(connection, too_large());
      }
      return MHD_YES;
    }
    auto& pending = *static_cast<Pending*>(context);
    if (size > 0) {
      pending.too_large = pending.too_large || pending.body.size() + size > settings_.most_body;
      if (pending.too_large) {
        // No answer may go out before the body is in, and this one need not end.
        return MHD_NO;
      }
      pending.body.append(data, size);
      size = 0;
      return MHD_YES;
    }
    WebRequest request;
    request.method = method;
    request.path = url;
    request.body = std::move(pending.body);
    request.peer = peer_of(connection);
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, &add_header, &request.headers);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, &add_parameter, &request.query);
    WebAnswer answer;
    try {
      answer = routes_.answer(request);
    } catch (const std::exception&) {
      answer = error_answer(500, give_up("InternalFault", "the answer could not be made", ""));
    }
    return send(connection, std::move(answer));
  }

  WebAnswer too_large() const {
    return error_answer(413,
                        give_up("TooLarge",
                                "the request's body is too large",
                                fmt::format("at most {} bytes", settings_.most_body)));
  }

  MHD_Result send(MHD_Connection* connection, WebAnswer answer) {
    if (answer.body.size() > kSmallAnswer && unsent_ + answer.body.size() > settings_.most_unsent) {
      answer = error_answer(
          503, give_up("Busy", "too many large answers are on their way", "a little later again"));
    }
    unsent_ += answer.body.size();
    auto* outgoing = new Outgoing{std::move(answer.body), unsent_};
    auto* response = MHD_create_response_from_buffer_with_free_callback_cls(
        outgoing->text.size(), outgoing->text.data(), &Server::sent, outgoing);
    if (response == nullptr) {
      sent(outgoing);
      return MHD_NO;
    }
    for (const auto& [name, value] : answer.headers) {
      MHD_add_response_header(response, name.c_str(), value.c_str());
    }
    const auto result =
        MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
    MHD_destroy_response(response);
    return result;
  }

  static void sent(void* data) {
    const std::unique_ptr<Outgoing> outgoing(static_cast<Outgoing*>(data));
    outgoing->unsent -= outgoing->text.size();
  }

  // Ends requests that take too long in all, which the idle limit of MHD does not see, and follows
  // the TLS files. Sleeps while nobody is connected.
  void keep(const std::stop_token& stop) {
    const auto period = std::clamp<Duration>(
        settings_.request_limit / 4, std::chrono::milliseconds{20}, std::chrono::seconds{5});
    auto next_look = Steady::now() + settings_.reload_pause;
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(mutex_);
        if (open_.empty() && retired_.empty()) {
          const auto some = [&] { return !open_.empty(); };
          if (tls_) {
            changed_.wait_until(lock, stop, next_look, some);
          } else {
            changed_.wait(lock, stop, some);
          }
        } else {
          changed_.wait_for(
              lock, stop, tls_ ? std::min(period, settings_.reload_pause) : period, [] {
                return false;
              });
        }
        if (stop.stop_requested()) return;
        const auto now = Steady::now();
        for (auto& [connection, open] : open_) {
          if (now - open.since > settings_.request_limit) ::shutdown(open.socket, SHUT_RDWR);
        }
      }
      bury(Steady::now());
      if (tls_ && Steady::now() >= next_look) {
        follow_files();
        next_look = Steady::now() + settings_.reload_pause;
      }
    }
  }

  void bury(Steady::time_point now) {
    std::erase_if(retired_, [&](const Retired& retired) {
      const auto* info = MHD_get_daemon_info(retired.daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
      if (info != nullptr && info->num_connections > 0 &&
          now - retired.since < settings_.request_limit) {
        return false;
      }
      MHD_stop_daemon(retired.daemon);
      return true;
    });
  }

  void follow_files() {
    auto files = read_tls(settings_);
    if (files && *files == *tls_) return;
    const auto refuse = [&](const std::string& why) {
      if (why == refused_) return;
      refused_ = why;
      tell("new TLS files were refused, the old ones stay in force: " + why);
    };
    if (!files) return refuse(files.error().what);
    auto old = std::exchange(*tls_, std::move(*files));
    const auto begun = begin();
    if (!begun) {
      *tls_ = std::move(old);
      return refuse(begun.error().what);
    }
    const int socket = MHD_quiesce_daemon(daemon_);
    if (socket >= 0) ::close(socket);
    retired_.push_back({daemon_, Steady::now()});
    daemon_ = *begun;
    refused_.clear();
    tell("new TLS files were taken");
  }

  void tell(const std::string& text) const {
    if (settings_.notice) settings_.notice(text);
  }

  const WebSettings settings_;
  Routes routes_;
  std::optional<TlsFiles> tls_;
  std::optional<Descriptor> listening_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> unsent_{0};
  MHD_Daemon* daemon_ = nullptr;
  std::vector<Retired> retired_;
  std::string refused_;  ///< why the newest TLS files were; said once

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<MHD_Connection*, Open> open_;
  std::string complaint_;
  std::jthread keeper_;
};

Web::Web(std::unique_ptr<Server> server) : server_(std::move(server)) {}

Web::~Web() = default;

Result<std::unique_ptr<Web>> Web::start(WebSettings settings,
                                        controller::Control& control,
                                        std::function<std::string()> metrics,
                                        Clock& clock) {
  auto server = std::make_unique<Server>(std::move(settings), control, std::move(metrics), clock);
  if (const auto started = server->start(); !started) return fail(started.error());
  return std::unique_ptr<Web>(new Web(std::move(server)));
}

std::uint16_t Web::port() const {
  return server_->port();
}

}  // namespace dps::telemetry
