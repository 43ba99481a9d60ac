"""Voltages of a file of the user: volts or kilovolts, told from the name of the column and all its values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell

__all__ = ["voltage_column", "volts_of_column"]

_PLAIN: Final = re.compile(r"^[\d.,\s]+(?:[;/|][\d.,\s]+)*$")
_VOLTS, _KILOVOLTS = 1.0, 1000.0


def voltage_column(columns: Iterable[str]) -> tuple[str, float] | None:
    """
    Find the column that holds a voltage.

    Parameters
    ----------
    columns : of the file.

    Returns
    -------
    Its name, and the volts of one unit of it: 1, 1000, or NaN where the name does not say; None without
    such a column.

    Examples
    --------
    >>> voltage_column(["id", "Voltage_kV"])
    ('Voltage_kV', 1000.0)
    """
    rows = read_table("own_columns")["voltage"]
    plain = {
        re.sub(r"[^a-z]", "", str(name).casefold()): str(name) for name in reversed([*columns])
    }
    for names, factor in (
        (rows["kilovolts"], _KILOVOLTS),
        (rows["volts"], _VOLTS),
        (rows["either"], math.nan),
    ):
        for name in names:
            if name in plain:
                return plain[name], factor
    return None


def volts_of_column(values: Sequence[str], *, column: str, factor: float, what: str) -> list[str]:
    """
    Write the voltages of a column in volts.

    Parameters
    ----------
    values : texts as they stand in the file; ``""`` not given. Those with a unit ("33 kV") are obeyed.
    column : its name, for messages.
    factor : volts of one unit of a plain number, NaN when not known: then all plain numbers of the column
        decide together, by the limits of ``tables/own_columns.toml``.
    what : key and file, for messages.

    Returns
    -------
    Texts, plain numbers in volts; the others as they were.

    Raises
    ------
    SourceError
        If plain numbers can be volts as well as kilovolts, or are volts in some rows and kilovolts in others.

    Examples
    --------
    >>> from kcity_geo.notes import muted
    >>> with muted():
    ...     volts_of_column(["33", "132", "11 kV"], column="voltage", factor=float("nan"), what="lines")
    ['33000', '132000', '11 kV']
    """
    from kcity_geo.sources.osm.tags import voltages_v

    plain = {v: voltages_v(v) for v in dict.fromkeys(values) if _PLAIN.match(v)}
    numbers = [n for parts in plain.values() for n in parts if n > 0]
    if math.isnan(factor):
        factor = _unit_of(numbers, column=column, what=what)
    else:
        _refuse_impossible(numbers, factor, column=column, what=what)
    if factor == _VOLTS:
        return list(values)
    changed = {
        v: ";".join(f"{n * factor:.12g}" for n in parts) for v, parts in plain.items() if parts
    }
    return [changed.get(v, v) for v in values]


def _refuse_impossible(numbers: list[float], factor: float, *, column: str, what: str) -> None:
    """Refuse plain numbers that no line has in the unit that the name of their column says."""
    rows = read_table("own_columns")["voltage"]
    low, high = rows["lowest_line_v"]["value"], rows["highest_line_kv"]["value"]
    # Traction and telephone lines below 100 V exist; a whole column of them is kilovolts.
    if factor == _VOLTS and numbers and max(numbers) < low:
        raise SourceError(
            f"{what}: {column} holds at most {max(numbers):g}, and no line runs at {max(numbers):g} V; are they "
            f"kilovolts? Call the column voltage_kv"
        )
    wrong = [n for n in numbers if n * factor > high * _KILOVOLTS]
    if factor == _KILOVOLTS and wrong:
        raise SourceError(
            f"{what}: {column} holds {wrong[0]:g}, and no line runs at more than {high:g} kV; are they volts? "
            "Call the column voltage_v"
        )


def _unit_of(numbers: list[float], *, column: str, what: str) -> float:
    """Tell volts from kilovolts by all plain numbers of a column."""
    if not numbers:
        return _VOLTS
    rows = read_table("own_columns")["voltage"]
    least, most = min(numbers), max(numbers)
    kilo, volt = least < rows["lowest_line_v"]["value"], most > rows["highest_line_kv"]["value"]
    if kilo and not volt:
        tell(
            f"{what}: {column} holds plain numbers from {least:g} to {most:g}; no line runs at {least:g} V, "
            "so they were read as kilovolts"
        )
        return _KILOVOLTS
    usual = [n for n in numbers if n in rows["usual_kv"]["value"]]
    if volt and not kilo and not usual:
        return _VOLTS
    mend = (
        f"call the column {column}_kv or {column}_v, or write the unit beside each number (33 kV)"
    )
    if volt:
        raise SourceError(
            f"{what}: {column} holds {least if kilo else usual[0]:g} and {most:g}, volts and kilovolts mixed; {mend}"
        )
    raise SourceError(
        f"{what}: {column} holds {least:g} to {most:g}, which may be volts or kilovolts; {mend}"
    )
