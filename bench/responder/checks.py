"""Whether answers are right: every recorded one is taken apart by the kit's own codec, some are verified by openssl."""
import pathlib
import struct

import kit_path  # noqa: F401
import serials
from kit import ocsp, process


def pairs(path):
    """(request, answer) of a record made by muster_bench_load."""
    octets, at, out = pathlib.Path(path).read_bytes(), 0, []
    while at < len(octets):
        pair = []
        for _ in range(2):
            length = struct.unpack_from(">I", octets, at)[0]
            pair.append(octets[at + 4:at + 4 + length])
            at += 4 + length
        out.append(tuple(pair))
    return out


def expected_states(count, more_revoked=0):
    """serial -> word, of certificates 0 to count - 1."""
    return {serials.serial(i): "revoked" if serials.is_revoked(i) or 1 <= i <= more_revoked else "good" for i in range(count)}


def check_pair(request, answer, states):
    asked, got = ocsp.parse_request(request), ocsp.parse_response(answer)
    if got.status != "successful" or len(got.singles) != 1:
        raise process.Failed(f"an answer says {got.status}, about {len(got.singles)} certificates")
    single = got.singles[0]
    if single.cert_id != asked.ids[0]:
        raise process.Failed(f"asked about {asked.serials[0]:x}, answered about {single.serial:x}")
    if single.status != states[single.serial]:
        raise process.Failed(f"{single.serial:x} is {states[single.serial]}, the answer says {single.status}")
    if asked.nonce is not None and got.nonce != asked.nonce:
        raise process.Failed(f"{single.serial:x}: the answer does not repeat the nonce")
    return got


def check_record(data, path, states, signatures=1):
    """How many answers there were; Failed at the first wrong one. The signatures of the first few are verified by openssl."""
    all_pairs = pairs(path)
    if not all_pairs:
        raise process.Failed("nothing was answered")
    for request, answer in all_pairs:
        check_pair(request, answer, states)
    for request, answer in all_pairs[:signatures]:
        verify(data, request, answer)
    return len(all_pairs)


def verify(data, request, answer):
    pathlib.Path(data.path("one.req")).write_bytes(request)
    pathlib.Path(data.path("one.resp")).write_bytes(answer)
    done = process.run("openssl", "ocsp", "-respin", data.path("one.resp"), "-reqin", data.path("one.req"), "-issuer", data.path("ca.pem"),
                       "-CAfile", data.path("ca.pem"))
    if "Response verify OK" not in done.text:
        raise process.Failed(f"openssl does not believe an answer:\n{done}")
