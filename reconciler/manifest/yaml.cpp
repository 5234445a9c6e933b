#include "reconciler/manifest/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/node/node.h>  // checkers miss the YAML::Node that parser.h declares
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <map>
#include <streambuf>
#include <unordered_map>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/literal_secret.hpp"

namespace dps::manifest {
namespace {

// Reads a string_view without copying it.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    auto* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

// Bytes to characters. yaml-cpp counts bytes.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
      if (static_cast<unsigned char>(text[i]) >= 0x80) ascii_ = false;
    }
  }
  std::size_t offset(const YAML::Mark& mark) const {
    if (mark.line < 0 || mark.column < 0) return text_.size();
    const auto line = std::min(static_cast<std::size_t>(mark.line), starts_.size() - 1);
    return std::min(starts_[line] + static_cast<std::size_t>(mark.column), text_.size());
  }
  Position position(const YAML::Mark& mark) const {
    if (mark.line < 0 || mark.column < 0) return {1, 1};
    const auto line = std::min(static_cast<std::size_t>(mark.line), starts_.size() - 1);
    const auto begin = starts_[line];
    const auto length = std::min(static_cast<std::size_t>(mark.column), text_.size() - begin);
    const auto column = ascii_ ? length : character_count(text_.substr(begin, length));
    return {static_cast<int>(line) + 1, static_cast<int>(column) + 1};
  }
  std::string_view from(const YAML::Mark& mark) const { return text_.substr(offset(mark)); }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
  bool ascii_ = true;
};

struct Stop {  // thrown through yaml-cpp, caught in parse_yaml
  YamlFault fault;
};

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += count_nodes(item);
  for (const auto& member : node.members) count += count_nodes(member.value);
  return count;
}

int depth_of(const Node& node) {
  int deepest = 0;
  for (const auto& item : node.items) deepest = std::max(deepest, depth_of(item));
  for (const auto& member : node.members) deepest = std::max(deepest, depth_of(member.value));
  return deepest + 1;
}

bool is_null_text(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(const Places& places, const YamlLimits& limits, Yaml& out)
      : places_(places), limits_(limits), out_(out) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // At a bracket that closes nothing yaml-cpp finds empty documents without end.
    if (mark.pos <= last_start_) {
      stop(mark, "BadYaml", "not valid YAML: this closes or continues nothing", "take it away");
    }
    last_start_ = mark.pos;
    stack_.clear();
    anchors_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto rest = places_.from(mark);
    Node node;
    // For a value that is not there the mark is that of the next token: left out, put in by add().
    if (rest.starts_with('~') || rest.starts_with("null") || rest.starts_with("Null") ||
        rest.starts_with("NULL") || rest.starts_with('&')) {
      node.at = places_.position(mark);
    }
    keep_anchor(anchor, node, mark);
    count(mark, 1);
    add(std::move(node), mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) key_fault(mark);
    for (const auto& frame : stack_) {
      if (frame.anchor == anchor) {
        stop(mark, "AliasCycle", "the alias stands inside of what it refers to", "write it out");
      }
    }
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(mark, "BadYaml", "the alias refers to nothing", "an &anchor");
    const auto size = count_nodes(found->second);
    aliased_ += size;
    count(mark, size);
    if (aliased_ > limits_.alias_nodes) {
      stop(mark,
           "TooManyAliases",
           fmt::format("the aliases of this file stand for more than {} values",
                       limits_.alias_nodes),
           "write the values out, or use a Defaults document");
    }
    if (static_cast<int>(stack_.size()) + depth_of(found->second) > limits_.depth) too_deep(mark);
    Node copy = found->second;
    copy.at = places_.position(mark);
    add(std::move(copy), mark);
  }

  /// Where the last quoted scalar begins: yaml-cpp takes one that the end of the file cuts off.
  std::size_t last_quote() const { return last_quote_; }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    if (tag == "!") last_quote_ = places_.offset(mark);
    if (expects_key()) {
      take_key(mark, value, tag == "?");
      return;
    }
    Node node;
    node.at = places_.position(mark);
    if (tag != "?" || !is_null_text(value)) {
      node.kind = NodeKind::Scalar;
      node.style = tag == "?" ? Style::Plain : Style::Quoted;
      node.text = value;
    }
    keep_anchor(anchor, node, mark);
    count(mark, 1);
    add(std::move(node), mark);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, NodeKind::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, NodeKind::Map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    std::string key;
    Position key_at;
    std::unordered_map<std::string, int> lines;  // of the keys so far
    bool has_key = false;
    bool duplicate = false;
  };

  [[noreturn]] void stop(const YAML::Mark& mark,
                         std::string id,
                         std::string message,
                         std::string remedy) const {
    throw Stop{{places_.position(mark), std::move(id), std::move(message), std::move(remedy)}};
  }
  [[noreturn]] void too_deep(const YAML::Mark& mark) const {
    stop(mark,
         "TooDeep",
         fmt::format("nested deeper than {} levels", limits_.depth),
         "no manifest needs more than 10");
  }
  [[noreturn]] void key_fault(const YAML::Mark& mark) const {
    stop(mark, "KeyNotText", "a key is not plain text", "name: value");
  }

  bool expects_key() const {
    return !stack_.empty() && stack_.back().node.kind == NodeKind::Map && !stack_.back().has_key;
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    bool tagged = tag != "?" && tag != "!";
    if (tag == "!") {  // yaml-cpp's word for "quoted", and for a lone !
      auto rest = places_.from(mark);
      if (rest.starts_with('&')) {
        rest.remove_prefix(std::min(rest.find_first_of(" \t\n"), rest.size()));
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t\n"), rest.size()));
      }
      tagged = rest.starts_with('!');
    }
    if (tagged) {
      fault(places_.position(mark),
            "TagNotAllowed",
            "a YAML tag stands before the value",
            "the value alone, in quotes if it shall be text");
    }
  }

  void take_key(const YAML::Mark& mark, const std::string& key, bool plain) {
    auto& frame = stack_.back();
    frame.has_key = true;
    frame.key = key;
    frame.key_at = places_.position(mark);
    frame.duplicate = false;
    if (plain && key == "<<") {
      fault(frame.key_at,
            "MergeKey",
            "the merge key << is not taken",
            "write the keys out, or use a Defaults document");
      frame.duplicate = true;
      return;
    }
    const auto [first, fresh] = frame.lines.emplace(key, frame.key_at.line);
    if (fresh) return;
    frame.duplicate = true;
    fault(frame.key_at,
          "DuplicateKey",
          fmt::format("the key {} stands here twice, first in line {}", quoted(key), first->second),
          "one of them");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, NodeKind kind) {
    check_tag(mark, tag == "!" ? "!tag" : tag);
    if (expects_key()) key_fault(mark);
    if (static_cast<int>(stack_.size()) >= limits_.depth) too_deep(mark);
    count(mark, 1);
    Frame frame;
    frame.node.kind = kind;
    frame.node.at = places_.position(mark);
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    keep_anchor(frame.anchor, frame.node, YAML::Mark::null_mark());
    add(std::move(frame.node), YAML::Mark::null_mark());
  }

  // A copy for each anchor: nested ones multiply, so they are counted as well.
  void keep_anchor(YAML::anchor_t anchor, const Node& node, const YAML::Mark& mark) {
    if (anchor == 0) return;
    count(mark, count_nodes(node));
    anchors_[anchor] = node;
  }

  void count(const YAML::Mark& mark, std::size_t more) {
    count_ += more;
    if (count_ <= limits_.nodes) return;
    stop(mark,
         "TooManyValues",
         fmt::format("more than {} values in one file", limits_.nodes),
         "several smaller files");
  }

  void fault(Position at, std::string id, std::string message, std::string remedy) {
    if (out_.faults.size() < 1000) {
      out_.faults.push_back({at, std::move(id), std::move(message), std::move(remedy)});
    }
  }

  void add(Node node, const YAML::Mark& mark) {
    if (stack_.empty()) {
      if (node.kind != NodeKind::Null) out_.documents.push_back(std::move(node));
      return;
    }
    auto& frame = stack_.back();
    if (frame.node.kind == NodeKind::List) {
      if (node.at.line == 0) node.at = frame.node.at;
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (!frame.has_key) key_fault(mark);
    if (node.at.line == 0) node.at = frame.key_at;
    frame.has_key = false;
    if (frame.duplicate) return;
    frame.node.members.push_back({std::move(frame.key), frame.key_at, std::move(node)});
  }

  const Places& places_;
  const YamlLimits& limits_;
  Yaml& out_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t aliased_ = 0;
  std::size_t count_ = 0;
  int last_start_ = -1;
  std::size_t last_quote_ = std::string_view::npos;
};

// Does the quoted scalar at `begin` end before the text does? Block scalars do.
bool is_closed(std::string_view text, std::size_t begin) {
  if (begin >= text.size() || (text[begin] != '"' && text[begin] != '\'')) return true;
  const char quote = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      return true;  // a doubled one only moves the end on
    }
  }
  return false;
}

// yaml-cpp's words, without the parts of them that quote the text.
std::string in_our_words(std::string_view words) {
  for (const std::string_view quoting :
       {"the referenced anchor is not defined", "unknown escape", "bad file", "repeated"}) {
    if (words.starts_with(quoting)) return std::string(quoting);
  }
  return printable(words, 80);
}

}  // namespace

Yaml parse_yaml(std::string_view text, const YamlLimits& limits) {
  Yaml out;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const Places places(text);
  if (const auto bad = first_bad_byte(text); bad != std::string_view::npos) {
    const auto before = text.substr(0, bad);
    const auto line = std::count(before.begin(), before.end(), '\n');
    const auto start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const Position at{static_cast<int>(line) + 1,
                      static_cast<int>(character_count(before.substr(start))) + 1};
    const auto byte = static_cast<unsigned char>(text[bad]);
    const bool control = byte < 0x80 || byte == 0xC2;
    out.faults.push_back({at,
                          control ? "ControlCharacter" : "NotUtf8",
                          control ? fmt::format("a control character (byte 0x{:02x})", byte)
                                  : fmt::format("not UTF-8 (byte 0x{:02x})", byte),
                          control ? "text without control characters" : "text in UTF-8"});
    return out;
  }
  // yaml-cpp keeps every opening bracket of a line until it knows whether a key ends there: 240 MB
  // for a megabyte of them.
  const auto brackets =
      std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{');
  if (static_cast<std::size_t>(brackets) > limits.nodes / 2) {
    out.faults.push_back({{1, 1},
                          "TooManyValues",
                          fmt::format("more than {} brackets in one file", limits.nodes / 2),
                          "several smaller files"});
    return out;
  }
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  Builder builder(places, limits, out);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    if (const auto quote = builder.last_quote(); !is_closed(text, quote)) {
      const auto before = text.substr(0, quote);
      YAML::Mark mark;
      mark.line = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
      mark.column = static_cast<int>(quote - (before.rfind('\n') + 1));
      out.documents.clear();
      out.faults.push_back({places.position(mark),
                            "BadYaml",
                            "not valid YAML: the quote is never closed",
                            std::string("a second ") + text[quote]});
    }
  } catch (const Stop& stopped) {
    out.faults.push_back(stopped.fault);
  } catch (const YAML::Exception& error) {
    out.faults.push_back({places.position(error.mark),
                          "BadYaml",
                          "not valid YAML: " + in_our_words(error.msg),
                          "check the indentation, quotes and brackets before this place"});
  }
  return out;
}

}  // namespace dps::manifest
