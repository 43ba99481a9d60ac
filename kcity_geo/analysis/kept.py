"""Kept: a quantity that is kept, which inputs it read, and its arrays made read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from itertools import filterfalse
from typing import Any

import numpy as np
import xarray as xr

from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.settings import Settings

__all__ = [
    "ALL",
    "Kept",
    "Noted",
    "NotedSettings",
    "Quantities",
    "Quantity",
    "Read",
    "locked",
    "note",
    "noted",
]

#: An input: its kind and its name, such as ``("layers", "school")``; ``ALL``: any of the kind.
Read = tuple[str, str]
ALL = "*"

#: Inputs read by the quantity that is computed in this context; None: nobody notes them.
_READS: ContextVar[set[Read] | None] = ContextVar("reads", default=None)


def note(kind: str, name: str) -> None:
    """
    Note that an input is read, where a quantity is being computed.

    Parameters
    ----------
    kind, name : of the input.
    """
    reads = _READS.get()
    if reads is not None:
        reads.add((kind, name))


@contextmanager
def noted() -> Iterator[set[Read]]:
    """
    Note what a block reads, apart from what the block around it reads.

    Returns
    -------
    The inputs, which fill while the block runs.
    """
    reads: set[Read] = set()
    token = _READS.set(reads)
    try:
        yield reads
    finally:
        _READS.reset(token)


class Noted(Mapping[str, Any]):
    """A mapping that notes which of its names are read."""

    def __init__(self, kind: str, values: Mapping[Any, Any]) -> None:
        self._kind, self._values = kind, values

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - frames, arrays, numbers
        """Give a value and note its name, also when it is missing."""
        note(self._kind, name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether a name is there; that is read then."""
        note(self._kind, str(name))
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """Go through all names: whoever does depends on each."""
        note(self._kind, ALL)
        return iter(self._values)

    def __len__(self) -> int:
        """Count the names."""
        note(self._kind, ALL)
        return len(self._values)


class NotedSettings(Settings):
    """Settings that note which parameters are read."""

    __slots__ = ("_kind", "_settings")

    def __init__(self, sector: str, settings: Settings) -> None:
        super().__init__({})
        self._kind, self._settings = f"settings.{sector}", settings

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - numbers, words, lists
        """Give a parameter and note its name."""
        note(self._kind, self._settings.own_name(name))
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        """Go through all names: whoever does depends on each."""
        note(self._kind, ALL)
        return iter(self._settings)

    def __len__(self) -> int:
        """Count the parameters."""
        return len(self._settings)

    def own_name(self, name: str) -> str:
        """Give the name that a parameter has in the table."""
        return self._settings.own_name(name)

    def origin(self, name: str) -> str:
        """Say where a value comes from; that is read with it."""
        note(self._kind, self._settings.own_name(name))
        return self._settings.origin(name)

    def changed(self, **values: Any) -> Settings:  # noqa: ANN401 - values of parameters
        """Give settings of one's own, which depend on all of these."""
        note(self._kind, ALL)
        return self._settings.changed(**values)


@dataclass(frozen=True, eq=False)
class Kept:
    """A quantity, the inputs it was computed from, and the notes told on the way."""

    value: Any
    reads: frozenset[Read]
    notes: tuple[str, ...]

    def note_reads(self) -> bool:
        """
        Note what it has read as read by the quantity that asks for it.

        Returns
        -------
        Whether a quantity asks; a user does otherwise.
        """
        reads = _READS.get()
        if reads is not None:
            reads.update(self.reads)
        return reads is not None

    def outlives(self, changed: frozenset[Read]) -> bool:
        """
        Tell whether none of the changed inputs was read.

        Parameters
        ----------
        changed : inputs.

        Returns
        -------
        True where it need not be computed anew.
        """
        kinds = {kind for kind, _ in changed}
        return not any(
            (kind, name) in changed or (name == ALL and kind in kinds) or kind == ALL
            for kind, name in self.reads
        )


#: A function of a model, and its arguments.
Quantity = tuple[Callable[..., Any], tuple[Any, ...]]
Quantities = dict[Quantity, Kept]


def _has_no_array(value: object) -> bool:
    """Tell what by far the most are where there are many."""
    return isinstance(value, str | float | int)


def locked(value: Any) -> Any:  # noqa: ANN401 - any quantity
    """
    Make the arrays of a quantity read-only, also those inside of mappings, lists and values.

    Parameters
    ----------
    value : any quantity.

    Returns
    -------
    The same object.
    """
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, xr.Dataset):
        for one in value.data_vars.values():
            locked(one.to_numpy())
    elif isinstance(value, Mapping):
        for one in value.values():
            locked(one)
    elif isinstance(value, list | tuple):
        for one in filterfalse(_has_no_array, value):
            locked(one)
    # A graph keeps what its kernels work with; they are compiled for arrays as they are.
    elif is_dataclass(value) and not isinstance(value, StreetGraph | type):
        for part in fields(value):
            locked(getattr(value, part.name))
    return value
