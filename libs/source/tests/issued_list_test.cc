#include "muster/source/issued_list.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "crl_set_fixture.h"

namespace muster::source {
namespace {

using testing::CrlSetTest;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::numbered;
using testing::revoked_line;
using testing::valid_line;

std::map<std::string, std::optional<UnixSeconds>> records(std::string_view text) {
  std::map<std::string, std::optional<UnixSeconds>> all;
  const auto read =
      read_issued_list(text, [&](const Serial& serial, std::optional<UnixSeconds> expires) {
        all.emplace(serial.to_hex(), expires);
        return true;
      });
  EXPECT_TRUE(read) << to_string(read.error().code);
  EXPECT_TRUE(!read || *read == all.size());
  return all;
}
IssuedError error_of(std::string_view text) {
  const auto read =
      read_issued_list(text, [](const Serial&, std::optional<UnixSeconds>) { return true; });
  EXPECT_FALSE(read) << text;
  return read ? IssuedError{} : read.error();
}

TEST(IssuedList, ReadsSerialsAndExpiries) {
  const auto all = records(
      "# issued by the CA\n\n4a19C2\n00ff,2027-01-31T00:00:00Z\r\n01 2027-01-31\n  "
      "02\t270131000000Z  # comment\n03;20270131000000Z\n"
      "AB:CD\n");
  const UnixSeconds end = *parse_iso8601("2027-01-31T00:00:00Z");
  EXPECT_EQ(all.size(), 6u);
  EXPECT_FALSE(all.at("4A19C2"));
  EXPECT_FALSE(all.at("ABCD"));
  for (const char* serial : {"FF", "01", "02", "03"}) {
    EXPECT_EQ(all.at(serial), end) << serial;
  }
}

TEST(IssuedList, ReadsAnIndexAsOne) {
  const auto all = records("\n" + valid_line("01") + revoked_line("02"));
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(all.at("02"), *parse_iso8601("2030-01-01T00:00:00Z"));
}

TEST(IssuedList, NamesTheLineOfEveryFault) {
  using Code = IssuedErrc;
  const std::vector<std::tuple<std::string, Code, std::size_t>> cases = {
      {"01\nxyz\n", Code::kBadSerial, 2},
      {"01\n" + std::string(200, 'a') + "\n", Code::kBadSerial, 2},
      {"01 tomorrow\n", Code::kBadExpiry, 1},
      {"01 @5\n", Code::kBadExpiry, 1},
      {"01 2027-01-31 x\n", Code::kFieldCount, 1},
      {std::string("01\n0\0002\n", 7), Code::kBadOctet, 2},
      {"01\n02", Code::kNoNewline, 2},
      {"01\n" + std::string(kMaxIssuedLineOctets + 1, '0') + "\n", Code::kLineTooLong, 2},
      {valid_line("01") + "02\n", Code::kBadIndex, 2},
      {valid_line("01") + "V\t30", Code::kNoNewline, 2},
  };
  for (const auto& [text, code, line] : cases) {
    const IssuedError error = error_of(text);
    EXPECT_EQ(error.code, code) << text.substr(0, 40);
    EXPECT_EQ(error.line, line) << text.substr(0, 40);
    EXPECT_FALSE(to_string(error.code).empty());
  }
}

class IssuedInSet : public CrlSetTest {
 protected:
  IssuedInSet() {
    add_files({"ca.crl"});
    spec_.crls.issued_files = {directory_.file("issued.txt")};
    write("ca.crl", numbered(5, {2}));
  }
  bool knows_good(std::uint64_t serial) {
    const auto record = find(testing::make_serial(serial).to_hex());
    return record && record->state == store::State::kGood;
  }
  /// Whether the responder may say of no serial that it is good or that it was never issued.
  bool withholds_the_rest() {
    const store::IssuerState facts = state();
    return facts.not_revoked_until == UnixSeconds{} && facts.never_issued_until == UnixSeconds{} &&
           facts.knows_issued == store::KnowsIssued::kYes;
  }
};

// req: OCSP-CRL-055
TEST_F(IssuedInSet, TellsIssuedFromNeverIssued) {
  ASSERT_TRUE(look().loaded) << "without the list only revocations are told";
  EXPECT_TRUE(is_revoked(2));
  EXPECT_TRUE(withholds_the_rest());
  directory_.write("issued.txt", "01\n02\n03 2027-01-31\n");
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_EQ(state().knows_issued, store::KnowsIssued::kYes);
  EXPECT_TRUE(knows_good(1) && knows_good(3));
  EXPECT_TRUE(is_revoked(2)) << "the CRL outweighs the list";
  EXPECT_FALSE(find("04"));
  EXPECT_EQ(find("03")->expires, *parse_iso8601("2027-01-31T00:00:00Z"));
  EXPECT_EQ(status().knows_issued, store::KnowsIssued::kYes);
  directory_.write("issued.txt", "01\n02\n03 2027-01-31\n04\n");
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(knows_good(4));
}

// A list that cannot be read holds up no revocation, and lets nobody be called good or never
// issued. req: OCSP-CRL-055
TEST_F(IssuedInSet, AnUnreadableListHoldsUpNoRevocation) {
  directory_.write("issued.txt", "01\n02\nhalf");
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(is_revoked(2) && withholds_the_rest());
  EXPECT_EQ(error(), SourceErrc::kMalformed);
  EXPECT_THAT(error_text(), HasSubstr("issued.txt: line 3"));
  EXPECT_THAT(error_text(), HasSubstr("correct the file"));
  write("ca.crl", numbered(6, {2, 4}));
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(is_revoked(2) && is_revoked(4) && withholds_the_rest()) << "and no later one";
  const auto turn = (write("ca.crl", numbered(7, {4})), look());
  ASSERT_TRUE(turn.loaded);
  EXPECT_TRUE(is_revoked(2)) << "whether it expired only the list can tell";
  EXPECT_EQ(turn.loaded->kept_revoked(), 0u) << "nor whether that is alarming";
  clock_.advance(std::chrono::hours(24 * 30));
  look();
  EXPECT_TRUE(withholds_the_rest()) << "the CRL being over changes nothing of it";
  clock_.jump_to(kTestNow);
  directory_.write("issued.txt", "01\n04\n");
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(knows_good(1) && is_revoked(4) && covers_everything());
  EXPECT_FALSE(is_revoked(2)) << "the list does not know it any more";
  EXPECT_EQ(state().never_issued_until, std::nullopt);
}

TEST_F(IssuedInSet, ADirectoryWithoutAnyListSaysSo) {
  spec_.crls.issued_files.clear();
  spec_.crls.issued_directories = {directory_.file("issued")};
  std::filesystem::create_directories(directory_.file("issued"));
  look();
  EXPECT_TRUE(is_revoked(2) && withholds_the_rest());
  EXPECT_EQ(error(), SourceErrc::kIncomplete);
  EXPECT_THAT(error_text(), HasSubstr("no list of issued serials"));
  clock_.advance(Seconds(1));
  look();
  EXPECT_EQ(error(), SourceErrc::kIncomplete);
}

TEST_F(IssuedInSet, AHalfWrittenOrEmptiedListChangesNothing) {
  directory_.write("issued.txt", "01\n02\n03\n05\n");
  look();
  for (const bool restarted : {false, true}) {
    for (const std::string text : {"01\n02", "01\n0", "", "# all gone\n", "01\n"}) {
      directory_.write("issued.txt", text);
      restarted ? restart() : void();
      look();
      EXPECT_EQ(error(), text.ends_with('\n') || text.empty() ? SourceErrc::kEmptied
                                                              : SourceErrc::kMalformed)
          << text;
      EXPECT_TRUE(knows_good(1) && knows_good(3) && knows_good(5)) << text;
      write("ca.crl", numbered(6, {2, 4}));  // a new CRL meanwhile
      look();
      EXPECT_TRUE(is_revoked(4) && knows_good(1) && knows_good(5)) << text;
    }
  }
  directory_.write("issued.txt", "01\n02\n03\n");
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_FALSE(find("05"));
}

TEST_F(IssuedInSet, AnOldListCallsNothingNeverIssued) {
  spec_.crls.issued_max_age = Seconds(3600);
  directory_.write("issued.txt", "01\n");
  const auto write_time = [&](UnixSeconds at) {
    const timespec time{static_cast<std::time_t>(to_int(at)), 0};
    const timespec both[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, directory_.file("issued.txt").c_str(), both, 0), 0);
  };
  write_time(kTestNow - Seconds(600));
  look();
  EXPECT_EQ(state().never_issued_until, kTestNow + Seconds(3000));
  EXPECT_TRUE(covers_everything()) << "what is listed is known";
  clock_.advance(Seconds(1000));
  write_time(kTestNow + Seconds(900));
  look();
  EXPECT_EQ(state().never_issued_until, kTestNow + Seconds(4500))
      << "written again, with the same serials";
  restart();
  look();
  EXPECT_EQ(state().never_issued_until, kTestNow + Seconds(4500));
  write_time(kTestNow + Seconds(99'999));
  look();
  EXPECT_EQ(state().never_issued_until, clock_.now() + Seconds(3600))
      << "a time ahead of the clock counts as now";
  const auto until = state().never_issued_until;
  for (const bool restarted : {false, true}) {
    clock_.advance(Seconds(100));
    restarted ? restart() : void();
    look();
    EXPECT_EQ(state().never_issued_until, until) << "and ages from then on " << restarted;
  }
}

TEST_F(IssuedInSet, ListsOfADirectoryAddUp) {
  spec_.crls.issued_files.clear();
  spec_.crls.issued_directories = {directory_.file("issued/")};
  directory_.write("issued/a.txt", "01\n02\n03\n");
  directory_.write("issued/index.txt", valid_line("05"));
  directory_.write("issued/index.txt.attr", "unique_subject = yes\n");
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(knows_good(1) && knows_good(3) && knows_good(5));
  std::filesystem::remove(directory_.file("issued/index.txt"));
  look();
  EXPECT_FALSE(find("05"));
  std::filesystem::remove(directory_.file("issued/a.txt"));
  look();
  EXPECT_EQ(error(), SourceErrc::kEmptied) << "all of them gone is a fault, not news";
  EXPECT_TRUE(knows_good(1));
}

TEST_F(IssuedInSet, AListThatComesBackIsNoErrorAnyMore) {
  spec_.crls.issued_files.clear();
  spec_.crls.issued_directories = {directory_.file("issued/")};
  directory_.write("issued/a.txt", "01\n02\n03\n");
  look();
  ASSERT_FALSE(error()) << error_text();
  std::filesystem::rename(directory_.file("issued/a.txt"), directory_.file("a.txt"));
  look();
  EXPECT_EQ(error(), SourceErrc::kEmptied);
  EXPECT_THAT(error_text(), HasSubstr("issued/a.txt: it is gone"));
  EXPECT_THAT(error_text(), HasSubstr("restore the file"));
  EXPECT_TRUE(knows_good(1) && knows_good(3) && covers_everything());
  std::filesystem::rename(directory_.file("a.txt"), directory_.file("issued/a.txt"));
  look();
  EXPECT_FALSE(error()) << error_text();
  std::filesystem::rename(directory_.file("issued/a.txt"), directory_.file("issued/b.txt"));
  look();
  EXPECT_FALSE(error()) << "under another name: " << error_text();
  EXPECT_TRUE(knows_good(1) && knows_good(3));
}

TEST_F(IssuedInSet, TheLastListStaysThoughItIsEmpty) {
  spec_.crls.issued_files.clear();
  spec_.crls.issued_directories = {directory_.file("issued/")};
  directory_.write("issued/a.txt", "# none as yet\n");
  look();
  ASSERT_FALSE(error()) << error_text();
  ASSERT_EQ(state().knows_issued, store::KnowsIssued::kYes);
  std::filesystem::remove(directory_.file("issued/a.txt"));
  for (const bool restarted : {false, true}) {
    restarted ? restart() : void();
    look();
    EXPECT_EQ(error(), SourceErrc::kEmptied) << error_text();
    EXPECT_EQ(state().knows_issued, store::KnowsIssued::kYes)
        << "or what was never issued were answered as unlisted";
  }
}

// A certificate whose revocation is taken off the CRL before it expires stays revoked, with an
// alarm. req: OCSP-CRL-051
TEST_F(IssuedInSet, ARevocationIsNotTakenBackWhileTheListKnowsTheCertificateAlive) {
  directory_.write("issued.txt", "01\n02 2027-01-31\n03\n");
  testing::CrlSpec crl = numbered(6, {2, 3});
  crl.entries.push_back(
      testing::revoked_entry(testing::make_serial(1), kTestNow, ReasonCode::kCertificateHold));
  write("ca.crl", crl);
  look();
  ASSERT_TRUE(is_revoked(1) && is_revoked(2) && is_revoked(3));
  write("ca.crl", numbered(7));
  const auto turn = look();
  ASSERT_TRUE(turn.loaded);
  EXPECT_EQ(turn.loaded->kept_revoked(), 1u);
  EXPECT_TRUE(is_revoked(2));
  EXPECT_FALSE(is_revoked(1)) << "a hold is lifted";
  EXPECT_FALSE(is_revoked(3)) << "perhaps expired: CRLs drop those silently";
}

// req: OCSP-CRL-056
TEST_F(IssuedInSet, SaysWhatAnIndexOfTheSameContentSays) {
  const std::string index = valid_line("01") + revoked_line("02", "260101000000Z,superseded") +
                            revoked_line("03", "260202000000Z") +
                            revoked_line("04", "260303000000Z,certificateHold") + valid_line("05");
  testing::CrlSpec crl = numbered(6);
  crl.entries = {
      testing::revoked_entry(testing::make_serial(2), *parse_iso8601("2026-01-01T00:00:00Z"),
                             ReasonCode::kSuperseded),
      testing::revoked_entry(testing::make_serial(3), *parse_iso8601("2026-02-02T00:00:00Z")),
      testing::revoked_entry(testing::make_serial(4), *parse_iso8601("2026-03-03T00:00:00Z"),
                             ReasonCode::kCertificateHold)};
  write("ca.crl", crl);
  directory_.write("issued.txt", index);
  look();
  const auto from_crl = contents();
  ASSERT_TRUE(load_index(index));
  const auto from_index = contents();
  ASSERT_EQ(from_crl.size(), from_index.size());
  for (auto [serial, status] : from_index) {
    status.expires.reset();  // no part of an answer
    store::Status other = from_crl.at(serial);
    other.expires.reset();
    other.told_by_crl = false;  // nor is this
    EXPECT_EQ(other, status) << serial.to_hex();
  }
}

}  // namespace
}  // namespace muster::source
