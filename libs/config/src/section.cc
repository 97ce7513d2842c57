#include "section.h"

#include <charconv>

#include "muster/base/text.h"

namespace muster::config {
namespace {

/// Exact file form of a duration: format_duration is for people and rounds.
std::string duration_text(Seconds d) {
  std::int64_t s = d.count();
  if (s == 0) {
    return "0";
  }
  std::string out;
  for (const auto& [unit, name] :
       {std::pair<std::int64_t, char>{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}) {
    if (s / unit != 0) {
      out += std::to_string(s / unit) + name;
      s %= unit;
    }
  }
  return out;
}

std::optional<Milliseconds> parse_milliseconds(std::string_view text) {
  if (text.ends_with("ms")) {
    text.remove_suffix(2);
    std::int64_t n = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || stop != text.data() + text.size() || n < 0) {
      return std::nullopt;
    }
    return Milliseconds(n);
  }
  const auto whole = parse_duration(text);
  if (!whole || whole->count() > INT64_MAX / 1000) {
    return std::nullopt;
  }
  return Milliseconds(*whole);
}

std::string milliseconds_text(Milliseconds d) {
  return d.count() % 1000 == 0 ? duration_text(std::chrono::duration_cast<Seconds>(d))
                               : std::to_string(d.count()) + "ms";
}

std::string size_text(std::uint64_t bytes) {
  for (const auto& [unit, name] :
       {std::pair<std::uint64_t, const char*>{std::uint64_t{1} << 30, "GiB"},
        {1 << 20, "MiB"},
        {1 << 10, "KiB"}}) {
    if (bytes != 0 && bytes % unit == 0) {
      return std::to_string(bytes / unit) + name;
    }
  }
  return std::to_string(bytes);
}

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

std::function<std::string(const RawValue&)> duration_setter(std::function<void(Seconds)> store,
                                                            Seconds least, Seconds most) {
  return [store = std::move(store), least, most](const RawValue& v) -> std::string {
    const auto d = v.kind == RawValue::Kind::kText ? parse_duration(v.text) : std::nullopt;
    if (!d) {
      return "must be a duration such as \"90s\", \"15m\", \"24h\" or \"7d\"";
    }
    if (*d < least || *d > most) {
      return "must lie between \"" + duration_text(least) + "\" and \"" + duration_text(most) + '"';
    }
    store(*d);
    return "";
  };
}

}  // namespace

std::optional<Size> parse_size(std::string_view text) {
  std::uint64_t n = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc()) {
    return std::nullopt;
  }
  const std::string_view unit(stop, static_cast<std::size_t>(text.data() + text.size() - stop));
  std::uint64_t factor = 0;
  if (unit.empty() || unit == "B") {
    factor = 1;
  } else if (unit == "KiB") {
    factor = 1 << 10;
  } else if (unit == "MiB") {
    factor = 1 << 20;
  } else if (unit == "GiB") {
    factor = std::uint64_t{1} << 30;
  } else {
    return std::nullopt;
  }
  Size out;
  if (__builtin_mul_overflow(n, factor, &out.bytes)) {
    return std::nullopt;
  }
  return out;
}

Section::Section() : impl_(std::make_unique<Impl>()) {}
Section::~Section() = default;
Section::Section(Section&&) noexcept = default;
Section& Section::operator=(Section&&) noexcept = default;

void Section::text(std::string_view key, std::string* value, std::string_view doc) {
  custom(
      key, "text", *value,
      [value](std::string_view v) {
        *value = std::string(v);
        return std::string();
      },
      doc);
}

void Section::texts(std::string_view key, std::vector<std::string>* value, std::string_view doc) {
  std::string shown = "[";
  for (const std::string& v : *value) {
    shown += (shown.size() > 1 ? ", " : "") + in_quotes(v);
  }
  impl_->keys.push_back({std::string(key), "list of texts", shown + "]", std::string(doc),
                         [value](const RawValue& v) -> std::string {
                           if (v.kind == RawValue::Kind::kText) {
                             *value = {v.text};
                           } else if (v.kind == RawValue::Kind::kTexts) {
                             *value = v.texts;
                           } else {
                             return "must be a text or a list of texts such as [\"a\", \"b\"]";
                           }
                           return "";
                         }});
}

void Section::flag(std::string_view key, bool* value, std::string_view doc) {
  impl_->keys.push_back({std::string(key), "true or false", *value ? "true" : "false",
                         std::string(doc), [value](const RawValue& v) -> std::string {
                           if (v.kind != RawValue::Kind::kFlag) {
                             return "must be true or false, without quotes";
                           }
                           *value = v.flag;
                           return "";
                         }});
}

void Section::integer(std::string_view key, std::int64_t* value, std::int64_t least,
                      std::int64_t most, std::string_view doc) {
  impl_->keys.push_back(
      {std::string(key), "number " + std::to_string(least) + " to " + std::to_string(most),
       std::to_string(*value), std::string(doc),
       [value, least, most](const RawValue& v) -> std::string {
         if (v.kind != RawValue::Kind::kInteger || v.integer < least || v.integer > most) {
           return "must be a whole number from " + std::to_string(least) + " to " +
                  std::to_string(most) + ", without quotes";
         }
         *value = v.integer;
         return "";
       }});
}

void Section::duration(std::string_view key, Seconds* value, Seconds least, Seconds most,
                       std::string_view doc) {
  impl_->keys.push_back({std::string(key),
                         "duration " + duration_text(least) + " to " + duration_text(most),
                         in_quotes(duration_text(*value)), std::string(doc),
                         duration_setter([value](Seconds d) { *value = d; }, least, most)});
}

void Section::duration(std::string_view key, std::optional<Seconds>* value, Seconds least,
                       Seconds most, std::string_view doc) {
  impl_->keys.push_back(
      {std::string(key), "duration " + duration_text(least) + " to " + duration_text(most),
       *value ? in_quotes(duration_text(**value)) : std::string(), std::string(doc),
       duration_setter([value](Seconds d) { *value = d; }, least, most)});
}

void Section::milliseconds(std::string_view key, Milliseconds* value, Milliseconds least,
                           Milliseconds most, std::string_view doc) {
  impl_->keys.push_back(
      {std::string(key), "duration " + milliseconds_text(least) + " to " + milliseconds_text(most),
       in_quotes(milliseconds_text(*value)), std::string(doc),
       [value, least, most](const RawValue& v) -> std::string {
         const auto d = v.kind == RawValue::Kind::kText ? parse_milliseconds(v.text) : std::nullopt;
         if (!d) {
           return "must be a duration such as \"500ms\", \"10s\" or \"2m\"";
         }
         if (*d < least || *d > most) {
           return "must lie between \"" + milliseconds_text(least) + "\" and \"" +
                  milliseconds_text(most) + '"';
         }
         *value = *d;
         return "";
       }});
}

void Section::size(std::string_view key, Size* value, std::uint64_t least, std::uint64_t most,
                   std::string_view doc) {
  impl_->keys.push_back({std::string(key), "size " + size_text(least) + " to " + size_text(most),
                         in_quotes(size_text(value->bytes)), std::string(doc),
                         [value, least, most](const RawValue& v) -> std::string {
                           std::optional<Size> s;
                           if (v.kind == RawValue::Kind::kText) {
                             s = parse_size(v.text);
                           } else if (v.kind == RawValue::Kind::kInteger && v.integer >= 0) {
                             s = Size{static_cast<std::uint64_t>(v.integer)};
                           }
                           if (!s) {
                             return "must be a size such as 4096, \"64KiB\" or \"1MiB\"";
                           }
                           if (s->bytes < least || s->bytes > most) {
                             return "must lie between " + size_text(least) + " and " +
                                    size_text(most);
                           }
                           *value = *s;
                           return "";
                         }});
}

void Section::choice(std::string_view key, std::vector<std::string_view> words, std::size_t shown,
                     std::function<void(std::size_t)> set, std::string_view doc) {
  std::string type = "one of";
  for (const std::string_view word : words) {
    type += (type.back() == 'f' && type.size() == 6 ? " " : ", ") + in_quotes(word);
  }
  impl_->keys.push_back(
      {std::string(key), type, shown < words.size() ? in_quotes(words[shown]) : std::string(),
       std::string(doc), [words, type, set = std::move(set)](const RawValue& v) -> std::string {
         for (std::size_t i = 0; v.kind == RawValue::Kind::kText && i < words.size(); ++i) {
           if (v.text == words[i]) {
             set(i);
             return "";
           }
         }
         return "must be " + type;
       }});
}

namespace {

/// As it would stand in the file; words for people, in brackets, stay what they are.
std::string shown(std::string_view value) {
  const bool is_ready = value.empty() || value.front() == '(' || value.front() == '"';
  return is_ready ? std::string(value) : in_quotes(value);
}

}  // namespace

void Section::custom(std::string_view key, std::string_view type, std::string_view shown_default,
                     std::function<std::string(std::string_view)> set, std::string_view doc) {
  impl_->keys.push_back(
      {std::string(key), std::string(type), shown(shown_default), std::string(doc),
       [set = std::move(set), type = std::string(type)](const RawValue& v) -> std::string {
         if (v.kind != RawValue::Kind::kText) {
           return "must be a quoted " + type;
         }
         return set(v.text);
       }});
}

Section& Section::table(std::string_view key, std::string_view doc) {
  impl_->children.push_back(
      {std::string(key), std::string(doc), std::make_unique<Section>(), {}, {}});
  return *impl_->children.back().section;
}

void Section::tables_erased(std::string_view key, std::string_view doc,
                            std::function<void(Section&)> append,
                            std::function<std::shared_ptr<void>(Section&)> document) {
  impl_->children.push_back(
      {std::string(key), std::string(doc), nullptr, std::move(append), std::move(document)});
}

}  // namespace muster::config
