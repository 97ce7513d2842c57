#pragma once

#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "muster/stapler/inventory.h"
#include "muster/stapler/staple_files.h"

namespace muster::stapler {

/// A certificate that is not in the inventory and is looked after for a while all the same.
enum class KeptAs : std::uint8_t {
  kStaged,  ///< somebody waits for its staple, to put it into service then
  kFormer,  ///< another has taken its place in its file; servers may still use it
};
std::string_view to_string(KeptAs role);

struct Kept {
  keeper::Watched watched;
  KeptAs role = KeptAs::kStaged;
  UnixSeconds until{};
};

/// How long, a former one for as long as servers may have its staple too.
inline constexpr Seconds kKeptFor{86400};

/// All that are kept. Beyond the most, a former one goes before a staged one, for which somebody
/// waits; of these the one that ends first. Pure. Threads: one.
class KeptCertificates {
 public:
  using All = std::map<keeper::Fingerprint, Kept>;
  explicit KeptCertificates(std::size_t most = kMaxFormer) : most_(most) {}

  void add(Kept one);
  /// Keeps those of `before` whose place in their file others have taken in `next`, until the
  /// staple that is on offer for them has ended, and for kKeptFor at least, unless they expire
  /// before that. \return what was added.
  std::vector<const InventoryEntry*> add_replaced(const Inventory& before, const Inventory& next,
                                                  const keeper::Shelf& shelf, UnixSeconds now);
  void erase(const keeper::Fingerprint& certificate);
  /// Whether there were any whose time was over; they are gone.
  bool drop_over(UnixSeconds now);
  [[nodiscard]] const All& all() const { return all_; }
  [[nodiscard]] bool contains(const keeper::Fingerprint& certificate) const {
    return all_.contains(certificate);
  }

 private:
  /// Who goes first when there is no room: a fleet may be renewed at once.
  using Order = std::tuple<bool, UnixSeconds, keeper::Fingerprint>;
  static Order order_of(const All::value_type& one) {
    return {one.second.role == KeptAs::kStaged, one.second.until, one.first};
  }

  const std::size_t most_;
  All all_;
  std::set<Order> order_;  ///< of all
};

}  // namespace muster::stapler
