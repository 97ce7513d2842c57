#include "muster/source/index_txt.h"

#include <gtest/gtest.h>

#include <array>

#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

namespace muster::source {
namespace {

using store::State;

IndexRecord must_parse(std::string_view line) {
  auto record = parse_index_line(line);
  EXPECT_TRUE(record) << line << ": " << (record ? "" : to_string(record.error()));
  if (!record) {
    std::abort();
  }
  return *record;
}
void expect_error(std::string_view line, IndexErrc code) {
  const auto record = parse_index_line(line);
  ASSERT_FALSE(record) << line;
  EXPECT_EQ(record.error(), code) << line << ": " << to_string(record.error());
}
UnixSeconds at(std::string_view text) { return *parse_iso8601(text); }
std::string revoked_line(std::string_view field) {
  return "R\t300101000000Z\t" + std::string(field) + "\t0A\tunknown\t/CN=x";
}

// req: OCSP-CRL-056
TEST(IndexLine, ReadsWhatOpensslWrites) {
  const IndexRecord valid = must_parse("V\t271124100000Z\t\t4A19C2\tunknown\t/C=DE/O=Corp/CN=leaf");
  EXPECT_EQ(valid.serial.to_hex(), "4A19C2");
  EXPECT_EQ(valid.status.state, State::kGood);
  EXPECT_FALSE(valid.status.revoked_at);
  EXPECT_EQ(valid.status.expires, at("2027-11-24T10:00:00Z"));
  EXPECT_EQ(valid.file, "unknown");
  EXPECT_EQ(valid.subject, "/C=DE/O=Corp/CN=leaf");
  const IndexRecord revoked =
      must_parse("R\t271124100000Z\t261120080910Z\t00FF\t/certs/00FF.pem\t/CN=x");
  EXPECT_EQ(revoked.status.state, State::kRevoked);
  EXPECT_EQ(revoked.status.revoked_at, at("2026-11-20T08:09:10Z"));
  EXPECT_FALSE(revoked.status.reason);
  EXPECT_EQ(to_hex(revoked.serial.octets()), "00ff") << "the sign octet is put back";
  const IndexRecord expired = must_parse("E\t200101000000Z\t\t01\tunknown\t/CN=x");
  EXPECT_EQ(expired.status.state, State::kGood);
  EXPECT_EQ(expired.status.expires, at("2020-01-01T00:00:00Z"));
}

TEST(IndexLine, AnExpiredEntryWithARevocationStaysRevoked) {
  EXPECT_EQ(
      must_parse("E\t200101000000Z\t190101000000Z,superseded\t01\tunknown\t/CN=x").status.state,
      State::kRevoked);
}

TEST(IndexLine, YearsOfTwoAndFourDigits) {
  const auto expires = [](std::string_view date) {
    return must_parse("V\t" + std::string(date) + "\t\t01\tunknown\t/CN=x").status.expires;
  };
  EXPECT_EQ(expires("500101000000Z"), at("1950-01-01T00:00:00Z"));
  EXPECT_EQ(expires("491231235959Z"), at("2049-12-31T23:59:59Z"));
  EXPECT_EQ(expires("20500101000000Z"), at("2050-01-01T00:00:00Z"));
  EXPECT_EQ(expires("99991231235959Z"), at("9999-12-31T23:59:59Z"));
  EXPECT_EQ(expires("20280229000000Z"), at("2028-02-29T00:00:00Z"));
}

TEST(IndexLine, EveryReasonOpensslWrites) {
  const auto reason = [](std::string_view text) {
    return must_parse(revoked_line("260101000000Z," + std::string(text))).status;
  };
  EXPECT_EQ(reason("unspecified").reason, ReasonCode::kUnspecified);
  EXPECT_EQ(reason("keyCompromise").reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(reason("CACompromise").reason, ReasonCode::kCaCompromise);
  EXPECT_EQ(reason("affiliationChanged").reason, ReasonCode::kAffiliationChanged);
  EXPECT_EQ(reason("superseded").reason, ReasonCode::kSuperseded);
  EXPECT_EQ(reason("cessationOfOperation").reason, ReasonCode::kCessationOfOperation);
  EXPECT_EQ(reason("privilegeWithdrawn").reason, ReasonCode::kPrivilegeWithdrawn);
  EXPECT_EQ(reason("AACompromise").reason, ReasonCode::kAaCompromise);
  EXPECT_EQ(reason("KEYCOMPROMISE").reason, ReasonCode::kKeyCompromise)
      << "case does not count, as in openssl";
  EXPECT_FALSE(reason("removeFromCRL").reason);
  EXPECT_EQ(reason("removeFromCRL").state, State::kRevoked) << "means something in delta CRLs only";
  for (const std::string_view hold : {"certificateHold", "holdInstruction,holdInstructionReject",
                                      "holdInstruction,1.2.840.10040.2.3"}) {
    EXPECT_EQ(reason(hold).state, State::kHold) << hold;
    EXPECT_EQ(reason(hold).reason, ReasonCode::kCertificateHold) << hold;
  }
  EXPECT_EQ(reason("keyTime,20251224120000Z").reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(reason("keyTime,20251224120000Z").invalidity_date, at("2025-12-24T12:00:00Z"));
  EXPECT_EQ(reason("CAkeyTime,20251224120000Z").reason, ReasonCode::kCaCompromise);
}

// req: OCSP-CRL-043
TEST(IndexLine, OddSerials) {
  const auto serial = [](std::string_view text) {
    return to_hex(must_parse("V\t300101000000Z\t\t" + std::string(text) + "\tunknown\t/CN=x")
                      .serial.octets());
  };
  EXPECT_EQ(serial("00"), "00");
  EXPECT_EQ(serial("0001"), "01");
  EXPECT_EQ(serial("-66"), "9a");
  EXPECT_EQ(serial("-80"), "80");
  EXPECT_EQ(serial("80"), "0080");
  EXPECT_EQ(serial("ab"), "00ab");
  EXPECT_EQ(serial("1"), "01");
  EXPECT_EQ(serial("-1"), "ff");
  EXPECT_EQ(serial(std::string(126, '7')), std::string(126, '7'));
}

TEST(IndexLine, EscapedTabsStayInTheirField) {
  const IndexRecord record = must_parse("V\t300101000000Z\t\t01\tunknown\t/CN=a\\\tb");
  EXPECT_EQ(record.subject, "/CN=a\\\tb");
}

TEST(IndexLine, RefusesEverythingElseWithItsReason) {
  expect_error("", IndexErrc::kFieldCount);
  expect_error("V\t300101000000Z\t\t01\tunknown", IndexErrc::kFieldCount);
  expect_error("V\t300101000000Z\t\t01\tunknown\t/CN=x\tmore", IndexErrc::kFieldCount);
  expect_error("V 300101000000Z  01 unknown /CN=x", IndexErrc::kFieldCount);
  expect_error("X\t300101000000Z\t\t01\tunknown\t/CN=x", IndexErrc::kBadFlag);
  expect_error("v\t300101000000Z\t\t01\tunknown\t/CN=x", IndexErrc::kBadFlag);
  expect_error("VV\t300101000000Z\t\t01\tunknown\t/CN=x", IndexErrc::kBadFlag);
  for (const std::string_view date :
       {"", "300101000000", "3001010000Z", "301301000000Z", "300230000000Z", "300101240000Z",
        "300101006000Z", "300101000060Z", "30010100000AZ", "300101000000+0100Z", "-00101000000Z"}) {
    expect_error("V\t" + std::string(date) + "\t\t01\tunknown\t/CN=x", IndexErrc::kBadExpiry);
  }
  expect_error("V\t300101000000Z\t260101000000Z\t01\tunknown\t/CN=x", IndexErrc::kBadRevocation);
  expect_error("R\t300101000000Z\t\t01\tunknown\t/CN=x", IndexErrc::kBadRevocation);
  expect_error(revoked_line("keyCompromise"), IndexErrc::kBadRevocation);
  for (const std::string_view reason :
       {"", "foo", "keyTime", "keyTime,", "keyTime,yesterday", "holdInstruction",
        "holdInstruction,", "superseded,more", "keyTime,20251224120000Z,more"}) {
    expect_error(revoked_line("260101000000Z," + std::string(reason)), IndexErrc::kBadReason);
  }
  for (const std::string& serial : std::vector<std::string>{"", "-", "XY", "01:02", "0x01", " 01",
                                                            "--1", std::string(130, '7')}) {
    expect_error("V\t300101000000Z\t\t" + serial + "\tunknown\t/CN=x", IndexErrc::kBadSerial);
  }
  expect_error(std::string("V\t300101000000Z\t\t01\tunk\0own\t/CN=x", 34), IndexErrc::kBadOctet);
}

TEST(IndexLine, HasNoControlCharacterAnywhere) {
  const std::string good = "V\t300101000000Z\t\t01\tunknown\t/CN=\xc3\xbc x";
  ASSERT_TRUE(parse_index_line(good));
  for (std::size_t at = 0; at <= good.size(); ++at) {
    for (char c = 0; c < 0x20; ++c) {
      std::string line = good;
      line.insert(at, 1, c);
      const auto record = parse_index_line(line);
      EXPECT_EQ(!record && record.error() == IndexErrc::kBadOctet, c != '\t')
          << int{c} << " at " << at;
    }
  }
}

TEST(IndexLine, TakesEveryOtherCharacter) {
  for (int value = 0x20; value < 0x100; ++value) {
    const std::string name(9, static_cast<char>(value));
    EXPECT_EQ(must_parse("V\t300101000000Z\t\t01\tunknown\t" + name).subject, name) << value;
  }
}

// Lines are read eight octets at a time: fields of every length put tabs at every place.
TEST(IndexLine, TabsCountWhereverTheyAre) {
  for (std::size_t file = 0; file <= 17; ++file) {
    for (std::size_t subject = 0; subject <= 17; ++subject) {
      const std::string file_text(file, 'f');
      const std::string subject_text(subject, 's');
      const std::string line = "V\t300101000000Z\t\t01\t" + file_text + "\t" + subject_text;
      const IndexRecord record = must_parse(line);
      EXPECT_EQ(record.file, file_text);
      EXPECT_EQ(record.subject, subject_text);
      EXPECT_EQ(must_parse(line + "\\\t").subject, subject_text + "\\\t");
      expect_error(line + "\t", IndexErrc::kFieldCount);
      expect_error(line + "\\\t\t", IndexErrc::kFieldCount);
      expect_error(line + "\t\x01", IndexErrc::kBadOctet);
      expect_error(line + std::string(1, '\0'), IndexErrc::kBadOctet);
      expect_error(line.substr(1), IndexErrc::kBadFlag);
    }
  }
  expect_error("\t", IndexErrc::kFieldCount);
  expect_error("\t\t\t\t\t", IndexErrc::kBadFlag);
  expect_error("\t\t\t\t\t\t\t\t\t", IndexErrc::kFieldCount);
}

std::string two_digits(unsigned number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

TEST(IndexTime, EveryDayThereIsAndNoOther) {
  const std::array<unsigned, 12> lengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (const unsigned year : {0u, 1900u, 1950u, 1999u, 2000u, 2027u, 2028u, 2049u, 2100u, 9999u}) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (unsigned month = 0; month <= 99; ++month) {
      for (unsigned day = 0; day <= 99; ++day) {
        const bool known = month >= 1 && month <= 12;
        const unsigned last = known ? lengths[month - 1] + (leap && month == 2 ? 1u : 0u) : 0u;
        const std::string years = two_digits(year / 100) + two_digits(year % 100);
        const std::string rest = two_digits(month) + two_digits(day) + "235958Z";
        std::optional<UnixSeconds> expected;
        if (day >= 1 && day <= last) {
          expected = at(years + "-" + two_digits(month) + "-" + two_digits(day) + "T23:59:58Z");
        }
        ASSERT_EQ(parse_index_time(years + rest), expected) << years << rest;
        if (year >= 1950 && year < 2050) {
          ASSERT_EQ(parse_index_time(years.substr(2) + rest), expected) << years << rest;
        }
      }
    }
  }
}

TEST(IndexTime, DigitsAndNothingElse) {
  for (const std::string_view text : {"300101091509Z", "20300101091509Z"}) {
    const std::string good(text);
    ASSERT_EQ(parse_index_time(good), at("2030-01-01T09:15:09Z"));
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (int value = 0; value < 0x100; ++value) {
        const char c = static_cast<char>(value);
        const bool fits = i + 1 == good.size() ? c == 'Z' : c >= '0' && c <= '9';
        if (!fits) {
          std::string other = good;
          other[i] = c;
          ASSERT_FALSE(parse_index_time(other)) << value << " at " << i;
        }
      }
    }
    EXPECT_FALSE(parse_index_time(good.substr(1)));
    EXPECT_FALSE(parse_index_time("0" + good));
  }
}

TEST(IndexTime, HoursMinutesAndSecondsHaveTheirEnds) {
  EXPECT_TRUE(parse_index_time("300101235959Z"));
  EXPECT_TRUE(parse_index_time("300101000000Z"));
  for (const std::string_view time : {"300101240000Z", "300101990000Z", "300101006000Z",
                                      "300101009900Z", "300101000060Z", "300101000099Z"}) {
    EXPECT_FALSE(parse_index_time(time)) << time;
  }
}

TEST(IndexLine, WhatIsWrittenIsReadBack) {
  const Serial serial = *Serial::from_hex("FF01");
  store::Status status;
  status.expires = at("2049-12-31T23:59:59Z");
  const auto round_trip = [&] {
    const std::string line = encode_index_line(serial, status);
    EXPECT_EQ(line.back(), '\n');
    const IndexRecord record = must_parse(std::string_view(line).substr(0, line.size() - 1));
    EXPECT_EQ(record.serial, serial);
    return record.status;
  };
  EXPECT_EQ(round_trip(), status);
  status.expires = at("2050-01-01T00:00:00Z");
  EXPECT_EQ(round_trip(), status);
  status.revoked_at = at("1999-01-01T00:00:00Z");
  status.state = State::kRevoked;
  EXPECT_EQ(round_trip(), status);
  for (const unsigned reason : {0u, 1u, 2u, 3u, 4u, 5u, 9u, 10u}) {
    status.reason = static_cast<ReasonCode>(reason);
    EXPECT_EQ(round_trip(), status) << reason;
  }
  status.reason = ReasonCode::kKeyCompromise;
  status.invalidity_date = at("1998-01-01T00:00:00Z");
  EXPECT_EQ(round_trip(), status);
  status.invalidity_date.reset();
  status.reason = ReasonCode::kCertificateHold;
  status.state = State::kHold;
  EXPECT_EQ(round_trip(), status);
  status.expires.reset();
  EXPECT_EQ(round_trip().expires, at("9999-12-31T23:59:59Z"));
}

struct Parsed {
  std::vector<std::string> serials;
  std::vector<std::size_t> lines;
  std::optional<IndexError> error;
};
Parsed parse(std::string_view text, std::size_t piece) {
  Parsed parsed;
  IndexParser parser([&](const IndexRecord& record, std::size_t line) {
    parsed.serials.push_back(record.serial.to_hex());
    parsed.lines.push_back(line);
    return true;
  });
  for (std::size_t at = 0; at < text.size() && !parsed.error; at += piece) {
    if (const auto fed = parser.feed(text.substr(at, piece)); !fed) {
      parsed.error = fed.error();
    }
  }
  if (!parsed.error) {
    if (const auto end = parser.finish(); !end) {
      parsed.error = end.error();
    }
  }
  return parsed;
}

TEST(IndexParser, GivesTheSameHoweverTheOctetsArrive) {
  const std::string text =
      "# "
      "comment\nV\t300101000000Z\t\t01\tunknown\t/"
      "CN=x\r\n\r\n\nR\t300101000000Z\t260101000000Z\t02\tunknown\t/CN=y\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const Parsed parsed = parse(text, piece);
    EXPECT_FALSE(parsed.error);
    EXPECT_EQ(parsed.serials, (std::vector<std::string>{"01", "02"}));
    EXPECT_EQ(parsed.lines, (std::vector<std::size_t>{2, 5}));
  }
}

TEST(IndexParser, NamesTheLine) {
  const Parsed parsed = parse("V\t300101000000Z\t\t01\tunknown\t/CN=x\nbroken\n", 7);
  ASSERT_TRUE(parsed.error);
  EXPECT_EQ(parsed.error->line, 2u);
  EXPECT_EQ(parsed.error->code, IndexErrc::kFieldCount);
}

TEST(IndexParser, ARecordCutAnywhereIsNotTaken) {
  const std::string text =
      "V\t300101000000Z\t\t01\tunknown\t/CN=x\nR\t300101000000Z\t260101000000Z\t02\tunknown\t/"
      "CN=y\n";
  const std::size_t first = text.find('\n') + 1;
  for (std::size_t n = 0; n < text.size(); ++n) {
    const Parsed parsed = parse(std::string_view(text).substr(0, n), 1000);
    const bool whole_lines = n == 0 || n == first;
    EXPECT_EQ(parsed.error.has_value(), !whole_lines) << n;
  }
}

TEST(IndexParser, BoundsALine) {
  const std::string fits =
      "V\t300101000000Z\t\t01\tunknown\t" + std::string(kMaxIndexLineOctets - 28, 'x');
  ASSERT_EQ(fits.size(), kMaxIndexLineOctets);
  EXPECT_FALSE(parse(fits + "\n", 1000).error);
  const Parsed parsed = parse(fits + "x\n", 1000);
  ASSERT_TRUE(parsed.error);
  EXPECT_EQ(parsed.error->code, IndexErrc::kLineTooLong);
}

// What openssl itself writes, through issue, revoke with every reason, and -updatedb.
// req: OCSP-CRL-056
TEST(IndexParser, ReadsTheDatabaseOfARealCa) {
  if (!muster::testing::find_program("openssl")) {
    GTEST_SKIP() << "no openssl program";
  }
  const muster::testing::TempDir dir;
  dir.write("ca.cnf",
            "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_"
            "md=sha256\n"
            "default_days=30\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n[req]"
            "\ndistinguished_name=d\n[d]\n");
  dir.write("index.txt", "");
  dir.write("serial", "FF10\n");
  const auto run = [&](std::vector<std::string> arguments) {
    muster::testing::ProcessOptions options;
    options.directory = dir.path();
    arguments.insert(arguments.begin(), "openssl");
    const auto result = muster::testing::run_process(arguments, options);
    ASSERT_EQ(result.exit_code, 0) << result.describe();
  };
  run({"req", "-x509", "-config", "ca.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
       "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-days", "99"});
  run({"req", "-config", "ca.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-keyout", "l.key", "-out", "l.csr", "-subj", "/CN=a\tb"});
  const std::vector<std::vector<std::string>> revocations = {
      {},
      {"-crl_reason", "keyCompromise"},
      {"-crl_reason", "removeFromCRL"},
      {"-crl_hold", "holdInstructionReject"},
      {"-crl_compromise", "20251224120000Z"},
      {"-crl_CA_compromise", "20251224120000Z"},
  };
  for (std::size_t i = 0; i <= revocations.size(); ++i) {
    run({"ca", "-config", "ca.cnf", "-batch", "-cert", "ca.pem", "-keyfile", "ca.key", "-in",
         "l.csr", "-out", "l.pem", "-notext"});
    if (i < revocations.size()) {
      std::vector<std::string> revoke = {"ca",       "-config", "ca.cnf",  "-cert", "ca.pem",
                                         "-keyfile", "ca.key",  "-revoke", "l.pem"};
      revoke.insert(revoke.end(), revocations[i].begin(), revocations[i].end());
      run(revoke);
    }
  }
  run({"ca", "-config", "ca.cnf", "-batch", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "l.csr",
       "-out", "l.pem", "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"});
  run({"ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-updatedb"});

  std::vector<store::Status> statuses;
  std::vector<std::string> serials;
  IndexParser parser([&](const IndexRecord& record, std::size_t) {
    statuses.push_back(record.status);
    serials.push_back(record.serial.to_hex());
    return true;
  });
  const auto fed = parser.feed(muster::testing::read_text(dir.file("index.txt")));
  ASSERT_TRUE(fed) << fed.error().line << ": " << to_string(fed.error().code);
  ASSERT_TRUE(parser.finish());
  ASSERT_EQ(statuses.size(), 8u);
  EXPECT_EQ(serials.front(), "FF10");
  EXPECT_EQ(statuses[0].state, State::kRevoked);
  EXPECT_FALSE(statuses[0].reason);
  EXPECT_EQ(statuses[1].reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(statuses[2].state, State::kRevoked);
  EXPECT_EQ(statuses[3].state, State::kHold);
  EXPECT_EQ(statuses[4].reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(statuses[4].invalidity_date, at("2025-12-24T12:00:00Z"));
  EXPECT_EQ(statuses[5].reason, ReasonCode::kCaCompromise);
  EXPECT_EQ(statuses[6].state, State::kGood);
  EXPECT_EQ(statuses[7].state, State::kGood);
  EXPECT_EQ(statuses[7].expires, at("2020-02-01T00:00:00Z")) << "an E entry";
}

}  // namespace
}  // namespace muster::source
