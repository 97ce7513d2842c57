#include "options_check_output.h"

#include <filesystem>

#include "muster/base/text.h"
#include "options_check_parts.h"

namespace muster::app {
namespace {

constexpr const char* kDefaultInterval = "60s";
constexpr Seconds kLeastInterval{1};

std::string take_threshold(const std::string& text, std::optional<report::Threshold>& into) {
  into = report::parse_threshold(text);
  return into ? "" : "is not a threshold (30d, 20%, or 30d,20%)";
}

}  // namespace

void declare_output(CLI::App& app, CheckOutput& o) {
  FlagGroup group(app, kOutputGroup);
  group.parsed(
      "--format",
      [&o](const std::string& text) {
        o.format = report::parse_format(text);
        return o.format ? "" : "is not one of " + report::all_formats();
      },
      "NAME", "text, table, json, ndjson, csv, nagios, junit, sarif, prometheus");
  group.flag("--json", o.json, "--format json (docs/formats/check.schema.json)");
  group.text("--output", o.file, "FILE", "there, replaced as a whole, not on standard output");
  group.parsed(
      "--fail-on",
      [&o](const std::string& text) -> std::string {
        const auto level = report::parse_fail_on(text);
        o.fail_on = level.value_or(o.fail_on);
        return level ? "" : "is not one of revoked, unacceptable, unknown, undetermined, warning";
      },
      "LEVEL", "exit 0 below: revoked, unacceptable, unknown, undetermined, warning (default)");
  group.parsed(
      "-w,--warning", [&o](const std::string& text) { return take_threshold(text, o.warning); },
      "LIMITS", "nagios: warn when a certificate lasts less than 30d, an answer 20% of its life");
  group.parsed(
      "-c,--critical", [&o](const std::string& text) { return take_threshold(text, o.critical); },
      "LIMITS", "nagios: critical below; both limits: 7d,5%");
  group.parsed(
      "--watch",
      [&o](const std::string& text) -> std::string {
        o.watch = parse_duration(text);
        return o.watch && *o.watch >= kLeastInterval ? "" : "is not a duration of at least 1s";
      },
      "[TIME]", "again and again, 60s between rounds; a table with changes marked");
  group.parsed(
      "--colour,--color",
      [&o](const std::string& text) -> std::string {
        if (text != "auto" && text != "always" && text != "never") {
          return "is not one of auto, always, never";
        }
        o.paint = text == "always"  ? Paint::kAlways
                  : text == "never" ? Paint::kNever
                                    : Paint::kAuto;
        return "";
      },
      "WHEN", "auto (on a terminal, without NO_COLOR), always, never");
  group.flag("-q,--quiet", o.quiet, "no progress; text and table leave out what is good");
}

std::string find_contradiction(const CheckOutput& o) {
  const report::Format format = o.chosen();
  if (o.json && o.format && *o.format != report::Format::kJson) {
    return "--json and --format " + std::string(report::to_string(*o.format)) +
           " exclude each other";
  }
  if ((o.warning || o.critical) && format != report::Format::kNagios) {
    return "--warning and --critical are for --format nagios";
  }
  if (o.watch && o.file.empty() && format != report::Format::kTable &&
      format != report::Format::kText && format != report::Format::kNdjson) {
    return "--watch prints text, table or ndjson; other formats need --output FILE, which is "
           "replaced after each round";
  }
  if (!o.file.empty()) {
    const std::filesystem::path directory = std::filesystem::path(o.file).parent_path();
    std::error_code ignored;
    if (!directory.empty() && !std::filesystem::is_directory(directory, ignored)) {
      return "--output " + printable(o.file) + ": there is no such directory";
    }
  }
  return "";
}

std::vector<std::string> with_watch_value(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") {
      words.insert(words.end(), argv + i, argv + argc);
      break;
    }
    if (word != "--watch") {
      words.push_back(word);
    } else if (i + 1 < argc && parse_duration(argv[i + 1])) {
      words.push_back(word + "=" + argv[++i]);
    } else {
      words.push_back(word + "=" + kDefaultInterval);
    }
  }
  return words;
}

}  // namespace muster::app
