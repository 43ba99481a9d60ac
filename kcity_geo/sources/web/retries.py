"""Retries: a request that failed for a passing reason is asked again, until the deadline."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from kcity_geo.config import Config
from kcity_geo.errors import (
    SourceError,
    SourceTimeoutError,
)
from kcity_geo.extras import need
from kcity_geo.sources.web.addresses import (
    PrivateAddress,
)
from kcity_geo.sources.web.transport import Again

if TYPE_CHECKING:
    import tenacity

__all__ = ["Retries"]

_log = logging.getLogger(__name__)
T = TypeVar("T")


class _Whole(threading.local):
    """End of the call that the current thread is inside of, when it is repeated as a whole."""

    def __init__(self) -> None:
        self.ends: float | None = None


class Retries:
    """
    How often, how long and after which pause to ask again.

    Parameters
    ----------
    config : tries, pauses and deadline.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._whole = _Whole()

    def deadline(self) -> float:
        """Moment (monotonic clock) at which what begins now must be over; parts end with the whole."""
        end = time.monotonic() + self.config.deadline_s
        return end if self._whole.ends is None else min(end, self._whole.ends)

    @contextlib.contextmanager
    def as_a_whole(self, deadline: float) -> Iterator[None]:
        """Leave what fails inside to the call around it, which is tried again as a whole."""
        self._whole.ends = deadline
        try:
            yield
        finally:
            self._whole.ends = None

    def run(self, ask: Callable[[], T], *, what: str, url: str, deadline: float) -> T:
        """
        Ask until there is an answer, it is refused, or the time is over.

        Parameters
        ----------
        ask : the request; raises `Again` when it may be repeated.
        what : said in messages.
        url : said in messages.
        deadline : moment (monotonic clock) at which it must be over.

        Returns
        -------
        What `ask` returns.

        Raises
        ------
        SourceTimeoutError
            If the deadline comes first.
        SourceError
            If no try succeeds, or the address is private.
        """
        if (
            self._whole.ends is not None
        ):  # a part of a patient call, which is tried again as a whole
            return ask()
        need("tenacity", what)
        import tenacity

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait_s if isinstance(error, Again) else None
            grown = self.config.backoff_s * 2 ** (state.attempt_number - 1)
            return grown if asked is None else asked

        def over(state: tenacity.RetryCallState) -> bool:
            return (
                state.attempt_number >= self.config.attempts
                or time.monotonic() + pause(state) >= deadline
            )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Again),
            wait=pause,
            stop=over,
            reraise=True,
            before_sleep=lambda state: _log.info(
                "%s: %s; once more", what, state.outcome and state.outcome.exception()
            ),
        )
        try:
            return retrying(ask)
        except Again as error:
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
