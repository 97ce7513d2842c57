"""The serials of bench/kit/serials.h in Python."""
MASK = (1 << 64) - 1


def scrambled(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def serial(index):
    """Number of certificate `index`: 16 octets always."""
    octets = bytearray((scrambled(2 * index) << 64 | scrambled(2 * index + 1)).to_bytes(16, "big"))
    octets[0] = octets[0] & 0x3F | 0x40
    return int.from_bytes(octets, "big")


def is_revoked(index):
    return index % 10 == 9
