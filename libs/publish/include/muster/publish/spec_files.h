#pragma once

#include <functional>
#include <string>
#include <vector>

#include "muster/publish/publisher.h"

// A series of CRLs as an operator names it: files and rules.
namespace muster::publish {

/// A partition described by itself.
struct PartitionFiles {
  std::string name;
  std::vector<std::string> uris, delta_uris;
  crl::Scope::Only only = crl::Scope::Only::kAll;
  std::string out, delta_out;
};

/// "{partition}" in out, delta_out, uris and delta_uris stands for the partition's number, from 0.
/// Empty: not given.
struct SpecFiles {
  std::string label;  ///< empty: the signer's subject
  std::vector<std::string>
      cas;  ///< certificates of the CAs on the CRL: one, or several under an indirect CRL issuer
  std::string signer;  ///< certificate of the CRL signer; empty: the first CA's
  std::string key;     ///< its private key: a file (PEM, DER, PKCS#12), or a pkcs11: URI
  std::function<std::optional<std::string>()> passphrase;  ///< or PIN
  pki::SignatureScheme scheme = pki::SignatureScheme::kAuto;
  Terms terms;
  std::string out, delta_out;
  std::vector<std::string> uris, delta_uris;
  crl::Scope::Only only = crl::Scope::Only::kAll;
  std::size_t partitions = 1;             ///< by hash, unless ranges or an assignment say otherwise
  std::vector<std::string> ranges;        ///< first serial of each partition, in hexadecimal
  std::string assignment;                 ///< file of "SERIAL PARTITION" lines
  std::string assignment_rest;            ///< partition of serials not in it
  std::vector<PartitionFiles> described;  ///< instead of out, uris... and partitions
  std::vector<std::string> samples;       ///< certificates in scope, to check URIs with
  std::string state;                      ///< directory; empty: below the store
  std::optional<crl::Number> first_number;
  FileFormat format = FileFormat::kDer;
};

/// Whether the options hold together, before any file is read. Errors: kTerms.
PublishResult<Unit> check_files(const SpecFiles& files);
/// Reads certificates, key and assignment, and finds the CAs in the store. Errors: kTerms, kSigner,
/// kSource (a CA the store does not know), kIo.
PublishResult<Spec> load_spec(const SpecFiles& files, const store::Store& store,
                              const std::string& store_directory);

}  // namespace muster::publish
