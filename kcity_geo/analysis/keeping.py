"""Keeping: quantities that a model computes once, perhaps ahead or in a copy of the process beside a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import Any

from kcity_geo.analysis.kept import Kept, Quantities, Quantity, locked, noted
from kcity_geo.errors import KCityError
from kcity_geo.in_copy import meanwhile
from kcity_geo.notes import kept_apart, tell

__all__ = ["Keeping"]


class Keeping:
    """What a model has computed, by function and arguments; each with the inputs that it read."""

    def __init__(self) -> None:
        self._kept: Quantities = {}
        self._computed: list[str] = []
        self._lock = RLock()
        self._coming: dict[Quantity, Callable[[], Quantities]] = {}

    @property
    def computed(self) -> tuple[str, ...]:
        """Names of the quantities that this model computed itself, in their order."""
        return tuple(self._computed)

    def keeps(self, function: Callable[..., Any], *arguments: Any) -> bool:  # noqa: ANN401 - as of `once`
        """
        Tell whether a quantity is known by now, whoever computed it.

        Parameters
        ----------
        function, *arguments : as of `once`.

        Returns
        -------
        Whether asking for it computes nothing.
        """
        return (function, arguments) in self._kept

    def ahead(self, function: Callable[..., Any], *arguments: Any) -> None:  # noqa: ANN401 - as of `once`
        """
        Compute a quantity before it is asked for; nobody is told anything now.

        Parameters
        ----------
        function, *arguments : as of `once`. What fails is computed again when it is asked for, and fails then.
        """
        with suppress(Exception), kept_apart(), noted():
            self._known(function, arguments)

    @contextmanager
    def beside(self, quantities: Iterable[Quantity]) -> Iterator[None]:
        """
        Compute quantities in a copy of the process beside a block, where `kcity_geo.in_copy.meanwhile` makes one.

        Parameters
        ----------
        quantities : functions, each with its arguments, as of `once`. Who asks for one within the block waits for
            all of them; what nobody asks for then is lost.

        Yields
        ------
        While the block runs.

        Examples
        --------
        >>> from kcity_geo.analysis.city_model import CityModel, people_of
        >>> from kcity_geo.demo.toy import make_toy
        >>> city = CityModel(make_toy(arrays={"population": 10.0}))
        >>> with city.beside([(people_of, ())]):
        ...     persons = city.people.persons
        >>> float(persons.sum())
        16000.0
        """
        keys = list(quantities)
        with meanwhile(partial(self._made_ahead, keys)) as made:
            self._coming |= dict.fromkeys(keys, made)
            try:
                yield
            finally:
                self._no_longer(made)

    def _no_longer(self, made: Callable[[], Quantities]) -> None:
        """Expect nothing of a copy any more."""
        self._coming = {key: one for key, one in self._coming.items() if one is not made}

    def _made_ahead(self, keys: list[Quantity]) -> Quantities:
        """Compute quantities; with what was computed for them."""
        before = set(self._kept)
        for function, arguments in keys:
            self.ahead(function, *arguments)
        return {key: kept for key, kept in self._kept.items() if key not in before}

    def _known(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Kept:
        key = (function, arguments)
        with self._lock:
            if key not in self._kept and key in self._coming:
                made = self._coming[key]
                self._no_longer(made)
                for other, kept in made().items():
                    if other not in self._kept:
                        self._kept[other] = replace(kept, value=locked(kept.value))
            if key not in self._kept:
                self._kept[key] = self._compute(function, arguments)
            return self._kept[key]

    def _compute(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Kept:
        notes: list[str] = []
        try:
            with kept_apart() as notes, noted() as reads:
                value = function(self, *arguments)
        except KCityError:
            for text in notes:
                tell(text, stacklevel=4)
            raise
        self._computed.append(" ".join([function.__name__, *map(str, arguments)]))
        return Kept(locked(value), frozenset(reads), tuple(notes))
