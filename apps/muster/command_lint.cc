#include <cstdio>

#include "muster/base/text.h"
#include "muster/client/request.h"
#include "options_lint.h"

namespace muster::app {
namespace {

/// What the targets come to.
struct Tally {
  std::vector<lint::Report> reports;
  bool has_findings = false;
  bool has_unreadable = false;
  bool has_silent = false;
  [[nodiscard]] int exit_code() const {
    return has_findings     ? kExitFindings
           : has_unreadable ? kExitInput
           : has_silent     ? kExitUnavailable
                            : kExitOk;
  }
};

lint::Report problem(const std::string& target, std::string text) {
  lint::Report report;
  report.target = target;
  report.problem = std::move(text);
  return report;
}

void lint_file(const std::string& path, const LintInput& input, UnixSeconds now, Tally& tally) {
  const auto subjects = load_lint_subjects(path, input, now);
  if (!subjects) {
    tally.has_unreadable = true;
    tally.reports.push_back(problem(path, subjects.error().message));
    return;
  }
  for (const lint::Subject& subject : *subjects) {
    tally.reports.push_back(lint::lint(subject, input.profiles));
  }
}

std::vector<lint::Probe> plan_for(const std::string& url, const LintInput& input,
                                  const LintQuestion& question) {
  return lint::plan({.url = url,
                     .issuer = question.issuer,
                     .serial = question.serial,
                     .profiles = input.profiles,
                     .random = client::make_nonce});
}

void lint_responder(const std::string& url, const LintOptions& options, const LintInput& input,
                    const LintQuestion& question, Tally& tally) {
  const SystemClock clock;
  lint::Subject subject;
  subject.name = url;
  subject.issuer = question.issuer;
  subject.certificate = question.certificate;
  subject.known_signers = input.known_signers;
  subject.trusted_responders = input.trusted_responders;
  subject.exchanges = lint::run(plan_for(url, input, question),
                                {.timeout = options.timeout, .proxy = options.proxy}, clock);
  subject.now = clock.now();
  std::size_t answers = 0;
  for (const lint::Exchange& exchange : subject.exchanges) {
    answers += exchange.http->status != 0 ? 1U : 0U;
  }
  if (answers == 0) {
    tally.has_silent = true;
    tally.reports.push_back(
        problem(url, "no answer to any of " + std::to_string(subject.exchanges.size()) +
                         " requests: " + subject.exchanges.front().http->failure));
    return;
  }
  tally.reports.push_back(lint::lint(subject, input.profiles));
}

/// Without a profile all rules are listed.
int list_rules(const LintOptions& options, const LintInput& input) {
  const auto profiles =
      options.profiles.empty() ? static_cast<lint::ProfileSet>(~0U) : input.profiles;
  std::fputs(options.format == LintFormat::kJson ? lint::rules_json(profiles).c_str()
                                                 : lint::rules_markdown(profiles).c_str(),
             stdout);
  return kExitOk;
}

std::string nothing_in(const std::vector<std::string>& targets) {
  return "no OCSP response, CRL or certificate of an OCSP signer in '" +
         printable(targets.front()) + "'" + (targets.size() == 1 ? "" : " and what else was named");
}

int fail_with(const Failure& failure) {
  std::fprintf(stderr, "muster lint: %s\n", failure.message.c_str());
  return failure.exit_code;
}

}  // namespace

int run_lint(int argc, char** argv) {
  LintOptions options;
  if (const auto over = parse_lint_options(argc, argv, options)) {
    return *over;
  }
  const auto input = load_lint_input(options);
  if (!input) {
    return fail_with(input.error());
  }
  if (options.list_rules) {
    return list_rules(options, *input);
  }
  const auto targets = find_lint_targets(options.targets);
  if (!targets) {
    return fail_with(targets.error());
  }
  std::optional<LintQuestion> question;
  if (std::any_of(targets->begin(), targets->end(), [](const auto& t) { return t.is_url; })) {
    auto chosen = choose_lint_question(*input);
    if (!chosen) {
      return fail_with(chosen.error());
    }
    question = *std::move(chosen);
  }
  const UnixSeconds now = options.at.value_or(SystemClock().now());
  Tally tally;
  for (const LintTarget& target : *targets) {
    if (options.dry_run) {
      if (target.is_url) {
        std::fputs(lint::plan_text(plan_for(target.name, *input, *question)).c_str(), stdout);
      }
    } else if (target.is_url) {
      lint_responder(target.name, options, *input, *question, tally);
    } else {
      lint_file(target.name, *input, now, tally);
    }
  }
  if (options.dry_run) {
    return kExitOk;
  }
  if (tally.reports.empty()) {
    return fail_with({kExitInput, nothing_in(options.targets)});
  }
  for (const lint::Report& report : tally.reports) {
    for (const lint::Level level : {lint::Level::kInfo, lint::Level::kShould, lint::Level::kMust}) {
      tally.has_findings |= level >= options.fail_on && report.findings(level) > 0;
    }
  }
  const lint::ReportHead head{now, input->profiles, options.fail_on};
  const std::string text =
      options.format == LintFormat::kJson    ? lint::report_json(tally.reports, head)
      : options.format == LintFormat::kJunit ? lint::report_junit(tally.reports, head)
                                             : lint::report_text(tally.reports, head);
  std::fputs(text.c_str(), stdout);
  return tally.exit_code();
}

}  // namespace muster::app
