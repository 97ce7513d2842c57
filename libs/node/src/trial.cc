#include <algorithm>
#include <filesystem>

#include "node_impl.h"

namespace muster::node {
namespace {

/// A store that nobody answers from, gone with its files at the end.
class ScratchStore {
 public:
  /// \param number  another one each time: a thread left behind may have the one before open
  ScratchStore(std::string parent, std::uint64_t number)
      : parent_(std::move(parent)), directory_(parent_ + "/" + std::to_string(number)) {
    remove();  // one may be left from a crash
  }
  ~ScratchStore() {
    store_.reset();
    remove();
  }
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;

  NodeResult<std::shared_ptr<store::Store>> open() {
    std::error_code ignored;  // the store tells when it cannot be opened there
    std::filesystem::create_directories(parent_, ignored);
    auto opened = store::Store::open(directory_);
    if (!opened) {
      return Err{error_of(opened.error())};
    }
    store_ = *std::move(opened);
    return store_;
  }

 private:
  void remove() const {
    std::error_code
        ignored;  // what cannot be removed cannot be opened as new either, which is told
    std::filesystem::remove_all(parent_, ignored);
  }

  const std::string parent_, directory_;
  std::shared_ptr<store::Store> store_;
};

}  // namespace

NodeResult<Unit> Node::Impl::try_sources(const std::vector<source::SourceSpec>& specs,
                                         const NodeOptions& options) {
  std::vector<source::SourceSpec> fresh;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(fresh),
               [this](const source::SourceSpec& spec) {
                 return std::none_of(watched.begin(), watched.end(),
                                     [&](const auto& old) { return same_source(old, spec); });
               });
  if (fresh.empty()) {
    return Unit{};
  }
  ScratchStore scratch(served.store + "/trial", ++trials);
  MUSTER_TRY(const std::shared_ptr<store::Store> trial, scratch.open());
  std::vector<std::uint64_t> known_records;
  {
    const auto reader =
        store->reader();  // not kept while the sources are read: it would hold on to old pages
    reader->renew();
    for (source::SourceSpec& spec : fresh) {
      const store::IssuerState* const known = reader->issuer_state(spec.id);
      known_records.push_back(known == nullptr ? 0 : known->records);
      const auto id = trial->ensure_issuer(source::make_issuer_key(spec.issuer), spec.label);
      if (!id) {
        return Err{error_of(id.error())};
      }
      spec.id = *id;
      if (known == nullptr) {
        continue;
      }
      if (const auto touched = trial->touch(*id, *known);
          !touched) {  // a CRL must not be older than the one in use
        return Err{error_of(touched.error())};
      }
    }
  }
  source::WatchOptions how = watch_options(options);
  how.load.state_directory.clear();
  Followers looking;
  for (const source::SourceSpec& spec : fresh) {
    looking.push_back(follow(trial, spec, how, null_logger()));
  }
  const auto looked = wait_for(looking, options.reload_patience);
  end_all(looking, logger, looked ? kLettingGo : Milliseconds(0));  // what hangs was waited for
  if (!looked) {
    return Err{looked.error()};
  }
  const std::vector<source::SourceStatus>& states = *looked;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states[i].error) {
      return Err{NodeError{NodeErrc::kInput, states[i].label + ": " + states[i].error->detail}};
    }
    if (fresh[i].kind == source::SourceKind::kIndexTxt && states[i].records == 0 &&
        known_records[i] != 0 && how.load.missing == source::LoadOptions::Missing::kKept) {
      return Err{NodeError{NodeErrc::kInput,
                           states[i].label + ": " + states[i].path + ": it has no records, but " +
                               std::to_string(known_records[i]) + " are known (restore the file)"}};
    }
  }
  return Unit{};
}

}  // namespace muster::node
