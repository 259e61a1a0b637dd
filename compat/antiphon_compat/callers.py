"""Who asks, as far as the speech server needs to know: one name for one address, so that callers can take turns."""

import hashlib
import ipaddress
import secrets

from aiohttp import web

_NAME_BYTES = 8
_HOST_BITS_V6 = 64  # of the address of one customer, who can take any of them for every request


class Callers:
    """Names of the callers of one process; nobody can tell an address from a name, or try addresses out."""

    def __init__(self) -> None:
        """Draw the key of the names."""
        self._key = secrets.token_bytes(32)

    def name_of(self, request: web.Request) -> str:
        """Name whoever holds the other end of the connection, with 16 hex digits; empty on a local socket.

        ``X-Forwarded-For`` and its like are not read: anybody could be someone else with every request. Behind a proxy
        all are therefore one caller.
        """
        address = _address(request.remote or "")
        return hashlib.blake2b(address, digest_size=_NAME_BYTES, key=self._key).hexdigest() if address else ""


CALLERS_KEY = web.AppKey("callers", Callers)


def _address(text: str) -> bytes:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return b""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return address.packed[: _HOST_BITS_V6 // 8]
        address = address.ipv4_mapped
    return address.packed
