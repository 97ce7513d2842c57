#include <cstdio>

#include "cli.h"
#include "muster/base/text.h"
#include "muster/lint/advice.h"
#include "muster/lint/report.h"
#include "muster/report/explain.h"
#include "screen.h"

namespace muster::app {
namespace {

struct ExplainCodeFlags {
  std::vector<std::string> codes;
  bool list = false, json = false, markdown = false;
};

/// The rules of `muster lint` as entries.
std::vector<report::Entry> rule_entries() {
  std::vector<report::Entry> out;
  for (const lint::Rule& rule : lint::rules()) {
    const lint::Advice& advice = lint::advice_of(rule);
    out.push_back({rule.id,
                   "rule",
                   rule.says,
                   advice.why,
                   "",
                   advice.fix,
                   std::nullopt,
                   {{"level", std::string(to_string(rule.level))},
                    {"clause", std::string(rule.clause)},
                    {"requirement", std::string(rule.requirement)},
                    {"profiles", lint::profile_names(rule.profiles)}}});
  }
  return out;
}

/// Says what is wrong with a code nobody knows.
void tell_unknown(const std::string& code, std::span<const report::Entry> rules) {
  const std::string_view guess = report::suggest_code(code, rules);
  std::fprintf(
      stderr,
      "muster explain: no code is named '%s'%s%s%s; 'muster explain --list' has all of them\n",
      printable(code).c_str(), guess.empty() ? "" : " (did you mean '", std::string(guess).c_str(),
      guess.empty() ? "" : "'?)");
}

int explain_codes(const ExplainCodeFlags& flags, const report::View& view) {
  const std::vector<report::Entry> rules = rule_entries();
  std::vector<const report::Entry*> entries;
  int exit_code = kExitOk;
  for (const std::string& code : flags.codes) {
    const auto found = report::find_entries(code, rules);
    entries.insert(entries.end(), found.begin(), found.end());
    if (found.empty()) {
      tell_unknown(code, rules);
      exit_code = kExitUsage;
    }
  }
  if (flags.list) {
    for (const auto part : {report::all_entries(), std::span<const report::Entry>(rules)}) {
      for (const report::Entry& entry : part) {
        entries.push_back(&entry);
      }
    }
  }
  if (flags.json) {
    std::fputs(report::explain_json(entries).c_str(), stdout);
  } else if (flags.list) {
    std::fputs(
        (flags.markdown ? report::reasons_page() : report::explain_list(view, rules)).c_str(),
        stdout);
  } else {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      std::fputs(((i == 0 ? "" : "\n") + report::explain_text(*entries[i], view)).c_str(), stdout);
    }
  }
  return exit_code;
}

}  // namespace

int run_explain_code(int argc, char** argv) {
  CLI::App app("What a code in a report of 'muster check' or 'muster lint' means, and what to do.",
               "muster explain");
  ExplainCodeFlags flags;
  auto* const codes = app.add_option(
      "CODE", flags.codes,
      "a reason (response-expired), a verdict, an exit code, or a rule of muster lint "
      "(next-update-present)");
  auto* const list = app.add_flag("--list", flags.list, "every code, a line each");
  list->excludes(codes);
  auto* const json = app.add_flag("--json", flags.json, "for programs");
  app.add_flag("--markdown", flags.markdown, "reasons as a table for docs/formats/reasons.md")
      ->needs(list)
      ->excludes(json);
  app.footer(
      "Why a responder answers a request as it does: 'muster responder explain REQUEST'.\n"
      "Exit codes: 0 explained, 64 usage or a code nobody knows.");
  if (const auto over = parse_command_line(app, argc, argv)) {
    return *over;
  }
  if (flags.codes.empty() && !flags.list) {
    std::fputs("muster explain: name a code, or give --list\n", stderr);
    return kExitUsage;
  }
  return explain_codes(flags,
                       {.now = {}, .colour = colour_of(Paint::kAuto), .columns = screen_columns()});
}

}  // namespace muster::app
