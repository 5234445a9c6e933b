// secret: a string that does not print, and is wiped when it goes.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace dps {

/// Holds a key, a token, a connection string. `reveal()` is called where a header, a body or a
/// digest is built, nowhere else. Copies are secrets too. Not shared between threads.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  /// Constant time in the content.
  bool operator==(const Secret& other) const;

 private:
  void wipe();
  std::string text_;
};

/// Overwrites the characters in a way that the compiler keeps, then empties the string.
void wipe(std::string& text);

}  // namespace dps

template <>
struct fmt::formatter<dps::Secret> : fmt::formatter<std::string_view> {
  auto format(const dps::Secret&, auto& context) const {
    return fmt::formatter<std::string_view>::format("[secret]", context);
  }
};
