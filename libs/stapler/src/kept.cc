#include "kept.h"

#include <algorithm>
#include <set>

namespace muster::stapler {

std::string_view to_string(KeptAs role) { return role == KeptAs::kStaged ? "staged" : "former"; }

void KeptCertificates::add(Kept one) {
  const keeper::Fingerprint id = one.watched.subject.certificate.fingerprint();
  if (all_.size() >= most_ && !all_.contains(id)) {
    const auto order = [](const Kept& kept) {
      return std::pair(kept.role == KeptAs::kStaged, kept.until);
    };
    const auto first = std::min_element(
        all_.begin(), all_.end(),
        [&order](const auto& a, const auto& b) { return order(a.second) < order(b.second); });
    if (first != all_.end()) {
      all_.erase(first);
    }
  }
  all_.insert_or_assign(id, std::move(one));
}

std::vector<const InventoryEntry*> KeptCertificates::add_replaced(const Inventory& before,
                                                                  const Inventory& next,
                                                                  const keeper::Shelf& shelf,
                                                                  UnixSeconds now) {
  if (before.entries.empty()) {
    return {};
  }
  std::set<keeper::Fingerprint> stays;
  std::set<std::string> paths;
  for (const InventoryEntry& entry : next.entries) {
    stays.insert(entry.watched.subject.certificate.fingerprint());
    paths.insert(entry.path);
  }
  std::vector<const InventoryEntry*> added;
  for (const InventoryEntry& entry : before.entries) {
    const keeper::Subject& subject = entry.watched.subject;
    const keeper::Fingerprint id = subject.certificate.fingerprint();
    const UnixSeconds end = subject.certificate.not_after();
    if (stays.contains(id) || !paths.contains(entry.path) || entry.is_intermediate || end <= now) {
      continue;
    }
    const keeper::StaplePointer staple = shelf.find(id, now);
    const UnixSeconds until =
        std::max(now + kKeptFor, staple ? staple->facts.expires : UnixSeconds());
    keeper::Watched watched = entry.watched;
    watched.subject.name = "former/" + subject.name;
    add({std::move(watched), KeptAs::kFormer, std::min(until, end)});
    added.push_back(&entry);
  }
  return added;
}

bool KeptCertificates::drop_over(UnixSeconds now) {
  return std::erase_if(all_, [now](const auto& kept) { return kept.second.until <= now; }) != 0;
}

}  // namespace muster::stapler
