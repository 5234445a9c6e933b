#include "reconciler/http/curl_exchange.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "reconciler/http/url.hpp"

namespace dps::http {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1024} * 1024;

// One request on its way. Shared by the caller and the engine: whoever lets go last frees it.
struct Transfer {
  Request request;
  Response response;
  bool too_large = false;
  int departures = 0;  // how often curl was about to write the request to a connection
  std::size_t most_body = 0;
  char curl_says[CURL_ERROR_SIZE] = {};
  curl_slist* headers = nullptr;
  CURL* easy = nullptr;

  std::atomic<bool> cancelled{false};

  std::mutex mutex;
  std::condition_variable over;
  std::optional<Answer> answer;  // under the mutex; set once, by the engine

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    wipe(request.body);
    for (auto& [name, value] : request.headers) wipe(value);
    curl_slist_free_all(headers);
  }

  void finish(Answer given) {
    {
      const std::lock_guard lock(mutex);
      answer = std::move(given);
    }
    over.notify_one();
  }
};

Answer failed(Delivery delivery, NextMove next, std::string id, std::string what) {
  return tl::unexpected(
      SendFailure{delivery, Error{next, std::move(id), std::move(what), {}, 0, {}}});
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto bytes = size * count;
  if (transfer.response.body.size() + bytes > transfer.most_body) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line = trim({data, size * count});
  if (line.starts_with("HTTP/")) {  // a proxy's or an interim answer came before
    transfer.response.headers.clear();
    return size * count;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  const auto value = trim(line.substr(colon + 1));
  auto [at, fresh] =
      transfer.response.headers.try_emplace(std::string(trim(line.substr(0, colon))), value);
  if (!fresh) at->second.append(", ").append(value);
  return size * count;
}

// curl silently sends a request again when a kept-alive connection turns out to be closed. Nobody
// can tell whether the server had begun on it, so a write leaves once and no more.
int before_departure(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  ++transfer.departures;
  const bool again = transfer.departures > 1;
  return again && transfer.request.method != Method::Get ? CURL_PREREQFUNC_ABORT
                                                         : CURL_PREREQFUNC_OK;
}

bool is_certificate_trouble(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

Answer judged(Transfer& transfer, CURLcode code) {
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    return std::move(transfer.response);
  }
  const auto delivery = transfer.departures > 0 ? Delivery::MaybeSent : Delivery::NotSent;
  const auto origin = origin_of(transfer.request.url);
  const auto host = origin ? origin->host : std::string("?");
  if (transfer.too_large) {
    return failed(
        delivery,
        NextMove::GiveUp,
        "TooLarge",
        fmt::format(
            "the answer of {} is larger than {} MiB", host, transfer.most_body / kMebibyte));
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return failed(delivery, NextMove::GiveUp, "BadUrl", "not an http or https URL");
  }
  if (is_certificate_trouble(code)) {
    return failed(
        delivery,
        NextMove::GiveUp,
        "TlsError",
        fmt::format(
            "the certificate of {} does not verify: {}", host, printable(transfer.curl_says, 200)));
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return failed(delivery,
                  NextMove::RetryLater,
                  "Timeout",
                  fmt::format("{} took too long: {}", host, printable(transfer.curl_says, 200)));
  }
  const bool closed = code == CURLE_ABORTED_BY_CALLBACK;
  return failed(delivery,
                NextMove::RetryLater,
                "NetworkError",
                fmt::format("{}: {}",
                            host,
                            closed ? std::string("the connection was closed before any answer")
                                   : fmt::format("{} ({})",
                                                 curl_easy_strerror(code),
                                                 printable(transfer.curl_says, 200))));
}

bool has_body(Method method) {
  return method == Method::Put || method == Method::Patch || method == Method::Post;
}

}  // namespace

std::string ca_file_from(
    const std::function<std::optional<std::string>(std::string_view)>& lookup) {
  for (const std::string_view name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
    if (auto file = lookup(name); file && !file->empty()) return *file;
  }
  return {};
}

/// The thread, its multi handle, and the list by which callers reach it.
class CurlExchange::Engine {
 public:
  explicit Engine(CurlSettings settings) : settings_(std::move(settings)) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // once per process
    (void)ready;
    multi_ = curl_multi_init();
    // As many kept-alive connections as there may be callers at once.
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 256L);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    thread_ = std::thread([this] { run(); });
  }

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  ~Engine() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
    for (auto* easy : idle_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
  }

  void submit(std::shared_ptr<Transfer> transfer) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(transfer));
    }
    wake();
  }

  void wake() { curl_multi_wakeup(multi_); }

  const CurlSettings& settings() const { return settings_; }

 private:
  void run() {
    // NOSIGNAL leaves SIGPIPE to us: TLS writes to a closed socket raise it, in this thread. Other
    // signals are for the one thread that takes them.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      const bool stopping = begin_waiting();
      abandon_cancelled(stopping);
      if (stopping) return;
      int busy = 0;
      curl_multi_perform(multi_, &busy);
      reap();
      // Wakes earlier for sockets, for curl's own timers and for wake().
      curl_multi_poll(multi_, nullptr, 0, 10'000, nullptr);
    }
  }

  bool begin_waiting() {
    std::vector<std::shared_ptr<Transfer>> fresh;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      fresh.swap(waiting_);
      stopping = stopping_;
    }
    for (auto& transfer : fresh) begin(std::move(transfer));
    return stopping;
  }

  void begin(std::shared_ptr<Transfer> transfer) {
    if (transfer->cancelled) {
      transfer->finish(cancelled(*transfer));
      return;
    }
    CURL* easy = nullptr;
    if (idle_.empty()) {
      easy = curl_easy_init();
    } else {
      easy = idle_.back();
      idle_.pop_back();
    }
    if (easy == nullptr) {
      transfer->finish(
          failed(Delivery::NotSent, NextMove::RetryLater, "NetworkError", "curl has no handle"));
      return;
    }
    transfer->easy = easy;
    configure(*transfer);
    curl_multi_add_handle(multi_, easy);
    running_.push_back(std::move(transfer));
  }

  void configure(Transfer& transfer) {
    auto* easy = transfer.easy;
    const auto& request = transfer.request;
    const auto whole = [](Duration time) { return static_cast<long>(time.count()); };

    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.curl_says);
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name lookup does not hold up a stop
    curl_easy_setopt(easy,
                     CURLOPT_CONNECTTIMEOUT_MS,
                     whole(request.connect_limit.value_or(settings_.connect_timeout)));
    curl_easy_setopt(
        easy, CURLOPT_TIMEOUT_MS, whole(request.total_limit.value_or(settings_.total_timeout)));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy,
                     CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(
                         std::chrono::ceil<std::chrono::seconds>(settings_.stall_timeout).count()));

    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    const auto origin = origin_of(request.url);
    if (origin && origin->scheme == "https") curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (request.via == Via::NoProxy || (origin && is_loopback(*origin))) {
      curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!settings_.ca_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_CAINFO, settings_.ca_file.c_str());
    }

    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_departure);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, settings_.user_agent.c_str());

    const std::string method(word(request.method));
    if (has_body(request.method) || !request.body.empty()) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(
          easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    if (request.method != Method::Get) {
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
    }
    // curl's own Expect costs a round trip, and its own Content-Type is a form's.
    transfer.headers = curl_slist_append(transfer.headers, "Expect:");
    if (request.headers.count("content-type") == 0) {
      transfer.headers = curl_slist_append(transfer.headers, "Content-Type:");
    }
    for (const auto& [name, value] : request.headers) {
      auto line = fmt::format("{}: {}", name, value);
      transfer.headers = curl_slist_append(transfer.headers, line.c_str());
      wipe(line);  // it may be the authorization
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  }

  void abandon_cancelled(bool all) {
    for (auto at = running_.begin(); at != running_.end();) {
      auto& transfer = **at;
      if (!all && !transfer.cancelled) {
        ++at;
        continue;
      }
      let_go(transfer);
      transfer.finish(cancelled(transfer));
      at = running_.erase(at);
    }
  }

  void reap() {
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto code = message->data.result;
      char* self = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
      const auto at = std::find_if(running_.begin(), running_.end(), [&](const auto& transfer) {
        return static_cast<void*>(transfer.get()) == static_cast<void*>(self);
      });
      if (at == running_.end()) continue;
      const auto transfer = std::move(*at);
      running_.erase(at);
      auto answer = judged(*transfer, code);
      let_go(*transfer);
      transfer->finish(std::move(answer));
    }
  }

  // After this curl holds no pointer into the transfer.
  void let_go(Transfer& transfer) {
    curl_multi_remove_handle(multi_, transfer.easy);
    if (idle_.size() < 64) {
      curl_easy_reset(transfer.easy);
      idle_.push_back(transfer.easy);
    } else {
      curl_easy_cleanup(transfer.easy);
    }
    transfer.easy = nullptr;
  }

  static Answer cancelled(const Transfer& transfer) {
    return failed(transfer.departures > 0 ? Delivery::MaybeSent : Delivery::NotSent,
                  NextMove::GiveUp,
                  "Cancelled",
                  "cancelled before the answer came");
  }

  const CurlSettings settings_;
  CURLM* multi_ = nullptr;
  std::thread thread_;

  // Of the thread alone.
  std::list<std::shared_ptr<Transfer>> running_;
  std::vector<CURL*> idle_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Transfer>> waiting_;
  bool stopping_ = false;
};

CurlExchange::CurlExchange(CurlSettings settings)
    : engine_(std::make_unique<Engine>(std::move(settings))) {}

CurlExchange::~CurlExchange() = default;

Answer CurlExchange::send(const Request& request, std::stop_token stop) {
  if (!origin_of(request.url)) {
    return failed(Delivery::NotSent, NextMove::GiveUp, "BadUrl", "not an http or https URL");
  }
  auto transfer = std::make_shared<Transfer>();
  transfer->request = request;
  transfer->most_body = engine_->settings().most_body;
  engine_->submit(transfer);

  const std::stop_callback wake_up(stop, [&] {
    transfer->cancelled = true;
    engine_->wake();
  });
  std::unique_lock lock(transfer->mutex);
  transfer->over.wait(lock, [&] { return transfer->answer.has_value(); });
  return std::move(*transfer->answer);
}

}  // namespace dps::http
