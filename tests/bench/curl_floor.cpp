// bench-curl-floor: the least that a plan's requests can cost: one token, then the same GETs as the
// simulator has recorded, with the same number in flight, over libcurl's multi handle; the answers
// are received and thrown away.
//   bench-curl-floor GREETING LOG CONCURRENCY
// GREETING is the first line of arm-simulator; LOG is a file with an answer of GET /requests.
//   bench-curl-floor GREETING LOG count
// prints what was asked: TOKENS LISTS CERTIFICATE_LISTS OTHERS WRITES LONGEST_CHAIN
#include <curl/curl.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using Json = nlohmann::json;

std::size_t take(char* data, std::size_t size, std::size_t count, void* into) {
  if (into != nullptr) static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

struct Failed {
  std::string what;
};

std::string ask(const std::string& url, const std::string& form) {
  std::string answer;
  auto* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
  if (!form.empty()) curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form.c_str());
  const auto code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  if (code != CURLE_OK) throw Failed{url + ": " + curl_easy_strerror(code)};
  return answer;
}

std::string escaped(const std::string& text) {
  char* form = curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  std::string out(form);
  curl_free(form);
  return out;
}

std::string token(const Json& greeting) {
  const auto member = [&](const char* name) { return greeting.at(name).get<std::string>(); };
  const auto answer =
      ask(member("arm") + "/" + member("tenant") + "/oauth2/v2.0/token",
          "grant_type=client_credentials&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
          "&client_id=" +
              escaped(member("client_id")) + "&client_secret=" + escaped(member("client_secret")));
  return Json::parse(answer).at("access_token").get<std::string>();
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

int count(const Json& records) {
  int tokens = 0;
  int lists = 0;
  int certificates = 0;
  int others = 0;
  int writes = 0;
  std::map<std::string, int> chains;
  for (const auto& record : records) {
    const auto path = record.at("path").get<std::string>();
    const auto method = record.at("method").get<std::string>();
    const bool get = method == "GET";
    if (method == "PUT" || method == "PATCH" || method == "DELETE") ++writes;
    if (path.find("/oauth2/") != std::string::npos) {
      ++tokens;
    } else if (get && ends_with(path, "/certificates")) {
      ++certificates;
    } else if (get && ends_with(path, "/provisioningServices")) {
      ++lists;
      ++chains[path];
    } else {
      ++others;
    }
  }
  int longest = 0;
  for (const auto& [path, pages] : chains) longest = std::max(longest, pages);
  std::printf("%d %d %d %d %d %d\n", tokens, lists, certificates, others, writes, longest);
  return 0;
}

class Crowd {
 public:
  Crowd(std::vector<std::string> urls, const std::string& token)
      : urls_(std::move(urls)), multi_(curl_multi_init()) {
    headers_ = curl_slist_append(headers_, ("Authorization: Bearer " + token).c_str());
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 256L);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (auto* easy : handles_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
  }

  void run(std::size_t concurrency) {
    for (std::size_t i = 0; i < std::min(concurrency, urls_.size()); ++i) {
      handles_.push_back(curl_easy_init());
      begin(handles_.back());
    }
    while (ended_ < urls_.size()) {
      int busy = 0;
      curl_multi_perform(multi_, &busy);
      int left = 0;
      while (const auto* message = curl_multi_info_read(multi_, &left)) {
        if (message->data.result != CURLE_OK) throw Failed{"a request failed"};
        ++ended_;
        auto* easy = message->easy_handle;
        curl_multi_remove_handle(multi_, easy);
        if (begun_ < urls_.size()) begin(easy);
      }
      if (ended_ < urls_.size()) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
  }

 private:
  void begin(CURL* easy) {
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, urls_[begun_++].c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, nullptr);
    curl_multi_add_handle(multi_, easy);
  }

  const std::vector<std::string> urls_;
  CURLM* multi_;
  curl_slist* headers_ = nullptr;
  std::vector<CURL*> handles_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
};

int run(const Json& greeting, const std::string& log, const std::string& what) {
  std::ifstream file(log);
  const auto records = Json::parse(file);
  if (what == "count") return count(records);
  std::vector<std::string> urls;
  for (const auto& record : records) {
    if (record.at("method") != "GET") continue;
    urls.push_back(greeting.at("arm").get<std::string>() + record.at("path").get<std::string>() +
                   "?" + record.at("query").get<std::string>());
  }
  Crowd crowd(std::move(urls), token(greeting));
  crowd.run(std::max(1UL, std::stoul(what)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: bench-curl-floor GREETING LOG CONCURRENCY|count\n", stderr);
    return 64;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  try {
    return run(Json::parse(argv[1]), argv[2], argv[3]);
  } catch (const Failed& failed) {
    std::fprintf(stderr, "bench-curl-floor: %s\n", failed.what.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-curl-floor: %s\n", error.what());
  }
  return 1;
}
