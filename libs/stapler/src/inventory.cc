#include "muster/stapler/inventory.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "issuers.h"
#include "muster/base/text.h"
#include "muster/pki/keys.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kMaxChain = 10;
constexpr std::size_t kMaxCertificateFileBytes = 16 << 20;
/// A file changed so shortly before it was read may change again without its stamp showing it.
constexpr Seconds kRacy{2};

bool is_directory(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

/// Files of a directory that look like certificates, in order of name; nothing when it cannot be
/// read.
std::optional<std::vector<std::string>> list_certificate_files(const std::string& directory) {
  std::vector<std::string> out;
  DIR* dir = ::opendir(directory.c_str());
  if (dir == nullptr) {
    return std::nullopt;
  }
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (is_certificate_file(name)) {
      out.push_back(directory + '/' + name);
    }
  }
  ::closedir(dir);
  std::sort(out.begin(), out.end());
  return out;
}

/// Keys and parameters lie beside certificates under the same names: PEM without a certificate is
/// nobody's mistake.
bool holds_no_certificate(const std::string& path) {
  const auto content = read_file(path, kMaxCertificateFileBytes);
  if (!content) {
    return false;
  }
  const std::string_view text = as_text(*content);
  return text.find("-----BEGIN ") != std::string_view::npos &&
         text.find("CERTIFICATE-----") == std::string_view::npos;
}

std::string naming(const std::string& path, const std::string& detail) {
  return detail.find(path) == std::string::npos ? "'" + path + "': " + detail : detail;
}

}  // namespace

bool is_certificate_file(std::string_view name) {
  constexpr std::string_view kExtensions[] = {".pem", ".crt", ".cer", ".der"};
  return !name.starts_with('.') &&
         std::any_of(std::begin(kExtensions), std::end(kExtensions),
                     [name](std::string_view extension) { return name.ends_with(extension); });
}

std::string name_for(const std::string& path) {
  const auto parts = split(path, '/');
  std::string name(parts.back());
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos && dot != 0) {
    name.resize(dot);
  }
  for (const std::string_view suffix : {".chain", ".fullchain", ".bundle"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
    }
  }
  const bool generic = name == "fullchain" || name == "cert" || name == "certificate" ||
                       name == "chain" || name == "tls";
  return generic && parts.size() > 1 && !parts[parts.size() - 2].empty()
             ? std::string(parts[parts.size() - 2])
             : name;
}

/// One reading.
class InventoryLoader {
 public:
  using Found = InventoryReader::Found;
  using File = InventoryReader::File;

  InventoryLoader(InventoryReader& reader, const InventoryOptions& options,
                  InventoryReader::Gone gone, Seconds now, const std::set<std::string>* changed,
                  InventoryReader::Proof proof)
      : reader_(reader),
        options_(options),
        gone_(gone),
        now_(now),
        changed_(changed),
        proof_(proof) {
    if (reader_.chain_ != options.chain) {
      reader_.files_.clear();
      reader_.chain_ = options.chain;
    }
    next_ = reader_.files_.begin();
    reader_.places_.clear();
    reader_.is_restless_ = false;
    for (const std::string& path : options.issuers) {
      reader_.places_.insert(path);
      if (const auto loaded = load(path)) {
        lend(*loaded);
      }
    }
  }

  void add(const CertificateSource& source) {
    reader_.places_.insert(source.path);
    if (!source.issuer.empty()) {
      reader_.places_.insert(source.issuer);
    }
    if (!is_directory(source.path) && !was_directory(source.path)) {
      look_at(source.path, source.issuer, Lone::kIsMeant, Issuers::kAreKnown);
      take(source);
      return;
    }
    add_directory(source);
  }

  Inventory finish() {
    if (used_.size() != reader_.files_.size()) {  // all that were used are among them
      std::erase_if(reader_.files_,
                    [this](const auto& file) { return !used_.contains(file.first); });
    }
    used_.merge(reader_.places_);  // the few go to the many
    reader_.places_ = std::move(used_);
    return std::move(inventory_);
  }

 private:
  enum class Lone : std::uint8_t {
    kIsMeant,
    kLends
  };  ///< a CA certificate without a leaf in its file
  enum class Issuers : std::uint8_t { kMayFollow, kAreKnown };

  void problem(std::string text) {
    reader_.is_restless_ = true;
    inventory_.problems.push_back(std::move(text));
  }

  void lend(const Certificates& certificates) {
    for (const pki::Certificate& c : certificates) {
      pool_.add(c);
    }
  }

  std::optional<Certificates> load(const std::string& path) {
    auto loaded = pki::load_certificates(path, &reader_.recent_);
    if (!loaded) {
      problem(naming(path, loaded.error().detail));
      return std::nullopt;
    }
    return *std::move(loaded);
  }

  /// What is known of a file; nothing yet of a new one. The files of a directory come in their
  /// order, and each is found behind the one before, without a search among all.
  File& file_at(const std::string& path) {
    const auto at = reader_.files_.try_emplace(next_, path);
    next_ = std::next(at);
    return at->second;
  }

  /// Whether `path` gave files before: it may be about to be replaced.
  [[nodiscard]] bool was_directory(const std::string& path) const {
    const auto next = reader_.files_.lower_bound(path + '/');
    return next != reader_.files_.end() && next->first.starts_with(path + '/') &&
           !reader_.files_.contains(path);
  }

  void add_directory(const CertificateSource& source) {
    auto listed = list_certificate_files(source.path);
    const bool is_there = listed.has_value();
    std::set<std::string> files;
    if (is_there) {
      files.insert(listed->begin(), listed->end());
    }
    const std::string below = source.path + '/';
    for (auto known = reader_.files_.lower_bound(below);
         known != reader_.files_.end() && known->first.starts_with(below); ++known) {
      File& file = known->second;
      if (files.contains(known->first) ||
          known->first.find('/', below.size()) != std::string::npos) {
        file.gone_since.reset();
        continue;
      }
      file.gone_since = file.gone_since.value_or(now_);
      const bool waits = gone_ == InventoryReader::Gone::kWait &&
                         now_ - *file.gone_since < InventoryReader::kGoneGrace;
      if (!file.found.empty() && (waits || !is_there)) {
        reader_.is_restless_ = true;
        files.insert(known->first);
      }
    }
    if (files.empty()) {
      problem("'" + source.path + "' holds no certificate files (*.pem, *.crt, *.cer, *.der)");
    } else if (!is_there) {
      problem("the directory '" + source.path +
              "' cannot be read; what it held before stays in use (is it about to be replaced?)");
    }
    // Whatever a file of the directory lends, it lends to all: who misses an issuer is looked at
    // again when all were read.
    std::vector<std::string> without_issuer;
    for (const std::string& path : files) {
      if (!look_at(path, source.issuer, Lone::kLends, Issuers::kMayFollow)) {
        without_issuer.push_back(path);
      }
    }
    for (const std::string& path : without_issuer) {
      look_at(path, source.issuer, Lone::kLends, Issuers::kAreKnown);
    }
    for (const std::string& path : files) {
      take(CertificateSource{path, source.issuer, "", "", source.responders});
    }
  }

  /// Brings what is known of a file up to date. False: an issuer is missing that may follow.
  bool look_at(const std::string& path, const std::string& issuer_file, Lone lone,
               Issuers issuers) {
    used_.insert(used_.end(), path);
    File& file = file_at(path);
    const bool is_known = gone_ == InventoryReader::Gone::kWait && file.is_settled;
    const bool is_unnamed = is_known && changed_ != nullptr && !changed_->contains(path);
    const FileStamp stamp = is_unnamed ? file.stamp : system_files().stamp(path);
    if (file.gone_since || (is_known && stamp == file.stamp)) {
      lend(file.lends);
      for (const Found& found : file.found) {
        pool_.add(found.issuer);
      }
      return true;
    }
    const auto stay = [&](const std::string& text) {
      problem(file.found.empty()
                  ? text
                  : text + "; what it held before stays in use, and it is read again");
      file.is_settled = false;
    };
    auto certificates = pki::load_certificates(path, &reader_.recent_);
    if (!certificates) {
      if (lone == Lone::kLends && file.found.empty() && holds_no_certificate(path)) {
        file.stamp = stamp;
        file.is_settled = is_old(stamp);
        return true;
      }
      stay(naming(path, certificates.error().detail));
      return true;
    }
    if (lone == Lone::kLends) {
      for (const pki::Certificate& c : *certificates) {
        if (c.facts().is_ca || c.is_self_issued()) {
          pool_.add(c);
        }
      }
    }
    Certificates candidates = *certificates;
    if (!issuer_file.empty()) {
      const auto given = pki::load_certificates(issuer_file, &reader_.recent_);
      if (!given) {
        stay(naming(issuer_file, given.error().detail));
        return true;
      }
      candidates.insert(candidates.end(), given->begin(), given->end());
    }
    Certificates leaves;
    std::copy_if(certificates->begin(), certificates->end(), std::back_inserter(leaves),
                 [](const pki::Certificate& c) { return !c.facts().is_ca; });
    if (leaves.empty() && lone == Lone::kIsMeant) {
      leaves.push_back(certificates->front());
    }
    std::vector<Found> found;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (!add_found(leaves[i], i, candidates, found)) {
        if (issuers == Issuers::kMayFollow) {
          return false;
        }
        stay("'" + path + "': no certificate of its issuer (" + leaves[i].issuer_text() +
             ") is at hand, so its status cannot be asked; add it behind the certificate or give "
             "it with --issuer");
        if (!file.found.empty()) {
          return true;
        }
      }
    }
    const bool is_whole = std::count_if(found.begin(), found.end(), [](const Found& f) {
                            return f.depth == 0;
                          }) == static_cast<std::ptrdiff_t>(leaves.size());
    file.found = std::move(found);
    file.lends = leaves.empty() ? *std::move(certificates) : Certificates();
    file.stamp = stamp;
    file.is_settled = is_whole && is_old(stamp);
    reader_.is_restless_ = reader_.is_restless_ || !file.is_settled;
    return true;
  }

  /// False: no issuer of it is at hand.
  bool add_found(const pki::Certificate& leaf, std::size_t at, const Certificates& candidates,
                 std::vector<Found>& found) const {
    const auto issuer_of = [&](const pki::Certificate& c) {
      const pki::Certificate* near = find_issuer(c, candidates);
      return near != nullptr ? near : pool_.issuer_of(c);
    };
    const pki::Certificate* const presumed =
        proof_ == InventoryReader::Proof::kLater ? presume_issuer(leaf, candidates) : nullptr;
    const pki::Certificate* const issuer = presumed != nullptr ? presumed : issuer_of(leaf);
    if (issuer == nullptr) {
      return false;
    }
    found.push_back({leaf.compact(), *issuer, at, 0, presumed == nullptr});
    if (!options_.chain) {
      return true;
    }
    pki::Certificate below = *issuer;
    for (std::size_t depth = 1; depth < kMaxChain && !below.is_self_issued(); ++depth) {
      const pki::Certificate* above = issuer_of(below);
      if (above == nullptr) {
        break;
      }
      if (!below.facts().access.ocsp.empty()) {
        found.push_back({below, *above, at, depth, true});
      }
      below = pki::Certificate(*above);
    }
    return true;
  }

  /// Whether a later change is sure to show in the stamp.
  static bool is_old(const FileStamp& stamp) {
    const auto wall = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
    return unix_seconds(stamp.seconds) + kRacy < wall;
  }

  void take(const CertificateSource& source) {
    const std::string base = source.name.empty() ? name_for(source.path) : source.name;
    std::size_t leaf = 0;  // position of the certificate whose chain is taken
    for (const Found& found : file_at(source.path).found) {
      const bool is_first = found.leaf == 0 && found.depth == 0;
      std::string name = found.leaf == 0 ? base : base + '.' + std::to_string(found.leaf + 1);
      if (found.depth != 0) {
        name += ".ca" + std::to_string(found.depth);
      }
      const std::size_t at =
          add_entry(found, std::move(name), is_first ? source.output : std::string(), source);
      if (found.depth == 0) {
        leaf = at;
      } else if (at != leaf) {
        std::vector<std::size_t>& below = inventory_.entries[at].below;
        const auto place = std::lower_bound(below.begin(), below.end(), leaf);
        if (place == below.end() || *place != leaf) {
          below.insert(place, leaf);
        }
      }
    }
  }

  /// \return its position in the inventory.
  std::size_t add_entry(const Found& found, std::string name, std::string output,
                        const CertificateSource& source) {
    const auto [seen, is_new] =
        seen_.emplace(found.certificate.fingerprint(), inventory_.entries.size());
    if (!is_new) {  // the same certificate, or an intermediate shared by many
      InventoryEntry& known = inventory_.entries[seen->second];
      known.is_intermediate = known.is_intermediate && found.depth != 0;
      return seen->second;
    }
    if (!names_.insert(name).second) {
      name += '-' + to_hex(found.certificate.fingerprint()).substr(0, 8);
      names_.insert(name);
    }
    if (output.empty() && !options_.out.empty()) {
      output = options_.out + '/' + name + ".ocsp";
    }
    inventory_.entries.push_back(InventoryEntry{
        keeper::Watched{keeper::Subject{std::move(name), found.certificate, found.issuer},
                        found.depth == 0 ? source.responders : std::vector<std::string>()},
        std::move(output),
        source.path,
        found.depth != 0,
        {}});
    return seen->second;
  }

  InventoryReader& reader_;
  const InventoryOptions& options_;
  const InventoryReader::Gone gone_;
  const Seconds now_;
  const std::set<std::string>* const changed_;
  const InventoryReader::Proof proof_;
  IssuerPool pool_;
  std::map<std::string, File>::iterator next_{};  ///< among files_, behind what file_at() told last
  std::set<std::string> used_;
  keeper::FingerprintMap<std::size_t> seen_;  ///< places in entries
  std::unordered_set<std::string> names_;
  Inventory inventory_;
};

Inventory InventoryReader::read(const std::vector<CertificateSource>& sources,
                                const InventoryOptions& options, Gone gone, Seconds monotonic_now,
                                const std::set<std::string>* changed, Proof proof) {
  InventoryLoader loader(*this, options, gone, monotonic_now, changed, proof);
  for (const CertificateSource& source : sources) {
    loader.add(source);
  }
  if (proof == Proof::kLater) {
    unproven_from_ = "";
  }
  return loader.finish();
}

bool InventoryReader::prove(File& file,
                            const std::function<bool(const keeper::Fingerprint&)>& counts,
                            std::size_t& verified) {
  bool all_hold = true;
  for (auto at = file.found.begin(); at != file.found.end();) {
    if (at->is_proven || (counts && !counts(at->certificate.fingerprint()))) {
      ++at;
      continue;
    }
    ++verified;
    at->is_proven = static_cast<bool>(pki::verify_issued_by(at->certificate, at->issuer));
    if (at->is_proven) {
      ++at;
      continue;
    }
    at = file.found.erase(at);
    all_hold = false;
  }
  if (!all_hold) {
    file.is_settled = false;
    is_restless_ = true;
  }
  return all_hold;
}

bool InventoryReader::prove_some(std::size_t most) {
  if (!unproven_from_) {
    return true;
  }
  bool all_hold = true;
  std::size_t verified = 0;
  auto file = files_.lower_bound(*unproven_from_);
  for (; file != files_.end() && verified < most; ++file) {
    all_hold = prove(file->second, {}, verified) && all_hold;
  }
  unproven_from_ = file == files_.end() ? std::nullopt : std::optional(file->first);
  return all_hold;
}

bool InventoryReader::prove_if(const std::function<bool(const keeper::Fingerprint&)>& counts) {
  bool all_hold = true;
  std::size_t verified = 0;
  for (auto& [path, file] : files_) {
    all_hold = prove(file, counts, verified) && all_hold;
  }
  return all_hold;
}

Inventory load_inventory(const std::vector<CertificateSource>& sources,
                         const InventoryOptions& options) {
  return InventoryReader().read(sources, options, InventoryReader::Gone::kDrop, Seconds(0));
}

bool is_same(const keeper::Watched& a, const keeper::Watched& b) {
  return a.subject.certificate.fingerprint() == b.subject.certificate.fingerprint() &&
         a.subject.name == b.subject.name && a.responders == b.responders &&
         a.subject.issuer == b.subject.issuer;
}

bool is_same(const Inventory& a, const Inventory& b) {
  return a.problems == b.problems &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const InventoryEntry& x, const InventoryEntry& y) {
                      return is_same(x.watched, y.watched) && x.output == y.output &&
                             x.path == y.path && x.is_intermediate == y.is_intermediate &&
                             x.below == y.below;
                    });
}

}  // namespace muster::stapler
