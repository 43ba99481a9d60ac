"""OSMnx client: lends OSMnx our name, limits and checks while it asks Overpass or Nominatim."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import requests

from kcity_geo.errors import (
    SourceError,
)
from kcity_geo.extras import need
from kcity_geo.sources.web.cachefiles import (
    quarantine,
    total_bytes,
)
from kcity_geo.sources.web.retries import Retries
from kcity_geo.sources.web.transport import Again, Transport

__all__ = ["OsmnxClient"]

_OSMNX = threading.RLock()  # its settings are process-wide


class OsmnxClient:
    """
    OSMnx with our transport.

    Parameters
    ----------
    transport : name, limits and checks.
    retries : the deadline.
    """

    def __init__(self, transport: Transport, retries: Retries) -> None:
        self.transport = transport
        self.retries = retries
        self.config = transport.config

    @contextlib.contextmanager
    def lent(
        self,
        url: str,
        *,
        cache: Path,
        timeout_s: float,
        expects: Callable[[Any], bool],
        retry_after_s: float = 0.0,
    ) -> Iterator[ModuleType]:
        """
        Lend OSMnx our manners: its settings and the resolver are as before afterwards.

        Parameters
        ----------
        url : of the Overpass or Nominatim server.
        cache : folder for its answers; damaged ones are moved to ``quarantine`` first.
        timeout_s : the server's own time for one query.
        expects : says whether parsed JSON is an answer of this server; what is not is never kept.
        retry_after_s : least pause after a 429 that names none.

        Yields
        ------
        module
            ``osmnx``, to be called inside `patiently`.
        """
        self.transport.require_online(url, "OpenStreetMap")
        self.transport.require_contact(url)
        self.transport.check_address(url, first=url)
        need("osmnx", "OpenStreetMap from the network")
        import osmnx

        settings = osmnx.settings
        with _OSMNX:
            before = {k: v for k, v in vars(settings).items() if not k.startswith("__")}
            resolver = socket.getaddrinfo
            quarantine(cache)
            try:
                settings.overpass_url = settings.nominatim_url = url
                settings.overpass_rate_limit = False  # we wait ourselves, with an end
                settings.overpass_settings = f"[out:json][timeout:{timeout_s:.0f}]"
                settings.requests_timeout = min(timeout_s + 30, self.config.deadline_s)
                settings.requests_kwargs = {
                    "allow_redirects": False,
                    "stream": True,
                    "hooks": {"response": self._hook(expects, retry_after_s)},
                }
                settings.http_user_agent = self.transport.user_agent
                settings.http_referer = "https://kcity-geo.readthedocs.io"
                settings.doh_url_template = None
                settings.use_cache, settings.cache_folder = True, str(cache)
                settings.log_console = settings.log_file = False
                yield osmnx
            finally:
                socket.getaddrinfo = resolver
                for key, value in before.items():
                    setattr(settings, key, value)

    def _hook(
        self, expects: Callable[[Any], bool], retry_after_s: float
    ) -> Callable[..., requests.Response]:
        deadline = self.retries.deadline()

        def check(response: requests.Response, *_: object, **__: object) -> requests.Response:
            try:
                body = self._body(response, expects, retry_after_s, deadline)
            except BaseException:
                response.close()
                raise
            response._content = body  # noqa: SLF001 - read with our limits, handed to requests
            response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - same
            return response

        return check

    def _body(
        self,
        response: requests.Response,
        expects: Callable[[Any], bool],
        retry_after_s: float,
        deadline: float,
    ) -> bytes:
        if response.is_redirect:
            raise SourceError(
                f"{response.url} redirects to {response.headers['Location']}; refused"
            )
        try:
            self.transport.require_ok(response)
        except Again as again:
            least = retry_after_s if response.status_code == requests.codes.too_many else 0.0
            wait = again.wait_s if again.wait_s is not None else (least or None)
            raise Again(str(again), wait_s=wait) from None
        body = bytearray()
        for chunk in self.transport.chunks(response, deadline):
            body += chunk
            self.transport.require_size(len(body), response.url)
        total = total_bytes(response, 0)
        if total is not None and len(body) != total:
            raise Again(f"the body has {len(body):,} of {total:,} bytes")
        try:
            answer = json.loads(bytes(body))
        except ValueError as error:
            page = b"<html" in bytes(body[:2000]).lower()
            what = "the server sent a web page instead of data"
            raise Again(what if page else f"is not whole JSON ({error})") from error
        if isinstance(answer, dict) and "remark" in answer:
            raise Again(f"the server gave up half-way: {str(answer['remark'])[:200]}")
        if not expects(answer):
            raise Again(f"the server sent JSON that is no answer: {bytes(body[:80])!r}")
        return bytes(body)
