#include "muster/config/config.h"

#include <algorithm>
#include <sstream>

#define TOML_HEADER_ONLY 1  // the packaged shared library is built with exceptions
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wnull-dereference"
#pragma GCC diagnostic ignored "-Wdouble-promotion"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wextra-semi"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include "muster/base/file.h"
#include "muster/base/text.h"
#include "section.h"

namespace muster::config {
namespace {

constexpr std::size_t kMaxFileBytes = 4 << 20;

struct Place {
  std::string_view file;
  std::string table;  ///< "[responder.issuer]", empty at the top
};

Err<ConfigError> fail(const Place& place, const toml::source_region& where,
                      const std::string& what) {
  std::string message(place.file);
  if (where.begin.line != 0) {
    message += ':' + std::to_string(where.begin.line) + ':' + std::to_string(where.begin.column);
  }
  message += ": ";
  if (!place.table.empty()) {
    message += place.table + ' ';
  }
  return Err{ConfigError{message + what}};
}

RawValue to_raw(const toml::node& node) {
  RawValue raw;
  if (const auto* text = node.as_string()) {
    raw.kind = RawValue::Kind::kText;
    raw.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    raw.kind = RawValue::Kind::kInteger;
    raw.integer = integer->get();
  } else if (const auto* flag = node.as_boolean()) {
    raw.kind = RawValue::Kind::kFlag;
    raw.flag = flag->get();
  } else if (const auto* array = node.as_array()) {
    raw.kind = RawValue::Kind::kTexts;
    for (const toml::node& element : *array) {
      if (const auto* text_element = element.as_string()) {
        raw.texts.push_back(text_element->get());
      } else {
        raw.kind = RawValue::Kind::kOther;
      }
    }
  }
  return raw;
}

ConfigResult<Unit> apply(const toml::table& table, const Section& section, const Place& place);

std::string child_name(const Place& place, std::string_view name) {
  const std::string outer =
      place.table.empty() ? "" : place.table.substr(1, place.table.size() - 2) + '.';
  return '[' + outer + std::string(name) + ']';
}

ConfigResult<Unit> apply_child(const toml::node& node, const ChildTable& child,
                               const Place& place) {
  const Place inner{place.file, child_name(place, child.name)};
  if (child.section != nullptr) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return fail(place, node.source(),
                  "'" + child.name + "' must be a table: write " + inner.table);
    }
    return apply(*table, *child.section, inner);
  }
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    return fail(place, node.source(),
                "'" + child.name + "' must be an array of tables: write [" + inner.table + ']');
  }
  for (const toml::node& element : *array) {
    const toml::table* table = element.as_table();
    if (table == nullptr) {
      return fail(place, element.source(),
                  "'" + child.name + "' must hold tables: write [" + inner.table + ']');
    }
    Section section;
    child.append(section);
    MUSTER_CHECK(apply(*table, section, inner));
  }
  return Unit{};
}

ConfigResult<Unit> apply(const toml::table& table, const Section& section, const Place& place) {
  const Section::Impl& impl = section.impl();
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    const auto has_name = [name](const auto& candidate) { return candidate.name == name; };
    // A name may be bound as a key and as an array of tables (one signer in short, several in
    // full): the value says which.
    const bool holds_tables = node.is_array_of_tables() &&
                              std::any_of(impl.children.begin(), impl.children.end(), has_name);
    const auto known = std::find_if(impl.keys.begin(), impl.keys.end(), has_name);
    if (known != impl.keys.end() && !holds_tables) {
      const std::string wrong = known->set(to_raw(node));
      if (!wrong.empty()) {
        return fail(place, node.source(), "'" + std::string(name) + "' " + wrong);
      }
      continue;
    }
    const auto child = std::find_if(impl.children.begin(), impl.children.end(), has_name);
    if (child != impl.children.end()) {
      MUSTER_CHECK(apply_child(node, *child, place));
      continue;
    }
    std::vector<std::string_view> names;
    for (const Key& k : impl.keys) {
      names.emplace_back(k.name);
    }
    for (const ChildTable& c : impl.children) {
      names.emplace_back(c.name);
    }
    const std::string_view guess = closest_match(name, names);
    return fail(
        place, key.source(),
        "unknown key '" + printable(name) + "'" +
            (guess.empty() ? std::string() : " (did you mean '" + std::string(guess) + "'?)"));
  }
  return Unit{};
}

std::string shown(const std::string& value) {
  return value.empty() ? "-" : value.front() == '(' ? value : "`" + value + "`";
}

void write_reference(std::ostringstream& out, const Section& section, const std::string& table) {
  const Section::Impl& impl = section.impl();
  if (!impl.keys.empty()) {
    out << "\n| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n";
    for (const Key& key : impl.keys) {
      out << "| `" << key.name << "` | " << key.type << " | " << shown(key.default_value) << " | "
          << key.doc << " |\n";
    }
  }
  for (const ChildTable& child : impl.children) {
    const std::string name = table.empty() ? child.name : table + '.' + child.name;
    const bool array = child.section == nullptr;
    out << "\n## `" << (array ? "[[" : "[") << name << (array ? "]]" : "]") << "`\n\n"
        << child.doc << '\n';
    if (array) {
      Section spare;
      const std::shared_ptr<void> keep = child.document(spare);
      write_reference(out, spare, name);
    } else {
      write_reference(out, *child.section, name);
    }
  }
}

}  // namespace

ConfigResult<Unit> parse(std::string_view toml, std::string_view name, Section& root) {
  const toml::parse_result parsed = toml::parse(toml, name);
  const Place place{name, ""};
  if (!parsed) {
    return fail(place, parsed.error().source(), std::string(parsed.error().description()));
  }
  return apply(parsed.table(), root, place);
}

ConfigResult<Unit> load(const std::string& path, Section& root) {
  const auto octets = read_file(path, kMaxFileBytes);
  if (!octets) {
    return Err{ConfigError{"configuration: " + to_string(octets.error()), true}};
  }
  return parse(as_text(*octets), path, root);
}

std::string reference(const Section& root) {
  std::ostringstream out;
  write_reference(out, root, "");
  return out.str();
}

}  // namespace muster::config
