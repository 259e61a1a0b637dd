"""Who asks, as far as the speech server needs to know: one name for one address, so that callers can take turns."""

import hashlib
import ipaddress
import secrets
from collections.abc import Iterable

from aiohttp import web

_NAME_BYTES = 8
_HOST_BITS_V6 = 64  # of the address of one customer, who can take any of them for every request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Callers:
    """Names of the callers of one process; nobody can tell an address from a name, or try addresses out."""

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        """Draw the key of the names.

        Args:
            trusted_proxies: Addresses or networks whose ``X-Forwarded-For`` is believed.

        Raises:
            ValueError: One is neither.
        """
        self._key = secrets.token_bytes(32)
        self._proxies = [ipaddress.ip_network(proxy) for proxy in trusted_proxies]

    def name_of(self, request: web.Request) -> str:
        """Name whoever asks, with 16 hex digits; empty on a local socket.

        That is the other end of the connection. ``X-Forwarded-For`` is read only where that is a trusted proxy: anybody
        else could be someone new with every request.
        """
        address = _address(request.remote or "")
        if address is None:
            return ""
        if self._is_proxy(address):
            address = self._before(address, ",".join(request.headers.getall("X-Forwarded-For", [])))
        return hashlib.blake2b(_customer(address), digest_size=_NAME_BYTES, key=self._key).hexdigest()

    def _before(self, proxy: Address, forwarded: str) -> Address:
        """Go back from a proxy to whom it spoke for, as long as that is a trusted one too."""
        found = proxy
        for entry in reversed(forwarded.split(",")):
            address = _address(entry.strip())
            if address is None:
                break
            found = address
            if not self._is_proxy(found):
                break
        return found

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


CALLERS_KEY = web.AppKey("callers", Callers)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _customer(address: Address) -> bytes:
    return address.packed[: _HOST_BITS_V6 // 8] if isinstance(address, ipaddress.IPv6Address) else address.packed
