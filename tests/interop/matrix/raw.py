"""Requests made by hand, octet for octet: by GET and POST, with each hash, with nonces that the standard allows and forbids."""
import itertools

from kit import http_client, ocsp

METHODS = ("GET", "POST")
HASHES = ("sha1", "sha256")
# Octets of nonce, and what RFC 9654 section 2.1 demands: 16..32 must be repeated; 1..15 and 33..128 may be repeated or left
# out (we repeat them unless told otherwise, decision 010); 0 and more than 128 are malformed.
NONCES = {None: "no nonce", 0: "malformedRequest", 1: "repeated", 16: "repeated", 32: "repeated", 33: "repeated", 128: "repeated",
          129: "malformedRequest"}


def send(bench, method, encoded):
    if method == "POST":
        return http_client.post(bench.responder.address, encoded)
    return http_client.get(bench.responder.address, "/" + ocsp.get_tail(encoded))


def conclude(cert_id, nonce, reply):
    """What an answer is, in one word of NONCES, or what is wrong with it."""
    if reply is None or reply.code != 200 or reply.header("Content-Type") != "application/ocsp-response":
        return f"no OCSP answer: {reply and reply.raw[:200]}"
    answer = ocsp.parse_response(reply.body)
    if answer.status != "successful":
        return answer.status
    if [single.cert_id for single in answer.singles] != [cert_id.encode()]:
        return "another CertID"
    if answer.singles[0].status != "good":
        return answer.singles[0].status
    if answer.nonce is None:
        return "no nonce"
    return "repeated" if answer.nonce == nonce else "another nonce"


def run(bench):
    """{(method, hash, nonce length): what was answered}"""
    found = {}
    for method, hash_name, length in itertools.product(METHODS, HASHES, NONCES):
        cert_id = bench.ca.id("good", hash_name)
        nonce = None if length is None else bytes(i % 251 for i in range(length))
        found[method, hash_name, length] = conclude(cert_id, nonce, send(bench, method, ocsp.request(cert_id, nonce=nonce)))
    return found
