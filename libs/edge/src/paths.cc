#include "muster/edge/paths.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::edge {
namespace {

/// What servers give for a folder.
constexpr std::string_view kIndex = "index.html";

std::string escaped(std::string_view text, std::string_view which) {
  std::string out;
  for (const char c : text) {
    if (which.find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += c == '+' ? "%2B" : c == '/' ? "%2F" : "%3D";
    }
  }
  return out;
}

std::string lower_escapes(std::string text) {
  for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%', at + 1)) {
    text.replace(at, 3, to_lower(text.substr(at, 3)));
  }
  return text;
}

}  // namespace

std::string file_path(Bytes request) {
  std::string path = http::base64_encode(request);
  const auto both_slashes = [](char a, char b) { return a == '/' && b == '/'; };
  path.erase(std::unique(path.begin(), path.end(), both_slashes), path.end());
  if (path.ends_with('/')) {
    path += kIndex;
  }
  return path;
}

std::vector<std::string> get_spellings(Bytes request) {
  const std::string plain = http::base64_encode(request);
  const std::string bare = plain.substr(0, plain.find('='));
  std::string url_safe = plain;
  std::replace(url_safe.begin(), url_safe.end(), '+', '-');
  std::replace(url_safe.begin(), url_safe.end(), '/', '_');
  std::vector<std::string> out{plain,
                               escaped(plain, "+/="),
                               lower_escapes(escaped(plain, "+/=")),
                               escaped(plain, "+="),
                               escaped(plain, "="),
                               escaped(plain, "+/"),
                               bare,
                               escaped(bare, "+/"),
                               url_safe,
                               url_safe.substr(0, bare.size())};
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace muster::edge
