#include "tests/arm_simulator/channel.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace dps::sim {

namespace {
SSL* ssl(void* handle) {
  return static_cast<SSL*>(handle);
}
}  // namespace

TlsContext::TlsContext(const std::string& certificate_pem, const std::string& key_pem) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  context_ = context;
  const auto give_up = [&](const char* why) {
    SSL_CTX_free(context);
    throw std::runtime_error(why);
  };
  if (context == nullptr) throw std::runtime_error("TLS cannot be set up");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  BIO* source = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
  X509* leaf = PEM_read_bio_X509(source, nullptr, nullptr, nullptr);
  bool sound = leaf != nullptr && SSL_CTX_use_certificate(context, leaf) == 1;
  X509_free(leaf);
  while (sound) {
    X509* next = PEM_read_bio_X509(source, nullptr, nullptr, nullptr);
    if (next == nullptr) break;
    sound = SSL_CTX_add0_chain_cert(context, next) == 1;
  }
  BIO_free(source);
  ERR_clear_error();
  if (!sound) give_up("the TLS certificate cannot be read");
  source = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(source, nullptr, nullptr, nullptr);
  BIO_free(source);
  sound = key != nullptr && SSL_CTX_use_PrivateKey(context, key) == 1;
  EVP_PKEY_free(key);
  if (!sound) give_up("the TLS key cannot be read or does not fit its certificate");
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_alpn_select_cb(
      context,
      [](SSL*,
         const unsigned char** out,
         unsigned char* size,
         const unsigned char* in,
         unsigned count,
         void*) {
        static constexpr unsigned char kHttp[] = "\x08http/1.1";
        unsigned char* chosen = nullptr;
        const int result = SSL_select_next_proto(&chosen, size, kHttp, sizeof kHttp - 1, in, count);
        *out = chosen;
        return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
      },
      nullptr);
}

TlsContext::~TlsContext() {
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

Channel::~Channel() {
  if (tls_ != nullptr) {
    if (!reset_) SSL_shutdown(ssl(tls_));
    SSL_free(ssl(tls_));
    ERR_clear_error();
  }
  if (reset_) {
    const linger hard{1, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  ::close(descriptor_);
}

bool Channel::start_tls(const TlsContext& tls) {
  tls_ = SSL_new(static_cast<SSL_CTX*>(tls.handle()));
  if (tls_ == nullptr) return false;
  SSL_set_fd(ssl(tls_), descriptor_);
  const bool done = SSL_accept(ssl(tls_)) == 1;
  if (!done) {
    ERR_clear_error();
    reset_ = true;  // SSL_shutdown is not allowed after a failed handshake
  }
  return done;
}

bool Channel::read_more(std::string& buffer) {
  char block[16 * 1024];
  while (true) {
    const auto got = tls_ != nullptr
                         ? static_cast<ssize_t>(SSL_read(ssl(tls_), block, sizeof block))
                         : recv(descriptor_, block, sizeof block, 0);
    if (got > 0) {
      buffer.append(block, static_cast<std::size_t>(got));
      return true;
    }
    if (tls_ == nullptr && got < 0 && errno == EINTR) continue;
    ERR_clear_error();
    return false;
  }
}

bool Channel::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = tls_ != nullptr ? static_cast<ssize_t>(SSL_write(
                                           ssl(tls_), bytes.data(), static_cast<int>(bytes.size())))
                                     : send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) {
      if (tls_ == nullptr && put < 0 && errno == EINTR) continue;
      ERR_clear_error();
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

void Channel::await_end() {
  // Whatever the client still sends is thrown away; only its leaving counts.
  pollfd watched{descriptor_, POLLIN | POLLRDHUP, 0};
  char ignored[1024];
  while (true) {
    if (::poll(&watched, 1, -1) < 0 && errno != EINTR) return;
    if ((watched.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0) return;
    if ((watched.revents & POLLIN) != 0 &&
        recv(descriptor_, ignored, sizeof ignored, MSG_DONTWAIT) == 0)
      return;
  }
}

void Channel::reset_on_close() {
  reset_ = true;
}

}  // namespace dps::sim
