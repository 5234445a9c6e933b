#include "reconciler/model/bookkeeping.hpp"

#include <fmt/format.h>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"

namespace dps {
namespace {

constexpr std::size_t kTagDigest = 5;
constexpr std::size_t kHostDigest = 6;
constexpr std::size_t kFingerprint = 8;
// A digest of the host, the fingerprint, no separators: 14 characters, 18 hubs in a tag of 256.
constexpr std::size_t kPerKeysTag = 256 / (kHostDigest + kFingerprint);

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool is_base64url(std::string_view text) {
  return text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
         std::string_view::npos;
}

std::optional<std::string> value_of(const Tags& tags, std::string_view name) {
  const auto found = tags.find(name);
  if (found == tags.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

}  // namespace

bool is_bookkeeping_tag(std::string_view name) {
  return equal_ignoring_case(name, kOwnerTag) || equal_ignoring_case(name, kRevisionTag) ||
         equal_ignoring_case(name, kTagsTag) || equal_ignoring_case(name, kProtectTag) ||
         starts_ignoring_case(name, kKeysTagPrefix);
}

bool is_hidden_tag(std::string_view name) {
  return starts_ignoring_case(name, "hidden-");
}

std::string tag_digest(std::string_view tag_name) {
  return short_digest(lower(tag_name), kTagDigest);
}
std::string host_digest(std::string_view host_name) {
  return short_digest(lower(host_name), kHostDigest);
}

Bookkeeping read_bookkeeping(const Tags& tags) {
  Bookkeeping out;
  out.owner = value_of(tags, kOwnerTag);
  out.revision = value_of(tags, kRevisionTag);
  if (const auto text = value_of(tags, kTagsTag);
      text && text->size() % kTagDigest == 0 && is_base64url(*text)) {
    for (std::size_t at = 0; at < text->size(); at += kTagDigest) {
      out.tag_digests.insert(text->substr(at, kTagDigest));
    }
  }
  for (const auto& [name, value] : tags) {
    constexpr auto kWidth = kHostDigest + kFingerprint;
    if (!starts_ignoring_case(name, kKeysTagPrefix)) continue;
    if (value.size() % kWidth != 0 || !is_base64url(value)) continue;
    for (std::size_t at = 0; at < value.size(); at += kWidth) {
      out.fingerprints[value.substr(at, kHostDigest)] =
          value.substr(at + kHostDigest, kFingerprint);
    }
  }
  if (const auto text = value_of(tags, kProtectTag)) {
    out.protect = !equal_ignoring_case(*text, "false");
  }
  return out;
}

Tags bookkeeping_tags(const Bookkeeping& bookkeeping) {
  Tags out;
  if (bookkeeping.owner) out.emplace(kOwnerTag, *bookkeeping.owner);
  if (bookkeeping.revision) out.emplace(kRevisionTag, *bookkeeping.revision);
  std::string digests;
  for (const auto& digest : bookkeeping.tag_digests) digests += digest;
  if (!digests.empty()) out.emplace(kTagsTag, digests);
  std::string keys;
  std::size_t count = 0, number = 0;
  for (const auto& [host, fingerprint] : bookkeeping.fingerprints) {
    keys += host + fingerprint;
    if (++count % kPerKeysTag == 0 || count == bookkeeping.fingerprints.size()) {
      out.emplace(fmt::format("{}{}", kKeysTagPrefix, ++number), keys);
      keys.clear();
    }
  }
  if (bookkeeping.protect) out.emplace(kProtectTag, "true");
  return out;
}

Tags with_bookkeeping(Tags tags, const Bookkeeping& bookkeeping) {
  std::erase_if(tags, [](const auto& tag) { return is_bookkeeping_tag(tag.first); });
  tags.merge(bookkeeping_tags(bookkeeping));
  return tags;
}

}  // namespace dps
