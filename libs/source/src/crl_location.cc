#include "crl_location.h"

#include <algorithm>

#include "muster/source/ldap.h"

namespace muster::source {
namespace {

FetchTiming timing_of(const CrlSetSpec& spec, const WatchOptions& options) {
  FetchTiming timing;
  timing.refresh = spec.refresh;
  timing.retry_first = options.fetch_retry_first;
  timing.retry_most = options.fetch_retry_most;
  return timing;
}

std::string joined(const std::vector<std::string>& urls) {
  std::string text;
  for (const std::string& url : urls) {
    text += (text.empty() ? "" : " ") + url;
  }
  return text;
}

}  // namespace

CrlLocation::CrlLocation(std::vector<std::string> urls, const CrlSetSpec& spec,
                         const WatchOptions& options)
    : urls_(std::move(urls)),
      spec_(spec),
      plan_(timing_of(spec, options)),
      validators_(urls_.size()) {
  status_.kind = PartStatus::Kind::kLocation;
  status_.origin = joined(urls_);
}

void CrlLocation::start(Downloads& downloads, store::IssuerId owner, const std::string& directory,
                        const std::vector<std::shared_ptr<const HeldCrl>>& held) {
  net::FetchRequest request;
  request.url = urls_[at_];
  request.total_timeout = spec_.time_limit;
  request.connect_timeout = std::min<Milliseconds>(request.connect_timeout, spec_.time_limit);
  request.max_body_bytes = spec_.max_bytes;
  if (is_ldap_url(request.url)) {
    request.schemes = net::FetchRequest::Schemes::kLdap;
    request.url = complete_ldap_url(request.url).value_or(request.url);
    request.max_body_bytes = spec_.max_bytes / 3 * 4 + 4096;  // base64, and the names around it
  } else {
    request.proxy = spec_.proxy;
    const Validators& known = validators_[at_];
    // Only what is still in use may be called unchanged.
    if (known.crl != nullptr && std::find(held.begin(), held.end(), known.crl) != held.end()) {
      if (!known.etag.empty()) {
        request.headers.push_back("If-None-Match: " + known.etag);
      } else if (known.last_modified) {
        request.headers.push_back("If-Modified-Since: " + format_http_date(*known.last_modified));
      }
    }
  }
  offered_ = {};
  running_ = downloads.start(owner, std::move(request), directory);
}

Result<std::vector<std::shared_ptr<Content>>, SourceError> CrlLocation::receive(
    Download download, const std::string& directory) {
  running_.reset();
  std::vector<std::shared_ptr<Content>> received;
  if (download.refused) {
    return Err{*std::move(download.refused)};
  }
  if (!download.result) {
    const net::FetchError& error = download.result.error();
    retry_after_ = error.retry_after;
    return Err{source_error(SourceErrc::kUnreachable, url(),
                            error.detail + " (" + std::string(to_string(error.code)) +
                                "; the CRL in use, if any, stays in force)")};
  }
  if (download.result->http_status == 304) {
    ++status_.not_modified;
    return received;
  }
  ++status_.downloads;
  offered_.etag = download.result->etag;
  // A file replaced twice in one second has one Last-Modified: it tells news only once that second
  // is over (RFC 9110 8.8.2.2).
  if (download.result->last_modified && download.result->date &&
      *download.result->last_modified < *download.result->date) {
    offered_.last_modified = download.result->last_modified;
  }
  if (is_ldap_url(url())) {
    auto values = read_ldap_answer(as_text(download.content->bytes()));
    if (!values) {
      return Err{source_error(
          SourceErrc::kMalformed, url(),
          "the directory gave no CRL, or one that does not decode (the CRL in use, if any, "
          "stays in force; compare the entry and its attribute)")};
    }
    for (Buffer& value : *values) {
      MUSTER_TRY(ContentWriter writer, ContentWriter::begin(directory));
      MUSTER_CHECK(writer.write(value));
      MUSTER_TRY(received.emplace_back(), writer.finish());
    }
    return received;
  }
  const Bytes octets = download.content->bytes();
  if (!octets.empty() && octets[0] != 0x30 && spec_.http_pem == CrlSetSpec::HttpPem::kAccepted) {
    MUSTER_TRY(download.content, decode_crl(std::move(download.content), url(), directory));
  } else if (octets.empty() ||
             octets[0] != 0x30) {  // RFC 5280 section 4.2.1.13: one DER encoded CRL
    const std::string type = download.result->content_type;
    return Err{source_error(SourceErrc::kMalformed, url(),
                            "no DER CRL" + (type.empty() ? "" : " (" + type + ")") +
                                (as_text(octets).starts_with("-----BEGIN")
                                     ? "; it is PEM: set crl_http_pem = true to take it"
                                     : "") +
                                "; the CRL in use, if any, stays in force")};
  }
  received.push_back(std::move(download.content));
  return received;
}

void CrlLocation::accepted(std::shared_ptr<const HeldCrl> crl, std::optional<Seconds> left,
                           MonotonicTime now, UnixSeconds wall, double chance) {
  tried_ = true;
  if (crl != nullptr) {
    held_ = crl;
  }
  if (!offered_.etag.empty() || offered_.last_modified) {
    offered_.crl = held_;
    validators_[at_] = std::exchange(offered_, {});
  }
  at_ = 0;  // the first place is the preferred one
  round_error_.reset();
  retry_after_.reset();
  plan_.succeeded(now, left, chance);
  status_.last_success = wall;
  status_.error.reset();
  status_.failing_since.reset();
  if (held_ != nullptr) {
    status_.number = held_->view.crl_number ? to_hex(*held_->view.crl_number) : std::string();
    status_.is_delta = held_->view.is_delta;
    status_.this_update = held_->view.this_update;
    status_.next_update = held_->view.next_update;
    status_.records = held_->view.entry_count;
  }
}

void CrlLocation::complain(const SourceError& error, UnixSeconds wall) {
  ++status_.failures;
  status_.error = error;
  status_.failing_since = wall;
}

void CrlLocation::refused(const SourceError& error, MonotonicTime now, UnixSeconds wall,
                          double chance) {
  if (!round_error_) {
    round_error_ = error;
  } else {  // what a host gave and we refused says more than that another was not there
    round_error_->code =
        round_error_->code == SourceErrc::kUnreachable ? error.code : round_error_->code;
    round_error_->detail += "; " + error.detail;
  }
  ++status_.failures;
  if (++at_ < urls_.size()) {
    plan_.hurry(now);
    return;
  }
  at_ = 0;
  tried_ = true;
  plan_.failed(now, std::exchange(retry_after_, std::nullopt), chance);
  status_.error = std::exchange(round_error_, std::nullopt);
  if (!status_.failing_since) {
    status_.failing_since = wall;
  }
}

}  // namespace muster::source
