// The bytes of one connection, in clear or through TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/arm_simulator/http_server.hpp"

namespace dps::sim {

class Channel {
 public:
  /// Takes the descriptor; closes it at the end.
  explicit Channel(int descriptor) : descriptor_(descriptor) {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// The server's side of the handshake.
  [[nodiscard]] bool start_tls(const TlsContext& tls);
  /// Appends what has come; false at the end of the stream or on an error.
  [[nodiscard]] bool read_more(std::string& buffer);
  [[nodiscard]] bool write(std::string_view bytes);
  /// Blocks until the peer has left or the descriptor was shut down.
  void await_end();
  /// The next close sends RST.
  void reset_on_close();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  void* tls_ = nullptr;  // SSL
  bool reset_ = false;
};

}  // namespace dps::sim
