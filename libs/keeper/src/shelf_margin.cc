#include "shelf_impl.h"

// What is held ends sooner or later, while the shelf is in use (decision 050).
namespace muster::keeper {

void Shelf::Impl::set_expiry_margin(Seconds margin) {
  if (margin == policy.expiry_margin) {
    return;
  }
  policy.expiry_margin = margin;
  const Offers::Hold hold(offers);
  for (auto& [id, slot] : slots) {
    for (StaplePointer* held : {&slot.current, &slot.reserve, &slot.pending, &slot.pin}) {
      if (*held) {
        Staple again = **held;
        again.facts = facts_of(again.response, again.obtained);
        *held = std::make_shared<const Staple>(std::move(again));
      }
    }
    offers.publish(id, offered(slot));
    reschedule(id, slot);
  }
}

void Shelf::set_expiry_margin(Seconds margin) { impl_->set_expiry_margin(margin); }

}  // namespace muster::keeper
