#include "ready_answer.h"

#include <limits>
#include <new>

#include "muster/der/time_text.h"
#include "muster/pki/certificate.h"

namespace muster::responder {
namespace {

constexpr std::uint32_t kTimeBytes{der::kGeneralizedTimeBytes};

using TimeText = std::span<std::uint8_t, der::kGeneralizedTimeBytes>;
void put_time(std::uint8_t* at, UnixSeconds value) {
  der::put_generalized_time(value, TimeText(at, der::kGeneralizedTimeBytes));
}

const ocsp::Revoked* revoked_of(const Resolved& basis) {
  return std::get_if<ocsp::Revoked>(&basis.status);
}
/// Shows the times of `basis` that are an answer's own and there, in the order in which they are
/// kept: that of revocation comes first. Whether one is there belongs to the form; what it is must
/// not, or each CRL would begin new forms.
template <class Basis, class See>
void for_each_time(Basis& basis, See see) {
  if (auto* const revoked = std::get_if<ocsp::Revoked>(&basis.status)) {
    see(revoked->time);
  }
  for (auto* const time :
       {&basis.invalidity_date, &basis.source_this_update, &basis.source_next_update}) {
    if (time->has_value()) {
      see(**time);
    }
  }
}

/// Times of a body's text, and what they must say.
template <class See>
void for_each_text(const AnswerLayout& layout, const AnswerFacts& facts, See see) {
  const auto* const revoked = revoked_of(facts.basis);
  for (const auto& [at, value] :
       {std::pair(layout.signed_at_at, facts.signed_at),
        std::pair(layout.revoked_at_at, revoked != nullptr ? revoked->time : UnixSeconds{}),
        std::pair(layout.this_update_at, facts.basis.this_update),
        std::pair(layout.next_update_at, facts.basis.next_update)}) {
    if (at != 0) {
      see(at, value);
    }
  }
}

/// Whether the times of `body` are those of `facts`.
bool says_times(Bytes body, const AnswerLayout& layout, const AnswerFacts& facts) {
  bool does = true;
  for_each_text(layout, facts, [&](std::uint32_t at, UnixSeconds value) {
    std::array<std::uint8_t, der::kGeneralizedTimeBytes> text;
    put_time(text.data(), value);
    does = does && at + kTimeBytes <= body.size() && equal(body.subspan(at, kTimeBytes), text);
  });
  return does;
}

/// Finds the layout of a body, which is not trusted to be one of ours.
std::optional<AnswerLayout> find_layout(Bytes body, const AnswerFacts& facts) {
  const auto parsed = ocsp::parse_response(body);
  if (!parsed || !parsed->basic || parsed->basic->responses.size() != 1) {
    return std::nullopt;
  }
  const ocsp::BasicResponseView& basic = *parsed->basic;
  const ocsp::SingleResponseView single = *basic.responses.begin();
  const auto offset = [&body](Bytes part) {
    return static_cast<std::uint32_t>(part.data() - body.data());
  };
  const auto size = [](Bytes part) { return static_cast<std::uint32_t>(part.size()); };
  AnswerLayout out;
  const Bytes id = single.cert_id.raw;
  out.cert_id_at = offset(id);
  out.cert_id_size = size(id);
  out.serial_size = size(single.cert_id.serial);

  // ResponseData: producedAt, the head of responses, which is this one SingleResponse.
  const std::uint32_t single_at = offset(single.raw);
  const std::uint32_t list_head = single.raw.size() < 0x80 ? 2 : single.raw.size() < 0x100 ? 3 : 4;
  if (single_at < offset(basic.tbs_raw) + list_head + kTimeBytes) {
    return std::nullopt;
  }
  out.signed_at_at = single_at - list_head - kTimeBytes;

  // SingleResponse: certID, certStatus, thisUpdate, [0] nextUpdate, [1] singleExtensions.
  constexpr std::uint32_t kHead = 2;  // of what has less than 128 octets
  std::uint32_t at = out.cert_id_at + out.cert_id_size;
  if (std::holds_alternative<ocsp::Revoked>(single.status)) {
    out.revoked_at_at = at + kHead + kHead;
  }
  at += kHead + body[at + 1];
  out.this_update_at = at + kHead;
  at += kHead + kTimeBytes;
  if (single.next_update) {
    out.next_update_at = at + kHead + kHead;
    at += kHead + kHead + kTimeBytes;
  }
  if (!says_times(body, out, facts)) {
    return std::nullopt;
  }

  out.own.push_back({out.cert_id_at + out.cert_id_size - out.serial_size, out.serial_size});
  if (const std::uint32_t end = single_at + size(single.raw); at < end) {
    out.own.push_back({at, end - at});
  }
  out.own.push_back({offset(basic.signature), size(basic.signature)});
  std::vector<Stretch> not_common = out.own;
  for_each_text(out, facts, [&not_common](std::uint32_t text_at, UnixSeconds) {
    not_common.push_back({text_at, kTimeBytes});
  });
  std::sort(not_common.begin(), not_common.end(),
            [](const Stretch& a, const Stretch& b) { return a.at < b.at; });
  std::uint32_t done = 0;
  for (const Stretch& stretch : not_common) {
    MUSTER_ASSERT(done <= stretch.at);
    out.common.push_back({done, stretch.at - done});
    done = stretch.at + stretch.size;
  }
  out.common.push_back({done, size(body) - done});
  return out;
}

/// Composers outlive the forms they have seen, and setups.
std::uint64_t next_form_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

PackedTime::PackedTime(UnixSeconds t) {
  constexpr std::int64_t kBound = std::int64_t{1} << 39U;
  const std::int64_t value = std::clamp(to_int(t), -kBound, kBound - 1);
  const auto low = static_cast<std::uint32_t>(value);
  std::memcpy(octets_.data(), &low, sizeof low);
  octets_[4] = static_cast<std::uint8_t>(value >> 32U);
}

bool AnswerForm::fits(Bytes other, const AnswerFacts& wanted) const {
  const Bytes own = body();
  return own.size() == other.size() &&
         std::all_of(layout.common.begin(), layout.common.end(),
                     [&](const Stretch& stretch) {
                       return std::memcmp(own.data() + stretch.at, other.data() + stretch.at,
                                          stretch.size) == 0;
                     }) &&
         says_times(other, layout, wanted);
}

ReadyAnswer::ReadyAnswer(SharedRef<AnswerForm> form, const AnswerFacts& facts)
    : signed_at_(facts.signed_at),
      this_update_(facts.basis.this_update),
      next_update_(facts.basis.next_update),
      used_for_(static_cast<std::uint32_t>(
          std::clamp<std::int64_t>((facts.replace_at - facts.signed_at).count(), 0,
                                   std::numeric_limits<std::uint32_t>::max()))),
      form_(std::move(form)) {}

void ReadyAnswer::destroy(const ReadyAnswer* answer) {
  auto* const mine = const_cast<ReadyAnswer*>(answer);
  mine->~ReadyAnswer();
  ::operator delete(mine);
}

Resolved ReadyAnswer::basis() const {
  Resolved out = form_->facts.basis;
  out.this_update = this_update();
  out.next_update = next_update();
  const std::uint8_t* at = first() + form_->times_at;
  for_each_time(out, [&at](UnixSeconds& time) {
    PackedTime kept;
    std::memcpy(&kept, at, sizeof kept);
    time = kept.get();
    at += sizeof kept;
  });
  return out;
}

void ReadyAnswer::write_over(std::uint8_t* body, Times times) const {
  const AnswerForm& form = *form_;
  const AnswerLayout& layout = form.layout;
  if (layout.revoked_at_at != 0) {
    PackedTime revoked_at;
    std::memcpy(&revoked_at, first() + form.times_at, sizeof revoked_at);
    put_time(body + layout.revoked_at_at, revoked_at.get());
  }
  if (times == Times::kAll) {
    put_time(body + layout.signed_at_at, signed_at());
    put_time(body + layout.this_update_at, this_update());
    if (layout.next_update_at != 0) {
      put_time(body + layout.next_update_at, next_update());
    }
  }
  const std::uint8_t* from = first() + form.stretches_at;
  for (const Stretch& stretch : layout.own) {
    std::memcpy(body + stretch.at, from, stretch.size);
    from += stretch.size;
  }
}

Bytes ReadyAnswer::digest(Bytes body,
                          std::array<std::uint8_t, HttpMessage::kDigestBytes>& room) const {
  MUSTER_ASSERT(form_->facts.head == HeadKind::kCacheable);
  std::uint8_t* const kept = first();
  if (digest_.load(std::memory_order_acquire) == kKept) {
    return {kept, HttpMessage::kDigestBytes};
  }
  pki::digest_into(HashAlgorithm::kSha256, body, room);
  std::uint8_t expected = kNotMade;
  if (digest_.compare_exchange_strong(expected, kBeingKept, std::memory_order_relaxed)) {
    std::copy(room.begin(), room.end(), kept);
    digest_.store(kKept, std::memory_order_release);
  }
  return room;
}

void render_answer(HttpMessage& out, Bytes body, const AnswerFacts& facts, HttpDate& date) {
  render(out, facts.head, body,
         {facts.basis.this_update, facts.basis.next_update, facts.replace_at, facts.longest_age},
         facts.signed_at, date);
}

void copy_body(const ReadyAnswer& answer, Buffer& into) {
  const Bytes body = answer.form().body();
  into.assign(body.begin(), body.end());
  answer.write_over(into.data(), ReadyAnswer::Times::kAll);
}

ReadyAnswer* AnswerForms::begin(SharedRef<AnswerForm> form, const AnswerFacts& facts) {
  const AnswerForm& layout = *form;
  void* const room = ::operator new(sizeof(ReadyAnswer) + layout.own_octets);
  auto* const made = new (room) ReadyAnswer(std::move(form), facts);
  std::uint8_t* at = made->first() + layout.times_at;
  for_each_time(facts.basis, [&at](UnixSeconds time) {
    const PackedTime kept(time);
    std::memcpy(at, &kept, sizeof kept);
    at += sizeof kept;
  });
  return made;
}

ReadyRef AnswerForms::make(Bytes body, const AnswerFacts& facts) {
  SharedRef<AnswerForm> form = form_of(body, facts);
  if (!form) {
    return {};
  }
  ReadyAnswer* const made = begin(std::move(form), facts);
  const AnswerForm& layout = made->form();
  std::uint8_t* at = made->first() + layout.stretches_at;
  for (const Stretch& stretch : layout.layout.own) {
    std::memcpy(at, body.data() + stretch.at, stretch.size);
    at += stretch.size;
  }
  return ReadyRef(made);
}

ReadyRef AnswerForms::make_alike(const ReadyAnswer& like, const ReadyAnswer& old,
                                 const AnswerFacts& facts) {
  const AnswerForm& form = like.form();
  const AnswerForm& before = old.form();
  const std::size_t body_bytes = form.body().size();
  constexpr std::size_t kSerialAndSignature = 2;  // and no extensions
  const auto sizes_alike = [](const Stretch& a, const Stretch& b) { return a.size == b.size; };
  if (kind_of(facts, body_bytes) != kind_of(form.facts, body_bytes) ||
      form.layout.own.size() != kSerialAndSignature ||
      !std::equal(form.layout.own.begin(), form.layout.own.end(), before.layout.own.begin(),
                  before.layout.own.end(), sizes_alike)) {
    return {};
  }
  ReadyAnswer* const made = begin(like.form_, facts);
  std::memcpy(made->first() + form.stretches_at, old.first() + before.stretches_at,
              form.own_octets - form.stretches_at);
  return ReadyRef(made);
}

AnswerForms::Kind AnswerForms::kind_of(const AnswerFacts& facts, std::size_t body_bytes) {
  const auto* const revoked = revoked_of(facts.basis);
  return {facts.setup,
          body_bytes,
          facts.by.issuer,
          facts.by.signer,
          facts.basis.status.index(),
          facts.variant,
          facts.hash_algorithm,
          facts.head,
          facts.basis.rule,
          facts.basis.never_issued,
          revoked != nullptr && revoked->reason ? static_cast<int>(*revoked->reason) : -1,
          facts.basis.source_this_update.has_value(),
          facts.basis.source_next_update.has_value(),
          facts.basis.invalidity_date.has_value(),
          facts.longest_age.count()};
}

SharedRef<AnswerForm> AnswerForms::new_form(Bytes body, const AnswerFacts& facts) {
  std::optional<AnswerLayout> layout = find_layout(body, facts);
  if (!layout) {
    return {};
  }
  SharedRef<AnswerForm> form(new AnswerForm);
  form->number = next_form_number();
  form->facts = facts;
  form->layout = *std::move(layout);
  HttpDate date;
  render_answer(form->message, body, facts, date);
  form->times_at = facts.head == HeadKind::kCacheable ? HttpMessage::kDigestBytes : 0;
  form->stretches_at = form->times_at;
  for_each_time(facts.basis, [&form](UnixSeconds) { form->stretches_at += sizeof(PackedTime); });
  form->own_octets = form->stretches_at;
  for (const Stretch& stretch : form->layout.own) {
    form->own_octets += stretch.size;
  }
  return form;
}

SharedRef<AnswerForm> AnswerForms::form_of(Bytes body, const AnswerFacts& facts) {
  const Kind kind = kind_of(facts, body.size());
  const MutexLock lock(mutex_);
  const auto [first, last] = by_kind_.equal_range(kind);
  for (auto known = first; known != last; ++known) {
    const auto place = known->second;
    if (place->form->fits(body, facts)) {
      by_use_.splice(by_use_.begin(), by_use_, place);
      return place->form;
    }
  }
  SharedRef<AnswerForm> form = new_form(body, facts);
  if (!form) {
    return {};
  }
  if (by_use_.size() >= kMaxForms) {
    const auto oldest = std::prev(by_use_.end());
    auto known = by_kind_.lower_bound(oldest->kind);
    while (known->second != oldest) {
      ++known;
    }
    by_kind_.erase(known);
    by_use_.erase(oldest);
  }
  by_use_.push_front({kind, form});
  by_kind_.emplace(kind, by_use_.begin());
  return form;
}

std::size_t AnswerForms::size() const {
  const MutexLock lock(mutex_);
  return by_use_.size();
}

const HttpMessage& AnswerComposer::compose(const ReadyAnswer& answer, UnixSeconds now,
                                           HttpDate& date) {
  const AnswerForm& form = answer.form();
  Place& place = places_[form.number % kPlaces];
  HttpMessage& message = place.message;
  if (place.form != form.number) {
    constexpr std::size_t kDigitsMayGrow = 20;
    message.octets.reserve(form.message.octets.size() + kDigitsMayGrow);
    message = form.message;
    place.form = form.number;
    place.signed_at = form.facts.signed_at;
    place.this_update = form.facts.basis.this_update;
    place.next_update = form.facts.basis.next_update;
  }
  const UnixSeconds this_update = answer.this_update();
  const UnixSeconds next_update = answer.next_update();
  const bool says_other_times = place.signed_at != answer.signed_at() ||
                                place.this_update != this_update ||
                                place.next_update != next_update;
  if (message.cacheable()) {
    if (says_other_times) {
      put_date(message, message.last_modified_at, this_update);
      put_date(message, message.expires_at, next_update);
    }
    if (const UnixSeconds until = answer.replace_at(); message.fresh_until != until) {
      message.fresh_until = until;
      refresh_max_age(message, now);
    }
  }
  refresh_clock(message, now, date);
  std::uint8_t* const body = message.octets.data() + message.head_bytes;
  using Times = ReadyAnswer::Times;
  answer.write_over(body, says_other_times ? Times::kAll : Times::kRevocationAlone);
  if (says_other_times) {
    place.signed_at = answer.signed_at();
    place.this_update = this_update;
    place.next_update = next_update;
  }
  if (message.cacheable()) {
    std::array<std::uint8_t, HttpMessage::kDigestBytes> room;
    put_etag(message, answer.digest(Bytes(message.octets).subspan(message.head_bytes), room));
  }
  return message;
}

}  // namespace muster::responder
