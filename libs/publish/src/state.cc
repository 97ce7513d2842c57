#include "state.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>

#include "files.h"
#include "muster/base/text.h"
#include "muster/pki/certificate.h"

namespace muster::publish {
namespace {

constexpr std::string_view kHead = "muster-crl-publication 1\n";
constexpr std::size_t kMostBytes = 64 * 1024;

std::string checksum(std::string_view text) {
  return to_hex(pki::digest(HashAlgorithm::kSha256, as_bytes(text)));
}

template <class T>
bool read_unsigned(std::string_view text, T& value, int base = 10) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return code == std::errc() && end == text.data() + text.size();
}

/// One line a value; absent ones have none.
class Values {
 public:
  static std::optional<Values> parse(std::string_view text) {
    Values values;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::size_t gap = text.find(' ');
      if (end == std::string_view::npos || gap >= end) {
        return std::nullopt;
      }
      values.all_[text.substr(0, gap)] = text.substr(gap + 1, end - gap - 1);
      text.remove_prefix(end + 1);
    }
    return values;
  }
  [[nodiscard]] std::string_view text(std::string_view key) const {
    const auto found = all_.find(key);
    return found == all_.end() ? std::string_view() : found->second;
  }
  /// Notes a value that is there and is no time.
  std::optional<UnixSeconds> time(std::string_view key) {
    const std::string_view found = text(key);
    std::int64_t seconds = 0;
    if (found.empty()) {
      return std::nullopt;
    }
    good_ = good_ && read_unsigned(found, seconds);
    return unix_seconds(seconds);
  }
  std::optional<crl::Number> number(std::string_view key) {
    const std::string_view found = text(key);
    const auto value = crl::Number::from_hex(found);
    good_ = good_ && (found.empty() || value);
    return value;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::map<std::string_view, std::string_view> all_;
  bool good_ = true;
};

}  // namespace

std::string complete_file_name(std::size_t partition, const crl::Number& number) {
  return "complete-" + std::to_string(partition) + "-" + number.to_hex() + ".crl";
}
std::string delta_file_name(std::size_t partition, const crl::Number& number) {
  return "delta-" + std::to_string(partition) + "-" + number.to_hex() + ".crl";
}
bool is_file_of_ours(std::string_view name) {
  constexpr std::string_view kHalf =
      ".tmp.";  // and six characters, as write_file_atomically names them
  const std::size_t half =
      name.size() < kHalf.size() + 6 ? std::string_view::npos : name.size() - kHalf.size() - 6;
  const bool is_half = half != std::string_view::npos && name.substr(half, kHalf.size()) == kHalf;
  if (is_half) {
    name = name.substr(0, half);
  }
  if (is_half && name == "state") {
    return true;
  }
  const auto take = [&name](std::string_view start) {
    const bool there = name.starts_with(start);
    name.remove_prefix(there ? start.size() : 0);
    return there;
  };
  const auto take_any = [&name](std::string_view characters) {
    const std::size_t end = std::min(name.find_first_not_of(characters), name.size());
    name.remove_prefix(end);
    return end != 0;
  };
  return (take("complete-") || take("delta-")) && take_any("0123456789") && take("-") &&
         take_any("0123456789ABCDEF") && name == ".crl";
}
std::string State::complete_file(std::size_t partition) const {
  return complete_file_name(partition, *complete);
}
std::string State::delta_file(std::size_t partition) const {
  return delta_file_name(partition, *delta);
}

std::string encode_state(const State& state) {
  std::string text(kHead);
  const auto add = [&text](std::string_view key, std::string_view value) {
    text += std::string(key) + " " + std::string(value) + "\n";
  };
  const auto add_time = [&](std::string_view key, const std::optional<UnixSeconds>& t) {
    if (t) {
      add(key, std::to_string(to_int(*t)));
    }
  };
  add("issuer", state.issuer);
  add("number", state.number.to_hex());
  add_time("this_update", state.this_update);
  add("partitions", std::to_string(state.partitions));
  if (state.complete) {
    add("complete", state.complete->to_hex());
  }
  if (state.delta) {
    add("delta", state.delta->to_hex());
  }
  add_time("regular_at", state.history.regular_at);
  add_time("complete_at", state.history.complete_at);
  add_time("delta_at", state.history.delta_at);
  add("ended", state.history.ended ? "yes" : "no");
  add_time("complete_next_update", state.complete_next_update);
  add_time("delta_next_update", state.delta_next_update);
  add_time("retire_before", state.retire_before);
  add("digest", std::to_string(state.digest));
  return text + "check " + checksum(text) + "\n";
}

std::optional<State> decode_state(std::string_view text) {
  const std::size_t end = text.rfind("check ");
  if (!text.starts_with(kHead) || end == std::string_view::npos ||
      text.substr(end) != "check " + checksum(text.substr(0, end)) + "\n") {
    return std::nullopt;
  }
  auto values = Values::parse(text.substr(kHead.size(), end - kHead.size()));
  if (!values) {
    return std::nullopt;
  }
  State state;
  state.issuer = values->text("issuer");
  const auto number = values->number("number");
  state.this_update = values->time("this_update");
  state.complete = values->number("complete");
  state.delta = values->number("delta");
  state.history.regular_at = values->time("regular_at");
  state.history.complete_at = values->time("complete_at");
  state.history.delta_at = values->time("delta_at");
  state.history.ended = values->text("ended") == "yes";
  state.complete_next_update = values->time("complete_next_update");
  state.delta_next_update = values->time("delta_next_update");
  state.retire_before = values->time("retire_before");
  if (!number || !values->good() || !read_unsigned(values->text("partitions"), state.partitions) ||
      !read_unsigned(values->text("digest"), state.digest)) {
    return std::nullopt;
  }
  state.number = *number;
  return state;
}

PublishResult<std::optional<State>> load_state(const std::string& directory) {
  const std::string path = directory + "/state";
  const auto content = read_file(path, kMostBytes);
  if (!content && content.error().os_error == ENOENT) {
    return std::optional<State>();
  }
  if (!content) {
    return Err{io_error(content.error())};
  }
  auto state = decode_state(as_text(*content));
  if (!state) {
    return Err{
        PublishError{PublishErrc::kState,
                     path + " is damaged (restore it, or remove it: numbering then goes on behind "
                            "the CRLs that are published)"}};
  }
  return state;
}

PublishResult<Unit> save_state(const std::string& directory, const State& state) {
  const std::string text = encode_state(state);
  if (const auto written = write_file_atomically(directory + "/state", as_bytes(text), 0640);
      !written) {
    return Err{io_error(written.error())};
  }
  return Unit{};
}

}  // namespace muster::publish
