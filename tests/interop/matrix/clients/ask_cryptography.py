"""Asks with Python's `cryptography` by GET; prints its version and one word a certificate.

usage: ask_cryptography.py URL CA SIGNER CERTIFICATE...
"""
import base64
import os
import sys
import urllib.parse
import urllib.request

import cryptography
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp


def load(path):
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def ask(url, ca, signer, certificate):
    nonce = os.urandom(32)
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, ca, hashes.SHA256())
    request = builder.add_extension(x509.OCSPNonce(nonce), critical=False).build()
    tail = urllib.parse.quote(base64.b64encode(request.public_bytes(serialization.Encoding.DER)), safe="")
    with urllib.request.urlopen(url + tail, timeout=30) as reply:
        response = ocsp.load_der_ocsp_response(reply.read())
    if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
        return response.response_status.name
    signer.public_key().verify(response.signature, response.tbs_response_bytes, ec.ECDSA(response.signature_hash_algorithm))
    if response.serial_number != certificate.serial_number or response.issuer_key_hash != request.issuer_key_hash:
        return "about-another-certificate"
    if response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce != nonce:
        return "wrong-nonce"
    return response.certificate_status.name.lower()


url, ca, signer = sys.argv[1], load(sys.argv[2]), load(sys.argv[3])
print(cryptography.__version__, *(ask(url, ca, signer, load(path)) for path in sys.argv[4:]))
