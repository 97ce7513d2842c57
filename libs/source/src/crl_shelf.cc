#include "crl_shelf.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "muster/crl/combine.h"
#include "muster/crl/name_match.h"
#include "muster/source/issued_list.h"

namespace muster::source {
namespace {

constexpr std::string_view kCrlSuffix = ".crl";
constexpr std::string_view kListSuffix = ".list";
constexpr std::string_view kParkedPrefix = "base-";

std::string short_digest(Bytes octets) {
  return to_hex(Bytes(pki::digest(HashAlgorithm::kSha256, octets)).first(8));
}

void append_extension(Buffer& to, const crl::CrlView& crl, Bytes oid) {
  if (const auto extension = der::find_extension(crl.extensions, oid)) {
    to.insert(to.end(), extension->value.begin(), extension->value.end());
  }
  to.push_back(0);
}

/// First line of a kept list names its origin; when that was written is the time of our file.
constexpr std::string_view kListHeader = "#muster-list ";

}  // namespace

Result<HeldList, SourceError> judge_list(std::shared_ptr<Content> content,
                                         const std::string& origin, UnixSeconds written_at) {
  const auto records = read_issued_list(
      as_text(content->bytes()), [](const Serial&, std::optional<UnixSeconds>) { return true; });
  if (!records) {
    return Err{source_error(SourceErrc::kMalformed, origin,
                            "line " + std::to_string(records.error().line) + ": " +
                                std::string(to_string(records.error().code)) +
                                " (a list known before stays in force; correct the file)")};
  }
  const Bytes text = content->bytes();
  return HeldList{std::move(content), text, origin, *records, written_at};
}

std::string CrlShelf::path_of(const HeldCrl& crl, Use use) const {
  Buffer scope = crl::normalize_name(crl.view.issuer).value_or(to_buffer(crl.view.issuer));
  append_extension(scope, crl.view, oid::kCeIssuingDistributionPoint);
  const Bytes key = crl.signer.public_key_info();
  scope.insert(scope.end(), key.begin(), key.end());
  if (places_ == Places::kOne) {
    scope.clear();
  }
  const std::string_view kind = use == Use::kParked ? kParkedPrefix
                                : crl.view.is_delta ? std::string_view("delta-")
                                                    : std::string_view("complete-");
  return directory_ + "/" + std::string(kind) + short_digest(scope) + std::string(kCrlSuffix);
}

std::string CrlShelf::path_of(const std::string& list_origin) const {
  return directory_ + "/issued-" + short_digest(as_bytes(list_origin)) + std::string(kListSuffix);
}

bool CrlShelf::same_place(const HeldCrl& a, const HeldCrl& b) const {
  return places_ == Places::kOne || (crl::same_coverage(a.view, b.view) &&
                                     equal(a.signer.public_key_info(), b.signer.public_key_info()));
}

std::shared_ptr<const HeldCrl>* CrlShelf::find(const HeldCrl& like) {
  const auto found = std::find_if(crls_.begin(), crls_.end(), [&](const auto& held) {
    return held->view.is_delta == like.view.is_delta && same_place(*held, like);
  });
  return found == crls_.end() ? nullptr : &*found;
}

const HeldCrl* CrlShelf::delta_of(const HeldCrl& complete) const {
  const auto found = std::find_if(crls_.begin(), crls_.end(), [&](const auto& held) {
    return held->view.is_delta && continues(*held, complete);
  });
  return found == crls_.end() ? nullptr : found->get();
}

Result<Unit, SourceError> CrlShelf::open(const CrlTerms& terms,
                                         std::vector<std::string>& problems) {
  if (directory_.empty()) {
    return Unit{};
  }
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error || ::chmod(directory_.c_str(), 0700) != 0) {
    return Err{source_error(
        SourceErrc::kStore, directory_,
        "cannot be made or used (" + error.message() + "); CRLs in use are kept there")};
  }
  // Their time was judged when they were taken: a clock that is behind now makes them no younger.
  CrlTerms kept_terms = terms;
  kept_terms.future_skew = std::chrono::years(100);
  std::vector<HeldCrl> found;
  std::vector<std::filesystem::path> entries;
  for (auto it = std::filesystem::directory_iterator(directory_, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) {  // an empty shelf would forget what must not be gone back to
    return Err{
        source_error(SourceErrc::kStore, directory_,
                     "cannot be read (" + error.message() + "); CRLs in use are kept there")};
  }
  for (const std::filesystem::path& entry : entries) {
    const std::string path = entry.string();
    const std::string name = entry.filename().string();
    if (name.starts_with(kTemporaryPrefix)) {
      std::filesystem::remove(entry, error);  // of a run that was killed
    } else if (name.ends_with(kListSuffix)) {
      open_list(path, problems);
    } else if (name.ends_with(kCrlSuffix)) {
      auto content = Content::map(path);
      auto judged = content ? judge_crl(*std::move(content), path, kept_terms)
                            : Result<HeldCrl, SourceError>(Err{content.error()});
      if (judged && name.starts_with(kParkedPrefix)) {
        parked_.push_back({std::make_shared<HeldCrl>(*std::move(judged)),
                           "it is older than the CRL in use before (the newer one stays in force)",
                           {},
                           {}});
      } else if (judged) {
        found.push_back(*std::move(judged));
      } else {
        problems.push_back(judged.error().detail + " (kept from an earlier run, not used)");
      }
    }
  }
  std::stable_partition(found.begin(), found.end(),
                        [](const HeldCrl& crl) { return !crl.view.is_delta; });
  for (HeldCrl& crl : found) {
    crls_.push_back(std::make_shared<HeldCrl>(std::move(crl)));
    unpark_others(*crls_.back());  // of a run that was killed in between
  }
  ++version_;
  return Unit{};
}

void CrlShelf::open_list(const std::string& path, std::vector<std::string>& problems) {
  auto content = Content::map(path);
  if (!content) {
    problems.push_back(content.error().detail);
    return;
  }
  const std::string_view text = as_text((*content)->bytes());
  const std::size_t end = std::min(text.find('\n'), text.size());
  const auto stamp = stamp_of(path);
  auto judged =
      text.starts_with(kListHeader) && stamp
          ? judge_list(*content,
                       std::string(text.substr(kListHeader.size(), end - kListHeader.size())),
                       written_at(*stamp))
          : Result<HeldList, SourceError>(
                Err{source_error(SourceErrc::kMalformed, path, "no list of ours")});
  if (judged) {
    judged->text = judged->text.subspan(std::min(end + 1, text.size()));
    lists_.push_back(*std::move(judged));
  } else {
    problems.push_back(judged.error().detail + " (kept from an earlier run, not used)");
  }
}

Result<CrlShelf::Outcome, SourceError> CrlShelf::take(HeldCrl crl) {
  std::shared_ptr<const HeldCrl>* place = find(crl);
  if (place != nullptr && equal((*place)->content->bytes(), crl.content->bytes())) {
    return Outcome{Taken::kSame, *place, {}};
  }
  const auto older = [](const crl::CrlView& next, const std::shared_ptr<const HeldCrl>& than) {
    const auto& number = than->view.crl_number;
    return Outcome{Taken::kOlder, than,
                   *why_older(next, number ? std::optional(to_buffer(*number)) : std::nullopt,
                              than->view.this_update)};
  };
  if (place != nullptr && is_older(crl.view, (*place)->view)) {
    return older(crl.view, *place);
  }
  if (!crl.view.is_delta) {
    for (const Parked& parked : parked_) {
      if (same_place(*parked.crl, crl) && !crl::is_newer(crl.view, parked.crl->view)) {
        return Outcome{Taken::kOlder, parked.crl, parked.why};
      }
    }
  }
  if (crl.view.is_delta) {
    const bool fits = std::any_of(crls_.begin(), crls_.end(), [&](const auto& held) {
      return !held->view.is_delta && continues(crl, *held);
    });
    if (!fits) {
      const auto base = find_base(crl);
      if (base != parked_.end()) {
        if (const auto why = why_older(crl.view, base->number, base->this_update)) {
          return Outcome{Taken::kOlder, base->crl, *why};
        }
        MUSTER_CHECK(put_back(base));
        place = find(crl);
        return put(std::move(crl), place);
      }
      for (const auto& held : crls_) {
        // Complete and delta CRLs issued together bear the same number (RFC 5280 section 5.2.3).
        const bool is_news = !crl.view.crl_number || !held->view.crl_number ||
                             crl::compare_numbers(*held->view.crl_number, *crl.view.crl_number) < 0;
        if (!held->view.is_delta && same_place(crl, *held) && !is_news) {
          return Outcome{Taken::kOlder, held,
                         "it adds nothing to the complete CRL in use, " + number_text(held->view)};
        }
      }
      return Outcome{Taken::kNoBase, nullptr, {}};
    }
  } else if (place != nullptr) {
    // Together with the delta in use it must not say less than what is in use.
    const HeldCrl* const before = delta_of(**place);
    const HeldCrl* const after = delta_of(crl);
    if (before != nullptr && after == nullptr && is_older(crl.view, before->view)) {
      const auto delta = std::find_if(crls_.begin(), crls_.end(),
                                      [&](const auto& held) { return held.get() == before; });
      return older(crl.view, *delta);
    }
  }
  return put(std::move(crl), place);
}

Result<CrlShelf::Outcome, SourceError> CrlShelf::put(HeldCrl crl,
                                                     std::shared_ptr<const HeldCrl>* place) {
  if (place == nullptr && crls_.size() >= kMaxHeldCrls) {
    return Err{source_error(
        SourceErrc::kUnsupported, crl.origin,
        "there are " + std::to_string(kMaxHeldCrls) + " CRLs of different scope already")};
  }
  MUSTER_CHECK(crl.content->keep_as(directory_.empty() ? std::string() : path_of(crl)));
  auto held = std::make_shared<const HeldCrl>(std::move(crl));
  if (place != nullptr) {
    *place = held;
  } else {
    crls_.push_back(held);
  }
  ++version_;
  if (!held->view.is_delta) {
    unpark_others(*held);
    const auto useless = [&](const std::shared_ptr<const HeldCrl>& other) {
      return other->view.is_delta && same_place(*other, *held) && !continues(*other, *held);
    };
    while (true) {
      const auto found = std::find_if(crls_.begin(), crls_.end(), useless);
      if (found == crls_.end()) {
        break;
      }
      drop(**found);
    }
  }
  return Outcome{Taken::kNew, held, {}};
}

void CrlShelf::drop(const HeldCrl& crl) {
  const auto place = std::find_if(crls_.begin(), crls_.end(),
                                  [&](const auto& held) { return held.get() == &crl; });
  if (place == crls_.end()) {
    return;  // replaced meanwhile: the file of its name is its successor's
  }
  if (!directory_.empty()) {
    std::error_code ignored;  // what stays is judged again at the next start
    std::filesystem::remove(path_of(crl), ignored);
  }
  crls_.erase(place);
  ++version_;
}

void CrlShelf::park(const HeldCrl& crl, const std::string& why, const store::IssuerState& known) {
  const auto place = std::find_if(crls_.begin(), crls_.end(),
                                  [&](const auto& held) { return held.get() == &crl; });
  MUSTER_ASSERT(place != crls_.end() && !crl.view.is_delta);
  if (!directory_.empty()) {  // if it cannot be: judged by the store again at the next start
    std::error_code ignored;
    std::filesystem::rename(path_of(crl), path_of(crl, Use::kParked), ignored);
  }
  parked_.push_back({*place, why, known.crl_number, known.this_update});
  crls_.erase(place);
  ++version_;
}

void CrlShelf::unpark_others(const HeldCrl& crl) {
  std::erase_if(parked_, [&](const Parked& parked) {
    const bool goes = !crl.view.is_delta && same_place(*parked.crl, crl);
    if (goes && !directory_.empty()) {
      std::error_code ignored;
      std::filesystem::remove(path_of(*parked.crl, Use::kParked), ignored);
    }
    return goes;
  });
}

std::vector<CrlShelf::Parked>::iterator CrlShelf::find_base(const HeldCrl& delta) {
  return std::find_if(parked_.begin(), parked_.end(),
                      [&](const Parked& parked) { return continues(delta, *parked.crl); });
}

Result<Unit, SourceError> CrlShelf::put_back(std::vector<Parked>::iterator parked) {
  const std::string path = path_of(*parked->crl);
  std::error_code error;
  if (!directory_.empty()) {
    std::filesystem::rename(path_of(*parked->crl, Use::kParked), path, error);
  }
  if (error) {
    return Err{source_error(SourceErrc::kStore, path, "cannot be made (" + error.message() + ")")};
  }
  crls_.push_back(parked->crl);
  parked_.erase(parked);
  ++version_;
  return Unit{};
}

void CrlShelf::stamp(const HeldList& list) const {
  if (!directory_.empty()) {
    const timespec time{static_cast<std::time_t>(to_int(list.written_at)), 0};
    const timespec both[2] = {time, time};
    (void)::utimensat(AT_FDCWD, path_of(list.origin).c_str(), both,
                      0);  // a wrong time lets the list seem older
  }
}

Result<Unit, SourceError> CrlShelf::take(HeldList list) {
  const auto place = std::find_if(lists_.begin(), lists_.end(),
                                  [&](const HeldList& l) { return l.origin == list.origin; });
  if (place != lists_.end() && equal(place->text, list.text)) {
    place->written_at = list.written_at;
    stamp(*place);
    return Unit{};
  }
  if (!directory_.empty()) {
    MUSTER_TRY(ContentWriter writer, ContentWriter::begin(directory_));
    const std::string header = std::string(kListHeader) + list.origin + "\n";
    MUSTER_CHECK(writer.write(as_bytes(header)));
    MUSTER_CHECK(writer.write(list.text));
    MUSTER_TRY(list.content, writer.finish());
    MUSTER_CHECK(list.content->keep_as(path_of(list.origin), list.written_at));
    list.text = list.content->bytes().subspan(header.size());
  }
  if (place != lists_.end()) {
    *place = std::move(list);
  } else {
    lists_.push_back(std::move(list));
  }
  ++version_;
  return Unit{};
}

void CrlShelf::drop_list(const std::string& origin) {
  if (!directory_.empty()) {
    std::error_code ignored;
    std::filesystem::remove(path_of(origin), ignored);
  }
  std::erase_if(lists_, [&](const HeldList& list) { return list.origin == origin; });
  ++version_;
}

}  // namespace muster::source
