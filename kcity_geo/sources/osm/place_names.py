"""Names of places in an OpenStreetMap extract: what a city is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kcity_geo.sources.damage import refused_when_damaged
from kcity_geo.sources.osm.ordering import read_in_order

__all__ = ["PlaceName", "read_place_names"]

#: Larger kinds of place first.
_KINDS = ("city", "town", "suburb", "village")


@dataclass(frozen=True, kw_only=True)
class PlaceName:
    """
    A named place.

    Parameters
    ----------
    name : English where it is tagged, else as on the spot.
    kind : its ``place``.
    persons : its ``population``; 0 where it is not tagged or no number.
    lon, lat : WGS 84.
    """

    name: str
    kind: str
    persons: float
    lon: float
    lat: float


def read_place_names(path: str | Path) -> tuple[PlaceName, ...]:
    """
    Read the named cities, towns, suburbs and villages of an extract.

    Parameters
    ----------
    path : OpenStreetMap file.

    Returns
    -------
    Larger kinds first, within a kind the most people first, then by name.

    Raises
    ------
    SourceError
        If the file is damaged.
    """
    source = Path(path)
    with refused_when_damaged(source.name, mend="get it again"):
        return read_in_order(source, _read)


def _read(path: str) -> tuple[PlaceName, ...]:
    import osmium

    found = []
    nodes = osmium.FileProcessor(path, osmium.osm.NODE).with_filter(
        osmium.filter.KeyFilter("place")
    )
    for item in nodes:
        kind, name = item.tags.get("place", ""), item.tags.get("name:en") or item.tags.get("name")
        if kind in _KINDS and name:
            digits = item.tags.get("population", "")
            found.append(
                PlaceName(
                    name=name,
                    kind=kind,
                    persons=float(digits) if digits.isascii() and digits.isdigit() else 0.0,
                    lon=item.lon,
                    lat=item.lat,
                )
            )
    return tuple(sorted(found, key=lambda p: (_KINDS.index(p.kind), -p.persons, p.name)))
