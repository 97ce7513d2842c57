#pragma once

#include <nlohmann/json.hpp>

#include "muster/crl/crl.h"
#include "muster/ocsp/ocsp.h"
#include "muster/pki/certificate.h"

// Decoded objects as JSON values in the order people read them; text is printed from the same
// values. Nothing here is verified.
namespace muster::app {

using Json = nlohmann::ordered_json;

Json describe(const ocsp::RequestView& request);
Json describe(const ocsp::ResponseView& response);
Json describe(const pki::Certificate& certificate);
/// Everything but the entries.
Json describe(const crl::CrlView& crl);
Json describe(const crl::AttributedEntry& entry, Bytes crl_issuer);

// Parts.
Json describe_extensions(const der::ExtensionsView& extensions);
/// "sha256", or the dotted OID of another algorithm.
std::string describe_hash(const der::AlgorithmView& algorithm);
/// Hexadecimal number as index.txt has it.
std::string describe_serial(Bytes integer_content);
/// "http://...", "directory: CN=...", or hexadecimal, for one GeneralName element.
std::string describe_general_name(Bytes element);

}  // namespace muster::app
