"""
Limits and places that are the same for every study, and the tables of the package.

Nothing here is mutable: a `Config` is passed where it is needed, and the environment is read
only by `Config.from_env`.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Config", "read_table"]

TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Config:
    """
    Limits, cache folder and contact of one run.

    Parameters
    ----------
    cache_dir : folder for downloads.
    offline : refuse every connection.
    contact : e-mail or URL sent to public servers, which ask for one.
    max_cells : cells of one study grid; more need more than 4 GB of memory (about 4 kB a cell).
    max_fine_cells : cells of the finer grid on which the shape of the ground is worked out.
    max_pixels : pixels of one input raster around the city; 20 bytes each are needed, 2.1 GB in all.
    max_extent_km : larger side of the study area, km.
    max_file_bytes : size of one download, bytes.
    deadline_s : time for one download with all its retries, seconds.
    allow_private_hosts : also talk to loopback and private addresses (tests, intranet mirrors).
    attempts : tries of one request, the first included.
    backoff_s : pause before the second try, seconds; doubles from try to try.
    connect_timeout_s : time to open a connection, seconds.
    read_timeout_s : longest silence of a server, seconds.

    Examples
    --------
    >>> Config().max_cells
    360000
    """

    cache_dir: Path = field(default_factory=lambda: Path.home() / ".cache" / "kcity_geo")
    offline: bool = False
    contact: str = ""
    max_cells: int = 360_000
    max_fine_cells: int = 16_000_000
    max_pixels: int = 100_000_000
    max_extent_km: float = 300.0
    max_file_bytes: int = 20_000_000_000
    deadline_s: float = 600.0
    allow_private_hosts: bool = False
    attempts: int = 5
    backoff_s: float = 2.0
    connect_timeout_s: float = 20.0
    read_timeout_s: float = 60.0

    @classmethod
    def from_env(cls, **changes: Any) -> Config:  # noqa: ANN401 - any field, checked by the class
        """
        Read the environment; arguments win.

        ``KCITY_CACHE`` is the cache folder, ``KCITY_CONTACT`` the contact; ``KCITY_OFFLINE=1``
        refuses every connection, ``KCITY_ALLOW_PRIVATE_HOSTS=1`` lets a mirror inside your own
        network be used.

        Parameters
        ----------
        **changes : fields of `Config` that override the environment.

        Returns
        -------
        The configuration.

        Examples
        --------
        >>> Config.from_env(offline=True).offline
        True
        """
        found: dict[str, Any] = {}
        if cache_dir := os.environ.get("KCITY_CACHE"):
            found["cache_dir"] = Path(cache_dir)
        for key in ("offline", "allow_private_hosts"):
            if switch := os.environ.get(f"KCITY_{key.upper()}"):
                found[key] = switch.strip().lower() not in {"0", "false", "no", "off"}
        if contact := os.environ.get("KCITY_CONTACT"):
            found["contact"] = contact
        return cls(**{**found, **changes})


@cache
def _parsed(name: str) -> dict[str, Any]:
    with (TABLES / f"{name}.toml").open("rb") as stream:
        return tomllib.load(stream)


def read_table(name: str) -> dict[str, Any]:
    """
    Read a table of the package. Treat the answer as read-only.

    Parameters
    ----------
    name : file name without ending.

    Returns
    -------
    The parsed TOML.

    Examples
    --------
    >>> read_table("parameters/water")["parameter"]["lpcd"]["value"]
    135.0
    """
    return _parsed(name)
