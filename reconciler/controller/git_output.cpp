#include "reconciler/controller/git_output.hpp"

#include <charconv>
#include <string_view>

#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr std::size_t kKibi = 1024;

std::size_t number(std::string_view text) {
  std::size_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

GitSizes git_sizes(const std::string& text) {
  GitSizes out;
  for (const auto& line : split(text, '\n')) {
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const auto name = line.substr(0, colon);
    const auto value = number(std::string_view(line).substr(colon + 2));
    if (name == "packs") out.packs = value;
    if (name == "size" || name == "size-pack" || name == "size-garbage") out.bytes += value * kKibi;
    if (name == "garbage") out.garbage = value;
  }
  return out;
}

std::vector<GitListed> git_listed(const std::string& text) {
  std::vector<GitListed> out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = text.find('\0', at);
    if (end == std::string::npos) end = text.size();
    const auto line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    std::vector<std::string> words;
    for (auto& word : split(line.substr(0, tab), ' ')) {
      if (!word.empty()) words.push_back(std::move(word));
    }
    if (words.size() != 4) continue;
    out.push_back({words[0], words[2], number(words[3]), std::string(line.substr(tab + 1))});
  }
  return out;
}

Result<std::map<std::string, std::string>> git_contents(const std::string& text) {
  std::map<std::string, std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;
    const auto words = split(std::string_view(text).substr(at, end - at), ' ');
    const auto size = words.size() == 3 ? number(words[2]) : 0;
    if (words.size() != 3 || words[1] != "blob" || end + 1 + size > text.size()) {
      return fail({NextMove::RetryLater,
                   "RepositoryCorrupt",
                   "an object of the repository cannot be read",
                   "it is made anew at the next try",
                   0,
                   {}});
    }
    out.emplace(words[0], text.substr(end + 1, size));
    at = end + 1 + size + 1;
  }
  return out;
}

}  // namespace dps::controller
