#include "reconciler/plan/render_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/plan/certificate_text.hpp"
#include "reconciler/plan/change_text.hpp"

namespace dps::plan {
namespace {

constexpr std::size_t kIndent = 4;        // of a change, below its service
constexpr std::size_t kImpactIndent = 8;  // of what it means, where that does not fit beside it
constexpr std::size_t kWidestPath = 64;
constexpr std::size_t kWidestValue = 44;

struct Mark {
  std::string_view text;
  Tone tone;
};

Mark mark_of(Action action) {
  switch (action) {
    case Action::Create:
      return {"+", Tone::Good};
    case Action::Update:
      return {"~", Tone::Change};
    case Action::Delete:
      return {"-", Tone::Bad};
    case Action::Adopt:
      return {"=", Tone::Note};
    case Action::Release:
      return {"~", Tone::Change};
    case Action::Rotate:
      return {"↻", Tone::Note};
    case Action::Verify:
      return {"↻", Tone::Note};
  }
  return {" ", Tone::Plain};
}

Mark mark_of(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::Create:
      return {"+", Tone::Good};
    case ServiceClass::Delete:
      return {"-", Tone::Bad};
    case ServiceClass::Rotate:
      return {"↻", Tone::Note};
    case ServiceClass::Update:
      return {"~", Tone::Change};
    case ServiceClass::Adopt:
      return {"=", Tone::Note};
    case ServiceClass::Failed:
    case ServiceClass::Blocked:
      return {"!", Tone::Bad};
    case ServiceClass::Suspended:
    case ServiceClass::InTransition:
      return {"…", Tone::Dim};
    case ServiceClass::Unchanged:
      return {" ", Tone::Dim};
  }
  return {" ", Tone::Plain};
}

class Page {
 public:
  explicit Page(const TextStyle& style)
      : color_(style.color), width_(std::max<std::size_t>(style.width, 40)) {}

  void line(const std::string& text) { out_ += text + "\n"; }
  void gap() {
    if (!out_.empty() && !out_.ends_with("\n\n")) out_ += '\n';
  }
  std::string ink(std::string_view text, Tone tone) const { return toned(text, tone, color_); }
  std::size_t width() const { return width_; }
  std::string take() { return std::move(out_); }

  /// A paragraph with a hanging indent.
  void paragraph(std::size_t indent, std::string_view text, Tone tone = Tone::Plain) {
    for (const auto& one : split(wrapped(text, width_, indent), '\n')) {
      const auto start = one.find_first_not_of(' ');
      line(std::string(indent, ' ') + ink(one.substr(start == one.npos ? 0 : start), tone));
    }
  }

  void problem(std::size_t indent, const Problem& problem, Mark mark) {
    const auto head = shown(problem.id, 60);
    auto lines = split(
        wrapped(
            head + (head.empty() ? "" : ": ") + shown(problem.message, 1000), width_, indent + 2),
        '\n');
    lines[0] = std::string(indent, ' ') + ink(mark.text, mark.tone) + " " + lines[0];
    for (const auto& one : lines) line(one);
    if (!problem.remedy.empty())
      paragraph(indent + 2, "→ " + shown(problem.remedy, 1000), Tone::Dim);
  }

 private:
  Color color_;
  std::size_t width_;
  std::string out_;
};

struct Row {
  const Change* change;
  std::string path, value, note;
};

std::string note_of(const Change& change) {
  std::string note;
  if (change.cause == Cause::Drift) note = "(drift)";
  if (change.held) {
    note += fmt::format("{}(withheld: {})", note.empty() ? "" : " ", shown(change.held->id, 40));
  }
  return note;
}

void print_rules(const Change& change, Page& page) {
  const auto contains = [](const Json& list, const Json& rule) {
    return std::find(list.begin(), list.end(), rule) != list.end();
  };
  bool any = false;
  const std::string indent(kImpactIndent, ' ');
  for (const auto& rule : change.before) {
    if (contains(change.after, rule)) continue;
    page.line(indent + page.ink("- " + rule_text(rule), Tone::Bad));
    any = true;
  }
  for (const auto& rule : change.after) {
    if (contains(change.before, rule)) continue;
    page.line(indent + page.ink("+ " + rule_text(rule), Tone::Good));
    any = true;
  }
  if (any) return;
  for (const auto& rule : change.after) page.line(indent + "  " + rule_text(rule));
}

std::string_view rules_headline(const Change& change) {
  return change.before.size() == change.after.size() &&
                 std::is_permutation(
                     change.before.begin(), change.before.end(), change.after.begin())
             ? "new order"
             : "";
}

void print_changes(const std::vector<Change>& changes, Page& page) {
  std::vector<Row> rows;
  std::size_t path_width = 0, value_width = 0, note_width = 0;
  for (const auto& change : changes) {
    Row row{&change, path_text(change), change_text(change), note_of(change)};
    if (change.field == "ipFilterRules") row.value = rules_headline(change);
    path_width = std::max(path_width, std::min(columns(row.path), kWidestPath));
    value_width = std::max(value_width, std::min(columns(row.value), kWidestValue));
    note_width = std::max(note_width, columns(row.note));
    rows.push_back(std::move(row));
  }
  const auto start = kIndent + 2 + path_width + 2;
  const auto beside = start + value_width + 2 + (note_width > 0 ? note_width + 2 : 0);
  const bool fits = std::all_of(rows.begin(), rows.end(), [&](const Row& row) {
    return columns(row.path) <= path_width && columns(row.value) <= value_width &&
           beside + columns(row.change->impact) <= page.width();
  });
  for (const auto& row : rows) {
    const auto mark = mark_of(row.change->action);
    const auto head = row.change->held
                          ? std::string(kIndent - 2, ' ') + page.ink("!", Tone::Bad) + " "
                          : std::string(kIndent, ' ');
    auto text = head + page.ink(mark.text, mark.tone) + " ";
    if (fits) {
      auto plain = padded(row.path, path_width) + "  " + padded(row.value, value_width);
      if (note_width > 0) plain += "  " + padded(row.note, note_width);
      const bool silent = row.change->impact.empty();
      text += silent ? std::string(plain, 0, plain.find_last_not_of(' ') + 1) : plain + "  ";
      page.line(text + page.ink(shown(row.change->impact), Tone::Dim));
    } else {
      text += row.value.empty() ? row.path : padded(row.path, path_width);
      const auto value = row.value + (row.value.empty() || row.note.empty() ? "" : "  ") + row.note;
      if (columns(row.path) > path_width || start + columns(value) > page.width()) {
        page.line(std::string(text, 0, text.find_last_not_of(' ') + 1));
        if (!value.empty()) page.paragraph(kImpactIndent, value);
      } else {
        page.line(value.empty() ? text : text + "  " + value);
      }
      if (row.change->kind != Kind::Tag && !row.change->impact.empty()) {
        page.paragraph(kImpactIndent, shown(row.change->impact), Tone::Dim);
      }
    }
    if (row.change->field == "ipFilterRules") print_rules(*row.change, page);
  }
}

std::string headline_note(const ServicePlan& service) {
  switch (service.service_class) {
    case ServiceClass::Failed:
      return "failed";
    case ServiceClass::Blocked:
      return "blocked";
    case ServiceClass::Suspended:
      return "suspended: nothing is written";
    case ServiceClass::InTransition:
      return fmt::format("in transition ({}): looked at again", shown(service.live_state, 40));
    case ServiceClass::Unchanged:
      return "unchanged";
    case ServiceClass::Adopt:
      return "";
    default:
      break;
  }
  if (!service.bookkeeping || !service.bookkeeping->owner || service.etag.text.empty()) return "";
  const auto& before = service.live_bookkeeping.owner;
  if (before == service.bookkeeping->owner) return "";
  return before ? fmt::format("taken over from \"{}\"", shown(*before, 60)) : "adopted";
}

/// What stands, where certificates change or one is in trouble.
void print_certificates(const ServicePlan& service, WallTime now, Page& page) {
  const auto lines = certificate_lines(service, now);
  if (lines.empty()) return;
  page.line(std::string(kIndent, ' ') + page.ink("certificates now", Tone::Dim));
  for (const auto& line : lines) {
    if (kIndent + 2 + columns(line.text) <= page.width()) {
      page.line(std::string(kIndent + 2, ' ') + page.ink(line.text, line.tone));
    } else {
      page.paragraph(kIndent + 2, line.text, line.tone);
    }
  }
}

void print_service(const ServicePlan& service, WallTime now, Page& page) {
  const auto mark = mark_of(service.service_class);
  auto head =
      page.ink(mark.text, mark.tone) + " " + page.ink(shown(service.id.brief(), 300), Tone::Strong);
  if (const auto note = headline_note(service); !note.empty()) head += "  " + note;
  if (!service.manifest.file.empty()) {
    head += "  " +
            page.ink(fmt::format("{}:{}", shown(service.manifest.file, 300), service.manifest.line),
                     Tone::Dim);
  } else if (service.service_class == ServiceClass::Delete) {
    head += "  " + page.ink("no manifest names it", Tone::Dim);
  }
  page.gap();
  page.line(head);
  print_changes(service.changes, page);
  print_certificates(service, now, page);
  for (const auto& error : service.errors) page.problem(kIndent - 2, error, {"!", Tone::Bad});
  for (const auto& one : service.warnings) page.problem(kIndent - 2, one, {"?", Tone::Change});
}

bool is_listed(const ServicePlan& service, Verbosity verbosity) {
  return verbosity == Verbosity::Everything || service.service_class != ServiceClass::Unchanged ||
         !service.warnings.empty();
}

void print_guards(const Plan& plan, Page& page) {
  if (plan.guards.empty()) return;
  constexpr std::size_t kListed = 20;
  page.gap();
  for (const auto& guard : plan.guards) {
    page.problem(0,
                 {guard.guard, guard.message + ": all of them are withheld, the rest goes on.", ""},
                 {"!", Tone::Bad});
    for (std::size_t i = 0; i < std::min(guard.removals.size(), kListed); ++i) {
      page.line("    " + shown(guard.removals[i], 400));
    }
    if (guard.removals.size() > kListed) {
      page.line(fmt::format("    … and {} more", guard.removals.size() - kListed));
    }
  }
  page.line("  Exactly these go through with: " +
            page.ink("--approve " + plan.approve_digest, Tone::Strong));
}

}  // namespace

std::string summary_sentence(const Plan& plan) {
  const auto& s = plan.summary;
  std::string rest;
  const auto say = [](std::string& to, std::size_t count, std::string_view words) {
    if (count > 0) to += fmt::format(", {} {}", count, words);
  };
  say(rest, s.blocked, "blocked");
  say(rest, s.failed, "failed");
  say(rest, s.suspended, "suspended");
  say(rest, s.in_transition, "in transition");
  std::string sentence;
  if (!plan.has_changes() && s.adopt == 0) {
    // "No changes" is good news: not where some could not be judged.
    const bool judged = s.blocked == 0 && s.failed == 0;
    sentence = fmt::format(
        "{} {} unchanged{}.", judged ? "No changes;" : "Nothing to apply:", s.unchanged, rest);
  } else {
    std::string more;
    say(more, s.rotate, "to rotate");
    say(more, s.adopt, "to adopt");
    sentence = fmt::format("Plan: {} to create, {} to update, {} to delete{}; {} unchanged{}.",
                           s.create,
                           s.update,
                           s.remove,
                           more,
                           s.unchanged,
                           rest);
  }
  if (s.held > 0) {
    sentence += fmt::format(" {} of {} change{} withheld.",
                            s.held,
                            s.changes,
                            s.changes == 1 ? " is"
                            : s.held == 1  ? "s is"
                                           : "s are");
  }
  return sentence;
}

std::string render_text(const Plan& plan, const TextStyle& style) {
  Page page(style);
  for (const auto& service : plan.services) {
    if (is_listed(service, style.verbosity)) print_service(service, plan.created_at, page);
  }
  print_guards(plan, page);
  if (!plan.notices.empty() || !plan.unseen.empty()) page.gap();
  for (const auto& notice : plan.notices) page.problem(0, notice, {"?", Tone::Change});
  for (const auto& unseen : plan.unseen) {
    page.problem(0,
                 {"not seen", unseen.scope + ": " + unseen.why.what, unseen.why.remedy},
                 {"?", Tone::Change});
  }
  page.gap();
  if (const auto sentence = certificates_sentence(plan.summary); !sentence.empty()) {
    page.line(sentence);
  }
  page.line(page.ink(summary_sentence(plan), Tone::Strong));
  return page.take();
}

}  // namespace dps::plan
