// What the end of a transfer means, in words for a person who has to do something about it.
#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "reconciler/http/redact.hpp"
#include "reconciler/http/transfer.hpp"
#include "reconciler/http/url.hpp"

namespace dps::http {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1024} * 1024;
constexpr auto* kCaRemedy =
    "name the file of the CA that issued it (--ca-file, or SSL_CERT_FILE); behind a proxy that "
    "looks into TLS that is the proxy's CA";

// The verdicts of OpenSSL's chain check (X509_V_*), as curl hands them on.
enum ChainVerdict : long {
  kChainIsGood = 0,
  kNotJudged = 1,  // curl's own start value: it looks at the name before it asks for the verdict
  kNoIssuer = 2,
  kNotYetValid = 9,
  kExpired = 10,
  kSelfSigned = 18,
  kSelfSignedInChain = 19,
  kNoLocalIssuer = 20,
  kLeafUnverified = 21,
  kOtherName = 62,
  kOtherAddress = 64,
};

constexpr const char* kCutRemedy =
    "nothing: the next run tries again; if it stays, look for a firewall or proxy that cuts "
    "connections";

/// Half an error: what went wrong, before it is said of whom.
struct Cause {
  NextMove next = NextMove::RetryLater;
  const char* id = "NetworkError";
  std::string what;
  std::string remedy;
};

Answer failed(const Transfer& transfer, Cause cause) {
  const auto delivery = transfer.departures > 0 ? Delivery::MaybeSent : Delivery::NotSent;
  return tl::unexpected(SendFailure{
      delivery,
      Error{cause.next, cause.id, std::move(cause.what), std::move(cause.remedy), 0, {}}});
}

// "management.azure.com:443"
std::string place_of(const Transfer& transfer) {
  const auto origin = origin_of(transfer.request.url);
  if (!origin) return "?";
  const bool v6 = origin->host.find(':') != std::string::npos;
  const auto host = printable(origin->host, 200);
  return v6 ? fmt::format("[{}]:{}", host, origin->port) : fmt::format("{}:{}", host, origin->port);
}

// curl's own words may quote what a server or a proxy said.
std::string words_of(const Transfer& transfer, CURLcode code) {
  const auto said = printable(without_secrets(transfer.curl_says), 200);
  return said.empty() ? curl_easy_strerror(code) : said;
}

bool has_happened(const Transfer& transfer, CURLINFO moment) {
  curl_off_t at = 0;
  curl_easy_getinfo(transfer.easy, moment, &at);
  return at > 0;
}

bool is_tls(const Transfer& transfer) {
  const auto origin = origin_of(transfer.request.url);
  return origin && origin->scheme == "https";
}

Cause certificate_trouble(const Transfer& transfer, CURLcode code) {
  Cause cause{NextMove::GiveUp, "TlsError", {}, kCaRemedy};
  const auto place = place_of(transfer);
  if (code == CURLE_SSL_CACERT_BADFILE) {
    cause.what =
        fmt::format("the CA file {} cannot be read",
                    printable(transfer.settings.ca_file.empty() ? std::string("of the system")
                                                                : transfer.settings.ca_file,
                              300));
    cause.remedy = "check --ca-file, SSL_CERT_FILE or CURL_CA_BUNDLE; or install ca-certificates";
    return cause;
  }
  long verdict = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
  switch (verdict) {
    case kChainIsGood:  // the chain is good: then it is the name
    case kNotJudged:
    case kOtherName:
    case kOtherAddress:
      cause.what = fmt::format(
          "the certificate of {} was issued for another name: {}", place, words_of(transfer, code));
      cause.remedy = "check the endpoint's host name; somebody else may be answering in its place";
      break;
    case kExpired:
      cause.what = fmt::format("the certificate of {} has expired", place);
      cause.remedy = "the server needs a new certificate; check this machine's clock too";
      break;
    case kNotYetValid:
      cause.what = fmt::format("the certificate of {} is not valid yet", place);
      cause.remedy = "check this machine's clock";
      break;
    case kSelfSigned:
    case kSelfSignedInChain:
      cause.what =
          fmt::format("the certificate of {} is self-signed, and not by a CA known here", place);
      break;
    case kNoLocalIssuer:
    case kNoIssuer:
    case kLeafUnverified:
      cause.what =
          fmt::format("the certificate of {} comes from a CA that is not known here", place);
      break;
    default:
      cause.what =
          fmt::format("the certificate of {} does not verify: {}", place, words_of(transfer, code));
  }
  return cause;
}

Cause handshake_trouble(const Transfer& transfer, CURLcode code) {
  const auto said = words_of(transfer, code);
  const auto says = [&](std::string_view piece) { return said.find(piece) != std::string::npos; };
  const auto place = place_of(transfer);
  if (says("wrong version number") || says("http request") || says("packet length too long")) {
    return {NextMove::GiveUp,
            "TlsError",
            fmt::format("{} does not speak TLS", place),
            "check the port and the scheme of the endpoint, and whether a proxy answers instead"};
  }
  if (says("protocol version") || says("unsupported protocol") || says("no protocols")) {
    return {
        NextMove::GiveUp,
        "TlsError",
        fmt::format("{} offers no TLS 1.2 or later", place),
        "the server, or the proxy before it, must be taught TLS 1.2; older ones are not spoken"};
  }
  return {NextMove::RetryLater,
          "NetworkError",
          fmt::format("the TLS handshake with {} broke: {}", place, said),
          "look for a firewall or proxy that cuts connections"};
}

Cause refused_connection(const Transfer& transfer, CURLcode code) {
  long number = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_OS_ERRNO, &number);
  const auto place = place_of(transfer);
  const auto said = words_of(transfer, code);  // it names who was called: a proxy, perhaps
  switch (number) {
    case ECONNREFUSED:
      return {NextMove::RetryLater,
              "ConnectionRefused",
              fmt::format("the connection to {} was refused: {}", place, said),
              "check host and port of the endpoint, and the proxy if one is set (HTTPS_PROXY)"};
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return {NextMove::RetryLater,
              "Unreachable",
              fmt::format("{} is not reachable from here: {}", place, said),
              "check this machine's network and routes"};
    default:
      return {NextMove::RetryLater,
              "NetworkError",
              fmt::format("no connection to {}: {}", place, said),
              "check this machine's network, and the proxy if one is set (HTTPS_PROXY)"};
  }
}

Cause proxy_refused(const Transfer& transfer, long status) {
  const auto place = place_of(transfer);
  if (status == 407) {
    return {NextMove::GiveUp,
            "ProxyError",
            fmt::format("the proxy wants to know who asks before it connects to {} (407)", place),
            "put the user and password into HTTPS_PROXY, or the host into NO_PROXY"};
  }
  return {status == 403 ? NextMove::GiveUp : NextMove::RetryLater,
          "ProxyError",
          fmt::format("the proxy does not connect to {} (it says {})", place, status),
          "ask for the host to be allowed there, or put it into NO_PROXY"};
}

Cause timed_out(const Transfer& transfer) {
  const auto& request = transfer.request;
  const auto& settings = transfer.settings;
  const auto place = place_of(transfer);
  const auto connect = duration_text(request.connect_limit.value_or(settings.connect_timeout));
  const auto total = duration_text(request.total_limit.value_or(settings.total_timeout));
  if (transfer.departures > 0) {
    return {NextMove::RetryLater,
            "Timeout",
            transfer.last_byte
                ? fmt::format("the answer of {} was not complete within {}", place, total)
                : fmt::format("no answer of {} within {}", place, total),
            "the server or the network is slow; it is tried again"};
  }
  if (!has_happened(transfer, CURLINFO_NAMELOOKUP_TIME_T)) {
    return {NextMove::RetryLater,
            "NameNotResolved",
            fmt::format("the name of {} was not resolved within {}", place, connect),
            "check the name servers of this machine (/etc/resolv.conf)"};
  }
  if (has_happened(transfer, CURLINFO_CONNECT_TIME_T) && is_tls(transfer)) {
    return {NextMove::RetryLater,
            "ConnectTimeout",
            fmt::format("{} took the connection but did not speak TLS within {}", place, connect),
            "check the port, and for a firewall or proxy in between"};
  }
  return {NextMove::RetryLater,
          "ConnectTimeout",
          fmt::format("no connection to {} within {}: nothing answers there", place, connect),
          "check host and port, routes and firewalls; behind a proxy set HTTPS_PROXY"};
}

Cause cause_of(const Transfer& transfer, CURLcode code) {
  const auto place = place_of(transfer);
  if (transfer.too_large) {
    return {NextMove::GiveUp,
            "TooLarge",
            transfer.response.body.empty()
                ? fmt::format("the header of an answer of {} has no end", place)
                : fmt::format("an answer of {} is larger than {} MiB",
                              place,
                              transfer.settings.most_body / kMebibyte),
            "check that the endpoint is the right one and no proxy stands before"};
  }
  long tunnel = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
  if (transfer.departures == 0 && tunnel != 0 && tunnel / 100 != 2) {
    return proxy_refused(transfer, tunnel);
  }
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {NextMove::GiveUp, "BadUrl", "not an http or https URL", {}};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return certificate_trouble(transfer, code);
    case CURLE_SSL_CONNECT_ERROR:
      return handshake_trouble(transfer, code);
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(transfer);
    case CURLE_COULDNT_RESOLVE_HOST:
      return {NextMove::RetryLater,
              "NameNotResolved",
              fmt::format("the name of {} cannot be resolved", place),
              "check the spelling of the endpoint, and the name servers of this machine"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {NextMove::RetryLater,
              "ProxyError",
              fmt::format("the proxy on the way to {} has a name that cannot be resolved", place),
              "check HTTPS_PROXY"};
    case CURLE_PROXY:
      return {NextMove::RetryLater,
              "ProxyError",
              fmt::format("the proxy on the way to {}: {}", place, words_of(transfer, code)),
              "check HTTPS_PROXY and the proxy"};
    case CURLE_COULDNT_CONNECT:
      return refused_connection(transfer, code);
    case CURLE_ABORTED_BY_CALLBACK:  // a write that would have left a second time
    case CURLE_GOT_NOTHING:
      return {NextMove::RetryLater,
              "NetworkError",
              fmt::format("{} closed the connection before any answer", place),
              kCutRemedy};
    case CURLE_PARTIAL_FILE:
      return {NextMove::RetryLater,
              "NetworkError",
              fmt::format("the answer of {} broke off in the middle", place),
              kCutRemedy};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return {NextMove::RetryLater,
              "NetworkError",
              fmt::format("what {} answers cannot be read: {}", place, words_of(transfer, code)),
              "check that the endpoint is the right one and no proxy stands before"};
    default:
      return {NextMove::RetryLater,
              "NetworkError",
              fmt::format("the connection to {} broke: {}", place, words_of(transfer, code)),
              kCutRemedy};
  }
}

}  // namespace

Answer ended(Transfer& transfer, CURLcode code) {
  if (code != CURLE_OK) return failed(transfer, cause_of(transfer, code));
  long status = 0;
  long version = 0;
  long opened = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer.easy, CURLINFO_HTTP_VERSION, &version);
  curl_easy_getinfo(transfer.easy, CURLINFO_NUM_CONNECTS, &opened);
  auto& response = transfer.response;
  response.status = static_cast<int>(status);
  response.protocol = version >= CURL_HTTP_VERSION_2_0 ? Protocol::Http2 : Protocol::Http1;
  response.connection = opened > 0 ? Connection::Fresh : Connection::Reused;
  return std::move(response);
}

Answer ended_overdue(const Transfer& transfer, Overdue why) {
  const auto place = place_of(transfer);
  if (why == Overdue::FirstByte) {
    return failed(transfer,
                  {NextMove::RetryLater,
                   "NoAnswer",
                   fmt::format("no answer of {} within {}",
                               place,
                               duration_text(transfer.settings.first_byte_timeout)),
                   "the server is slow, or a firewall drops what it says"});
  }
  return failed(transfer,
                {NextMove::RetryLater,
                 "AnswerStalled",
                 fmt::format("the answer of {} stopped coming: nothing for {}",
                             place,
                             duration_text(transfer.settings.stall_timeout)),
                 "the server or the network is in trouble; it is tried again"});
}

Answer ended_cancelled(const Transfer& transfer) {
  return failed(transfer, {NextMove::GiveUp, "Cancelled", "cancelled before the answer came", {}});
}

}  // namespace dps::http
