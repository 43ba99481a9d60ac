"""
Download: the one way to the network for everything else in the package.

A path in the cache is complete and verified, or it does not exist. Everything that talks to the
network - files, Overpass and Nominatim through OSMnx, remote rasters through GDAL, Parquet by
ranges - takes its patience, limits, name and manners from one `Fetcher`.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from kcity_geo.config import Config
from kcity_geo.errors import (
    KCityError,
    SourceError,
    SourceTimeoutError,
)
from kcity_geo.sources.web.addresses import (
    safe_name,
)
from kcity_geo.sources.web.cachefiles import (
    Download,
    Head,
    Progress,
    continues,
    forget,
    meta_of,
    part_meta,
    total_bytes,
    validator,
    why,
)
from kcity_geo.sources.web.filecache import FileCache
from kcity_geo.sources.web.osmnxclient import OsmnxClient
from kcity_geo.sources.web.ratelimit import RateLimit
from kcity_geo.sources.web.remoteraster import RemoteRasters
from kcity_geo.sources.web.retries import Retries
from kcity_geo.sources.web.transport import Again, Transport

__all__ = ["Download", "Fetcher", "Head", "Progress", "safe_name"]

T = TypeVar("T")


class Fetcher:
    """
    One polite, patient and suspicious way to the network.

    Parameters
    ----------
    config : limits, cache, contact, offline.
    pauses : host -> seconds between two requests, for the whole machine.
    progress : called a few times a second while something is downloaded.

    Notes
    -----
    Its parts are its attributes: ``transport`` (requests, addresses, limits), ``retries``,
    ``rate_limit``, ``cache`` (where complete files lie), ``osmnx`` (lends OSMnx the same manners) and
    ``rasters`` (windows of remote GeoTIFFs).
    """

    def __init__(
        self,
        config: Config,
        *,
        pauses: Mapping[str, float] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.config = config
        self.progress = progress
        self.transport = Transport(config)
        self.retries = Retries(config)
        self.rate_limit = RateLimit(config, pauses or {})
        self.cache = FileCache(config)
        self.osmnx = OsmnxClient(self.transport, self.retries)
        self.rasters = RemoteRasters(self.transport, self.retries, self.rate_limit, self.head)

    def file(
        self,
        url: str,
        *,
        kind: str = "any",
        sha256: str | None = None,
        md5: str | None = None,
        max_age_days: float | None = None,
        what: str = "",
    ) -> Download:
        """
        Get a file, from the cache when it is there, else from the network.

        Parameters
        ----------
        url : http or https.
        kind : what it must be, see `kcity_geo.sources.web.wellformed.KINDS`.
        sha256, md5 : checksum, when one is published.
        max_age_days : older copies are fetched again; offline they are used.
        what : said in messages and progress.

        Returns
        -------
        The verified file and its origin.

        Raises
        ------
        OfflineError
            If it is not in the cache and the run is offline.
        SourceTimeoutError
            If it cannot be had within the deadline; what came so far is kept and resumed.
        SourceError
            If the server refuses, or sends something else than the file.
        LimitError
            If it is larger than the limit.
        OutputError
            If it cannot be stored.
        """
        path = self.cache.path(url)
        what = what or path.name.split("-", 1)[-1]
        if (hit := self.cache.hit(path, url, max_age_days, sha256)) is not None:
            return hit
        if self.config.offline and path.is_file():
            return self.cache.by_hand(path, url, (kind, sha256, md5), what)
        self.transport.require_online(url, what, where=path)
        deadline = self.retries.deadline()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock", timeout=self.config.deadline_s):
                if (hit := self.cache.hit(path, url, max_age_days, sha256)) is not None:
                    return hit
                return self.retries.run(
                    lambda: self._attempt(url, path, (kind, sha256, md5), what, deadline),
                    what=what,
                    url=url,
                    deadline=deadline,
                )
        except Timeout as error:
            raise SourceTimeoutError(
                f"{what}: another run is still fetching {url}; wait for it"
            ) from error
        except KCityError:
            raise
        except OSError as error:
            raise self.cache.storage_error(error, path) from error

    def json(self, url: str, *, max_age_days: float | None = None, what: str = "") -> Any:  # noqa: ANN401 - any JSON
        """
        Get a JSON document; see `file`.

        Parameters
        ----------
        url : http or https.
        max_age_days : older copies are fetched again.
        what : said in messages.

        Returns
        -------
        The parsed document.
        """
        found = self.file(url, kind="json", max_age_days=max_age_days, what=what)
        return json.loads(found.path.read_bytes())

    def _attempt(
        self,
        url: str,
        path: Path,
        expected: tuple[str, str | None, str | None],
        what: str,
        deadline: float,
    ) -> Download:
        part = path.with_name(path.name + ".part")
        note = path.with_name(path.name + ".part.json")
        meta = part_meta(part, note, url)
        have = part.stat().st_size if meta else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator(meta)}
        with (
            self.rate_limit.limited(url, deadline),
            self.transport.open("GET", url, headers, deadline) as response,
        ):
            if response.status_code == requests.codes.requested_range_not_satisfiable and have:
                forget(part, note)
                raise Again("the server does not know the range any more")
            self.transport.require_ok(response)
            resumed = response.status_code == requests.codes.partial_content and have > 0
            fresh = meta_of(response, url)
            if resumed and not continues(response, meta, have):
                forget(part, note)
                raise Again("the file changed on the server between two parts")
            total = total_bytes(response, have if resumed else 0)
            self.transport.require_size(total, what)
            if not resumed:
                note.write_text(json.dumps(fresh), encoding="utf-8")
            self._store(response, part, (what, have if resumed else 0, total), deadline)
        return self.cache.finish(part, note, path, expected, fresh)

    def _store(
        self,
        response: requests.Response,
        part: Path,
        state: tuple[str, int, int | None],
        deadline: float,
    ) -> None:
        what, done, total = state
        started, first, said = time.monotonic(), done, 0.0
        with part.open("ab" if done else "wb") as stream:
            try:
                for chunk in self.transport.chunks(response, deadline):
                    stream.write(chunk)
                    done += len(chunk)
                    self.transport.require_size(done, what)
                    now = time.monotonic()
                    if self.progress and now - said > 0.2:  # noqa: PLR2004 - five times a second
                        said = now
                        self.progress(
                            Progress(what, done, total, (done - first) / max(now - started, 1e-6))
                        )
            finally:
                stream.flush()
                os.fsync(stream.fileno())
        if total is not None and done != total:
            raise Again(f"the body has {done:,} of {total:,} bytes")
        if self.progress:
            seconds = max(time.monotonic() - started, 1e-6)
            self.progress(Progress(what, done, done, (done - first) / seconds))

    def head(self, url: str, *, what: str = "") -> Head:
        """
        Ask for an address without fetching it.

        Parameters
        ----------
        url : http or https.
        what : said in messages.

        Returns
        -------
        Status 200, or 403, 404 or 410 when it is not there; redirects are followed.

        Raises
        ------
        OfflineError
            If the run is offline.
        SourceError
            If the server does not answer properly.
        """
        what = what or url
        self.transport.require_online(url, what)
        deadline = self.retries.deadline()

        def ask() -> Head:
            with (
                self.rate_limit.limited(url, deadline),
                self.transport.open("HEAD", url, {}, deadline) as response,
            ):
                if response.status_code not in {403, 404, 410}:
                    self.transport.require_ok(response)
                length = response.headers.get("Content-Length", "")
                return Head(
                    status=response.status_code,
                    final_url=response.url,
                    etag=response.headers.get("ETag", ""),
                    length=int(length) if length.isascii() and length.isdigit() else None,
                )

        return self.retries.run(ask, what=what, url=url, deadline=deadline)

    def ranges(self, url: str, *, what: str = "") -> io.BufferedReader:
        """
        Open a remote file for reading at any place, by ranges.

        Parameters
        ----------
        url : http or https; the server must answer ranges.
        what : said in messages.

        Returns
        -------
        A seekable binary stream. It raises `SourceError` when the file changes on the way.
        """
        return io.BufferedReader(_RangeFile(self, url, what or url), buffer_size=1 << 16)

    def range_bytes(self, url: str, start: int, end: int, *, etag: str, what: str) -> bytes:
        """
        Get one range of a remote file.

        Parameters
        ----------
        url : http or https.
        start, end : first byte and the one after the last.
        etag : what the file must still have.
        what : said in messages.

        Returns
        -------
        Exactly ``end - start`` bytes.
        """
        deadline = self.retries.deadline()

        def ask() -> bytes:
            headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
            with (
                self.rate_limit.limited(url, deadline),
                self.transport.open("GET", url, headers, deadline) as response,
            ):
                self.transport.require_ok(response)
                if response.status_code != requests.codes.partial_content:
                    raise SourceError(f"{what}: {url} does not answer ranges")
                if etag and response.headers.get("ETag", "") != etag:
                    raise SourceError(f"{what}: {url} changed while it was read; run again")
                data = b"".join(self.transport.chunks(response, deadline))
            if len(data) != end - start:
                raise Again(f"a range has {len(data)} of {end - start} bytes")
            return data

        return self.retries.run(ask, what=what, url=url, deadline=deadline)

    def patiently(self, ask: Callable[[], T], *, url: str, what: str) -> T:
        """
        Run a call of OSMnx or GDAL again while it fails for a passing reason.

        Parameters
        ----------
        ask : the call.
        url : its server.
        what : said in messages.

        Returns
        -------
        What the call returns.
        """
        deadline = self.retries.deadline()

        def once() -> T:
            try:
                with self.retries.as_a_whole(deadline), self.rate_limit.limited(url, deadline):
                    return ask()
            except (requests.RequestException, HTTPError) as error:
                raise Again(why(error)) from error

        return self.retries.run(once, what=what, url=url, deadline=deadline)


class _RangeFile(io.RawIOBase):
    def __init__(self, fetcher: Fetcher, url: str, what: str) -> None:
        head = fetcher.head(url, what=what)
        if head.status != requests.codes.ok or head.length is None:
            raise SourceError(f"{what}: {url}: the server answers {head.status} without a length")
        self._fetcher, self._what, self._head = fetcher, what, head
        self._length, self._at = head.length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        end = min(self._at + len(buffer), self._length)
        if end <= self._at:
            return 0
        data = self._fetcher.range_bytes(
            self._head.final_url, self._at, end, etag=self._head.etag, what=self._what
        )
        buffer[: len(data)] = data
        self._at = end
        return len(data)
