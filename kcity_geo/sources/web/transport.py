"""
Transport: one request to one address, with our name, limits and checks.

Private addresses, redirects into them and away from https, answers that are too large or too slow
are refused here. What is asked again, and when, is in `kcity_geo.sources.web.retries`.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from kcity_geo.config import Config
from kcity_geo.errors import (
    LimitError,
    OfflineError,
    SourceError,
    StudyError,
)
from kcity_geo.sources.web.addresses import (
    NoNetrc,
    OneStep,
    PublicOnly,
    is_public,
)
from kcity_geo.sources.web.cachefiles import (
    retry_after,
    why,
)

__all__ = ["Again", "Transport", "parts_of"]

_CHUNK = 1 << 18
_MAX_REDIRECTS = 5
_AGAIN = {408, 425, 429, 500, 502, 503, 504, 529}


class Again(Exception):  # noqa: N818 - not an error yet: the request may be repeated
    """A request failed for a passing reason; `wait_s` is the pause that the server asks for."""

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Transport:
    """
    One request at a time, refused or answered.

    Parameters
    ----------
    config : limits, contact, offline.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._session: requests.Session | None = None

    @property
    def user_agent(self) -> str:
        """Name sent to servers; it carries the contact that public servers ask for."""
        contact = re.sub(r"[^\x20-\x7e]", "", self.config.contact) or "no contact given"
        return f"kcity_geo/0.1 ({contact})"

    def require_contact(self, url: str) -> None:
        """
        Refuse to ask a public server of OpenStreetMap without saying who asks.

        Parameters
        ----------
        url : of the server, for the message.

        Raises
        ------
        StudyError
            If the configuration has no contact.
        """
        if not re.search(r"[A-Za-z0-9]", self.config.contact):
            raise StudyError(
                f"contact: {parts_of(url).hostname} asks everybody who uses it for an address, and none is "
                "given; use --contact you@example.org, KCITY_CONTACT=you@example.org in the environment, "
                'or Config(contact="you@example.org")'
            )

    def open(
        self, method: str, url: str, headers: Mapping[str, str], deadline: float
    ) -> requests.Response:
        """Send a request and follow its redirects, each checked."""
        first = url
        for _ in range(_MAX_REDIRECTS + 1):
            self.check_address(url, first=first)
            left = max(0.05, deadline - time.monotonic())
            try:
                response = self.session.request(
                    method,
                    url,
                    headers=dict(headers),
                    stream=True,
                    allow_redirects=False,
                    timeout=(
                        min(self.config.connect_timeout_s, left),
                        min(self.config.read_timeout_s, left),
                    ),
                )
            except (requests.RequestException, HTTPError) as error:
                raise Again(why(error)) from error
            except ValueError as error:
                raise SourceError(f"{url!r} is no address ({why(error)}) and is refused") from error
            if not response.is_redirect:
                return response
            response.close()
            url = _target(url, response.headers["Location"])
        raise SourceError(f"{first} redirects in a circle; the address is out of date")

    @property
    def session(self) -> requests.Session:
        """Session of this fetcher, made at the first use."""
        if self._session is None:
            self._session = OneStep()
            self._session.headers["User-Agent"] = self.user_agent
            self._session.auth = NoNetrc()
            if not self.config.allow_private_hosts:
                self._session.mount("http://", PublicOnly())
                self._session.mount("https://", PublicOnly())
        return self._session

    def check_address(self, url: str, *, first: str) -> None:
        """Refuse an address that is not plain, not encrypted any more, or private."""
        parts, origin = parts_of(url), parts_of(first)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise SourceError(f"{url!r} is not a plain http(s) address and is refused")
        if origin.scheme == "https" and parts.scheme == "http":
            raise SourceError(f"{first} redirects to {url}, which is not encrypted; refused")
        if parts.hostname == origin.hostname and self.config.allow_private_hosts:
            return
        found: list[str] = []
        with contextlib.suppress(OSError, UnicodeError):
            answers = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
            found = [str(answer[4][0]) for answer in answers]
        private = [address for address in found if not is_public(address)]
        if private:
            raise SourceError(
                f"{first} leads to the private address {private[0]} ({parts.hostname}); refused. "
                "A mirror inside your own network needs KCITY_ALLOW_PRIVATE_HOSTS=1 (allow_private_hosts)"
            )

    def require_ok(self, response: requests.Response) -> None:
        """Refuse an answer that is not the thing asked for."""
        status = response.status_code
        if status in _AGAIN:
            raise Again(
                f"the server answers {status} {response.reason}", wait_s=retry_after(response)
            )
        if status == requests.codes.not_acceptable:
            raise SourceError(
                f"{response.url}: 406, the server refuses the user agent {self.user_agent!r}; set a "
                "contact (KCITY_CONTACT=you@example.org)"
            )
        if status not in {200, 206}:
            raise SourceError(f"{response.url}: the server answers {status} {response.reason}")

    def chunks(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        """Read the body of an answer piece by piece until the deadline."""
        while True:
            if time.monotonic() > deadline:
                raise Again("the server is too slow", wait_s=0.0)
            try:
                chunk = response.raw.read1(_CHUNK, decode_content=True)
            except (HTTPError, OSError) as error:
                raise Again(f"the connection broke ({why(error)})") from error
            if not chunk:
                return
            yield chunk

    def require_size(self, size: int | None, what: str) -> None:
        """Refuse a file that is larger than the limit."""
        if size is not None and size > self.config.max_file_bytes:
            raise LimitError(
                f"{what}: has {size:,} bytes; the limit is {self.config.max_file_bytes:,} "
                "(max_file_bytes); raise it or take a smaller area"
            )

    def require_online(self, url: str, what: str, *, where: Path | None = None) -> None:
        """Refuse to ask the network in an offline run."""
        if self.config.offline:
            there = f", or put it there yourself: {where}" if where else ""
            raise OfflineError(
                f"{what}: is needed from {url}, but this run is offline; run `kcity fetch` once on a "
                f"machine with a network and use its pack{there}"
            )


def parts_of(url: str) -> SplitResult:
    """
    Take an address apart; what only looks like one is refused.

    Parameters
    ----------
    url : the address.

    Returns
    -------
    Its parts.

    Raises
    ------
    SourceError
        If host or port cannot be read.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise SourceError(
            f"{url!r} is not a plain http(s) address ({error}) and is refused"
        ) from error
    return parts


def _target(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise SourceError(
            f"{url} redirects to {location!r}, which is no address ({error})"
        ) from error
