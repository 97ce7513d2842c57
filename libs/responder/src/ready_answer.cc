#include "ready_answer.h"

#include <new>

#include "muster/pki/certificate.h"

namespace muster::responder {
namespace {

constexpr std::size_t kTimeBytes = 15;  // of a GeneralizedTime's content

template <class Value>
void append_value(Buffer& out, Value value) {
  const auto* const octets = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), octets, octets + sizeof value);
}
UnixSeconds read_time(const std::uint8_t* from) {
  std::int64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return unix_seconds(value);
}

const ocsp::Revoked* revoked_of(const Resolved& basis) {
  return std::get_if<ocsp::Revoked>(&basis.status);
}
/// Shows the times of `basis` that are an answer's own and there, in the order in which they are
/// kept. Whether one is there belongs to the form; what it is must not, or each CRL would begin new
/// forms.
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
std::size_t facts_bytes(const Resolved& basis) {
  std::size_t bytes = 0;
  for_each_time(basis, [&bytes](UnixSeconds) { bytes += sizeof(std::int64_t); });
  return bytes;
}

/// Finds what is an answer's own: producedAt; everything from the serial to the end of the
/// SingleResponse (times, status, extensions); the signature.
bool find_layout(const HttpMessage& message, AnswerForm& form) {
  const Bytes body = Bytes(message.octets).subspan(message.head_bytes);
  const auto parsed = ocsp::parse_response(body);
  if (!parsed || !parsed->basic || parsed->basic->responses.size() != 1) {
    return false;
  }
  const ocsp::BasicResponseView& basic = *parsed->basic;
  const ocsp::SingleResponseView single = *basic.responses.begin();
  const auto offset = [&body](const std::uint8_t* at) {
    return static_cast<std::uint32_t>(at - body.data());
  };
  const Bytes id = single.cert_id.raw;
  form.cert_id_at = offset(id.data());
  form.cert_id_size = static_cast<std::uint32_t>(id.size());
  form.serial_size = static_cast<std::uint32_t>(single.cert_id.serial.size());
  const std::uint32_t single_at = offset(single.raw.data());
  const std::uint32_t list_head = single.raw.size() < 0x80 ? 2 : single.raw.size() < 0x100 ? 3 : 4;
  if (single_at < offset(basic.tbs_raw.data()) + list_head + kTimeBytes) {
    return false;
  }
  const std::uint32_t serial_at = form.cert_id_at + form.cert_id_size - form.serial_size;
  form.own = {{single_at - list_head - std::uint32_t{kTimeBytes}, kTimeBytes},
              {serial_at, single_at + static_cast<std::uint32_t>(single.raw.size()) - serial_at},
              {offset(basic.signature.data()), static_cast<std::uint32_t>(basic.signature.size())}};
  return true;
}

/// What two answers must have in common to share a form: all octets that are not their own, and
/// what was decided about them.
Buffer key_of(const HttpMessage& message, const AnswerForm& form) {
  const AnswerFacts& facts = form.facts;
  Buffer all;
  all.reserve(message.octets.size() + 256);
  for (const std::uint64_t value :
       {facts.setup, std::uint64_t{facts.by.issuer}, std::uint64_t{facts.by.signer},
        static_cast<std::uint64_t>(facts.hash_algorithm), std::uint64_t{facts.variant},
        static_cast<std::uint64_t>(facts.basis.rule),
        static_cast<std::uint64_t>(facts.basis.never_issued),
        std::uint64_t{facts.basis.status.index()}, std::uint64_t{message.etag_at},
        std::uint64_t{form.serial_size}, std::uint64_t{form.cert_id_size},
        static_cast<std::uint64_t>(message.cacheable() ? message.longest_age.count() : 0)}) {
    append_value(all, value);
  }
  const auto* const revoked = revoked_of(facts.basis);
  append_value(all,
               revoked != nullptr && revoked->reason ? static_cast<int>(*revoked->reason) : -1);
  append_value(all, facts.basis.source_this_update.has_value());
  append_value(all, facts.basis.source_next_update.has_value());
  append_value(all, facts.basis.invalidity_date.has_value());
  std::vector<Stretch> left_out;
  const auto leave_out = [&left_out](std::size_t at, std::size_t size) {
    left_out.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size)});
  };
  leave_out(message.date_at, kHttpDateBytes);
  if (message.cacheable()) {
    leave_out(message.last_modified_at, kHttpDateBytes);
    leave_out(message.expires_at, kHttpDateBytes);
    leave_out(message.etag_at, HttpMessage::kEtagBytes);
    leave_out(message.max_age_at, message.max_age_digits);
  }
  for (const Stretch& stretch : form.own) {
    append_value(all, stretch.at);
    append_value(all, stretch.size);
    leave_out(message.head_bytes + stretch.at, stretch.size);
  }
  std::size_t done = 0;
  for (const Stretch& stretch : left_out) {
    const auto begin = message.octets.begin();
    all.insert(all.end(), begin + static_cast<std::ptrdiff_t>(done),
               begin + static_cast<std::ptrdiff_t>(stretch.at));
    done = stretch.at + stretch.size;
  }
  all.insert(all.end(), message.octets.begin() + static_cast<std::ptrdiff_t>(done),
             message.octets.end());
  return pki::digest(HashAlgorithm::kSha256, all);
}

/// Composers outlive the forms they have seen, and setups.
std::uint64_t next_form_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

ReadyAnswer::ReadyAnswer(SharedRef<AnswerForm> form, const AnswerFacts& facts)
    : form_(std::move(form)),
      signed_at_(facts.signed_at),
      replace_at_(facts.replace_at),
      this_update_(facts.basis.this_update),
      next_update_(facts.basis.next_update) {}

void ReadyAnswer::destroy(const ReadyAnswer* answer) {
  auto* const mine = const_cast<ReadyAnswer*>(answer);
  mine->~ReadyAnswer();
  ::operator delete(mine);
}

Resolved ReadyAnswer::basis() const {
  Resolved out = form_->facts.basis;
  out.this_update = this_update_;
  out.next_update = next_update_;
  const std::uint8_t* at = octets().data() + form_->stretches_at - facts_bytes(form_->facts.basis);
  for_each_time(out, [&at](UnixSeconds& time) {
    time = read_time(at);
    at += sizeof(std::int64_t);
  });
  return out;
}

ReadyRef AnswerForms::make(const HttpMessage& message, const AnswerFacts& facts) {
  AnswerForm wanted;
  if (!find_layout(message, wanted)) {
    return {};
  }
  wanted.facts = facts;
  wanted.stretches_at = static_cast<std::uint32_t>(
      (message.cacheable() ? ReadyAnswer::kDigestBytes : 0) + facts_bytes(facts.basis));
  wanted.serial_at = wanted.stretches_at + wanted.own.front().size;
  wanted.own_octets = wanted.stretches_at;
  for (const Stretch& stretch : wanted.own) {
    wanted.own_octets += stretch.size;
  }
  SharedRef<AnswerForm> form = form_of(key_of(message, wanted), wanted, message);

  void* const room = ::operator new(sizeof(ReadyAnswer) + form->own_octets);
  auto* const made = new (room) ReadyAnswer(form, facts);
  auto* at = reinterpret_cast<std::uint8_t*>(made + 1);
  const auto put = [&at](Bytes octets) { at = std::copy(octets.begin(), octets.end(), at); };
  if (message.cacheable()) {
    put(message.digest);
  }
  for_each_time(facts.basis, [&put](UnixSeconds time) {
    const std::int64_t value = to_int(time);
    put({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  });
  for (const Stretch& stretch : form->own) {
    put(Bytes(message.octets).subspan(message.head_bytes + stretch.at, stretch.size));
  }
  return ReadyRef(made);
}

SharedRef<AnswerForm> AnswerForms::form_of(const Buffer& key, const AnswerForm& wanted,
                                           const HttpMessage& message) {
  const MutexLock lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return found->second->form;
  }
  if (by_use_.size() >= kMaxForms) {
    by_key_.erase(by_use_.back().key);
    by_use_.pop_back();
  }
  SharedRef<AnswerForm> form(new AnswerForm);
  form->number = next_form_number();
  form->facts = wanted.facts;
  form->message = message;
  form->cert_id_at = wanted.cert_id_at;
  form->cert_id_size = wanted.cert_id_size;
  form->serial_size = wanted.serial_size;
  form->own = wanted.own;
  form->own_octets = wanted.own_octets;
  form->stretches_at = wanted.stretches_at;
  form->serial_at = wanted.serial_at;
  by_use_.push_front({key, form});
  by_key_.emplace(key, by_use_.begin());
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
    place.this_update = form.facts.basis.this_update;
    place.next_update = form.facts.basis.next_update;
  }
  if (message.cacheable()) {
    if (place.this_update != answer.this_update()) {
      put_date(message, message.last_modified_at, answer.this_update());
      place.this_update = answer.this_update();
    }
    if (place.next_update != answer.next_update()) {
      put_date(message, message.expires_at, answer.next_update());
      place.next_update = answer.next_update();
    }
    put_etag(message, answer.digest());
    if (message.fresh_until != answer.replace_at()) {
      message.fresh_until = answer.replace_at();
      refresh_max_age(message, now);
    }
  }
  refresh_clock(message, now, date);
  const std::uint8_t* from = answer.octets().data() + form.stretches_at;
  std::uint8_t* const body = message.octets.data() + message.head_bytes;
  for (const Stretch& stretch : form.own) {
    std::memcpy(body + stretch.at, from, stretch.size);
    from += stretch.size;
  }
  return message;
}

}  // namespace muster::responder
