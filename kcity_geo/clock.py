"""The clock of a run: names and seconds of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kcity_geo.compiling import telling
from kcity_geo.garbage import give_back

__all__ = ["Clock", "Progress"]

Progress = Callable[[str], None]


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
