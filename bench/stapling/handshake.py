"""One TLS handshake that asks for a staple, by libssl itself: what was stapled, octet for octet, and whose certificate it was."""
import ctypes
import ctypes.util
import hashlib
import socket

_ssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
_crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
_pointer = ctypes.c_void_p
for _library, _name, _result, _arguments in (
        (_ssl, "TLS_client_method", _pointer, []), (_ssl, "SSL_CTX_new", _pointer, [_pointer]),
        (_ssl, "SSL_new", _pointer, [_pointer]), (_ssl, "SSL_free", None, [_pointer]),
        (_ssl, "SSL_set_fd", ctypes.c_int, [_pointer, ctypes.c_int]), (_ssl, "SSL_connect", ctypes.c_int, [_pointer]),
        (_ssl, "SSL_ctrl", ctypes.c_long, [_pointer, ctypes.c_int, ctypes.c_long, _pointer]),
        (_ssl, "SSL_get1_peer_certificate", _pointer, [_pointer]), (_ssl, "SSL_shutdown", ctypes.c_int, [_pointer]),
        (_crypto, "i2d_X509", ctypes.c_int, [_pointer, ctypes.POINTER(ctypes.c_char_p)]),
        (_crypto, "X509_free", None, [_pointer]), (_crypto, "ERR_clear_error", None, [])):
    _function = getattr(_library, _name)
    _function.restype, _function.argtypes = _result, _arguments
_context = _ssl.SSL_CTX_new(_ssl.TLS_client_method())
_HOST_NAME, _STATUS_TYPE, _GET_RESPONSE, _SIGNATURES, _LEAST_VERSION, _MOST_VERSION = 55, 65, 70, 98, 123, 124


class NoHandshake(Exception):
    """\\param connected  whether there was a connection: cut then, refused else"""

    def __init__(self, text, connected=False):
        super().__init__(text)
        self.connected = connected


_VERSIONS = {"1.2": 0x303, "1.3": 0x304}
# A server with certificates of both kinds chooses by these.
SIGNATURES = {"ecdsa": "ECDSA+SHA256", "rsa": "RSA-PSS+SHA256:RSA+SHA256"}


def shake_hands(port, name="web.example", patience=30.0, version=None, signatures=None):
    """(octets stapled or None, SHA-256 of the server's certificate). Always a full handshake: no session is ever offered."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), patience)
    except OSError as error:
        raise NoHandshake(str(error)) from error
    ssl = _ssl.SSL_new(_context)
    try:
        # Blocking, with the kernel's own time limit: libssl knows nothing of Python's.
        connection.setblocking(True)
        limit = int(patience).to_bytes(8, "little") + bytes(8)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        _ssl.SSL_ctrl(ssl, _HOST_NAME, 0, ctypes.c_char_p(name.encode()))
        _ssl.SSL_ctrl(ssl, _STATUS_TYPE, 1, None)
        for bound in (_LEAST_VERSION, _MOST_VERSION) if version else ():
            _ssl.SSL_ctrl(ssl, bound, _VERSIONS[version], None)
        if signatures and _ssl.SSL_ctrl(ssl, _SIGNATURES, 0, ctypes.c_char_p(signatures.encode())) != 1:
            raise ValueError(f"libssl knows no signatures '{signatures}'")
        _ssl.SSL_set_fd(ssl, connection.fileno())
        if _ssl.SSL_connect(ssl) != 1:
            _crypto.ERR_clear_error()
            raise NoHandshake("the handshake failed", connected=True)
        at = _pointer()
        size = _ssl.SSL_ctrl(ssl, _GET_RESPONSE, 0, ctypes.byref(at))
        staple = ctypes.string_at(at, size) if at.value and size > 0 else None
        certificate = _ssl.SSL_get1_peer_certificate(ssl)
        size = _crypto.i2d_X509(certificate, None)
        room = ctypes.create_string_buffer(size)
        place = ctypes.c_char_p(ctypes.addressof(room))
        _crypto.i2d_X509(certificate, ctypes.byref(place))
        _crypto.X509_free(certificate)
        _ssl.SSL_shutdown(ssl)
        return staple, hashlib.sha256(room.raw).digest()
    finally:
        _ssl.SSL_free(ssl)
        connection.close()
