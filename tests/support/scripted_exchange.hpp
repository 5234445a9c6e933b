// scripted_exchange: an Exchange that answers from a script, and remembers what it was sent.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/text.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/url.hpp"

namespace dps::test {

inline http::Answer answer(int status, std::string body = {}, http::Headers headers = {}) {
  return http::Response{status, std::move(headers), std::move(body)};
}

inline http::Answer lost() {
  return tl::unexpected(
      http::SendFailure{http::Delivery::MaybeSent,
                        {NextMove::RetryLater, "NetworkError", "the connection broke", {}, 0, {}}});
}

inline http::Answer not_sent() {
  return tl::unexpected(
      http::SendFailure{http::Delivery::NotSent,
                        {NextMove::RetryLater, "NetworkError", "connection refused", {}, 0, {}}});
}

/// Answers by "METHOD path-end", without regard to case and query: the rule with the longest end
/// that fits. A rule's answers are given in order; the last one stays. What no rule fits is
/// answered 599 and counted in `unexpected`. Thread-safe.
class ScriptedExchange final : public http::Exchange {
 public:
  using Handler = std::function<http::Answer(const http::Request&)>;

  ScriptedExchange& on(std::string method, std::string end, std::vector<http::Answer> answers) {
    Rule rule{std::move(method), lower(end), {}, nullptr};
    rule.answers.assign(answers.begin(), answers.end());
    return add(std::move(rule));
  }
  ScriptedExchange& on(std::string method, std::string end, http::Answer one) {
    return on(std::move(method), std::move(end), std::vector<http::Answer>{std::move(one)});
  }
  ScriptedExchange& handle(std::string method, std::string end, Handler handler) {
    return add(Rule{std::move(method), lower(end), {}, std::move(handler)});
  }

  http::Answer send(const http::Request& request, std::stop_token stop) override {
    if (stop.stop_requested()) {
      return tl::unexpected(
          http::SendFailure{http::Delivery::NotSent, give_up("Cancelled", "cancelled")});
    }
    Handler handler;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      Rule* best = nullptr;
      const auto path = lower(http::path_of(request.url));
      for (auto& rule : rules_) {
        if (rule.method != http::word(request.method) || !path.ends_with(rule.end)) continue;
        if (best == nullptr || rule.end.size() >= best->end.size()) best = &rule;
      }
      if (best == nullptr) {
        unexpected_.push_back(line(request));
        return answer(599);
      }
      if (!best->handler) {
        auto given = best->answers.front();
        if (best->answers.size() > 1) best->answers.pop_front();
        return given;
      }
      handler = best->handler;
    }
    return handler(request);
  }

  /// "GET /path", in order.
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& request : requests_) out.push_back(line(request));
    return out;
  }
  /// How many of `seen` begin with the method and end so, without regard to case.
  std::size_t count(const std::string& method, const std::string& end) const {
    std::size_t found = 0;
    for (const auto& one : seen()) {
      if (one.starts_with(method + " ") && lower(one).ends_with(lower(end))) ++found;
    }
    return found;
  }
  std::vector<http::Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// The last request of that method.
  http::Request last(const std::string& method) const {
    const std::lock_guard lock(mutex_);
    for (auto at = requests_.rbegin(); at != requests_.rend(); ++at) {
      if (http::word(at->method) == method) return *at;
    }
    return {};
  }
  std::vector<std::string> unexpected() const {
    const std::lock_guard lock(mutex_);
    return unexpected_;
  }

 private:
  struct Rule {
    std::string method;
    std::string end;
    std::deque<http::Answer> answers;
    Handler handler;
  };

  ScriptedExchange& add(Rule rule) {
    const std::lock_guard lock(mutex_);
    rules_.push_back(std::move(rule));
    return *this;
  }
  static std::string line(const http::Request& request) {
    return std::string(http::word(request.method)) + " " + std::string(http::path_of(request.url));
  }

  mutable std::mutex mutex_;
  std::list<Rule> rules_;
  std::vector<http::Request> requests_;
  std::vector<std::string> unexpected_;
};

}  // namespace dps::test
