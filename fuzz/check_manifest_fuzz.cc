#include "fuzz.h"
#include "manifest.h"
#include "manifest_tree.h"

// Kubernetes manifests in YAML and JSON: whatever is read stays within its limits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const Bytes text(data, size);
  check::looks_like_manifest(text);
  const auto documents = check::parse_documents(text);
  const auto manifest = check::parse_manifest(text);
  if (!documents) {
    MUSTER_ASSERT(!documents.error().empty());
    MUSTER_ASSERT(!manifest);
    return 0;
  }
  std::size_t values = 0;
  for (const auto& document : *documents) {
    values += document->size;
  }
  MUSTER_ASSERT(values <= check::kMaxManifestNodes);
  if (!manifest) {
    MUSTER_ASSERT(!manifest.error().empty());
    return 0;
  }
  MUSTER_ASSERT(manifest->secrets.size() <= check::kMaxSecrets);
  for (const check::Secret& secret : manifest->secrets) {
    MUSTER_ASSERT(!secret.name.empty());
    MUSTER_ASSERT(secret.certificates.empty() == !secret.problem.empty());
    MUSTER_ASSERT(!secret.staple || !secret.staple->empty());
  }
  return 0;
}
