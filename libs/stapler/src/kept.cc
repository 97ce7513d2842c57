#include "kept.h"

#include <algorithm>
#include <set>

namespace muster::stapler {

std::string_view to_string(KeptAs role) { return role == KeptAs::kStaged ? "staged" : "former"; }

void KeptCertificates::add(Kept one) {
  const keeper::Fingerprint id = one.watched.subject.certificate.fingerprint();
  erase(id);
  if (all_.size() >= most_ && !order_.empty()) {
    const auto first = std::get<keeper::Fingerprint>(*order_.begin());
    erase(first);
  }
  const auto added = all_.emplace(id, std::move(one)).first;
  order_.insert(order_of(*added));
}

void KeptCertificates::erase(const keeper::Fingerprint& certificate) {
  if (const auto found = all_.find(certificate); found != all_.end()) {
    order_.erase(order_of(*found));
    all_.erase(found);
  }
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
  std::erase_if(order_, [now](const Order& one) { return std::get<UnixSeconds>(one) <= now; });
  return std::erase_if(all_, [now](const auto& kept) { return kept.second.until <= now; }) != 0;
}

}  // namespace muster::stapler
