#include "muster/edge/exporter.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "muster/base/text.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "tree.h"

namespace muster::edge {
namespace {

constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 30;
constexpr std::size_t kMaxPendingBytes = std::size_t{1} << 30;
/// Answers asked for at a time.
constexpr std::size_t kPart = 256;

using Done = Result<Unit, ExportError>;

Err<ExportError> io(const FileError& error) {
  return Err{ExportError{ExportErrc::kIo, to_string(error)}};
}
Done done(const Result<Unit, FileError>& result) {
  return result ? Done(Unit{}) : io(result.error());
}

bool exists(const std::string& path) {
  struct ::stat ignored {};
  return ::stat(path.c_str(), &ignored) == 0;
}

/// Whether a file or folder of another request is where this one's would have to be.
bool is_taken(const FileError& error) {
  return error.os_error == ENOTDIR || error.os_error == EISDIR || error.os_error == EEXIST;
}
/// Whether other requests may come to the same path.
bool is_folded(const std::string& name) { return name.find("//") != std::string::npos; }

/// A certificate whose answer is looked after.
struct Job {
  std::string name;  ///< the request in base64
  bool stands;       ///< the record says good
};

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
        manifest_path_(options.directory + "/manifest"),
        pending_path_(options.directory + "/purge"),
        unfinished_path_(options.directory + "/unfinished") {}

  Result<ExportReport, ExportError> go() {
    MUSTER_CHECK(done(tree_.prepare()));
    const UniqueFd lock(
        ::open((options_.directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return Err{ExportError{lock ? ExportErrc::kBusy : ExportErrc::kIo,
                             options_.directory + (lock ? ": another process exports there"
                                                        : "/lock: cannot be made")}};
    }
    MUSTER_CHECK(read_state());
    MUSTER_TRY(const auto serials, collect());
    MUSTER_CHECK(done(write_file_atomically(unfinished_path_, {})));
    for (const bool stands : {false, true}) {
      for (const auto& [issuer, all] : serials) {
        MUSTER_CHECK(look_after(*issuer, all, stands));
      }
      if (!stands) {
        tell();  // of revocations, before all the rest is signed
      }
    }
    MUSTER_CHECK(remove_others());
    MUSTER_CHECK(finish());
    tell();
    report_.files = next_.files.size();
    return report_;
  }

 private:
  using Serials = std::vector<std::pair<Serial, bool>>;  ///< whether the record says good

  Done read_state() {
    sweeps_ = exists(unfinished_path_);
    if (!exists(manifest_path_)) {
      sweeps_ = true;
    } else if (const auto text = read_file(manifest_path_, kMaxManifestBytes); !text) {
      return io(text.error());
    } else if (auto read = parse_manifest(as_text(*text))) {
      old_ = *std::move(read);
    } else {
      logger_.log(LogLevel::kWarning, "export.manifest_damaged",
                  "the manifest cannot be read; everything is made anew",
                  {{"file", manifest_path_}, {"why", read.error()}});
      sweeps_ = true;
    }
    if (exists(pending_path_)) {
      const auto text = read_file(pending_path_, kMaxPendingBytes);
      if (!text) {
        return io(text.error());
      }
      for (const std::string_view line : split(as_text(*text), '\n')) {
        if (http::base64_decode(line)) {
          pending_.insert(std::string(line));
        }
      }
      pending_.erase("");
    }
    next_.made = clock_.now();
    // Rises even if the manifest was lost.
    next_.number = std::max(
        old_.number + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_int(next_.made))));
    report_.number = next_.number;
    return Unit{};
  }

  /// Every certificate with a record, before anything is changed.
  Result<std::vector<std::pair<const responder::Issuer*, Serials>>, ExportError> collect() {
    std::vector<std::pair<const responder::Issuer*, Serials>> out;
    const auto reader = store_.reader();
    reader->renew();
    for (const responder::Issuer& issuer : setup_.issuers()) {
      if (!issuer.open) {
        report_.closed_issuers.push_back(issuer.label);
        continue;
      }
      const store::IssuerState* const state = reader->issuer_state(issuer.store_id);
      if (state == nullptr || state->loaded_at == UnixSeconds{}) {
        return Err{ExportError{ExportErrc::kInput,
                               "the store was never told anything of issuer '" + issuer.label +
                                   "'; nothing was changed (name its store or its source)"}};
      }
      Serials serials;
      const auto walked = store_.for_each(
          issuer.store_id, [&serials](const Serial& serial, const store::Status& status) {
            serials.emplace_back(serial, status.state == store::State::kGood);
          });
      if (!walked) {
        return Err{ExportError{ExportErrc::kInput, "store: " + walked.error().detail}};
      }
      out.emplace_back(&issuer, std::move(serials));
    }
    return out;
  }

  /// The answers of those that stand, or of those that do not.
  Done look_after(const responder::Issuer& issuer, const Serials& serials, bool stands) {
    std::vector<Job> jobs;
    for (const auto& [serial, is_good] : serials) {
      if (is_good != stands) {
        continue;
      }
      for (const HashAlgorithm hash : options_.hashes) {
        ocsp::Request request;
        request.requests.push_back(
            {pki::make_cert_id(hash, issuer.certificates.front(), serial), {}});
        jobs.push_back({http::base64_encode(ocsp::encode_request(request)), stands});
        if (jobs.size() == kPart) {
          MUSTER_CHECK(handle(issuer, std::exchange(jobs, {})));
        }
      }
    }
    return jobs.empty() ? Done(Unit{}) : handle(issuer, jobs);
  }

  Done handle(const responder::Issuer& issuer, const std::vector<Job>& jobs) {
    const UnixSeconds now = clock_.now();
    std::vector<Wanted> wanted;
    for (const Job& job : jobs) {
      Wanted one{*http::base64_decode(job.name), {}, {}, true};
      if (const auto known = old_.files.find(job.name); known != old_.files.end()) {
        const ManifestEntry& entry = known->second;
        one.digest = to_buffer(entry.digest);
        one.basis = entry.basis;
        one.is_due = options_.renew_all || now + options_.interval >= entry.due;
      }
      wanted.push_back(std::move(one));
    }
    auto given = answers_.ask(wanted, now);
    if (!given) {
      return Err{ExportError{ExportErrc::kAnswers, given.error()}};
    }
    MUSTER_ASSERT(given->size() == jobs.size());
    std::vector<std::pair<const Job*, ManifestEntry>> fresh;
    std::vector<const Buffer*> contents;
    std::vector<std::string> gone;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = jobs[i];
      Given& one = (*given)[i];
      const auto known = old_.files.find(job.name);
      if (one.kind == Given::Kind::kAnswer) {
        if (auto entry = entry_of(issuer, one, now)) {
          if (known != old_.files.end() && known->second.status != entry->status) {
            note_change(job.name);
          }
          fresh.emplace_back(&job, *std::move(entry));
          contents.push_back(&one.response);
          continue;
        }
        one = {Given::Kind::kNone, {}, {}, "the answer is none that can be kept"};
      }
      if (one.kind == Given::Kind::kSame && known != old_.files.end()) {
        keep(*known);
        continue;
      }
      leave_out(one.why);
      if (known == old_.files.end()) {
        continue;
      }
      // What was said may be said until it ends, unless it is known not to hold any more.
      if (known->second.next_update > now && (job.stands || known->second.status != "good")) {
        keep(*known);
      } else {
        gone.push_back(job.name);
        note_change(job.name);
      }
    }
    MUSTER_CHECK(keep_pending());
    MUSTER_CHECK(remove(gone));
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      auto& [job, entry] = fresh[i];
      const Bytes request = wanted[static_cast<std::size_t>(job - jobs.data())].request;
      const std::string path = file_path(request);
      if (is_folded(job->name) && !folded_paths_.insert(path).second) {
        leave_out("servers take its path for another's (several slashes)");
        continue;
      }
      if (const auto written = tree_.write(path, *contents[i]); !written) {
        if (!is_taken(written.error())) {
          return io(written.error());
        }
        leave_out("a part of its path is another's file, or the other way round");
        continue;
      }
      next_.files.emplace(job->name, std::move(entry));
      ++report_.written;
    }
    return Unit{};
  }

  /// Nothing: an answer that a static server cannot give.
  static std::optional<ManifestEntry> entry_of(const responder::Issuer& issuer, const Given& given,
                                               UnixSeconds now) {
    const auto parsed = ocsp::parse_response(given.response);
    if (!parsed || !parsed->basic || parsed->basic->responses.size() != 1) {
      return std::nullopt;
    }
    const ocsp::SingleResponseView single = *parsed->basic->responses.begin();
    if (!single.next_update || *single.next_update <= now) {
      return std::nullopt;
    }
    ManifestEntry entry;
    pki::digest_into(HashAlgorithm::kSha256, given.response, entry.digest);
    entry.status = ocsp::to_string(single.status);
    entry.next_update = *single.next_update;
    entry.due = now + std::min(responder::refresh_age(issuer.terms.policy),
                               Seconds((*single.next_update - now) / 2));
    entry.basis = given.basis;
    return entry;
  }

  void leave_out(const std::string& why) {
    ++report_.left_out;
    report_.left_out_why = report_.left_out_why.empty() ? why : report_.left_out_why;
  }
  void keep(const std::pair<const std::string, ManifestEntry>& known) {
    next_.files.insert(known);
    ++report_.kept;
    if (is_folded(known.first)) {
      folded_paths_.insert(file_path(*http::base64_decode(known.first)));
    }
  }
  void note_change(const std::string& name) {
    pending_.insert(name);
    ++report_.changed;
  }

  Done remove(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      MUSTER_CHECK(done(tree_.remove(file_path(*http::base64_decode(name)))));
      removed_.insert(name);
      ++report_.removed;
    }
    return Unit{};
  }

  /// Files that are nobody's answer any more.
  Done remove_others() {
    std::vector<std::string> gone;
    for (const auto& [name, entry] : old_.files) {
      if (!next_.files.contains(name) && !removed_.contains(name)) {
        gone.push_back(name);
        note_change(name);
      }
    }
    MUSTER_CHECK(keep_pending());
    MUSTER_CHECK(remove(gone));
    if (sweeps_) {
      std::set<std::string> wanted;
      for (const auto& [name, entry] : next_.files) {
        wanted.insert(file_path(*http::base64_decode(name)));
      }
      const auto swept =
          tree_.sweep([&wanted](const std::string& path) { return wanted.contains(path); });
      if (!swept) {
        return io(swept.error());
      }
      report_.removed += *swept;
    }
    return Unit{};
  }

  Done finish() {
    next_.until = next_.made;
    for (const auto& [name, entry] : next_.files) {
      next_.until =
          next_.until == next_.made ? entry.next_update : std::min(next_.until, entry.next_update);
    }
    std::optional<pki::Signer> signer;
    if (options_.manifest_key) {
      auto made = pki::Signer::make(*options_.manifest_key);
      if (!made) {
        return Err{ExportError{ExportErrc::kInput, "manifest key: " + made.error().detail}};
      }
      signer = *std::move(made);
    }
    const auto text = seal_manifest(next_, signer ? &*signer : nullptr);
    if (!text) {
      return Err{ExportError{ExportErrc::kAnswers, "manifest key: " + text.error().detail}};
    }
    MUSTER_CHECK(done(tree_.sync()));
    MUSTER_CHECK(done(write_file_atomically(manifest_path_, as_bytes(*text))));
    ::unlink(unfinished_path_.c_str());  // if it stays, the next run looks through the tree
    return Unit{};
  }

  /// What caches are to forget, on disk before they could be asked: a run that dies does not forget
  /// it.
  Done keep_pending() {
    if (options_.purge.command.empty() || pending_.size() == pending_kept_) {
      return Unit{};
    }
    std::string text;
    for (const std::string& name : pending_) {
      text += name + "\n";
    }
    pending_kept_ = pending_.size();
    return done(write_file_atomically(pending_path_, as_bytes(text)));
  }

  /// Has caches forget. What they could not be told stays for the next time.
  void tell() {
    if (pending_.empty() || options_.purge.command.empty()) {
      pending_.clear();
      return;
    }
    PurgeReport told = purge(options_.purge, {pending_.begin(), pending_.end()}, logger_);
    report_.purge.runs += told.runs;
    report_.purge.failures += told.failures;
    report_.purge.purged += told.purged;
    report_.purge.not_purged = told.not_purged;
    pending_ = {told.not_purged.begin(), told.not_purged.end()};
    pending_kept_ = 0;
    if (pending_.empty()) {
      ::unlink(pending_path_.c_str());
    } else if (const auto kept = keep_pending(); !kept) {
      logger_.log(LogLevel::kError, "export.purge_lost", kept.error().detail);
    }
  }

  const ExportOptions& options_;
  const responder::Setup& setup_;
  const store::Store& store_;
  AnswerSource& answers_;
  const Clock& clock_;
  Logger& logger_;
  Tree tree_;
  const std::string manifest_path_, pending_path_, unfinished_path_;
  Manifest old_, next_;
  std::set<std::string> pending_;       ///< requests in base64 that caches are to forget
  std::size_t pending_kept_ = 0;        ///< as many are on disk
  std::set<std::string> folded_paths_;  ///< of files whose base64 has several slashes in a row
  std::set<std::string> removed_;       ///< requests in base64 whose files were taken away
  bool sweeps_ = false;                 ///< what is in the tree is not known
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
