#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster::report {

/// Whether `xml` is well-formed as far as our documents go: one root, tags that match, quoted
/// attributes, the five entities, no character that XML 1.0 forbids. Empty: it is.
inline std::string find_xml_fault(std::string_view xml) {
  std::vector<std::string> open;
  std::size_t roots = 0;
  const auto text_fault = [](std::string_view text) -> std::string {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      if (c < 0x20 && c != '\n' && c != '\t') {
        return "control character";
      }
      if (c == '<') {
        return "'<' in text";
      }
      if (c == '&') {
        const std::string_view rest = text.substr(i);
        bool known = false;
        for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
          known = known || rest.starts_with(entity);
        }
        if (!known) {
          return "'&' alone";
        }
      }
    }
    return "";
  };
  std::size_t i = 0;
  while (i < xml.size()) {
    const std::size_t tag = std::min(xml.find('<', i), xml.size());
    if (const std::string fault = text_fault(xml.substr(i, tag - i)); !fault.empty()) {
      return fault;
    }
    if (tag == xml.size()) {
      break;
    }
    std::size_t end = tag + 1;
    bool quoted = false;
    while (end < xml.size() && (quoted || xml[end] != '>')) {
      if (xml[end] == '"') {
        quoted = !quoted;
      } else if (xml[end] == '<') {
        return "'<' in a tag";
      }
      ++end;
    }
    if (end == xml.size()) {
      return "a tag without end";
    }
    const std::string_view body = xml.substr(tag + 1, end - tag - 1);
    if (const std::string fault = text_fault(body); !fault.empty()) {
      return fault;
    }
    if (body.starts_with('/')) {
      if (open.empty() || open.back() != body.substr(1)) {
        return "</" + std::string(body.substr(1)) + "> closes nothing";
      }
      open.pop_back();
    } else if (!body.starts_with('?') && !body.ends_with('/')) {
      roots += open.empty() ? 1U : 0U;
      open.emplace_back(body.substr(0, body.find_first_of(" \n")));
    }
    i = end + 1;
  }
  return !open.empty() ? open.back() + " stays open" : roots != 1 ? "not one root" : "";
}

}  // namespace muster::report
