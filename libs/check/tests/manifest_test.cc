#include "manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "manifest_tree.h"
#include "muster/http/base64.h"

namespace muster::check {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string base64(std::string_view text) { return http::base64_encode(as_bytes(text)); }

/// "name: tls.crt/ca.crt/staple" of each, or "name! problem"; or the error of the whole.
std::string told(std::string_view text) {
  const auto manifest = parse_manifest(as_bytes(text));
  if (!manifest) {
    return "error: " + manifest.error();
  }
  std::string out;
  for (const Secret& secret : manifest->secrets) {
    out += out.empty() ? "" : "; ";
    if (!secret.problem.empty()) {
      out += secret.name + "! " + secret.problem;
      continue;
    }
    out += secret.name + ": " + std::string(as_text(secret.certificates)) + "/" +
           std::string(as_text(secret.authorities)) + "/" +
           (secret.staple ? std::string(as_text(*secret.staple)) : "-");
  }
  return out + " +" + std::to_string(manifest->other_objects);
}

std::string secret_yaml(const std::string& name, const std::string& rest) {
  return "apiVersion: v1\nkind: Secret\nmetadata:\n  name: " + name + "\n" + rest;
}

TEST(Manifest, ReadsSecretsHoweverTheyAreWrapped) {
  const std::string leaf = base64("leaf"), ca = base64("ca"), staple = base64("staple");
  const std::string data = "data:\n  tls.crt: " + leaf + "\n";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {secret_yaml("one", data), "one: leaf// -"},
      {secret_yaml("one\n  namespace: shop", data + "  ca.crt: " + ca + "\n  tls.ocsp-staple: " +
                                                 staple + "\n  tls.key: AAAA\n"),
       "shop/one: leaf/ca/staple"},
      {"---\n" + secret_yaml("a", data) + "---\n---\n" + secret_yaml("b", data) + "...\n",
       "a: leaf//-; b: leaf//-"},
      {"kind: List\nitems:\n- kind: Secret\n  metadata: {name: in-list}\n  data: {tls.crt: " +
           leaf + "}\n- kind: ConfigMap\n",
       "in-list: leaf//- +1"},
      {R"({"kind":"SecretList","items":[{"kind":"Secret","metadata":{"name":"j","namespace":"n"},)"
       R"("data":{"tls.crt":")" +
           leaf + R"("}},{"kind":"Secret","data":{"password":"eA=="}}]})",
       "n/j: leaf//- +1"},
      // Folded and wrapped base64, as tools write it.
      {secret_yaml("one", "data:\n  tls.crt: |\n    " + leaf.substr(0, 4) + "\n    " +
                              leaf.substr(4) + "\n"),
       "one: leaf//-"},
      // stringData is text as it stands, and wins.
      {secret_yaml("one", data + "stringData:\n  tls.crt: |\n    plain\n"), "one: plain\n//-"},
      {secret_yaml("one", "data: null\nstringData:\n  tls.crt: plain\n"), "one: plain//-"},
      // An empty staple is a place kept for one.
      {secret_yaml("one", data + "  tls.ocsp-staple: ''\n"), "one: leaf//-"},
      {"kind: ConfigMap\n", " +1"},
      {secret_yaml("opaque", "data: {user: eA==}\n"), " +1"},
      {"kind: List\nitems:\n", " +0"},
      {"kind: Secret\ndata: {tls.crt: " + leaf + "}\n", "(without a name): leaf//-"},
      // An alias stands for what it repeats.
      {"kind: List\nitems:\n- &s {kind: Secret, metadata: {name: x}, data: {tls.crt: " + leaf +
           "}}\n- *s\n",
       "x: leaf//-; x: leaf//-"}};
  for (auto [text, wanted] : rows) {
    wanted.erase(std::remove(wanted.begin(), wanted.end(), ' '), wanted.end());
    if (wanted.find('+') == std::string::npos) {
      wanted += "+0";
    }
    std::string got = told(text);
    got.erase(std::remove(got.begin(), got.end(), ' '), got.end());
    EXPECT_EQ(got, wanted) << text;
  }
}

TEST(Manifest, ABrokenSecretIsNamedAndTheOthersStand) {
  const std::string good = "data:\n  tls.crt: " + base64("leaf") + "\n";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"data:\n  tls.crt: '*not base64*'\n", "is not base64"},
      {"data:\n  tls.crt: ''\n", "'tls.crt' is empty"},
      {"data:\n  tls.crt: [a]\n", "is no text"},
      {"data: text\n", "is no mapping"},
      {good + "  ca.crt: '?'\n", "'ca.crt' is not base64"},
      {good + "  tls.ocsp-staple: '?'\n", "'tls.ocsp-staple' is not base64"}};
  for (const auto& [broken, word] : rows) {
    const std::string text = secret_yaml("broken", broken) + "---\n" + secret_yaml("good", good);
    EXPECT_THAT(told(text), HasSubstr("broken! ")) << text;
    EXPECT_THAT(told(text), HasSubstr(word)) << text;
    EXPECT_THAT(told(text), HasSubstr("good: leaf")) << text;
  }
}

TEST(Manifest, WhatDoesNotParseSaysWhere) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"kind: Secret\n  data: [\n", "line 2"},
      {"kind: Secret\nkind: List\n", "'kind' twice"},
      {R"({"kind":"List","kind":"Secret"})", "'kind' twice"},
      {R"({"kind":)", "JSON that does not parse at octet"},
      {R"({"kind":"Secret"} trailing)", "JSON that does not parse"},
      {"kind: *nobody\n", "'*nobody' without an anchor"},
      {"kind: &a [*a]\n", "'*a' without an anchor"},
      {"? {a: b}\n: c\n", "key that is no scalar"},
      {"kind: List\nitems: {a: b}\n", "items are no sequence"}};
  for (const auto& [text, word] : rows) {
    EXPECT_THAT(told(text), HasSubstr("error: ")) << text;
    EXPECT_THAT(told(text), HasSubstr(word)) << text;
  }
}

// ---- limits -------------------------------------------------------------------------------------

TEST(Manifest, AliasesThatRepeatAliasesAreRefused) {
  std::string laughs = "kind: List\na: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char level = 'b'; level <= 'j'; ++level) {
    const std::string before(1, static_cast<char>(level - 1));
    laughs += std::string(1, level) + ": &" + level + " [";
    for (int i = 0; i < 10; ++i) {
      laughs += (i == 0 ? "*" : ", *") + before;
    }
    laughs += "]\n";
  }
  EXPECT_THAT(told(laughs), HasSubstr("aliases counted with what they repeat"));
}

TEST(Manifest, OctetsThatAliasesRepeatAreCounted) {
  std::string text = "kind: List\nitems:\n- &s {kind: Secret, data: {tls.crt: " +
                     std::string(std::size_t{1} << 20, 'A') + "}}\n";
  for (int i = 0; i < 63; ++i) {
    text += "- *s\n";
  }
  EXPECT_THAT(told(text), HasSubstr("more than 64 MiB of values"));
}

TEST(Manifest, DepthIsBounded) {
  const auto nested = [](std::size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
  };
  const auto yaml = [&](std::size_t depth) {
    return static_cast<bool>(parse_documents(as_bytes("k: " + nested(depth - 1, '[', ']'))));
  };
  const auto json = [&](std::size_t depth) {
    return static_cast<bool>(
        parse_documents(as_bytes("{\"k\":" + nested(depth - 1, '[', ']') + "}")));
  };
  EXPECT_TRUE(yaml(kMaxManifestDepth));
  EXPECT_FALSE(yaml(kMaxManifestDepth + 1));
  EXPECT_TRUE(json(kMaxManifestDepth));
  EXPECT_FALSE(json(kMaxManifestDepth + 1));
  EXPECT_FALSE(yaml(100'000));
  std::string lists = "kind: Secret";
  for (std::size_t i = 0; i <= kMaxListDepth; ++i) {
    lists = "kind: List, items: [{" + lists + "}]";
  }
  EXPECT_THAT(told("kind: List\nitems: [{" + lists + "}]"), HasSubstr("Lists inside each other"));
}

TEST(Manifest, ValuesAreCountedOverAllDocuments) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxManifestNodes; ++i) {
    many += "--- x\n";
  }
  EXPECT_THAT(told(many), HasSubstr("more than 500000 values"));
  std::string wide = "{\"kind\":[";
  for (std::size_t i = 0; i <= kMaxManifestNodes; ++i) {
    wide += i == 0 ? "1" : ",1";
  }
  EXPECT_THAT(told(wide + "]}"), HasSubstr("more than 500000 values"));
}

TEST(Manifest, SizeIsBounded) {
  const std::string large(kMaxManifestBytes + 1, ' ');
  EXPECT_THAT(told(large), HasSubstr("more than 16 MiB"));
}

// ---- telling manifests from other text ----------------------------------------------------------

TEST(Manifest, IsToldFromPemAndNotes) {
  const std::vector<std::pair<std::string, bool>> rows = {
      {"apiVersion: v1\n", true},
      {"# note\n---\nkind: Secret\n", true},
      {"\xef\xbb\xbfkind: Secret\n", true},
      {"  {\"kind\": \"Secret\"}", true},
      {"-----BEGIN CERTIFICATE-----\nkind: x\n", false},
      {"subject: CN = kind\nissuer: x\n-----BEGIN CERTIFICATE-----\n", false},
      {"  kind: indented\n", false},
      {"", false},
      {"hello", false}};
  for (const auto& [text, wanted] : rows) {
    EXPECT_EQ(looks_like_manifest(as_bytes(text)), wanted) << text;
  }
}

TEST(ManifestTree, ScalarsKeepTheirTextAndKnowNull) {
  const auto documents =
      parse_documents(as_bytes("{\"a\":1.50,\"b\":true,\"c\":null,\"d\":\"~\"}"));
  ASSERT_TRUE(documents) << documents.error();
  ASSERT_THAT(*documents, SizeIs(1));
  const Node& root = *documents->front();
  EXPECT_EQ(root.text_of("a"), "1.50");
  EXPECT_EQ(root.text_of("b"), "true");
  EXPECT_TRUE(root.find("c")->is_null);
  EXPECT_FALSE(root.find("d")->is_null);
  EXPECT_EQ(root.find("e"), nullptr);
  EXPECT_EQ(root.text_of("e"), "");
  const auto yaml = parse_documents(as_bytes("a: ~\nb: null\nc:\nd: '~'\n"));
  ASSERT_TRUE(yaml);
  EXPECT_TRUE(yaml->front()->find("a")->is_null);
  EXPECT_TRUE(yaml->front()->find("b")->is_null);
  EXPECT_TRUE(yaml->front()->find("c")->is_null);
  EXPECT_FALSE(yaml->front()->find("d")->is_null);
}

}  // namespace
}  // namespace muster::check
