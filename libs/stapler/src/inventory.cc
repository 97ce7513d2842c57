#include "muster/stapler/inventory.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "muster/base/text.h"
#include "muster/pki/keys.h"

namespace muster::stapler {
namespace {

constexpr std::string_view kExtensions[] = {".pem", ".crt", ".cer", ".der"};
constexpr std::size_t kMaxChain = 10;
constexpr std::size_t kMaxCertificateFileBytes = 16 << 20;

bool is_directory(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

/// Files of a directory that look like certificates, in order of name.
std::vector<std::string> list_certificate_files(const std::string& directory) {
  std::vector<std::string> out;
  DIR* dir = ::opendir(directory.c_str());
  if (dir == nullptr) {
    return out;
  }
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    const bool fits = std::any_of(
        std::begin(kExtensions), std::end(kExtensions),
        [&name](std::string_view e) { return name.size() > e.size() && name.ends_with(e); });
    if (fits && !name.starts_with('.')) {
      out.push_back(directory + '/' + name);
    }
  }
  ::closedir(dir);
  std::sort(out.begin(), out.end());
  return out;
}

/// "web" for "/etc/tls/web.pem" and "/etc/tls/web.chain.pem"; the directory for what every
/// certificate of an ACME client is called.
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

using Certificates = std::vector<pki::Certificate>;

/// The one of `candidates` that signed `certificate`.
const pki::Certificate* find_issuer(const pki::Certificate& certificate,
                                    const Certificates& candidates) {
  for (const pki::Certificate& c : candidates) {
    if (equal(c.subject(), certificate.issuer()) && pki::verify_issued_by(certificate, c)) {
      return &c;
    }
  }
  return nullptr;
}

class Loader {
 public:
  explicit Loader(const InventoryOptions& options) : options_(options) {
    for (const std::string& path : options.issuers) {
      if (const auto loaded = load(path)) {
        pool_.insert(pool_.end(), loaded->begin(), loaded->end());
      }
    }
  }

  void add(const CertificateSource& source) {
    if (!is_directory(source.path)) {
      if (const auto certificates = load(source.path)) {
        add_file(source, *certificates, Lone::kIsMeant);
      }
      return;
    }
    std::vector<std::pair<std::string, Certificates>> files;
    for (const std::string& path : list_certificate_files(source.path)) {
      auto loaded = pki::load_certificates(path);
      if (!loaded) {
        if (!holds_no_certificate(path)) {
          problem(naming(path, loaded.error().detail));
        }
        continue;
      }
      pool_.insert(pool_.end(), loaded->begin(), loaded->end());
      files.emplace_back(path, *std::move(loaded));
    }
    if (files.empty()) {
      problem("'" + source.path + "' holds no certificate files (*.pem, *.crt, *.cer, *.der)");
    }
    for (const auto& [path, certificates] : files) {
      add_file(CertificateSource{path, source.issuer, "", "", source.responders}, certificates,
               Lone::kLends);
    }
  }

  Inventory take() { return std::move(inventory_); }

 private:
  enum class Lone : std::uint8_t {
    kIsMeant,
    kLends
  };  ///< a CA certificate without a leaf in its file

  void problem(std::string text) { inventory_.problems.push_back(std::move(text)); }

  std::optional<Certificates> load(const std::string& path) {
    auto loaded = pki::load_certificates(path);
    if (!loaded) {
      problem(naming(path, loaded.error().detail));
      return std::nullopt;
    }
    return *std::move(loaded);
  }

  void add_file(const CertificateSource& source, const Certificates& certificates, Lone lone) {
    Certificates candidates = certificates;
    if (!source.issuer.empty()) {
      const auto issuers = load(source.issuer);
      if (!issuers) {
        return;
      }
      candidates.insert(candidates.end(), issuers->begin(), issuers->end());
    }
    candidates.insert(candidates.end(), pool_.begin(), pool_.end());
    Certificates leaves;
    std::copy_if(certificates.begin(), certificates.end(), std::back_inserter(leaves),
                 [](const pki::Certificate& c) { return !c.facts().is_ca; });
    if (leaves.empty() && lone == Lone::kIsMeant) {
      leaves.push_back(certificates.front());
    }
    const std::string base = source.name.empty() ? name_for(source.path) : source.name;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const std::string name = i == 0 ? base : base + '.' + std::to_string(i + 1);
      const std::string output = i == 0 ? source.output : std::string();
      add_certificate(leaves[i], candidates, name, output, source);
    }
  }

  void add_certificate(const pki::Certificate& leaf, const Certificates& candidates,
                       const std::string& name, const std::string& output,
                       const CertificateSource& source) {
    const pki::Certificate* issuer = find_issuer(leaf, candidates);
    if (issuer == nullptr) {
      problem("'" + source.path + "': no certificate of its issuer (" + leaf.issuer_text() +
              ") is at hand, so its status cannot be asked; add it behind the certificate or give "
              "it with --issuer");
      return;
    }
    add_entry(leaf, *issuer, name, output, source, Role::kNamed);
    if (!options_.chain) {
      return;
    }
    pki::Certificate below = *issuer;
    for (std::size_t depth = 1; depth < kMaxChain && !below.is_self_issued(); ++depth) {
      const pki::Certificate* above = find_issuer(below, candidates);
      if (above == nullptr) {
        return;
      }
      if (!below.facts().access.ocsp.empty()) {
        add_entry(below, *above, name + ".ca" + std::to_string(depth), "",
                  {source.path, "", "", "", {}}, Role::kIntermediate);
      }
      below = pki::Certificate(*above);
    }
  }

  enum class Role : std::uint8_t { kNamed, kIntermediate };
  void add_entry(const pki::Certificate& certificate, const pki::Certificate& issuer,
                 std::string name, std::string output, const CertificateSource& source, Role role) {
    const auto [seen, is_new] = seen_.emplace(certificate.fingerprint(), inventory_.entries.size());
    if (!is_new) {  // the same certificate, or an intermediate shared by many
      if (role == Role::kNamed) {
        inventory_.entries[seen->second].is_intermediate = false;
      }
      return;
    }
    if (!names_.insert(name).second) {
      name += '-' + to_hex(certificate.fingerprint()).substr(0, 8);
      names_.insert(name);
    }
    if (output.empty() && !options_.out.empty()) {
      output = options_.out + '/' + name + ".ocsp";
    }
    inventory_.entries.push_back(InventoryEntry{
        keeper::Watched{keeper::Subject{std::move(name), certificate.compact(), issuer},
                        source.responders},
        std::move(output), source.path, role == Role::kIntermediate});
  }

  const InventoryOptions& options_;
  Certificates pool_;
  std::map<keeper::Fingerprint, std::size_t> seen_;  ///< places in entries
  std::set<std::string> names_;
  Inventory inventory_;
};

}  // namespace

Inventory load_inventory(const std::vector<CertificateSource>& sources,
                         const InventoryOptions& options) {
  Loader loader(options);
  for (const CertificateSource& source : sources) {
    loader.add(source);
  }
  return loader.take();
}

}  // namespace muster::stapler
