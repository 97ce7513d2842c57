#include <algorithm>

#include "gather_parts.h"

namespace muster::client::internal {
namespace {

/// How many certificates up the caIssuers ladder is climbed at most (bounded by OCSP-CLI-035).
constexpr int kMaxCaIssuersSteps = 4;
constexpr std::size_t kMaxCertificateFileBytes = 1 << 20;

bool lasts(const net::FetchResponse& response) { return response.http_status == 200; }

std::optional<pki::Certificate> find_or_fetch_issuer(Gathering& g,
                                                     const pki::Certificate& certificate) {
  if (auto found = find_issuer(certificate, g.others, g.options.verify.algorithms)) {
    return found;
  }
  for (const std::string& url : certificate.facts().access.ca_issuers) {
    if (g.options.skip_live || !g.may_ask(url)) {
      continue;
    }
    const net::FetchResult fetched =
        g.sources.fetch(g.get(url, kMaxCertificateFileBytes), g.deadline, lasts);
    if (!fetched || fetched->http_status != 200) {
      continue;
    }
    if (const auto parsed = pki::parse_certificates(fetched->body)) {
      g.others.insert(g.others.end(), parsed->begin(), parsed->end());
      if (auto found = find_issuer(certificate, *parsed, g.options.verify.algorithms)) {
        return found;
      }
    }
  }
  return std::nullopt;
}

/// Who issued `certificate`, and whom of `others` its signature does not lead to (a few by name).
std::string describe_missing_issuer(const pki::Certificate& certificate,
                                    const std::vector<pki::Certificate>& others) {
  constexpr std::size_t kMostNamed = 3;
  std::string out = "issued by " + certificate.issuer_text();
  std::size_t named = 0;
  for (const pki::Certificate& other : others) {
    if (other == certificate) {
      continue;
    }
    if (named == kMostNamed) {
      return out + ", and more";
    }
    out += (named == 0 ? "; at hand, but not shown to be it: " : ", ") + other.subject_text();
    ++named;
  }
  return out;
}

}  // namespace

bool find_chain(Gathering& g) {
  const auto& roots = g.material.roots;
  const pki::AlgorithmPolicy& algorithms = g.options.verify.algorithms;
  g.others = g.material.others;
  if (roots) {
    g.others.insert(g.others.end(), roots->begin(), roots->end());
  }
  auto issuer = g.certificate != nullptr ? find_or_fetch_issuer(g, *g.certificate)
                                         : std::optional(*g.material.subject.named_issuer());
  if (!issuer) {
    g.result.issuer_detail = describe_missing_issuer(*g.certificate, g.material.others);
    return false;
  }
  g.result.issuer = issuer;
  std::vector<pki::Certificate>& path = g.result.path;
  path = {*std::move(issuer)};
  for (int step = 0; step < kMaxCaIssuersSteps && !path.back().is_self_issued(); ++step) {
    if (roots && std::find(roots->begin(), roots->end(), path.back()) != roots->end()) {
      break;
    }
    // Without roots the rest of the way only matters for what is at hand; nobody is asked for it.
    auto next = !roots ? find_issuer(path.back(), g.others, algorithms)
                       : find_or_fetch_issuer(g, path.back());
    if (!next || std::find(path.begin(), path.end(), *next) != path.end()) {
      break;
    }
    path.push_back(*std::move(next));
  }
  std::vector<pki::Certificate> chain = path;
  if (g.certificate != nullptr) {
    chain.insert(chain.begin(), *g.certificate);
  }
  g.result.lacks_feature = find_missing_feature(chain);
  if (!roots) {
    return true;
  }
  const auto found = g.certificate != nullptr
                         ? pki::find_path(*g.certificate, g.others, *roots, g.clock.now(),
                                          pki::LeafValidity::kIgnored, algorithms)
                         : pki::find_path(path.front(), g.others, *roots, g.clock.now(),
                                          pki::LeafValidity::kChecked, algorithms);
  g.result.chain = found ? ChainState::kTrusted : ChainState::kUntrusted;
  if (found) {
    path.assign(found->begin() + (g.certificate != nullptr ? 1 : 0), found->end());
  } else {
    g.result.chain_detail = found.error().detail;
  }
  return true;
}

}  // namespace muster::client::internal
