#include "muster/edge/exporter.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "export_lock.h"
#include "folded_paths.h"
#include "held_file.h"
#include "muster/base/text.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "muster/store/statement.h"
#include "pending.h"
#include "roster.h"
#include "tree.h"

namespace muster::edge {
namespace {

/// Answers asked for at a time.
constexpr std::size_t kPart = 256;
/// Calls in a row that failed, after which the run asks no more.
constexpr unsigned kMaxFailedCalls = 2;
/// Between looks for what was revoked while the run signs the rest.
constexpr Seconds kLookAgain{2};

Err<ExportError> io(const FileError& error) {
  return Err{ExportError{ExportErrc::kIo, to_string(error)}};
}

bool exists(const std::string& path) {
  struct ::stat ignored {};
  return ::stat(path.c_str(), &ignored) == 0;
}

/// Whether a file or folder of another request is where this one's would have to be.
bool is_taken(const FileError& error) {
  return error.code != FileErrc::kOpen &&
         (error.os_error == ENOTDIR || error.os_error == EISDIR || error.os_error == EEXIST);
}
/// The request (base64) of a file without several slashes in a row; of others it is not known.
std::optional<std::string> name_of(std::string path) {
  constexpr std::string_view kIndex = "/index.html";
  if (path.ends_with(kIndex)) {
    path.resize(path.size() - kIndex.size() + 1);
  }
  const auto request = http::base64_decode(path);
  return request && !request->empty() ? std::optional(std::move(path)) : std::nullopt;
}

/// A certificate whose answer is looked after.
struct Job {
  std::string name;  ///< the request in base64
  bool stands;       ///< by its record and the rules
  Buffer request{};
  std::string path{};
  HeldFile held{};
};

/// Whether a file may be served on without a fresh answer: what was said may be said until it ends,
/// unless it is known not to hold any more.
bool may_stay(const Job& job, UnixSeconds now) {
  const auto& entry = job.held.entry;
  return entry && entry->next_update > now && (job.stands || entry->status != "good");
}

/// One run.
class Run {
 public:
  Run(const ExportOptions& options, const responder::Setup& setup, const store::Store& store,
      AnswerSource& answers, const Clock& clock, Logger& logger)
      : options_(options),
        setup_(setup),
        store_(store),
        answers_(answers),
        clock_(clock),
        logger_(logger),
        tree_(options.directory),
        roster_(options.directory, options.max_manifest_bytes),
        pending_(options.directory + "/purge"),
        reader_(store.reader()) {}

  Result<ExportReport, ExportError> go() {
    if (options_.manifest_key) {  // before anything is changed
      auto made = pki::Signer::make(*options_.manifest_key);
      if (!made) {
        return Err{ExportError{ExportErrc::kInput, "manifest key: " + made.error().detail}};
      }
      signer_ = *std::move(made);
    }
    const bool is_new = !exists(options_.directory + "/tree");
    if (const auto prepared = tree_.prepare(); !prepared) {
      return io(prepared.error());
    }
    MUSTER_TRY(const UniqueFd lock,
               take_export_lock(options_.directory, options_.patience, options_.stop, logger_));
    MUSTER_CHECK(roster_.load(is_new, clock_.now(), options_.manifest_key, logger_));
    report_.number = roster_.now().number;
    if (const auto loaded = pending_.load(); !loaded) {
      return io(loaded.error());
    }
    MUSTER_TRY(const All all, collect());
    note_error(roster_.begin());
    for (const auto& [issuer, serials] : all) {
      look_after(*issuer, serials, false);
    }
    tell();  // of revocations, before all the rest is signed
    for (const auto& [issuer, serials] : all) {
      look_after(*issuer, serials, true);
    }
    look_again();
    remove_others();
    finish();
    tell();
    if (error_) {
      return Err{*error_};
    }
    report_.files = roster_.now().files.size();
    report_.until = roster_.now().until;
    return report_;
  }

 private:
  using Serials = std::vector<std::pair<Serial, bool>>;  ///< whether it stands
  using All = std::vector<std::pair<const responder::Issuer*, Serials>>;

  /// Every certificate with a record, as of now.
  Result<All, ExportError> collect() {
    All out;
    report_.closed_issuers.clear();
    sequence_ = reader_->renew();
    looked_ = clock_.now();
    for (const responder::Issuer& issuer : setup_.issuers()) {
      if (!issuer.open) {
        report_.closed_issuers.push_back(issuer.label);
        continue;
      }
      const store::IssuerState* const state = reader_->issuer_state(issuer.store_id);
      if (state == nullptr || state->loaded_at == UnixSeconds{}) {
        return Err{ExportError{ExportErrc::kInput,
                               "the store was never told anything of issuer '" + issuer.label +
                                   "'; nothing was changed (name its store or its source)"}};
      }
      Serials serials;
      const auto rules = responder::statement_rules(issuer.terms.policy);
      const auto walked =
          store_.for_each(issuer.store_id, [&](const Serial& serial, const store::Status& status) {
            serials.emplace_back(serial, !store::statement_of(rules, status));
          });
      if (!walked) {
        return Err{ExportError{ExportErrc::kInput, "store: " + walked.error().detail}};
      }
      out.emplace_back(&issuer, std::move(serials));
    }
    reader_->release();
    return out;
  }

  /// The answers of those that stand, or of those that do not.
  void look_after(const responder::Issuer& issuer, const Serials& serials, bool stands,
                  bool is_again = false) {
    std::vector<Job> jobs;
    for (const auto& [serial, does_stand] : serials) {
      if (does_stand != stands) {
        continue;
      }
      for (const HashAlgorithm hash : options_.hashes) {
        ocsp::Request request;
        request.requests.push_back(
            {pki::make_cert_id(hash, issuer.certificates.front(), serial), {}});
        jobs.push_back({http::base64_encode(ocsp::encode_request(request)), stands});
        if (is_again && !has_ceased(jobs.back().name)) {
          jobs.pop_back();
        }
        if (jobs.size() == kPart) {
          handle(issuer, std::exchange(jobs, {}));
          if (stands && clock_.now() - looked_ >= kLookAgain) {
            look_again();
          }
        }
      }
    }
    if (!jobs.empty()) {
      handle(issuer, std::move(jobs));
    }
  }

  /// What does not stand any more, since the last look.
  void look_again() {
    const bool has_moved = reader_->renew() != sequence_;
    reader_->release();
    if (!has_moved) {
      return;
    }
    const auto all = collect();
    if (!all) {
      note_error(all.error());
      return;
    }
    for (const auto& [issuer, serials] : *all) {
      look_after(*issuer, serials, false, true);
    }
    if (report_.purge.not_purged.empty()) {  // else nobody listens now: at the end once more
      tell();
    }
  }
  /// Of one that does not stand: whether its file may say otherwise.
  bool has_ceased(const std::string& name) const {
    const ManifestEntry* const now = roster_.find_now(name);
    return now != nullptr ? now->status == "good"
                          : roster_.find_before(name) != nullptr && !roster_.is_gone(name);
  }

  void handle(const responder::Issuer& issuer, std::vector<Job> jobs) {
    const UnixSeconds now = clock_.now();
    if (jobs.front().stands) {  // those that ceased to meanwhile are done
      std::erase_if(jobs, [this](const Job& job) { return roster_.find_now(job.name) != nullptr; });
    }
    std::vector<Wanted> wanted;
    for (Job& job : jobs) {
      job.request = *http::base64_decode(job.name);
      job.path = file_path(job.request);
      job.held = look_at(options_.directory + "/tree/" + job.path, job.request,
                         {roster_.find_now(job.name), roster_.find_before(job.name)});
      Wanted one{job.request, {}, {}, true};
      if (job.held.is_known) {
        const ManifestEntry& entry = *job.held.entry;
        one.digest = to_buffer(entry.digest);
        one.basis = entry.basis;
        one.is_due = options_.renew_all || roster_.before().made > now ||
                     now + options_.interval >= entry.due;
      }
      wanted.push_back(std::move(one));
    }
    const auto given = ask(wanted, now);
    std::vector<const Job*> gone;
    std::vector<std::tuple<const Job*, ManifestEntry, const Buffer*>> fresh;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = jobs[i];
      std::string why = "the answer is none that can be kept";
      if (given) {
        const Given& one = (*given)[i];
        if (one.kind == Given::Kind::kSame && job.held.is_known) {
          keep(job);
          continue;
        }
        if (one.kind == Given::Kind::kAnswer) {
          auto entry = entry_of(one.response, job.request);
          if (entry && entry->next_update > now) {
            entry->due = now + std::min(responder::refresh_age(issuer.terms.policy),
                                        Seconds((entry->next_update - now) / 2));
            entry->basis = one.basis;
            if (may_differ(job, entry->status)) {
              note_change(job.name);
            }
            fresh.emplace_back(&job, *std::move(entry), &one.response);
            continue;
          }
        } else {
          why = one.why;
        }
        leave_out(why);
      }
      if (may_stay(job, now)) {
        keep(job);
      } else if (job.held.is_there || roster_.find_before(job.name) != nullptr) {
        gone.push_back(&job);
        note_change(job.name);
      }
    }
    keep_pending();
    for (const Job* job : gone) {
      remove(job->name, job->path);
    }
    for (const auto& [job, entry, content] : fresh) {
      write(*job, entry, *content, now);
    }
  }

  /// Nothing: there is no answer to be had.
  std::optional<std::vector<Given>> ask(const std::vector<Wanted>& wanted, UnixSeconds now) {
    if (failed_calls_ >= kMaxFailedCalls || wanted.empty()) {
      return std::nullopt;
    }
    if (options_.stop.stop_requested()) {
      note_error(ExportError{ExportErrc::kStopped, "asked to stop; the next export goes on"});
      return std::nullopt;
    }
    auto given = answers_.ask(wanted, now);
    if (!given) {
      ++failed_calls_;
      note_error(ExportError{ExportErrc::kAnswers, given.error()});
      return std::nullopt;
    }
    failed_calls_ = 0;
    MUSTER_ASSERT(given->size() == wanted.size());
    return *std::move(given);
  }

  /// Whether caches may hold something else than `status`.
  bool may_differ(const Job& job, const std::string& status) const {
    const ManifestEntry* const listed = roster_.find_before(job.name);
    if ((listed != nullptr && listed->status != status) ||
        (job.held.entry && job.held.entry->status != status)) {
      return true;
    }
    return !job.held.is_known &&
           ((job.held.is_there && !job.held.entry) ||
            (roster_.has_strangers() && listed == nullptr && status != "good"));
  }

  void write(const Job& job, const ManifestEntry& entry, const Buffer& content, UnixSeconds now) {
    if (!folded_paths_.claim(job.name, job.path)) {
      leave_out("servers take its path for another's (several slashes)");
      return;
    }
    const auto written = tree_.write(job.path, content);
    if (written) {
      roster_.put(job.name, entry);
      ++report_.written;
    } else if (is_taken(written.error())) {
      leave_out("a part of its path is another's file, or the other way round");
    } else {
      note_error(written);
      if (may_stay(job, now) && job.held.entry->status == entry.status) {
        keep(job);
      } else if (job.held.is_there) {
        remove(job.name, job.path);
      }
    }
  }

  void keep(const Job& job) {
    if (!folded_paths_.claim(job.name, job.path)) {
      leave_out("servers take its path for another's (several slashes)");
      return;
    }
    roster_.put(job.name, *job.held.entry);
    ++report_.kept;
  }
  void leave_out(const std::string& why) {
    ++report_.left_out;
    report_.left_out_why = report_.left_out_why.empty() ? why : report_.left_out_why;
  }
  void note_change(const std::string& name) {
    pending_.note(name);
    ++report_.changed;
  }
  /// The first counts.
  void note_error(ExportError error) {
    if (!error_) {
      error_ = std::move(error);
    }
  }
  void note_error(const Result<Unit, FileError>& result) {
    if (!result) {
      note_error(io(result.error()).value);
    }
  }

  void remove(const std::string& name, const std::string& path) {
    roster_.note_gone(name);
    if (folded_paths_.is_anothers(name, path)) {
      return;  // it holds another's answer by now
    }
    if (const auto removed = tree_.remove(path); !removed) {
      note_error(removed);
      return;
    }
    roster_.drop(name);
    ++report_.removed;
  }

  /// Files that are nobody's answer any more.
  void remove_others() {
    std::vector<std::string> gone;
    for (const auto& [name, entry] : roster_.before().files) {
      if (roster_.find_now(name) == nullptr && !roster_.is_gone(name)) {
        gone.push_back(name);
        note_change(name);
      }
    }
    keep_pending();
    for (const std::string& name : gone) {
      remove(name, file_path(*http::base64_decode(name)));
    }
    if (!roster_.has_strangers()) {
      return;
    }
    std::set<std::string> wanted;
    for (const auto& [name, entry] : roster_.now().files) {
      wanted.insert(file_path(*http::base64_decode(name)));
    }
    // First those that will go are noted, then they go.
    const auto looked = tree_.sweep([&](const std::string& path) {
      if (!wanted.contains(path)) {
        if (auto name = name_of(path)) {
          note_change(*name);
        }
      }
      return true;
    });
    keep_pending();
    const auto swept = tree_.sweep([&](const std::string& path) { return wanted.contains(path); });
    if (!looked || !swept) {
      note_error(io((looked ? swept : looked).error()).value);
    } else {
      report_.removed += *swept;
    }
  }

  void finish() {
    if (error_ && report_.written == 0 && report_.removed == 0) {
      return;  // nothing to tell
    }
    const auto text = roster_.seal(signer_ ? &*signer_ : nullptr);
    if (!text) {
      note_error(text.error());
      return;
    }
    auto kept = tree_.sync();
    if (kept) {
      kept = roster_.write(*text);
    }
    note_error(kept);
    if (!error_) {
      roster_.finish();
    }
  }

  /// What caches are to forget, on disk before they could be asked: a run that dies does not forget
  /// it. An error keeps nothing from being taken away.
  void keep_pending() {
    if (!options_.purge.command.empty()) {
      note_error(pending_.keep());
    }
  }

  /// Has caches forget. What they could not be told stays for the next time.
  void tell() {
    if (pending_.names().empty() || options_.purge.command.empty()) {
      return;
    }
    // Else a power cut could bring the old file back, and a cache would fetch that.
    note_error(tree_.sync());
    const PurgeReport told =
        purge(options_.purge, {pending_.names().begin(), pending_.names().end()}, logger_);
    report_.purge.runs += told.runs;
    report_.purge.failures += told.failures;
    report_.purge.purged += told.purged;
    report_.purge.not_purged = told.not_purged;
    if (const auto kept = pending_.retain(told.not_purged); !kept) {
      logger_.log(LogLevel::kError, "export.purge_lost", to_string(kept.error()));
    }
  }

  const ExportOptions& options_;
  const responder::Setup& setup_;
  const store::Store& store_;
  AnswerSource& answers_;
  const Clock& clock_;
  Logger& logger_;
  Tree tree_;
  Roster roster_;
  std::optional<pki::Signer> signer_;
  Pending pending_;
  std::unique_ptr<store::Reader> reader_;
  std::uint64_t sequence_ = 0;  ///< of the store when it was looked through
  UnixSeconds looked_{};
  unsigned failed_calls_ = 0;  ///< in a row
  FoldedPaths folded_paths_;
  std::optional<ExportError> error_;
  ExportReport report_;
};

}  // namespace

Result<ExportReport, ExportError> run_export(const ExportOptions& options,
                                             const responder::Setup& setup,
                                             const store::Store& store, AnswerSource& answers,
                                             const Clock& clock, Logger& logger) {
  return Run(options, setup, store, answers, clock, logger).go();
}

}  // namespace muster::edge
