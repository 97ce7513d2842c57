"""What is stapled, judged by what the CA remembers. Nothing of ours takes part."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Seen:
    word: str        # good, revoked, none, refused, or what is wrong
    given: object = None


def judge(authority, serial, staple, at):
    """\\param serial  of the certificate that the server showed. \\param at  seconds, when the handshake was over"""
    if staple is None:
        return Seen("none")
    given = authority.given.get(staple)
    if given is None:
        return Seen(f"rubbish: {len(staple)} octets that are no answer the CA stands by")
    if given.serial != serial:
        return Seen("rubbish: about another certificate")
    if at >= given.next_update:
        return Seen(f"expired {at - given.next_update:.1f} s ago")
    if at < given.this_update:
        return Seen("not yet valid")
    return Seen(given.status, given)
