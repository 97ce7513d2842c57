# Connects with IO::Socket::SSL and lets it ask about the server's certificate; exit code 1 and "OCSP: why" when it is not content.
#
# usage: ask_perl.pl PORT NAME ROOTS
use strict;
use warnings;
use IO::Socket::SSL;

my ($port, $name, $roots) = @ARGV;
my $socket = IO::Socket::SSL->new(
    PeerAddr          => '127.0.0.1',
    PeerPort          => $port,
    SSL_hostname      => $name,
    SSL_verifycn_name => $name,
    SSL_ca_file       => $roots,
    SSL_ocsp_mode     => SSL_OCSP_FAIL_HARD,
) or die "no connection: $SSL_ERROR\n";
my $problem = $socket->ocsp_resolver->resolve_blocking(timeout => 20);
if ($problem) {
    print "OCSP: $problem\n";
    exit 1;
}
