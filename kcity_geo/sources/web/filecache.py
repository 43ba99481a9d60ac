"""
File cache: a path in it is complete and verified, or it does not exist.

What is known of each file stands beside it; without that note a file is not believed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from kcity_geo.config import Config
from kcity_geo.errors import (
    LimitError,
    OutputError,
    SourceError,
)
from kcity_geo.sources.web.addresses import (
    safe_name,
)
from kcity_geo.sources.web.cachefiles import (
    Download,
    digest,
    forget,
    require_digest,
    write_atomic,
)
from kcity_geo.sources.web.transport import Again, parts_of
from kcity_geo.sources.web.wellformed import check_kind

__all__ = ["FileCache"]

_log = logging.getLogger(__name__)


class FileCache:
    """
    Finished downloads of this machine.

    Parameters
    ----------
    config : folder, offline.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    def path(self, url: str) -> Path:
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
        name = safe_name(parts_of(url).path.rsplit("/", 1)[-1] or "index", limit=60)
        return self.config.cache_dir / "files" / key[:2] / f"{key}-{name}"

    def hit(
        self, path: Path, url: str, max_age_days: float | None, sha256: str | None
    ) -> Download | None:
        """Give a file of the cache when it is there, young enough and undamaged."""
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

    def by_hand(
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
        return self.write_metadata(Download(path, url, url, "", "", dated, found, state.st_size))

    def finish(
        self,
        part: Path,
        note: Path,
        path: Path,
        expected: tuple[str, str | None, str | None],
        meta: dict[str, str],
    ) -> Download:
        """Check a download that came whole and put it into its place."""
        kind, sha256, md5 = expected
        found = digest(part, "sha256")
        try:
            require_digest("sha256", found, sha256)
            require_digest("md5", digest(part, "md5") if md5 else "", md5)
            check_kind(part, kind)
        except SourceError as error:
            forget(part, note)
            raise Again(str(error)) from error
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
        self.write_metadata(done)
        note.unlink(missing_ok=True)
        return done

    @staticmethod
    def write_metadata(done: Download) -> Download:
        """Write the note without which a file of the cache is not believed."""
        row = {k: v for k, v in asdict(done).items() if k != "path"}
        write_atomic(done.path.with_name(done.path.name + ".json"), json.dumps(row, indent=1))
        return done

    def storage_error(self, error: OSError, path: Path) -> Exception:
        """Say in our words why a file could not be written."""
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            forget(path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json"))
            return OutputError(
                f"{path.parent}: the disk is full; make room or set KCITY_CACHE to another folder"
            )
        return OutputError(
            f"{path}: cannot be written ({error}); set KCITY_CACHE to another folder"
        )
