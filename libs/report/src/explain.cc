#include "muster/report/explain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "screen.h"

namespace muster::report {
namespace {

using client::Outcome;

constexpr std::string_view kReason = "reason";
constexpr std::string_view kVerdict = "verdict";
constexpr std::string_view kExitCode = "exit code";
constexpr std::string_view kRule = "rule";

Entry verdict(Outcome outcome, std::string_view what, std::string_view why, std::string_view causes,
              std::string_view fix) {
  return {client::to_string(outcome), kVerdict, what, why, causes, fix, client::exit_code(outcome)};
}

std::vector<Entry> make_entries() {
  std::vector<Entry> entries = {
      verdict(Outcome::kGood,
              "A verified, current source says that the certificate is not revoked.",
              "It also leads to something trusted and is within its validity.", "", "Nothing."),
      verdict(Outcome::kNotNeeded, "The certificate is not meant to be checked.",
              "Its CA gives no revocation information: it expires instead.",
              "a short-lived certificate; noRevAvail (RFC 9608)", "Nothing."),
      verdict(Outcome::kUndetermined, "Nobody who may be believed told the status.",
              "Neither good nor revoked: whoever needs certainty must not go on.",
              "a responder out of reach or answering with an error; --online not given; an expired "
              "or untrusted certificate",
              "See the reasons listed with it."),
      verdict(Outcome::kUnacceptable, "An answer came, and it cannot be accepted.",
              "Clients that verify what they receive refuse it, and with it perhaps the server.",
              "a stale or foreign staple; a signer that may not sign; a signature that does not "
              "hold; must-staple unmet",
              "See the reasons listed with it."),
      verdict(Outcome::kWarning, "Good, but something is about to go wrong or did in part.",
              "Today clients are content; tomorrow perhaps not.",
              "a refresh that is late; a source that is silent; sources that disagree",
              "See the reasons listed with it."),
      verdict(Outcome::kUnreadable, "What was named cannot be checked.",
              "Nothing was learnt about any certificate.",
              "a wrong path; a file of another kind; a wrong password",
              "Name a certificate file or host[:port]."),
      {"64", kExitCode, "The command line was wrong; nothing was checked.",
       "No verdict was reached.", "a misspelt option; two options that exclude each other",
       "See 'muster check --help'.", 64},
      {"70", kExitCode, "The operating system or muster itself failed.", "No verdict was reached.",
       "a full disk; standard output that cannot be written", "See the message on standard error.",
       70},
  };
  for (const client::Reason& reason : client::all_reasons()) {
    entries.push_back(
        {reason.code, kReason, reason.what, reason.why, reason.causes, reason.fix, std::nullopt});
    for (const Outcome outcome : {Outcome::kRevoked, Outcome::kUnknown}) {
      if (client::to_string(outcome) == reason.code) {  // a verdict of the same name
        entries.back().exit_code = client::exit_code(outcome);
      }
    }
  }
  return entries;
}

/// Calls `take` with all_entries() and the further ones.
template <class Take>
void each_entry(std::span<const Entry> further, Take take) {
  for (const auto part : {all_entries(), further}) {
    for (const Entry& entry : part) {
      take(entry);
    }
  }
}

/// A line with a name, and its text in a column behind names of `widest`.
void put(std::string& out, std::string_view name, std::string_view text, std::size_t widest,
         const View& view) {
  if (!text.empty()) {
    out += wrap("  " + pad(paint(name, Ink::kFaint, view.colour), widest + 2) + std::string(text),
                view.columns, widest + 4);
  }
}

}  // namespace

std::span<const Entry> all_entries() {
  static const std::vector<Entry> entries = make_entries();
  return entries;
}

std::vector<const Entry*> find_entries(std::string_view word, std::span<const Entry> further) {
  std::vector<const Entry*> found;
  const std::string wanted = to_lower(word);
  each_entry(further, [&](const Entry& entry) {
    if (entry.code == wanted || (entry.exit_code && std::to_string(*entry.exit_code) == wanted)) {
      found.push_back(&entry);
    }
  });
  return found;
}

std::string_view suggest_code(std::string_view word, std::span<const Entry> further) {
  std::vector<std::string_view> codes;
  each_entry(further, [&](const Entry& entry) { codes.push_back(entry.code); });
  if (const std::string_view guess = closest_match(word, codes); !guess.empty()) {
    return guess;
  }
  // Half a code, such as "expired": the first that has the word as one of its own.
  const std::string wanted = to_lower(word);
  const auto has_word = [&](std::string_view code) {
    const auto words = split(code, '-');
    return std::find(words.begin(), words.end(), wanted) != words.end();
  };
  const auto found = std::find_if(codes.begin(), codes.end(), has_word);
  return found == codes.end() ? std::string_view() : *found;
}

std::string explain_text(const Entry& entry, const View& view) {
  std::string title = paint(entry.code, Ink::kBold, view.colour) + "  ";
  if (entry.kind == kExitCode) {
    title += "exit code of muster check";
  } else if (entry.kind == kRule) {
    title += "rule of muster lint";
  } else if (entry.exit_code) {
    title += "verdict of muster check, exit code " + std::to_string(*entry.exit_code);
  } else {
    title += "reason of muster check";
  }
  std::size_t widest = std::string_view("causes").size();
  for (const auto& [name, text] : entry.facts) {
    widest = std::max(widest, name.size());
  }
  std::string out = title + "\n";
  put(out, "what", entry.what, widest, view);
  put(out, "why", entry.why, widest, view);
  std::string_view name = "causes";
  std::string_view causes = entry.causes;
  while (!causes.empty()) {
    const std::size_t end = causes.find("; ");
    put(out, name, "- " + std::string(causes.substr(0, end)), widest, view);
    causes = end == std::string_view::npos ? std::string_view() : causes.substr(end + 2);
    name = " ";
  }
  put(out, "fix", entry.fix, widest, view);
  for (const auto& [fact, text] : entry.facts) {
    put(out, fact, text, widest, view);
  }
  return out;
}

std::string explain_list(const View& view, std::span<const Entry> further) {
  std::size_t widest = 0;
  each_entry(further, [&](const Entry& entry) { widest = std::max(widest, entry.code.size()); });
  std::string out;
  std::string_view kind;
  each_entry(further, [&](const Entry& entry) {
    if (entry.kind != kind) {
      kind = entry.kind;
      out += (out.empty() ? "" : "\n") + paint(std::string(kind) + "s", Ink::kBold, view.colour) +
             "\n";
    }
    out += wrap("  " + pad(std::string(entry.code), widest + 2) + std::string(entry.what),
                view.columns, widest + 4);
  });
  return out;
}

std::string explain_json(std::span<const Entry* const> entries) {
  using Json = nlohmann::ordered_json;
  Json out = {{"schema_version", 1}, {"entries", Json::array()}};
  for (const Entry* entry : entries) {
    Json told = {{"code", entry->code},
                 {"kind", entry->kind},
                 {"exit_code", entry->exit_code ? Json(*entry->exit_code) : Json(nullptr)},
                 {"what", entry->what},
                 {"why", entry->why},
                 {"causes", entry->causes},
                 {"fix", entry->fix}};
    for (const auto& [name, text] : entry->facts) {
      told[std::string(name)] = text;
    }
    out["entries"].push_back(std::move(told));
  }
  return out.dump(2) + "\n";
}

std::string reasons_page() {
  std::string out =
      "# Reason codes of `muster check`\n\n"
      "Stable: a code never changes its meaning; new ones may come. Made by `muster explain --list "
      "--markdown`; a test keeps it equal to the program.\n\n"
      "| Code | What | Why it matters | Likely causes | What to do |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const Entry& entry : all_entries()) {
    if (entry.kind != kReason) {
      continue;
    }
    out += "| `" + std::string(entry.code) + "` |";
    for (const std::string_view text : {entry.what, entry.why, entry.causes, entry.fix}) {
      out += " " + std::string(text) + " |";
    }
    out += "\n";
  }
  return out;
}

}  // namespace muster::report
