// transfer: one request on its way through curl: its buffers, its bounds, the easy handle's
// settings, and what its end means. Of the engine's thread, but for what is said.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>

#include "reconciler/http/curl_exchange.hpp"

namespace dps::http {

/// Shared by the caller and the engine: whoever lets go last frees it.
struct Transfer {
  Transfer(const Request& asked, const CurlSettings& settings);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  /// Wipes the body, the header values and the header lines that curl was handed. curl's own copy
  /// of them, in its send buffer, is out of reach.
  ~Transfer();

  Request request;
  const CurlSettings& settings;  ///< the exchange's; outlives the transfer's time in the engine
  Response response;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char curl_says[CURL_ERROR_SIZE] = {};
  std::size_t header_bytes = 0;
  bool too_large = false;

  int departures = 0;  ///< how often curl was about to write the request to a connection
  TimePoint departed{};
  std::optional<TimePoint> last_byte;  ///< of the answer

  std::atomic<bool> cancelled{false};  ///< set by the caller

  std::mutex mutex;
  std::condition_variable over;
  std::optional<Answer> answer;  ///< under the mutex; set once, by the engine

  void finish(Answer given);
};

/// Which of our own bounds a transfer has broken: curl has none of these in milliseconds.
enum class Overdue { No, FirstByte, Stall };
Overdue overdue(const Transfer& transfer, TimePoint now);
/// When to ask again; nothing while curl alone watches (before the departure).
std::optional<TimePoint> next_deadline(const Transfer& transfer);

/// Everything that curl is told of it. `transfer.easy` is a fresh or reset handle.
void configure(Transfer& transfer);

/// What the end of a transfer means: the response, or a failure in words. Asks `transfer.easy`.
Answer ended(Transfer& transfer, CURLcode code);
Answer ended_overdue(const Transfer& transfer, Overdue why);
Answer ended_cancelled(const Transfer& transfer);

}  // namespace dps::http
