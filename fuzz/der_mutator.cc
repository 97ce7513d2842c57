#include <array>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

#include "fuzz.h"

// A mutator that keeps DER lengths consistent: changes the tree of elements and writes it again.
// Half of the mutations stay plain, since broken lengths are interesting too.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed);

namespace {

using muster::Buffer;
using muster::Bytes;

struct Node {
  std::uint8_t tag;
  bool has_children;
  Buffer content;
  std::vector<Node> children;
};

constexpr int kMaxDepth = 24;

std::optional<std::vector<Node>> parse(Bytes octets, int depth) {
  std::vector<Node> nodes;
  while (!octets.empty()) {
    if (octets.size() < 2) {
      return std::nullopt;
    }
    std::size_t header = 2;
    std::size_t length = octets[1];
    if (length >= 0x80) {
      const std::size_t count = length & 0x7fu;
      if (count == 0 || count > 3 || octets.size() < 2 + count) {
        return std::nullopt;
      }
      length = 0;
      for (std::size_t i = 0; i < count; ++i) {
        length = length << 8 | octets[2 + i];
      }
      header += count;
    }
    if (length > octets.size() - header) {
      return std::nullopt;
    }
    const Bytes content = octets.subspan(header, length);
    Node node{octets[0], false, muster::to_buffer(content), {}};
    // OCTET STRINGs may hold whole elements: the response, values of extensions.
    const bool may_nest = (node.tag & 0x20u) != 0 || node.tag == 0x04;
    if (may_nest && depth < kMaxDepth && !content.empty()) {
      if (auto children = parse(content, depth + 1)) {
        node.has_children = true;
        node.children = *std::move(children);
      }
    }
    nodes.push_back(std::move(node));
    octets = octets.subspan(header + length);
  }
  return nodes;
}

void write(const std::vector<Node>& nodes, Buffer& out) {
  for (const Node& node : nodes) {
    Buffer inner;
    if (node.has_children) {
      write(node.children, inner);
    }
    const Buffer& content = node.has_children ? inner : node.content;
    out.push_back(node.tag);
    if (content.size() < 0x80) {
      out.push_back(static_cast<std::uint8_t>(content.size()));
    } else {
      Buffer length;
      for (std::size_t rest = content.size(); rest != 0; rest >>= 8) {
        length.insert(length.begin(), static_cast<std::uint8_t>(rest));
      }
      out.push_back(static_cast<std::uint8_t>(0x80u | length.size()));
      out.insert(out.end(), length.begin(), length.end());
    }
    out.insert(out.end(), content.begin(), content.end());
  }
}

/// Every list of siblings in the tree.
void collect(std::vector<Node>& nodes, std::vector<std::vector<Node>*>& lists) {
  if (!nodes.empty()) {
    lists.push_back(&nodes);
  }
  for (Node& node : nodes) {
    collect(node.children, lists);
  }
}

class Mutation {
 public:
  explicit Mutation(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  void apply(std::vector<Node>& root) {
    std::vector<std::vector<Node>*> lists;
    collect(root, lists);
    std::vector<Node>& list = *lists[below(lists.size())];
    const std::size_t at = below(list.size());
    const auto where = list.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(7)) {
      case 0:
        list.erase(where);
        return;
      case 1:
        list.insert(where, Node(list[at]));
        return;
      case 2:
        std::swap(list[at], list[below(list.size())]);
        return;
      case 3:
        list[at].tag = kTags[below(kTags.size())];
        return;
      case 4: {  // a copy of another element
        const std::vector<Node>& source = *lists[below(lists.size())];
        Node copy = source[below(source.size())];
        list[at] = std::move(copy);
        return;
      }
      case 5:
        list[at] = Node{list[at].tag, false, {}, {}};
        return;
      default:
        mutate_content(list[at]);
        return;
    }
  }

 private:
  static constexpr std::array<std::uint8_t, 24> kTags = {
      0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18,
      0x30, 0x31, 0x80, 0x81, 0x82, 0x86, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x24};

  void mutate_content(Node& node) {
    Buffer content;
    if (node.has_children) {
      write(node.children, content);
    } else {
      content = node.content;
    }
    constexpr std::size_t kRoom = 16;
    const std::size_t old_size = content.size();
    content.resize(old_size + kRoom);
    content.resize(LLVMFuzzerMutate(content.data(), old_size, content.size()));
    node = Node{node.tag, false, std::move(content), {}};
  }

  std::minstd_rand random_;
};

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  Mutation mutation(seed);
  auto tree = parse(Bytes(data, size), 0);
  if (!tree || tree->empty() || mutation.below(2) == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  mutation.apply(*tree);
  Buffer out;
  write(*tree, out);
  if (out.empty() || out.size() > max_size) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::memcpy(data, out.data(), out.size());
  return out.size();
}
