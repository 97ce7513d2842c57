#include "pauses.h"

#include <algorithm>
#include <cerrno>

#include "json_fields.h"
#include "muster/base/text.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "muster-stapler-paused 1";
constexpr std::size_t kMaxFileBytes = 64 << 20;

Json encode(const std::string& certificate, const Pauses::Entry& entry) {
  return {{"certificate", certificate},
          {"name", printable(entry.name)},
          {"since", format_iso8601(entry.since)},
          {"until", time_or_null(entry.until)}};
}

}  // namespace

Result<Pauses, std::string> Pauses::load(const std::string& directory) {
  Pauses out(directory);
  if (directory.empty()) {
    return out;
  }
  const std::string path = directory + '/' + std::string(kFileName);
  const auto content = read_file(path, kMaxFileBytes);
  if (!content) {
    if (content.error().os_error == ENOENT) {
      return out;
    }
    return Err{to_string(content.error())};
  }
  const Json in = Json::parse(as_text(*content), nullptr, false);
  const auto list = in.is_object() ? in.find("paused") : in.end();
  if (!in.is_object() || text_at(in, "format") != kFormat || list == in.end() ||
      !list->is_array()) {
    return Err{"'" + path + "' is damaged (pause again what is to be paused)"};
  }
  for (const Json& one : *list) {
    if (!one.is_object() || out.entries_.size() >= kMaxEntries) {
      continue;
    }
    Entry entry{text_at(one, "name"), time_at(one, "since").value_or(UnixSeconds{}),
                time_at(one, "until")};
    const std::string certificate = text_at(one, "certificate");
    if (certificate == "*") {
      out.all_ = std::move(entry);
    } else if (const auto id = from_hex(certificate);
               id && id->size() == std::tuple_size_v<keeper::Fingerprint>) {
      keeper::Fingerprint fingerprint{};
      std::copy(id->begin(), id->end(), fingerprint.begin());
      out.entries_.emplace(fingerprint, std::move(entry));
    }
  }
  return out;
}

void Pauses::pause(const keeper::Fingerprint& certificate, Entry entry) {
  if (entries_.size() < kMaxEntries || entries_.contains(certificate)) {
    entries_.insert_or_assign(certificate, std::move(entry));
  }
}

bool Pauses::resume(const keeper::Fingerprint& certificate) {
  return entries_.erase(certificate) != 0;
}

bool Pauses::resume_all() {
  const bool was_any = all_.has_value() || !entries_.empty();
  all_.reset();
  entries_.clear();
  return was_any;
}

std::vector<std::string> Pauses::end_due(UnixSeconds now) {
  std::vector<std::string> ended;
  if (all_ && all_->until && *all_->until <= now) {
    all_.reset();
    ended.emplace_back();
  }
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second.until && *at->second.until <= now) {
      ended.push_back(at->second.name);
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
  return ended;
}

Result<Unit, std::string> Pauses::save() const {
  if (directory_.empty()) {
    return Unit{};
  }
  Json list = Json::array();
  if (all_) {
    list.push_back(encode("*", *all_));
  }
  for (const auto& [id, entry] : entries_) {
    list.push_back(encode(to_hex(id), entry));
  }
  const std::string text = Json{{"format", kFormat}, {"paused", std::move(list)}}.dump(1) + '\n';
  const auto written =
      write_file_atomically(directory_ + '/' + std::string(kFileName), as_bytes(text));
  if (!written) {
    return Err{to_string(written.error())};
  }
  return Unit{};
}

keeper::Keeper::Pause Pauses::in_force() const {
  keeper::Keeper::Pause out;
  out.all = all_.has_value();
  for (const auto& [id, entry] : entries_) {
    out.certificates.insert(id);
  }
  return out;
}

}  // namespace muster::stapler
