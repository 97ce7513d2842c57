#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/result.h"
#include "muster/base/time.h"

// The one TOML file. A service binds its option struct to names once; from that binding come
// reading the file, its error messages, the reference in docs/ and the effective values, so that
// each key is described in one place.
namespace muster::config {

/// "muster.toml:12:3: [responder] unknown key 'lisen' (did you mean 'listen'?)"
struct ConfigError {
  std::string message;
  bool is_unreadable = false;  ///< the file could not be read; otherwise what it says is wrong
};
template <class T>
using ConfigResult = Result<T, ConfigError>;

struct Size {
  std::uint64_t bytes = 0;  ///< "64KiB", "1MiB", "4096"
};

/// A table of the file: keys bound to variables that hold their defaults already. Bound variables
/// must outlive load().
class Section {
 public:
  Section();
  ~Section();
  Section(Section&&) noexcept;
  Section& operator=(Section&&) noexcept;

  void text(std::string_view key, std::string* value, std::string_view doc);
  void texts(std::string_view key, std::vector<std::string>* value, std::string_view doc);
  void flag(std::string_view key, bool* value, std::string_view doc);
  void integer(std::string_view key, std::int64_t* value, std::int64_t least, std::int64_t most,
               std::string_view doc);
  /// "90s", "15m", "24h", "7d". Whole seconds.
  void duration(std::string_view key, Seconds* value, Seconds least, Seconds most,
                std::string_view doc);
  void duration(std::string_view key, std::optional<Seconds>* value, Seconds least, Seconds most,
                std::string_view doc);
  void milliseconds(std::string_view key, Milliseconds* value, Milliseconds least,
                    Milliseconds most, std::string_view doc);
  void size(std::string_view key, Size* value, std::uint64_t least, std::uint64_t most,
            std::string_view doc);
  /// One of a few words. `set(index)` is called with the position in `words`; `shown` is the
  /// default's. `words` must be literals.
  void choice(std::string_view key, std::vector<std::string_view> words, std::size_t shown,
              std::function<void(std::size_t)> set, std::string_view doc);
  /// A value the service parses itself; `set` returns an empty string or what is wrong with it. A
  /// `shown_default` in brackets is words, no value that could be written.
  void custom(std::string_view key, std::string_view type, std::string_view shown_default,
              std::function<std::string(std::string_view)> set, std::string_view doc);

  /// A nested table.
  Section& table(std::string_view key, std::string_view doc);
  /// An array of tables [[key]]: `bind(section, element)` is called for each element found.
  /// Elements are filled one at a time, so a vector is fine.
  template <class T>
  void tables(std::string_view key, std::vector<T>* values, void (*bind)(Section&, T&),
              std::string_view doc) {
    const auto append = [values, bind](Section& section) {
      values->emplace_back();
      bind(section, values->back());
    };
    const auto document = [bind](Section& section) -> std::shared_ptr<void> {
      auto spare = std::make_shared<T>();
      bind(section, *spare);
      return spare;
    };
    tables_erased(key, doc, append, document);
  }

  struct Impl;
  [[nodiscard]] Impl& impl() const { return *impl_; }

 private:
  /// `append` makes a new element and binds it; `document` binds a spare one and returns what keeps
  /// it alive.
  void tables_erased(std::string_view key, std::string_view doc,
                     std::function<void(Section&)> append,
                     std::function<std::shared_ptr<void>(Section&)> document);
  std::unique_ptr<Impl> impl_;
};

/// Reads `path` into the variables bound by `root`. Unknown keys, wrong types, values out of
/// bounds: an error with place and suggestion; nothing half-applied is used by callers, since they
/// stop. Tables of services that this command does not run must be bound too (see
/// apps/muster/options.h), so that one file serves every command.
ConfigResult<Unit> load(const std::string& path, Section& root);
/// The same from text; `name` stands for the path in messages.
ConfigResult<Unit> parse(std::string_view toml, std::string_view name, Section& root);
/// Markdown reference of every key: type, unit, default, meaning.
std::string reference(const Section& root);

/// "64KiB" and the like.
std::optional<Size> parse_size(std::string_view text);

}  // namespace muster::config
