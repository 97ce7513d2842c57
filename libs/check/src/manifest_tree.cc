#include "manifest_tree.h"

#include <yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "muster/base/text.h"

namespace muster::check {
namespace {

using Documents = Result<std::vector<Node::Ref>, std::string>;

/// Puts documents together out of events; JSON and YAML differ only in who sends them. Each event
/// says whether to go on; `problem` says why not.
class TreeBuilder {
 public:
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::vector<Node::Ref> take() { return std::move(documents_); }

  bool scalar(std::string text, bool is_null, const std::string& anchor) {
    if (wants_key()) {
      return key(std::move(text));
    }
    if (!may_grow()) {
      return false;
    }
    auto node = std::make_shared<Node>();
    node->text = std::move(text);
    node->octets = node->text.size();
    node->is_null = is_null;
    return finish(std::move(node), anchor);
  }

  bool begin(Node::Kind kind, const std::string& anchor) {
    if (wants_key()) {
      return fail("a key that is no scalar");
    }
    if (open_.size() >= kMaxManifestDepth) {
      return fail("more than " + std::to_string(kMaxManifestDepth) +
                  " levels of mappings and sequences");
    }
    if (!may_grow()) {
      return false;
    }
    auto node = std::make_shared<Node>();
    node->kind = kind;
    open_.push_back({std::move(node), anchor, std::nullopt});
    return true;
  }

  bool end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    return finish(std::move(done.node), done.anchor);
  }

  bool alias(const std::string& name) {
    if (wants_key()) {
      return fail("an alias for a key");
    }
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      return fail("the alias '*" + printable(name) + "' without an anchor before it");
    }
    return place(found->second);
  }

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    std::string anchor;
    std::optional<std::string> key;  ///< of a mapping, waiting for its value
  };

  [[nodiscard]] bool wants_key() const {
    return !open_.empty() && open_.back().node->kind == Node::Kind::kMapping && !open_.back().key;
  }

  bool within(std::size_t values, std::size_t octets) {
    if (values > kMaxManifestNodes) {
      return fail("more than " + std::to_string(kMaxManifestNodes) +
                  " values, aliases counted with what they repeat");
    }
    return octets <= kMaxManifestText ||
           fail("more than " + std::to_string(kMaxManifestText >> 20) +
                " MiB of values, aliases counted with what they repeat");
  }
  /// Counts what is built, wherever it will hang.
  bool may_grow() { return within(++built_, 0); }

  bool key(std::string text) {
    if (open_.back().node->members.contains(text)) {
      return fail("the key '" + printable(text) + "' twice in one mapping");
    }
    open_.back().key = std::move(text);
    return true;
  }

  bool finish(Node::Ref node, const std::string& anchor) {
    if (!anchor.empty()) {
      anchors_[anchor] = node;
    }
    return place(std::move(node));
  }

  /// Into the mapping or sequence that is open, or as a document of its own.
  bool place(Node::Ref node) {
    if (open_.empty()) {
      anchors_.clear();
      walked_ += node->size;
      walked_octets_ += node->octets;
      documents_.push_back(std::move(node));
      return within(walked_, walked_octets_);
    }
    Open& parent = open_.back();
    // Sizes are below the limit each, so the sum cannot overflow. Counting aliases with all that
    // they repeat keeps a short text from becoming a long walk.
    parent.node->size += node->size;
    parent.node->octets += node->octets;
    if (!within(parent.node->size, parent.node->octets)) {
      return false;
    }
    if (parent.node->kind == Node::Kind::kSequence) {
      parent.node->items.push_back(std::move(node));
    } else {
      parent.node->members.emplace(*std::exchange(parent.key, std::nullopt), std::move(node));
    }
    return true;
  }

  std::size_t built_ = 0, walked_ = 0, walked_octets_ = 0;
  std::vector<Open> open_;
  std::map<std::string, Node::Ref> anchors_;
  std::vector<Node::Ref> documents_;
  std::string problem_;
};

// ---- JSON ---------------------------------------------------------------------------------------

class JsonEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonEvents(TreeBuilder& builder) : builder_(builder) {}
  [[nodiscard]] const std::string& syntax_error() const { return syntax_error_; }

  bool null() override { return scalar("", true); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return scalar(text);
  }
  bool string(string_t& value) override { return scalar(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return builder_.fail("binary data"); }
  bool start_object(std::size_t /*elements*/) override {
    return builder_.begin(Node::Kind::kMapping, "");
  }
  bool key(string_t& name) override { return scalar(std::move(name)); }
  bool end_object() override { return builder_.end(); }
  bool start_array(std::size_t /*elements*/) override {
    return builder_.begin(Node::Kind::kSequence, "");
  }
  bool end_array() override { return builder_.end(); }
  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const nlohmann::json::exception& /*error*/) override {
    syntax_error_ = "JSON that does not parse at octet " + std::to_string(position);
    return false;
  }

 private:
  bool scalar(std::string text, bool is_null = false) {
    return builder_.scalar(std::move(text), is_null, "");
  }
  TreeBuilder& builder_;
  std::string syntax_error_;
};

Documents parse_json(std::string_view text) {
  TreeBuilder builder;
  JsonEvents events(builder);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &events)) {
    return Err{events.syntax_error().empty() ? "JSON with " + builder.problem()
                                             : events.syntax_error()};
  }
  return builder.take();
}

// ---- YAML ---------------------------------------------------------------------------------------

struct YamlParser {
  yaml_parser_t raw{};
  YamlParser() = default;
  YamlParser(const YamlParser&) = delete;
  YamlParser& operator=(const YamlParser&) = delete;
  ~YamlParser() { yaml_parser_delete(&raw); }
};
struct YamlEvent {
  yaml_event_t raw{};
  YamlEvent() = default;
  YamlEvent(const YamlEvent&) = delete;
  YamlEvent& operator=(const YamlEvent&) = delete;
  ~YamlEvent() { yaml_event_delete(&raw); }
};

std::string name_of(const yaml_char_t* name) {
  return name == nullptr ? std::string() : reinterpret_cast<const char*>(name);
}

bool on_scalar(TreeBuilder& builder, const yaml_event_t& event) {
  const auto& scalar = event.data.scalar;
  std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
  const bool is_null = scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                       (text.empty() || text == "~" || iequals(text, "null"));
  return builder.scalar(std::move(text), is_null, name_of(scalar.anchor));
}

/// False: the builder will not go on.
bool on_event(TreeBuilder& builder, const yaml_event_t& event) {
  switch (event.type) {
    case YAML_SCALAR_EVENT:
      return on_scalar(builder, event);
    case YAML_MAPPING_START_EVENT:
      return builder.begin(Node::Kind::kMapping, name_of(event.data.mapping_start.anchor));
    case YAML_SEQUENCE_START_EVENT:
      return builder.begin(Node::Kind::kSequence, name_of(event.data.sequence_start.anchor));
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
      return builder.end();
    case YAML_ALIAS_EVENT:
      return builder.alias(name_of(event.data.alias.anchor));
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
      return true;
  }
  return true;
}

Documents parse_yaml(Bytes text) {
  if (text.empty()) {
    return std::vector<Node::Ref>{};  // libyaml takes no null pointer
  }
  YamlParser parser;
  if (yaml_parser_initialize(&parser.raw) != 1) {
    return Err{std::string("YAML cannot be read: out of memory")};
  }
  yaml_parser_set_input_string(&parser.raw, text.data(), text.size());
  TreeBuilder builder;
  for (;;) {
    YamlEvent event;
    if (yaml_parser_parse(&parser.raw, &event.raw) != 1) {
      const char* why = parser.raw.problem != nullptr ? parser.raw.problem : "it is damaged";
      return Err{"YAML that does not parse at line " +
                 std::to_string(parser.raw.problem_mark.line + 1) + ": " + printable(why)};
    }
    if (event.raw.type == YAML_STREAM_END_EVENT) {
      return builder.take();
    }
    if (!on_event(builder, event.raw)) {
      return Err{"YAML with " + builder.problem() + ", at line " +
                 std::to_string(event.raw.start_mark.line + 1)};
    }
  }
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto found = members.find(key);
  return found == members.end() ? nullptr : found->second.get();
}

std::string_view Node::text_of(std::string_view key) const {
  const Node* member = find(key);
  return member != nullptr && member->kind == Kind::kScalar ? std::string_view(member->text)
                                                            : std::string_view();
}

Documents parse_documents(Bytes text) {
  if (text.size() > kMaxManifestBytes) {
    return Err{"a manifest of more than " + std::to_string(kMaxManifestBytes >> 20) + " MiB"};
  }
  const std::string_view trimmed = trim(as_text(text));
  return trimmed.starts_with('{') ? parse_json(trimmed) : parse_yaml(text);
}

}  // namespace muster::check
