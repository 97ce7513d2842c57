#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/config/config.h"

namespace muster::config {

/// A value as the file has it, reduced to what keys can take.
struct RawValue {
  enum class Kind : std::uint8_t { kText, kInteger, kFlag, kTexts, kOther } kind = Kind::kOther;
  std::string text;
  std::int64_t integer = 0;
  bool flag = false;
  std::vector<std::string> texts;
};

struct Key {
  std::string name;
  std::string type;           ///< for people: "text", "duration", "one of a, b"
  std::string default_value;  ///< as it would stand in the file; empty for none
  std::string doc;
  /// Stores the value; an empty string, or what is wrong with it ("must be a duration such as
  /// \"90s\"").
  std::function<std::string(const RawValue&)> set;
};

struct ChildTable {
  std::string name;
  std::string doc;
  std::unique_ptr<Section> section;      ///< for a plain table
  std::function<void(Section&)> append;  ///< for an array of tables
  std::function<std::shared_ptr<void>(Section&)> document;
};

struct Section::Impl {
  std::vector<Key> keys;
  std::vector<ChildTable> children;
};

}  // namespace muster::config
