#include "reconciler/manifest/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/literal_secret.hpp"

namespace dps::manifest {
namespace {

constexpr std::size_t kPerFile = 500;
constexpr std::size_t kWindow = 120;  // characters of a source line that are shown

std::string_view line_of(std::string_view text, int line) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (int i = 1; i < line; ++i) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  auto found = text.substr(0, text.find('\n'));
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

// The byte at which character `index` begins.
std::size_t byte_of(std::string_view text, std::size_t index) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continue;
    if (count++ == index) return i;
  }
  return text.size();
}

// Invalid UTF-8 and control characters become "?": one character each, so that columns hold.
std::string fit_for_a_terminal(std::string_view line) {
  std::string out(line);
  for (char& c : out) {
    if (c == '\t') c = ' ';
  }
  for (auto bad = first_bad_byte(out); bad != std::string::npos; bad = first_bad_byte(out)) {
    out[bad] = '?';
  }
  return out;
}

ShownLine shown(std::string_view line, int column, std::optional<int> hidden_from) {
  // Long lines are cut first: hiding is quadratic in nothing, but a line may be a megabyte.
  const auto caret = static_cast<std::size_t>(std::max(column - 1, 0));
  auto text = fit_for_a_terminal(
      line.substr(0, std::min<std::size_t>(line.size(), std::size_t{64} * 1024)));
  if (hidden_from) {
    const auto from = byte_of(text, static_cast<std::size_t>(std::max(*hidden_from - 1, 0)));
    if (from < text.size()) text = text.substr(0, from) + std::string(kHidden);
  }
  auto out = without_secrets(text, static_cast<int>(caret));
  const auto length = character_count(out.text);
  if (length > kWindow) {
    const auto at = static_cast<std::size_t>(std::max(out.caret, 0));
    const auto first = at > kWindow / 2 ? std::min(at - kWindow / 2, length - kWindow) : 0;
    const auto begin = byte_of(out.text, first);
    const auto end = byte_of(out.text, first + kWindow);
    const bool cut_after = end < out.text.size();
    out.text =
        (first > 0 ? "…" : "") + out.text.substr(begin, end - begin) + (cut_after ? "…" : "");
    out.caret -= static_cast<int>(first) - (first > 0 ? 1 : 0);
  }
  out.caret = std::clamp(out.caret, 0, static_cast<int>(character_count(out.text)));
  return out;
}

}  // namespace

std::string render(const Diagnostic& diagnostic, bool color) {
  const auto paint = [&](std::string_view code, std::string_view text) {
    return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  };
  std::string place = printable(diagnostic.mark.file, 1000);
  if (diagnostic.mark.line > 0) {
    place += fmt::format(":{}:{}", diagnostic.mark.line, diagnostic.mark.column);
  }
  const bool warning = diagnostic.severity == Severity::Warning;
  auto out = place.empty() ? std::string() : paint("1", place) + ": ";
  if (warning) out += paint("33", "warning: ");
  out += paint(warning ? "33" : "31", diagnostic.message);
  if (!diagnostic.remedy.empty()) out += "; " + diagnostic.remedy;
  out += '\n';
  if (!diagnostic.source_line.empty()) {
    out += fmt::format("  {}\n  {}{}\n",
                       diagnostic.source_line,
                       std::string(static_cast<std::size_t>(std::max(diagnostic.caret, 0)), ' '),
                       paint("32", "^"));
  }
  return out;
}

void Diagnostics::add(Diagnostic diagnostic) {
  const bool fatal = diagnostic.severity == Severity::Error;
  if (fatal && diagnostic.fault_class == FaultClass::Text) ++text_faults_;
  const auto count = ++per_file_[diagnostic.mark.file];
  if (count <= kPerFile) all_.push_back(std::move(diagnostic));
}

void Diagnostics::text(Mark mark, std::string id, std::string message, std::string remedy) {
  add({std::move(mark), std::move(id), std::move(message), std::move(remedy), {}, 0, {}, {}, {}});
}

void Diagnostics::warning(Mark mark, std::string id, std::string message, std::string remedy) {
  Diagnostic diagnostic;
  diagnostic.mark = std::move(mark);
  diagnostic.id = std::move(id);
  diagnostic.message = std::move(message);
  diagnostic.remedy = std::move(remedy);
  diagnostic.severity = Severity::Warning;
  add(std::move(diagnostic));
}

void Diagnostics::hide(const Mark& mark) {
  const auto [entry, fresh] = hidden_[mark.file].emplace(mark.line, mark.column);
  if (!fresh) entry->second = std::min(entry->second, mark.column);
}

void Diagnostics::attach_source(const std::string& file, std::string_view text) {
  const auto hidden = hidden_.find(file);
  for (auto& diagnostic : all_) {
    if (diagnostic.mark.file != file || diagnostic.mark.line <= 0 ||
        !diagnostic.source_line.empty()) {
      continue;
    }
    std::optional<int> from;
    if (hidden != hidden_.end()) {
      const auto column = hidden->second.find(diagnostic.mark.line);
      if (column != hidden->second.end()) from = column->second;
    }
    auto line = shown(line_of(text, diagnostic.mark.line), diagnostic.mark.column, from);
    diagnostic.source_line = std::move(line.text);
    diagnostic.caret = line.caret;
  }
}

std::vector<std::string> Diagnostics::without_source() const {
  std::set<std::string> files;
  for (const auto& diagnostic : all_) {
    if (diagnostic.mark.line > 0 && diagnostic.source_line.empty()) {
      files.insert(diagnostic.mark.file);
    }
  }
  return {files.begin(), files.end()};
}

std::vector<Diagnostic> Diagnostics::take_sorted() {
  for (const auto& [file, count] : per_file_) {
    if (count <= kPerFile) continue;
    Diagnostic more;
    more.mark.file = file;
    more.id = "MoreFaults";
    more.message = fmt::format("{} more faults in this file", count - kPerFile);
    more.remedy = "repair those that are shown first";
    all_.push_back(std::move(more));
  }
  std::stable_sort(all_.begin(), all_.end(), [](const Diagnostic& left, const Diagnostic& right) {
    return std::tie(left.mark.file, left.mark.line, left.mark.column) <
           std::tie(right.mark.file, right.mark.line, right.mark.column);
  });
  per_file_.clear();
  hidden_.clear();
  return std::move(all_);
}

}  // namespace dps::manifest
