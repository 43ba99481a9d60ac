"""Rate limit: the pause that a host asks for, across all threads and processes of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from kcity_geo.config import Config
from kcity_geo.errors import (
    SourceTimeoutError,
)
from kcity_geo.sources.web.addresses import (
    safe_name,
)
from kcity_geo.sources.web.transport import parts_of

__all__ = ["RateLimit"]


class _Mine(threading.local):
    """Hosts that the current thread has to itself."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()


class RateLimit:
    """
    Pauses between two requests to a host.

    Parameters
    ----------
    config : with the folder of the cache, where the last request to each host is noted.
    pauses : host -> seconds.
    """

    def __init__(self, config: Config, pauses: Mapping[str, float]) -> None:
        self.config = config
        self.pauses = dict(pauses)
        self._mine = _Mine()

    @contextlib.contextmanager
    def limited(self, url: str, deadline: float) -> Iterator[None]:
        """Keep the pause that a host asks for, across all processes of this machine."""
        parts = parts_of(url)
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
        if str(stamp) in self._mine.hosts:
            yield
            return
        lock = FileLock(f"{stamp}.lock", timeout=max(0.0, deadline - time.monotonic()))
        try:
            lock.acquire()
        except Timeout as error:
            raise SourceTimeoutError(
                f"{url}: other runs keep its host busy; wait for them"
            ) from error
        self._mine.hosts.add(str(stamp))
        try:
            yield
        finally:
            self._mine.hosts.discard(str(stamp))
            lock.release()
