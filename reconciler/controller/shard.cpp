#include "reconciler/controller/shard.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr std::uint32_t kMost = 1024;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [last, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || last != end) return std::nullopt;
  return value;
}

}  // namespace

bool Shard::owns(const ServiceId& id) const {
  if (count <= 1) return true;
  const auto digest = sha256(id.key());
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    hash = hash << 8U | static_cast<unsigned char>(digest[i]);
  }
  return hash % count == index;
}

std::string Shard::text() const {
  return count <= 1 ? std::string() : fmt::format("{}/{}", index, count);
}

Result<Shard> parse_shard(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return fail(
        give_up("Usage",
                fmt::format("--shard {}: {}", printable(text, 80), why),
                "INDEX/COUNT with INDEX from 0 and below COUNT, such as 0/3; a StatefulSet's host "
                "name may stand for INDEX: fleet-0/3"));
  };
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return wrong("there is no /");
  auto first = text.substr(0, slash);
  if (const auto dash = first.rfind('-'); dash != std::string_view::npos) {
    if (dash == 0) return wrong("the index is no number");
    first.remove_prefix(dash + 1);
  }
  const auto index = number(first);
  const auto count = number(text.substr(slash + 1));
  if (!index) return wrong("the index is no number");
  if (!count) return wrong("the count is no number");
  if (*count == 0 || *count > kMost) return wrong(fmt::format("1 to {} shards", kMost));
  if (*index >= *count) return wrong("the index is counted from 0 and below the count");
  return Shard{*index, *count};
}

}  // namespace dps::controller
