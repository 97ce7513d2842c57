"""What the interoperability tests in Python share: a PKI made by openssl, processes, a recording proxy, OCSP by hand.

Only Python's own library and the `openssl` program are needed. The OCSP codec here is made for these tests alone, from the
RFC's text and apart from ours, so that it can disagree with it.
"""
