#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "muster/base/text.h"
#include "muster/report/format.h"
#include "muster/report/json.h"
#include "report_fixture.h"
#include "schema_validator.h"
#include "xml_reader.h"

// What others may write into names, URLs and error texts, told in every format.
namespace muster::report {
namespace {

constexpr std::array kHostile = {
    "new\nline\r\nand another",
    "\x1b[2J\x1b[31mred",
    "comma,semicolon;\"quotes\" 'single'",
    "</testcase></testsuites><x a=\"b\">&amp;&bogus;]]>",
    "\u202egnp.exe \u2067 \u200e \u2028",
    "=cmd|' /C calc'!A0",
    "pipe | perf=1;;; `id` $(id) <script>",
    "\xff\xfe not \xc0\x80 UTF-8",
    "{\"verdict\": \"good\"}, ",
    "# HELP fake 1\nfake 1",
    "\uffff\ufffe",
    "%s%n%x 100%",
    "",
};

/// A certificate, a target and evidence that all carry the text.
TargetReport hostile_report(const std::string& text) {
  const Identity leaf = issue(P().intermediate, [&] {
    CertificateSpec spec = leaf_spec("leaf.example");
    // A UTF8String of other octets is refused; a TeletexString is read as Latin-1.
    constexpr auto kTeletexString = static_cast<der::Tag>(0x14);
    const bool is_utf8 = text.find('\xff') == std::string::npos;
    spec.subject = make_name(text, is_utf8 ? der::Tag::kUtf8String : kTeletexString);
    return spec;
  }());
  TargetReport out = report({{Channel::kLive, "http://x.test/" + text,
                              LiveFailure{LiveErrc::kTransport,
                                          text,
                                          net::FetchError{net::FetchErrc::kConnect, text, 0, {}},
                                          {},
                                          {}}}},
                            text, leaf);
  out.peer = text;
  return out;
}
std::vector<TargetReport> hostile_reports(const std::string& text) {
  TargetReport problem = unreadable();
  problem.target = text;
  problem.problem = text;
  return {hostile_report(text), problem};
}

/// Records of cells (RFC 4180); nothing when the text is not well-formed.
std::optional<std::vector<std::vector<std::string>>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& cell = records.back().back();
    if (quoted) {
      if (text[i] != '"') {
        cell += text[i];
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += text[++i];
      } else {
        quoted = false;
      }
    } else if (text[i] == '"') {
      if (!cell.empty()) {
        return std::nullopt;
      }
      quoted = true;
    } else if (text[i] == ',') {
      records.back().emplace_back();
    } else if (text.compare(i, 2, "\r\n") == 0) {
      records.push_back({""});
      ++i;
    } else if (text[i] == '\r' || text[i] == '\n') {
      return std::nullopt;
    } else {
      cell += text[i];
    }
  }
  records.pop_back();
  return quoted ? std::nullopt : std::optional(records);
}

class Hostile : public ::testing::TestWithParam<const char*> {
 protected:
  Hostile() : reports_(hostile_reports(GetParam())) {}
  [[nodiscard]] std::string in(Format format) const {
    return format_reports(
        format, reports_,
        {.view = {.now = kTestNow, .colour = Colour::kPlain, .columns = 0}, .version = "1"});
  }
  std::vector<TargetReport> reports_;
};

TEST_P(Hostile, NoFormatLetsControlOrBidiCharactersThrough) {
  for (int i = 0; i < 9; ++i) {
    const auto format = static_cast<Format>(i);
    std::string text = in(format);
    std::erase(text, '\n');
    if (format == Format::kCsv) {
      std::erase(text, '\r');
    }
    EXPECT_EQ(printable(text), text) << to_string(format);
  }
}

TEST_P(Hostile, LinesStayLines) {
  const std::string table = in(Format::kTable);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4) << table;
  const std::string nagios = in(Format::kNagios);
  EXPECT_EQ(std::count(nagios.begin(), nagios.end(), '\n'), 3) << nagios;
  EXPECT_EQ(std::count(nagios.begin(), nagios.end(), '|'), 1) << nagios;
  EXPECT_EQ(nagios.find_first_of("<>`$&\"'"), std::string::npos) << nagios;
  const std::regex sample(
      "(# (HELP|TYPE) muster_check_.*|muster_check_[a-z_]+(\\{([a-z]+=\"([^\"\\\\]|\\\\.)*\",?)+"
      "\\})? -?[0-9.]+)");
  const std::string metrics = in(Format::kPrometheus);
  for (const std::string_view line : split(trim(metrics), '\n')) {
    EXPECT_TRUE(std::regex_match(std::string(line), sample)) << line;
  }
}

TEST_P(Hostile, StructureStaysStructure) {
  Validator validator;
  EXPECT_THAT(validator.problems(Json::parse(in(Format::kJson))), ::testing::IsEmpty());
  const std::string lines = in(Format::kNdjson);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  for (const std::string_view line : split(trim(lines), '\n')) {
    EXPECT_THAT(validator.problems(Json::parse(line), "line"), ::testing::IsEmpty());
  }
  EXPECT_EQ(Json::parse(in(Format::kSarif))["version"], "2.1.0");
  EXPECT_EQ(find_xml_fault(in(Format::kJunit)), "");
  const auto records = read_csv(in(Format::kCsv));
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 3U);
  for (const auto& record : *records) {
    EXPECT_EQ(record.size(), records->front().size());
    for (const std::string& cell : record) {
      EXPECT_EQ(std::string("=+-@").find(cell.empty() ? 'x' : cell.front()), std::string::npos)
          << cell;
    }
  }
  const std::string target = records->at(1).front();
  EXPECT_TRUE(target == printable(GetParam()) || target == "'" + printable(GetParam())) << target;
}

INSTANTIATE_TEST_SUITE_P(Texts, Hostile, ::testing::ValuesIn(kHostile));

TEST(XmlReader, NoticesWhatIsWrong) {
  for (const char* wrong : {"<a>", "<a></b>", "<a b=\"<\"/>", "<a>&x;</a>", "<a>\x01</a>", "",
                            "<a/></a>", "<a></a><b></b>"}) {
    EXPECT_NE(find_xml_fault(wrong), "") << wrong;
  }
  EXPECT_EQ(find_xml_fault("<?xml version=\"1.0\"?>\n<a b=\"&lt;\"><c/>t</a>\n"), "");
}

}  // namespace
}  // namespace muster::report
