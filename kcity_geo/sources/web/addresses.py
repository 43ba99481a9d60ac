"""
Addresses: which ones may be talked to, and how a file made of one is called.

Opens nothing itself: it gives `requests` an adapter that looks at the address a connection really
has, after any redirect and any trick of a name service.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
import unicodedata
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

__all__ = ["NoNetrc", "OneStep", "PrivateAddress", "PublicOnly", "is_public", "safe_name"]


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class PrivateAddress(Exception):  # noqa: N818 - must not be an OSError, urllib3 swallows those
    """A connection would lead into a private network; no OSError, which urllib3 would swallow."""


def safe_name(text: str, *, limit: int = 80) -> str:
    """
    Make a file name of any text.

    Parameters
    ----------
    text : name of a place or end of an address.
    limit : longest name, characters.

    Returns
    -------
    Lower-case ASCII letters, digits, ``-``, ``_`` and ``.``; never empty, never a reserved name. A
    word in another script leaves nothing, so the text gets a short hash of itself.

    Examples
    --------
    >>> safe_name("Kota Kinabalu, Malaysia")
    'kota-kinabalu-malaysia'
    >>> safe_name("../../etc/passwd")
    'etc-passwd'
    >>> safe_name("東京, Japan")
    'japan-c9216fe9'
    """
    folded = unicodedata.normalize("NFKD", text)
    plain = folded.encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[-limit:].strip("-._")
    words = re.findall(r"[^\W_]+", "".join(c for c in folded if not unicodedata.combining(c)))
    if any(not re.search(r"[A-Za-z0-9]", word) for word in words):
        mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{name[-(limit - 9) :].strip('-._') or 'x'}-{mark}"
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
    return f"x-{name}".rstrip("-") if reserved or not name else name


def is_public(address: str) -> bool:
    """
    Say whether an address belongs to one machine on the open internet.

    Parameters
    ----------
    address : text of an IP; one of version 6 may carry one of version 4 (mapped, 6to4, NAT64).

    Returns
    -------
    True when it, and what it carries, is global and no group.

    Examples
    --------
    >>> is_public("64:ff9b::7f00:1")
    False
    """
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    inner = _carried(found) if isinstance(found, ipaddress.IPv6Address) else None
    return all(a.is_global and not a.is_multicast for a in (found, inner) if a is not None)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo


class _CheckedHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _CheckedHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPS


def _checked(sock: socket.socket) -> socket.socket:
    peer = sock.getpeername()[0]
    if not is_public(peer):
        sock.close()
        raise PrivateAddress(peer)
    return sock


class PublicOnly(HTTPAdapter):
    """Looks at the address that a connection really has, after any name service trick."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - signature of requests
        """Make pools whose connections are looked at; the signature is that of requests."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class OneStep(requests.Session):
    """Follows no redirect, and does not even look where it leads: each step is checked by the caller."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Name no target; `requests` would decode it, and leave the connection open when it cannot."""


class NoNetrc(requests.auth.AuthBase):
    """Sends no credentials, whatever a netrc of the user holds."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request
