#include "crl_set_keeper.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "muster/base/text.h"

namespace muster::source {
namespace {

/// Where an issuer's files go below the directory for all of them.
std::string shelf_directory(const std::string& base, const pki::Certificate& issuer) {
  return base.empty() ? base : base + "/" + to_hex(Bytes(make_issuer_key(issuer).digest).first(16));
}

bool names_crl(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.starts_with('.')) {
    return false;
  }
  const std::string_view suffix = name.substr(dot + 1);
  const bool hashed = suffix.size() == 2 && suffix[0] == 'r' && suffix[1] >= '0' &&
                      suffix[1] <= '9';  // openssl rehash
  return hashed || iequals(suffix, "crl") || iequals(suffix, "der") || iequals(suffix, "pem");
}

bool names_list(std::string_view name) {
  constexpr std::array<std::string_view, 6> kUnfinished = {"~",    ".tmp", ".part",
                                                           ".new", ".swp", ".attr"};
  return !name.starts_with('.') &&
         std::none_of(kUnfinished.begin(), kUnfinished.end(),
                      [&](std::string_view end) { return name.ends_with(end); });
}

std::string without_slash(std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) {
    directory.pop_back();
  }
  return directory;
}

void show(PartStatus& part, const HeldCrl& crl) {
  part.number = crl.view.crl_number ? to_hex(*crl.view.crl_number) : std::string();
  part.is_delta = crl.view.is_delta;
  part.this_update = crl.view.this_update;
  part.next_update = crl.view.next_update;
  part.records = crl.view.entry_count;
}

/// A list that shrank below this part of what was known was cut, not written (decision 029).
constexpr std::size_t kLeastPart = 2;

SourceError shrunk_error(const std::string& path, std::size_t before, std::size_t now) {
  return source_error(SourceErrc::kEmptied, path,
                      "it has " + std::to_string(now) + " serials where " + std::to_string(before) +
                          " were known, which stay in force (restore the file; to start anew "
                          "remove the kept list)");
}

SourceError gone_error(const std::string& path, std::size_t before, std::size_t now) {
  return source_error(SourceErrc::kEmptied, path,
                      "it is gone; without it " + std::to_string(now) + " serials of " +
                          std::to_string(before) +
                          " would be known, so what it said stays in force (restore the file; to "
                          "start anew remove the kept list)");
}

}  // namespace

CrlSetKeeper::CrlSetKeeper(store::Store& store, SourceSpec spec, const WatchOptions& options,
                           const Clock& clock, Logger& logger, Downloads* downloads)
    : store_(store),
      spec_(std::move(spec)),
      options_(options),
      clock_(clock),
      logger_(logger),
      downloads_(downloads),
      random_(static_cast<unsigned>(
          std::hash<std::string>()(spec_.label) ^
          static_cast<std::size_t>(clock.monotonic().time_since_epoch().count()))),
      shelf_(shelf_directory(options.load.state_directory, spec_.issuer),
             spec_.crls.is_one_crl() ? CrlShelf::Places::kOne : CrlShelf::Places::kByCoverage) {
  for (const std::vector<std::string>& urls : spec_.crls.locations) {
    locations_.push_back(std::make_unique<CrlLocation>(urls, spec_.crls, options_));
  }
  configured_locations_ = locations_.size();
}

std::set<std::string> CrlSetKeeper::paths() const {
  std::set<std::string> all(spec_.crls.files.begin(), spec_.crls.files.end());
  all.insert(spec_.crls.issued_files.begin(), spec_.crls.issued_files.end());
  for (const auto* directories : {&spec_.crls.directories, &spec_.crls.issued_directories}) {
    for (const std::string& directory : *directories) {
      all.insert(without_slash(directory) + "/");
    }
  }
  return all;
}

CrlTerms CrlSetKeeper::terms() const {
  std::vector<std::string> ignored;
  const UnixSeconds now = clock_.now();
  return {spec_.issuer, usable_signers(spec_, now, ignored), now, options_.load.future_skew,
          spec_.crls.max_bytes};
}

CrlWish CrlSetKeeper::wish() const {
  return {spec_.crls.partitions, spec_.crls.kinds, spec_.crls.grace, spec_.crls.max_age,
          options_.load.max_age_without_next_update};
}

void CrlSetKeeper::open_shelf() {
  std::vector<std::string> problems;
  (void)usable_signers(spec_, clock_.now(), problems);
  signer_problem_ = problems.empty() ? std::nullopt : std::optional(problems.front());
  problems.clear();
  const auto opened = shelf_.open(terms(), problems);
  shelf_error_ = opened ? std::nullopt : std::optional(opened.error());
  shelf_open_ = opened.operator bool();
  shelf_again_at_ = clock_.monotonic() + options_.retry_first;
  const auto known = known_facts(store_, spec_.id);
  const bool is_lost = shelf_.crls().empty() && known && known->this_update;
  shelf_lost_something_ = is_lost || !problems.empty();
  for (const std::string& problem : problems) {
    logger_.log(LogLevel::kWarning, "source.kept_unusable", problem, {{"issuer", spec_.label}});
  }
}

void CrlSetKeeper::note(PartStatus& part, const std::optional<SourceError>& error) {
  if (!error) {
    if (part.error) {
      logger_.log(LogLevel::kInfo, "source.part_recovered", part.origin, {{"issuer", spec_.label}});
    }
    part.error.reset();
    part.failing_since.reset();
    part.last_success = clock_.now();
    return;
  }
  ++part.failures;
  if (!part.error || part.error->detail != error->detail) {
    logger_.log(LogLevel::kError, "source.part_refused", error->detail,
                {{"issuer", spec_.label}, {"code", to_string(error->code)}});
  }
  part.error = error;
  if (!part.failing_since) {
    part.failing_since = clock_.now();
  }
}

void CrlSetKeeper::scan_directory(const std::string& configured, Use use,
                                  std::set<std::string>& present) {
  const std::string directory = without_slash(configured);
  std::error_code error;
  std::set<std::string> names;
  for (auto it = std::filesystem::directory_iterator(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if ((use == Use::kCrl ? names_crl(name) : names_list(name)) &&
        stamp_of(directory + "/" + name)) {
      names.insert(directory + "/" + name);
    }
  }
  directory_errors_.erase(directory);
  if (error) {
    directory_errors_[directory] =
        source_error(SourceErrc::kUnreadable, directory,
                     error.message() + (shelf_.crls().empty() && shelf_.lists().empty()
                                            ? " (check the path)"
                                            : " (what was loaded before stays in force)"));
    for (const auto& [path, file] : files_) {  // nothing is known to have gone
      if (file.from_directory && path.starts_with(directory + "/")) {
        present.insert(path);
      }
    }
    return;
  }
  if (names.size() > kMaxDirectoryFiles) {
    directory_errors_[directory] =
        source_error(SourceErrc::kUnsupported, directory,
                     "more than " + std::to_string(kMaxDirectoryFiles) +
                         " files; the rest is not read (remove old ones)");
    names.erase(std::next(names.begin(), kMaxDirectoryFiles), names.end());
  }
  for (const std::string& path : names) {
    present.insert(path);
    const auto first = is_settled_ ? ReloadPlan::First::kRested : ReloadPlan::First::kAtOnce;
    File file{use, true, ReloadPlan(options_, first)};
    file.status.origin = path;
    file.status.kind =
        use == Use::kCrl ? PartStatus::Kind::kDirectory : PartStatus::Kind::kIssuedList;
    files_.emplace(path, std::move(file));
  }
}

void CrlSetKeeper::find_files() {
  std::set<std::string> present;
  const auto add = [&](const std::vector<std::string>& paths, Use use) {
    for (const std::string& path : paths) {
      present.insert(path);
      File file{use, false, ReloadPlan(options_)};
      file.status.origin = path;
      file.status.kind = use == Use::kCrl ? PartStatus::Kind::kFile : PartStatus::Kind::kIssuedList;
      files_.emplace(path, std::move(file));
    }
  };
  add(spec_.crls.files, Use::kCrl);
  add(spec_.crls.issued_files, Use::kIssuedList);
  for (const std::string& directory : spec_.crls.directories) {
    scan_directory(directory, Use::kCrl, present);
  }
  for (const std::string& directory : spec_.crls.issued_directories) {
    scan_directory(directory, Use::kIssuedList, present);
  }
  std::erase_if(files_, [&](const auto& entry) { return !present.contains(entry.first); });
}

void CrlSetKeeper::let_go_of_lists() {
  std::vector<std::string> gone;
  std::size_t total = 0;
  for (const HeldList& list : shelf_.lists()) {
    total += list.records;
    if (files_.contains(list.origin)) {
      directory_errors_.erase(list.origin);  // it has come back
    } else {
      gone.push_back(list.origin);
    }
  }
  for (const std::string& origin : gone) {
    const auto list = std::find_if(shelf_.lists().begin(), shelf_.lists().end(),
                                   [&](const HeldList& l) { return l.origin == origin; });
    const std::size_t rest = total - list->records;
    const bool is_last = shelf_.lists().size() == 1;
    if (spec_.crls.lists_issued() && (is_last || rest * kLeastPart < total)) {
      directory_errors_[origin] = gone_error(origin, total, rest);
    } else {
      directory_errors_.erase(origin);
      total = rest;
      shelf_.drop_list(origin);
    }
  }
}

Result<Unit, SourceError> CrlSetKeeper::read_crl(const std::string& path, const OpenFile& opened,
                                                 File& file, const std::stop_token& stop) {
  file.waiting.reset();
  file.older.reset();
  file.parked.reset();
  MUSTER_TRY(auto content, copy_file(opened, path, shelf_.directory(), spec_.crls.max_bytes, stop));
  MUSTER_TRY(content, decode_crl(std::move(content), path, shelf_.directory()));
  MUSTER_TRY(HeldCrl judged, judge_crl(std::move(content), path, terms()));
  show(file.status, judged);
  MUSTER_TRY(const CrlShelf::Outcome outcome, shelf_.take(judged));
  file.held.reset();
  file.older_than.reset();
  switch (outcome.taken) {
    case CrlShelf::Taken::kNew:
    case CrlShelf::Taken::kSame:
      file.held = outcome.held;
      break;
    case CrlShelf::Taken::kOlder:
      file.older = outcome.why;
      if (equal(judged.content->bytes(), outcome.held->content->bytes())) {
        file.parked = outcome.held;  // put back into use it is an error no more
      } else if (shelf_.uses(*outcome.held)) {
        file.older_than = outcome.held;
      }
      break;
    case CrlShelf::Taken::kNoBase:
      file.waiting = std::make_shared<HeldCrl>(std::move(judged));
      break;
  }
  return Unit{};
}

Result<Unit, SourceError> CrlSetKeeper::read_list(const std::string& path, const OpenFile& opened,
                                                  const std::stop_token& stop) {
  MUSTER_TRY(auto content, copy_file(opened, path, shelf_.directory(), spec_.crls.max_bytes, stop));
  MUSTER_TRY(HeldList list, judge_list(std::move(content), path, written_at(opened.stamp)));
  const auto known = std::find_if(shelf_.lists().begin(), shelf_.lists().end(),
                                  [&](const HeldList& l) { return l.origin == path; });
  if (const UnixSeconds now = clock_.now(); list.written_at > now) {
    // A time ahead of the clock counts as now, but once only: the list must age, over restarts too.
    const bool is_known = known != shelf_.lists().end() && equal(known->text, list.text) &&
                          !files_.at(path).status.last_success;
    list.written_at = is_known ? std::min(known->written_at, now) : now;
  }
  if (known != shelf_.lists().end() && list.records * kLeastPart < known->records &&
      options_.load.missing == LoadOptions::Missing::kKept) {
    return Err{shrunk_error(path, known->records, list.records)};
  }
  File& file = files_.at(path);
  file.status.records = list.records;
  file.status.this_update = list.written_at;
  return shelf_.take(std::move(list));
}

void CrlSetKeeper::look_at(const std::string& path, File& file, ReloadPlan::Hint hint,
                           const std::stop_token& stop) {
  const auto stamp = stamp_of(path);
  switch (file.plan.look(stamp, hint, clock_.monotonic())) {
    case ReloadPlan::Action::kNothing:
      return;
    case ReloadPlan::Action::kConfirm:
      file.plan.confirmed(clock_.monotonic());
      file.status.last_success = clock_.now();
      return;
    case ReloadPlan::Action::kMissing:
      file.plan = ReloadPlan(options_);  // the same file coming back is news
      if (!file.from_directory &&
          (!file.status.error || file.status.error->code != SourceErrc::kUnreadable)) {
        note(file.status,
             missing_error(path, file.status.last_success ? InForce::kEarlier : InForce::kNothing));
      }
      return;
    case ReloadPlan::Action::kLoad:
      break;
  }
  const auto read = [&]() -> Result<FileStamp, SourceError> {
    MUSTER_TRY(const OpenFile opened, open_file(path));
    if (file.use == Use::kCrl) {
      MUSTER_CHECK(read_crl(path, opened, file, stop));
    } else {
      MUSTER_CHECK(read_list(path, opened, stop));
    }
    return opened.stamp;
  };
  const auto done = read();
  if (!done && done.error().code == SourceErrc::kStopped) {
    return;
  }
  note(file.status, done ? std::nullopt : std::optional(done.error()));
  file.plan.loaded(done ? *done : *stamp,
                   done ? ReloadPlan::Outcome::kLoaded : outcome_of(done.error()),
                   clock_.monotonic());
}

void CrlSetKeeper::retry_waiting() {
  for (bool progress = true; progress;) {
    progress = false;
    for (auto& [path, file] : files_) {
      if (file.waiting == nullptr) {
        continue;
      }
      const auto outcome = shelf_.take(*file.waiting);
      if (!outcome || outcome->taken == CrlShelf::Taken::kNoBase) {
        const std::string base = file.waiting->view.delta_base_number
                                     ? to_hex(*file.waiting->view.delta_base_number)
                                     : "?";
        const SourceError error =
            outcome ? source_error(
                          SourceErrc::kNoBase, path,
                          "a delta CRL over number " + base +
                              " that no complete CRL in use "
                              "continues with (give a complete CRL of that number or a later one)")
                    : outcome.error();
        if (!file.status.error || file.status.error->detail != error.detail) {
          note(file.status, error);
        }
        continue;
      }
      if (outcome->taken == CrlShelf::Taken::kOlder) {
        file.older = outcome->why;
        file.older_than = outcome->held;
      } else {
        file.held = outcome->held;
      }
      file.waiting.reset();
      note(file.status, std::nullopt);
      progress = true;
    }
  }
}

CrlSetKeeper::Turn CrlSetKeeper::look(const std::set<std::string>& complete,
                                      const std::stop_token& stop) {
  Turn turn;
  if (!shelf_open_ && clock_.monotonic() >= shelf_again_at_) {
    open_shelf();
  }
  if (shelf_open_) {
    find_files();
    for (auto& [path, file] : files_) {
      look_at(path, file,
              complete.contains(path) ? ReloadPlan::Hint::kComplete : ReloadPlan::Hint::kNone,
              stop);
    }
    let_go_of_lists();
    retry_waiting();
    shelf_lost_something_ = shelf_lost_something_ && !is_every_part_well();
    merge(turn, stop);
    keep_facts(turn);
    start_downloads();
  }
  const bool files_tried = std::all_of(files_.begin(), files_.end(), [](const auto& entry) {
    return entry.second.status.error || entry.second.status.last_success;
  });
  const bool fetched = std::all_of(locations_.begin(), locations_.end(),
                                   [](const auto& location) { return location->was_tried(); });
  const bool usable =
      merged_ && merged_->gap.empty() &&
      merged_->facts.not_revoked_until.value_or(*merged_->facts.next_update) > clock_.now();
  turn.is_settled = is_settled_ = shelf_error_ || (files_tried && (fetched || usable));
  return turn;
}

bool CrlSetKeeper::is_every_part_well() const {
  return directory_errors_.empty() &&
         std::all_of(files_.begin(), files_.end(),
                     [&](const auto& entry) {
                       const File& file = entry.second;
                       return file.status.last_success && !file.status.error && !file.waiting &&
                              !is_rolled_back(file);
                     }) &&
         std::all_of(locations_.begin(), locations_.end(), [](const auto& location) {
           return location->status().last_success && !location->status().error;
         });
}

MonotonicTime CrlSetKeeper::next_look(MonotonicTime now) const {
  MonotonicTime next = now + options_.poll;
  if (!shelf_open_) {  // nothing is looked at or fetched before it is
    return std::min(next, std::max(now, shelf_again_at_));
  }
  for (const auto& [path, file] : files_) {
    next = std::min(next, file.plan.next_look(now));
  }
  if (downloads_ != nullptr) {
    for (const auto& location : locations_) {
      next = std::min(next, std::max(now, location->next_look()));
    }
  }
  return next;
}

void CrlSetKeeper::hurry() {
  shelf_again_at_ = {};
  for (const auto& location : locations_) {
    location->hurry(clock_.monotonic());
  }
}

bool CrlSetKeeper::is_offered(const HeldCrl& crl) const {
  return std::any_of(files_.begin(), files_.end(),
                     [&](const auto& entry) { return entry.second.held.get() == &crl; }) ||
         std::any_of(locations_.begin(), locations_.end(),
                     [&](const auto& location) { return location->held().get() == &crl; });
}

bool CrlSetKeeper::is_rolled_back(const File& file) const {
  return file.older && (file.older_than == nullptr || !is_offered(*file.older_than));
}

}  // namespace muster::source
