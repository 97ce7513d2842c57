#pragma once

#include "muster/keeper/shelf.h"

namespace muster::keeper {

StapleStatus status_of(const ocsp::CertStatus& status);
/// What a choice that takes a candidate means to who listens.
ShelfChange change_for(Choice choice);
/// Whether what was verified for one issuer holds for the other.
bool have_same_key(const pki::Certificate& issuer, const pki::Certificate& other);
/// A crash between creating a temporary file and its rename leaves it behind.
void remove_leftovers(FileSystem& files, const std::string& directory);

}  // namespace muster::keeper
