#include "reconciler/http/curl_exchange.hpp"

#include <curl/curl.h>
#include <signal.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "reconciler/http/transfer.hpp"
#include "reconciler/http/url.hpp"

namespace dps::http {

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
      abandon_overdue();
      // Wakes earlier for sockets, for curl's own timers and for wake().
      curl_multi_poll(multi_, nullptr, 0, pause(), nullptr);
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
      transfer->finish(ended_cancelled(*transfer));
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
      transfer->finish(tl::unexpected(
          SendFailure{Delivery::NotSent,
                      {NextMove::RetryLater, "NetworkError", "curl has no handle", {}, 0, {}}}));
      return;
    }
    transfer->easy = easy;
    configure(*transfer);
    curl_multi_add_handle(multi_, easy);
    running_.push_back(std::move(transfer));
  }

  void abandon_cancelled(bool all) {
    for (auto at = running_.begin(); at != running_.end();) {
      auto& transfer = **at;
      if (!all && !transfer.cancelled) {
        ++at;
        continue;
      }
      let_go(transfer);
      transfer.finish(ended_cancelled(transfer));
      at = running_.erase(at);
    }
  }

  void abandon_overdue() {
    const auto now = std::chrono::steady_clock::now();
    for (auto at = running_.begin(); at != running_.end();) {
      auto& transfer = **at;
      const auto why = overdue(transfer, now);
      if (why == Overdue::No) {
        ++at;
        continue;
      }
      let_go(transfer);
      transfer.finish(ended_overdue(transfer, why));
      at = running_.erase(at);
    }
  }

  // Milliseconds until a bound of ours may be broken.
  int pause() const {
    TimePoint::duration until = std::chrono::seconds{10};
    const auto now = std::chrono::steady_clock::now();
    for (const auto& transfer : running_) {
      if (const auto deadline = next_deadline(*transfer)) until = std::min(until, *deadline - now);
    }
    return static_cast<int>(std::max<std::int64_t>(std::chrono::ceil<Duration>(until).count(), 0));
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
      auto answer = ended(*transfer, code);
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
    return tl::unexpected(
        SendFailure{Delivery::NotSent, give_up("BadUrl", "not an http or https URL")});
  }
  auto transfer = std::make_shared<Transfer>(request, engine_->settings());
  // Before it is handed over: a stop that came already must find it unsent.
  const std::stop_callback wake_up(stop, [&] {
    transfer->cancelled = true;
    engine_->wake();
  });
  engine_->submit(transfer);
  std::unique_lock lock(transfer->mutex);
  transfer->over.wait(lock, [&] { return transfer->answer.has_value(); });
  return std::move(*transfer->answer);
}

}  // namespace dps::http
