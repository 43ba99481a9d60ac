"""The clock of a run: names and seconds of its stages, and the memory that it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kcity_geo.compiling import telling
from kcity_geo.garbage import give_back

__all__ = ["Clock", "Progress", "peak_memory_gb"]

Progress = Callable[[str], None]


def peak_memory_gb() -> tuple[float, float]:
    """
    Give the memory of this process at most, and of the largest that it has started and that has ended.

    Returns
    -------
    Two numbers in GB, of 10^9 bytes; what the processes share is in both.

    Examples
    --------
    >>> own_gb, _ = peak_memory_gb()
    >>> 0.01 < own_gb < 100
    True
    """
    import resource

    # The system counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    own, others = (
        resource.getrusage(who).ru_maxrss * unit / 1e9
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own, others


class Clock:
    """
    Stage names and seconds, in the order they began; of what runs beside a stage, what is waited for it.

    Parameters
    ----------
    progress : called with the name of each stage.

    Examples
    --------
    >>> clock = Clock()
    >>> with clock.stage("sites"):
    ...     pass
    >>> list(clock.seconds)
    ['sites']
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """
        Count the seconds of a block to a stage, and say so when it begins; after it unused memory is given back.

        Parameters
        ----------
        name : of the stage; one that comes again goes on.

        Yields
        ------
        While it lasts.
        """
        if self._progress and name not in self.seconds:
            self._progress(name)
        start = time.perf_counter()
        with telling(self._progress):
            yield
        give_back()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
