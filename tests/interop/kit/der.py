"""DER, as little as OCSP needs."""

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, OID, NULL, ENUMERATED = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0x05, 0x0A


def tlv(tag, *contents):
    content = b"".join(contents)
    if len(content) < 0x80:
        length = bytes([len(content)])
    else:
        size = (len(content).bit_length() + 7) // 8
        length = bytes([0x80 | size]) + len(content).to_bytes(size, "big")
    return bytes([tag]) + length + content


def integer(value):
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted):
    arcs = [int(arc) for arc in dotted.split(".")]
    out = bytearray()
    for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        group = [arc & 0x7F]
        while arc := arc >> 7:
            group.append(0x80 | arc & 0x7F)
        out += bytes(reversed(group))
    return tlv(OID, bytes(out))


class Node:
    """One element: its tag, its content, and all its octets."""

    def __init__(self, tag, content, raw):
        self.tag, self.content, self.raw = tag, content, raw

    def __iter__(self):
        return iter(nodes(self.content))

    def children(self):
        return nodes(self.content)

    def text(self):
        return self.content.decode("ascii", "replace")


def nodes(data):
    """The elements that stand one after another in `data`; ValueError when they do not."""
    out, at = [], 0
    while at < len(data):
        start, tag = at, data[at]
        if at + 2 > len(data):
            raise ValueError("cut element")
        length, at = data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at:at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("element is longer than its surroundings")
        out.append(Node(tag, data[at:at + length], data[start:at + length]))
        at += length
    return out


def node(data):
    all_nodes = nodes(data)
    if len(all_nodes) != 1:
        raise ValueError(f"{len(all_nodes)} elements where one is due")
    return all_nodes[0]
