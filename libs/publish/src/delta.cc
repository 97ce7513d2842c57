#include "delta.h"

namespace muster::publish {

DeltaMerge::DeltaMerge(const crl::CrlView& base, const crl::CrlView* previous, const Spec& spec,
                       Emit emit)
    : base_(base, spec), emit_(std::move(emit)) {
  if (previous != nullptr) {
    previous_.emplace(*previous, spec);
  }
}

/// Deals with lines of base and previous delta that come before `now` (all of them when null):
/// nobody lists them any more.
void DeltaMerge::remove_before(const Line* now) {
  for (;;) {
    const Line* base = base_.line();
    const Line* previous = previous_ ? previous_->line() : nullptr;
    base = base != nullptr && (now == nullptr || base->before(*now)) ? base : nullptr;
    previous =
        previous != nullptr && (now == nullptr || previous->before(*now)) ? previous : nullptr;
    if (base == nullptr && previous == nullptr) {
      return;
    }
    const bool in_base = base != nullptr && (previous == nullptr || !previous->before(*base));
    const bool in_previous = previous != nullptr && (base == nullptr || !base->before(*previous));
    Line removal = in_base ? *base : *previous;
    removal.reason = ReasonCode::kRemoveFromCrl;
    removal.invalidity_date.reset();
    emit_(removal);
    if (in_base) {
      base_.advance();
    }
    if (in_previous) {
      previous_->advance();
    }
  }
}

void DeltaMerge::feed(const Line& now) {
  remove_before(&now);
  const Line* base = base_.line();
  if (base != nullptr && base->same_place(now)) {
    if (!base->same_statement(now)) {
      emit_(now);
    }
    base_.advance();
  } else {
    emit_(now);
  }
  if (previous_ && previous_->line() != nullptr && previous_->line()->same_place(now)) {
    previous_->advance();
  }
}

void DeltaMerge::finish() { remove_before(nullptr); }

LineDigest digest_of(const crl::CrlView& crl, const Spec& spec) {
  LineDigest digest;
  for (LineCursor at(crl, spec); at.line() != nullptr; at.advance()) {
    digest.add(*at.line());
  }
  return digest;
}

LineDigest digest_of_both(const crl::CrlView& base, const crl::CrlView& delta, const Spec& spec) {
  LineDigest digest;
  LineCursor at(base, spec);
  LineCursor change(delta, spec);
  while (at.line() != nullptr || change.line() != nullptr) {
    const Line* const old = at.line();
    const Line* const news = change.line();
    if (news == nullptr || (old != nullptr && old->before(*news))) {
      digest.add(*old);
      at.advance();
      continue;
    }
    const bool replaces = old != nullptr && old->same_place(*news);
    if (news->reason != ReasonCode::kRemoveFromCrl) {
      digest.add(*news);
    }
    change.advance();
    if (replaces) {
      at.advance();
    }
  }
  return digest;
}

}  // namespace muster::publish
