#include "reconciler/http/peer.hpp"

#include <curl/curl.h>

#include <array>
#include <memory>

#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::http {
namespace {

// "Nov 21 22:00:00 2027 GMT", as OpenSSL prints it, is RFC 1123 in another order.
std::optional<WallTime> parse_openssl_time(std::string_view text) {
  std::vector<std::string> words;
  for (const auto& word : split(text, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.size() != 5 || words[4] != "GMT") return std::nullopt;
  const auto day = words[1].size() == 1 ? "0" + words[1] : words[1];
  for (const char* weekday : {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}) {
    const auto time = parse_rfc1123(std::string(weekday) + ", " + day + " " + words[0] + " " +
                                    words[3] + " " + words[2] + " GMT");
    if (time) return time;
  }
  return std::nullopt;
}

// The organisation is what a person knows; else the name; else all of it.
std::string known_name(std::string_view issuer) {
  std::string organisation, common;
  for (const auto& part : split(issuer, ',')) {
    const auto equals = part.find('=');
    if (equals == std::string::npos) continue;
    const auto name = trim(std::string_view(part).substr(0, equals));
    const auto value = std::string(trim(std::string_view(part).substr(equals + 1)));
    if (name == "O") organisation = value;
    if (name == "CN") common = value;
  }
  if (organisation.empty() && common.empty()) return printable(issuer, 120);
  if (organisation.empty() || common.empty()) return printable(organisation + common, 120);
  return printable(common + " of " + organisation, 120);
}

}  // namespace

Result<Peer> look_at_peer(const std::string& url, const CurlSettings& settings, Duration limit) {
  const std::unique_ptr<CURL, void (*)(CURL*)> owned(curl_easy_init(), curl_easy_cleanup);
  auto* easy = owned.get();
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why.data());
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, settings.user_agent.c_str());
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
  }
  if (const auto origin = origin_of(url); origin && is_loopback(*origin)) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  }
  const auto code = curl_easy_perform(easy);
  if (code != CURLE_OK) {
    const bool tls = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
                     code == CURLE_SSL_CACERT_BADFILE;
    return fail({tls ? NextMove::GiveUp : NextMove::RetryLater,
                 tls ? "TlsError" : "NetworkError",
                 printable(why[0] != 0 ? why.data() : curl_easy_strerror(code), 300),
                 {},
                 0,
                 {}});
  }
  Peer peer;
  const char* address = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  if (address != nullptr) peer.address = address;
  curl_certinfo* certificates = nullptr;
  curl_easy_getinfo(easy, CURLINFO_CERTINFO, &certificates);
  if (certificates == nullptr || certificates->num_of_certs < 1) return peer;
  for (const auto* line = certificates->certinfo[0]; line != nullptr; line = line->next) {
    const std::string_view text = line->data;
    if (text.starts_with("Issuer:")) peer.issuer = known_name(text.substr(7));
    if (text.starts_with("Expire date:")) peer.expires = parse_openssl_time(text.substr(12));
  }
  return peer;
}

}  // namespace dps::http
