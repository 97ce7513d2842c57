#include "muster/token/key_source.h"

namespace muster::token {

pki::PkiResult<pki::KeyFile> load_key(const std::string& source,
                                      const pki::AskPassphrase& passphrase,
                                      const TokenOptions& options, const Clock* clock) {
  if (!is_key_uri(source)) {
    return pki::load_key_file(source, passphrase);
  }
  MUSTER_TRY(pki::PrivateKey key, load_token_key(source, options, passphrase, clock));
  return pki::KeyFile{std::move(key), {}};
}

}  // namespace muster::token
