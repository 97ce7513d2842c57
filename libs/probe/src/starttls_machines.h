#pragma once

#include "starttls.h"

// One maker for each machine; starttls.cc chooses.
namespace muster::probe {

// starttls_replies.cc: three digits and text
std::unique_ptr<StartTls> make_smtp(Protocol protocol, std::string client_name);
std::unique_ptr<StartTls> make_ftp();
// starttls_mailbox.cc: lines of words
std::unique_ptr<StartTls> make_imap();
std::unique_ptr<StartTls> make_pop3();
std::unique_ptr<StartTls> make_sieve();
// starttls_binary.cc
std::unique_ptr<StartTls> make_ldap();
std::unique_ptr<StartTls> make_postgres();
std::unique_ptr<StartTls> make_mysql();
// starttls_xmpp.cc
std::unique_ptr<StartTls> make_xmpp(Protocol protocol, std::string domain);

}  // namespace muster::probe
