#pragma once

#include "muster/der/der.h"

// What a Name is made of, for who looks into it. pkix.h reads and prints whole ones.
namespace muster::der {

/// AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY }   RFC 5280 4.1.2.4
/// Lifetime: of what the reader reads.
struct NameAttribute {
  Bytes type;     ///< OID content
  Element value;  ///< of any type; its content may be anything
};
DerResult<NameAttribute> read_name_attribute(Reader& in);

/// Hands each attribute of the Name that comes next to `visit(attribute, is_first_of_its_rdn)`, in
/// the order of the encoding; those before an error too.
/// Name ::= SEQUENCE OF SET SIZE (1..MAX) OF AttributeTypeAndValue   RFC 5280 4.1.2.4
template <class Visit>
DerResult<Unit> walk_name(Reader& in, Visit&& visit, std::string_view field) {
  MUSTER_TRY(Reader rdns, in.enter(Tag::kSequence, field));
  while (!rdns.at_end()) {
    MUSTER_TRY(Reader rdn, rdns.enter(Tag::kSet, "relativeDistinguishedName"));
    bool is_first = true;
    do {  // SET SIZE (1..MAX): an empty one fails here
      MUSTER_TRY(const NameAttribute attribute, read_name_attribute(rdn));
      visit(attribute, is_first);
      is_first = false;
    } while (!rdn.at_end());
  }
  return Unit{};
}

}  // namespace muster::der
