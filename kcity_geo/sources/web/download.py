"""
Download: the only place that opens a connection.

A path in the cache is complete and verified, or it does not exist. Everything that talks to the
network - files, Overpass and Nominatim through OSMnx, remote rasters through GDAL, Parquet by
ranges - takes its patience, limits, name and manners from one `Fetcher`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import logging
import os
import re
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import tenacity
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from kcity_geo.config import Config
from kcity_geo.errors import (
    KCityError,
    LimitError,
    OfflineError,
    OutputError,
    SourceError,
    SourceTimeoutError,
    StudyError,
)
from kcity_geo.sources.web.addresses import (
    NoNetrc,
    OneStep,
    PrivateAddress,
    PublicOnly,
    is_public,
    safe_name,
)
from kcity_geo.sources.web.cachefiles import (
    Download,
    Head,
    Progress,
    continues,
    digest,
    forget,
    meta_of,
    part_meta,
    quarantine,
    require_digest,
    retry_after,
    total_bytes,
    validator,
    why,
    write_atomic,
)
from kcity_geo.sources.web.wellformed import check_kind

__all__ = ["Download", "Fetcher", "Head", "Progress", "safe_name"]

_log = logging.getLogger(__name__)
_OSMNX = threading.RLock()  # its settings are process-wide
_CHUNK = 1 << 18
_MAX_REDIRECTS = 5
_AGAIN = {408, 425, 429, 500, 502, 503, 504, 529}
T = TypeVar("T")


class _Turn(threading.local):
    """What the current thread is in the middle of: hosts it has to itself, end of a patient call."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self.ends: float | None = None


class _Again(Exception):  # noqa: N818 - not an error yet: the request may be repeated
    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Fetcher:
    """
    One polite, patient and suspicious way to the network.

    Parameters
    ----------
    config : limits, cache, contact, offline.
    pauses : host -> seconds between two requests, for the whole machine.
    progress : called a few times a second while something is downloaded.
    """

    def __init__(
        self,
        config: Config,
        *,
        pauses: Mapping[str, float] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.config = config
        self.pauses = dict(pauses or {})
        self.progress = progress
        self._session: requests.Session | None = None
        self._turn = _Turn()

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
                f"contact: {_parts(url).hostname} asks everybody who uses it for an address, and none is "
                "given; use --contact you@example.org, KCITY_CONTACT=you@example.org in the environment, "
                'or Config(contact="you@example.org")'
            )

    def deadline(self) -> float:
        """Moment (monotonic clock) at which what begins now must be over; parts end with the whole."""
        end = time.monotonic() + self.config.deadline_s
        return end if self._turn.ends is None else min(end, self._turn.ends)

    # -- whole files -------------------------------------------------------------------------

    def cache_path(self, url: str) -> Path:
        """
        Give the place of an address in the cache, whether it is there or not.

        Parameters
        ----------
        url : the address.

        Returns
        -------
        Path; it exists only complete and verified.
        """
        key = hashlib.sha256(url.encode()).hexdigest()[:20]
        name = safe_name(_parts(url).path.rsplit("/", 1)[-1] or "index", limit=60)
        return self.config.cache_dir / "files" / key[:2] / f"{key}-{name}"

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
        path = self.cache_path(url)
        what = what or path.name.split("-", 1)[-1]
        if (hit := self._hit(path, url, max_age_days, sha256)) is not None:
            return hit
        if self.config.offline and path.is_file():
            return self._from_cache_by_hand(path, url, (kind, sha256, md5), what)
        self._require_online(url, what, where=path)
        deadline = self.deadline()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock", timeout=self.config.deadline_s):
                if (hit := self._hit(path, url, max_age_days, sha256)) is not None:
                    return hit
                return self._retried(
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
            raise self._storage_error(error, path) from error

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

    def _hit(
        self, path: Path, url: str, max_age_days: float | None, sha256: str | None
    ) -> Download | None:
        side = path.with_name(path.name + ".json")
        try:
            meta = json.loads(side.read_text(encoding="utf-8"))
            found = Download(
                path=path, **{k: meta[k] for k in Download.__annotations__ if k != "path"}
            )
            size = path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if found.url != url or size != found.bytes or (sha256 and sha256 != found.sha256):
            return None
        if max_age_days is not None and not self.config.offline:
            age = datetime.now(UTC) - datetime.fromisoformat(found.retrieved)
            if age.total_seconds() > max_age_days * 86400:
                return None
        if digest(path, "sha256") != found.sha256:
            _log.warning("%s was damaged in the cache; it is fetched again", path)
            return None
        return found

    def _from_cache_by_hand(
        self, path: Path, url: str, expected: tuple[str, str | None, str | None], what: str
    ) -> Download:
        """Take a file that the user put into the cache by hand, once it has proved to be whole."""
        kind, sha256, md5 = expected
        found = digest(path, "sha256")
        try:
            require_digest("sha256", found, sha256)
            require_digest("md5", digest(path, "md5") if md5 else "", md5)
            check_kind(path, kind)
        except SourceError as error:
            raise SourceError(f"{what}: {path} {error}; put the whole file there") from error
        state = path.stat()
        dated = datetime.fromtimestamp(state.st_mtime, UTC).isoformat(timespec="seconds")
        return self._write_metadata(Download(path, url, url, "", "", dated, found, state.st_size))

    @staticmethod
    def _write_metadata(done: Download) -> Download:
        """Write the note without which a file of the cache is not believed."""
        row = {k: v for k, v in asdict(done).items() if k != "path"}
        write_atomic(done.path.with_name(done.path.name + ".json"), json.dumps(row, indent=1))
        return done

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
            self._rate_limited(url, deadline),
            self._open("GET", url, headers, deadline) as response,
        ):
            if response.status_code == requests.codes.requested_range_not_satisfiable and have:
                forget(part, note)
                raise _Again("the server does not know the range any more")
            self._require_ok(response)
            resumed = response.status_code == requests.codes.partial_content and have > 0
            fresh = meta_of(response, url)
            if resumed and not continues(response, meta, have):
                forget(part, note)
                raise _Again("the file changed on the server between two parts")
            total = total_bytes(response, have if resumed else 0)
            self._require_size(total, what)
            if not resumed:
                note.write_text(json.dumps(fresh), encoding="utf-8")
            self._store(response, part, (what, have if resumed else 0, total), deadline)
        return self._finish(part, note, path, expected, fresh)

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
                for chunk in self._chunks(response, deadline):
                    stream.write(chunk)
                    done += len(chunk)
                    self._require_size(done, what)
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
            raise _Again(f"the body has {done:,} of {total:,} bytes")
        if self.progress:
            seconds = max(time.monotonic() - started, 1e-6)
            self.progress(Progress(what, done, done, (done - first) / seconds))

    def _finish(
        self,
        part: Path,
        note: Path,
        path: Path,
        expected: tuple[str, str | None, str | None],
        meta: dict[str, str],
    ) -> Download:
        kind, sha256, md5 = expected
        found = digest(part, "sha256")
        try:
            require_digest("sha256", found, sha256)
            require_digest("md5", digest(part, "md5") if md5 else "", md5)
            check_kind(part, kind)
        except SourceError as error:
            forget(part, note)
            raise _Again(str(error)) from error
        except LimitError:
            forget(part, note)
            raise
        now = datetime.now(UTC).isoformat(timespec="seconds")
        done = Download(
            path=path,
            url=meta["url"],
            final_url=meta["final_url"],
            etag=meta["etag"],
            last_modified=meta["last_modified"],
            retrieved=now,
            sha256=found,
            bytes=part.stat().st_size,
        )
        side = path.with_name(path.name + ".json")
        side.unlink(
            missing_ok=True
        )  # if the process dies here, no metadata points at an incomplete file
        part.replace(path)
        self._write_metadata(done)
        note.unlink(missing_ok=True)
        return done

    # -- one request -------------------------------------------------------------------------

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
        self._require_online(url, what)
        deadline = self.deadline()

        def ask() -> Head:
            with (
                self._rate_limited(url, deadline),
                self._open("HEAD", url, {}, deadline) as response,
            ):
                if response.status_code not in {403, 404, 410}:
                    self._require_ok(response)
                length = response.headers.get("Content-Length", "")
                return Head(
                    status=response.status_code,
                    final_url=response.url,
                    etag=response.headers.get("ETag", ""),
                    length=int(length) if length.isascii() and length.isdigit() else None,
                )

        return self._retried(ask, what=what, url=url, deadline=deadline)

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
        deadline = self.deadline()

        def ask() -> bytes:
            headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
            with (
                self._rate_limited(url, deadline),
                self._open("GET", url, headers, deadline) as response,
            ):
                self._require_ok(response)
                if response.status_code != requests.codes.partial_content:
                    raise SourceError(f"{what}: {url} does not answer ranges")
                if etag and response.headers.get("ETag", "") != etag:
                    raise SourceError(f"{what}: {url} changed while it was read; run again")
                data = b"".join(self._chunks(response, deadline))
            if len(data) != end - start:
                raise _Again(f"a range has {len(data)} of {end - start} bytes")
            return data

        return self._retried(ask, what=what, url=url, deadline=deadline)

    def _retried(self, ask: Callable[[], T], *, what: str, url: str, deadline: float) -> T:
        if self._turn.ends is not None:  # a part of a patient call, which is tried again as a whole
            return ask()

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait_s if isinstance(error, _Again) else None
            grown = self.config.backoff_s * 2 ** (state.attempt_number - 1)
            return grown if asked is None else asked

        def over(state: tenacity.RetryCallState) -> bool:
            return (
                state.attempt_number >= self.config.attempts
                or time.monotonic() + pause(state) >= deadline
            )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            wait=pause,
            stop=over,
            reraise=True,
            before_sleep=lambda state: _log.info(
                "%s: %s; once more", what, state.outcome and state.outcome.exception()
            ),
        )
        try:
            return retrying(ask)
        except _Again as error:
            late = error.wait_s is not None and time.monotonic() + error.wait_s >= deadline
            if late or time.monotonic() + self.config.backoff_s >= deadline:
                asked = f"; the server asks to wait {error.wait_s:.0f} s" if error.wait_s else ""
                raise SourceTimeoutError(
                    f"{what}: {error}{asked}; not there within {self.config.deadline_s:g} s from {url}; "
                    "run again later, finished parts are kept"
                ) from error
            raise SourceError(
                f"{what}: {error} ({self.config.attempts} tries at {url}); run again later, finished parts are kept"
            ) from error
        except PrivateAddress as error:
            raise SourceError(
                f"{what}: {url} leads to the private address {error}, which is refused"
            ) from error

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], deadline: float
    ) -> requests.Response:
        first = url
        for _ in range(_MAX_REDIRECTS + 1):
            self._check_address(url, first=first)
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
                raise _Again(why(error)) from error
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

    def _check_address(self, url: str, *, first: str) -> None:
        parts, origin = _parts(url), _parts(first)
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

    def _require_ok(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _AGAIN:
            raise _Again(
                f"the server answers {status} {response.reason}", wait_s=retry_after(response)
            )
        if status == requests.codes.not_acceptable:
            raise SourceError(
                f"{response.url}: 406, the server refuses the user agent {self.user_agent!r}; set a "
                "contact (KCITY_CONTACT=you@example.org)"
            )
        if status not in {200, 206}:
            raise SourceError(f"{response.url}: the server answers {status} {response.reason}")

    def _chunks(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        while True:
            if time.monotonic() > deadline:
                raise _Again("the server is too slow", wait_s=0.0)
            try:
                chunk = response.raw.read1(_CHUNK, decode_content=True)
            except (HTTPError, OSError) as error:
                raise _Again(f"the connection broke ({why(error)})") from error
            if not chunk:
                return
            yield chunk

    def _require_size(self, size: int | None, what: str) -> None:
        if size is not None and size > self.config.max_file_bytes:
            raise LimitError(
                f"{what}: has {size:,} bytes; the limit is {self.config.max_file_bytes:,} "
                "(max_file_bytes); raise it or take a smaller area"
            )

    def _require_online(self, url: str, what: str, *, where: Path | None = None) -> None:
        if self.config.offline:
            there = f", or put it there yourself: {where}" if where else ""
            raise OfflineError(
                f"{what}: is needed from {url}, but this run is offline; run `kcity fetch` once on a "
                f"machine with a network and use its pack{there}"
            )

    def _storage_error(self, error: OSError, path: Path) -> Exception:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            forget(path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json"))
            return OutputError(
                f"{path.parent}: the disk is full; make room or set KCITY_CACHE to another folder"
            )
        return OutputError(
            f"{path}: cannot be written ({error}); set KCITY_CACHE to another folder"
        )

    @contextlib.contextmanager
    def _rate_limited(self, url: str, deadline: float) -> Iterator[None]:
        """Keep the pause that a host asks for, across all processes of this machine."""
        parts = _parts(url)
        pause_s = self.pauses.get(parts.netloc, self.pauses.get(parts.hostname or "", 0.0))
        if pause_s <= 0:
            yield
            return
        stamp = self.config.cache_dir / "hosts" / safe_name(parts.netloc)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(stamp, url, deadline):
            with contextlib.suppress(FileNotFoundError):
                left = pause_s - (time.time() - stamp.stat().st_mtime)
                time.sleep(min(max(0.0, left), pause_s))
            try:
                yield
            finally:
                stamp.touch()

    @contextlib.contextmanager
    def _locked(self, stamp: Path, url: str, deadline: float) -> Iterator[None]:
        """Have a host to oneself; a request within a patient call has it already."""
        if str(stamp) in self._turn.hosts:
            yield
            return
        lock = FileLock(f"{stamp}.lock", timeout=max(0.0, deadline - time.monotonic()))
        try:
            lock.acquire()
        except Timeout as error:
            raise SourceTimeoutError(
                f"{url}: other runs keep its host busy; wait for them"
            ) from error
        self._turn.hosts.add(str(stamp))
        try:
            yield
        finally:
            self._turn.hosts.discard(str(stamp))
            lock.release()

    # -- other people's clients ----------------------------------------------------------------

    @contextlib.contextmanager
    def osmnx(
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
        self._require_online(url, "OpenStreetMap")
        self.require_contact(url)
        self._check_address(url, first=url)
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
                    "hooks": {"response": self._osm_hook(expects, retry_after_s)},
                }
                settings.http_user_agent = self.user_agent
                settings.http_referer = "https://kcity-geo.readthedocs.io"
                settings.doh_url_template = None
                settings.use_cache, settings.cache_folder = True, str(cache)
                settings.log_console = settings.log_file = False
                yield osmnx
            finally:
                socket.getaddrinfo = resolver
                for key, value in before.items():
                    setattr(settings, key, value)

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
        deadline = self.deadline()

        def once() -> T:
            self._turn.ends = deadline
            try:
                with self._rate_limited(url, deadline):
                    return ask()
            except (requests.RequestException, HTTPError) as error:
                raise _Again(why(error)) from error
            finally:
                self._turn.ends = None

        return self._retried(once, what=what, url=url, deadline=deadline)

    def _osm_hook(
        self, expects: Callable[[Any], bool], retry_after_s: float
    ) -> Callable[..., requests.Response]:
        deadline = self.deadline()

        def check(response: requests.Response, *_: object, **__: object) -> requests.Response:
            try:
                body = self._osm_body(response, expects, retry_after_s, deadline)
            except BaseException:
                response.close()
                raise
            response._content = body  # noqa: SLF001 - read with our limits, handed to requests
            response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - same
            return response

        return check

    def _osm_body(
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
            self._require_ok(response)
        except _Again as again:
            least = retry_after_s if response.status_code == requests.codes.too_many else 0.0
            wait = again.wait_s if again.wait_s is not None else (least or None)
            raise _Again(str(again), wait_s=wait) from None
        body = bytearray()
        for chunk in self._chunks(response, deadline):
            body += chunk
            self._require_size(len(body), response.url)
        total = total_bytes(response, 0)
        if total is not None and len(body) != total:
            raise _Again(f"the body has {len(body):,} of {total:,} bytes")
        try:
            answer = json.loads(bytes(body))
        except ValueError as error:
            page = b"<html" in bytes(body[:2000]).lower()
            what = "the server sent a web page instead of data"
            raise _Again(what if page else f"is not whole JSON ({error})") from error
        if isinstance(answer, dict) and "remark" in answer:
            raise _Again(f"the server gave up half-way: {str(answer['remark'])[:200]}")
        if not expects(answer):
            raise _Again(f"the server sent JSON that is no answer: {bytes(body[:80])!r}")
        return bytes(body)

    @contextlib.contextmanager
    def raster(self, url: str, *, what: str = "") -> Iterator[tuple[Any, Head]]:
        """
        Open a remote GeoTIFF through ``/vsicurl``, to read windows of it.

        Parameters
        ----------
        url : ends in ``.tif``; nothing else is opened, no folder listed, no sidecar asked for.
        what : said in messages.

        Yields
        ------
        tuple
            Open rasterio dataset, and the `Head` of the file. Leaving the block raises when the
            file changed meanwhile.
        """
        import rasterio
        from rasterio.errors import RasterioError

        if not _parts(url).path.lower().endswith((".tif", ".tiff")):
            raise StudyError(f"{url}: only .tif addresses are read remotely")
        before = self.head(url, what=what)
        if before.status != requests.codes.ok:
            raise SourceError(f"{what or url}: the server answers {before.status} for {url}")
        final, etag = self._where_read(url, what=what or url)
        if etag != before.etag:
            raise _Again("the file changed on the server while it was read")
        where = f"/vsicurl/{final}"
        try:
            with rasterio.Env(**self._gdal_options(where)), self._whole_header(where) as data:
                rasterio.env.setenv(**self._gdal_options(where))  # less time is left
                yield data, before
        except (RasterioError, MemoryError) as error:
            cause = error.__cause__ or error
            raise _Again(f"the raster cannot be read ({str(cause)[:200]})") from error
        after = self.head(url, what=what)
        if (after.etag, after.length) != (before.etag, before.length):
            raise _Again("the file changed on the server while it was read")

    @staticmethod
    @contextlib.contextmanager
    def _whole_header(where: str) -> Iterator[Any]:
        """Open a GeoTIFF; libtiff passes over the tags that a broken connection did not bring."""
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", NotGeoreferencedWarning)
                opened = rasterio.open(where, driver="GTiff")
        except NotGeoreferencedWarning as error:
            raise _Again(
                "the raster has no place on Earth, or its header did not come whole"
            ) from error
        with opened as data:
            if data.crs is None:
                raise _Again("the raster has no CRS, or its header did not come whole")
            yield data

    def _where_read(self, url: str, *, what: str) -> tuple[str, str]:
        """Follow the redirects of a read ourselves: GDAL would follow them into a private network."""
        deadline = self.deadline()

        def ask() -> tuple[str, str]:
            headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
            with (
                self._rate_limited(url, deadline),
                self._open("GET", url, headers, deadline) as response,
            ):
                self._require_ok(response)
                return response.url, response.headers.get("ETag", "")

        return self._retried(ask, what=what, url=url, deadline=deadline)

    def _gdal_options(self, where: str) -> dict[str, Any]:
        left_s = max(0.1, self.deadline() - time.monotonic())
        return {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.tiff",
            "CPL_VSIL_CURL_NON_CACHED": where,  # a failure must not be remembered
            "GDAL_HTTP_MAX_RETRY": 1,  # `patiently` tries again, too
            "GDAL_HTTP_RETRY_DELAY": min(self.config.backoff_s, left_s) / 4,
            "GDAL_HTTP_TIMEOUT": left_s / 2,  # a request and its second try
            "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(min(self.config.read_timeout_s, left_s))),
            "GDAL_HTTP_LOW_SPEED_LIMIT": 1000,  # bytes a second
            "GDAL_HTTP_CONNECTTIMEOUT": min(self.config.connect_timeout_s, left_s),
            "GDAL_HTTP_USERAGENT": self.user_agent,
            "GDAL_HTTP_NETRC": "NO",
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "VSI_CACHE": "TRUE",
        }


def _parts(url: str) -> SplitResult:
    """Take an address apart; what only looks like one is refused."""
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
