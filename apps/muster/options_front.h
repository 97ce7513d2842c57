#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/config/config.h"
#include "muster/front/front.h"

namespace muster::app {

/// What `muster front` can be told, by file ([front]) and by flags alike.
struct FrontOptions {
  std::vector<std::string> listen{"127.0.0.1:8443"};
  std::string upstream;
  std::vector<front::CertificateFiles> certificates;
  std::vector<std::string> issuers;
  std::string shelf;
  bool keep = false;
  bool hold = false;
  std::int64_t loops = 0;
  std::int64_t max_connections = 10000;
  front::FrontLimits limits;
  tls::ServerOptions tls;
  front::ProxyProtocol proxy_protocol = front::ProxyProtocol::kNone;
  front::ConnectUpstream connect = front::ConnectUpstream::kAtOnce;
  Milliseconds start_wait{10000};
  Milliseconds grace{10000};
};

void bind(config::Section& section, FrontOptions& options);

/// The options as the library wants them.
front::FrontOptions wire(const FrontOptions& options);

}  // namespace muster::app
