"""
Decisive data: what must be known of the land before anything may be ranked.

A profile names what decides whether its project can be built at all: slope and flood, land that is
built up already, water, a road. Where one of them is unknown for the whole city there is no score and
no rank, whatever the other criteria say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.profiles import Limit, decisive_rows, is_off
from kcity_geo.retold import made

__all__ = ["no_ranking", "undecided"]


def _slope(view: CityView) -> bool:
    return (
        view.city.dem is not None if view.city.checking else _told(lambda: view.relief("slope_pct"))
    )


def _flood(view: CityView) -> bool:
    if view.city.checking:
        mapped = view.city.flood is not None or view.city.array("flood") is not None
        return mapped or view.city.dem is not None
    return view.flood_map is not None or _told(lambda: view.relief("hand_m"))


def _built(view: CityView) -> bool:
    if view.city.checking:
        return view.city.array("built_m2") is not None or view.layer("building") is not None
    return _told(lambda: view.built_share)


def _water(view: CityView) -> bool:
    layers = ("water_body", "drainage", "coastline")
    return view.city.array("landcover") is not None or any(
        view.layer(n) is not None for n in layers
    )


def _road(view: CityView) -> bool:
    return view.layer("roads_drive") is not None


#: Row of ``[decisive]`` in ``tables/suitability/criteria.toml`` -> whether the city tells.
_KNOWN: Mapping[str, Callable[[CityView], bool]] = {
    "slope": _slope,
    "flood": _flood,
    "built": _built,
    "water": _water,
    "road": _road,
}


def _told(measure: Callable[[], object]) -> bool:
    try:
        measure()
    except MissingDataError:
        return False
    return True


def undecided(
    view: CityView, wanted: Sequence[str], limits: Mapping[str, Limit]
) -> list[tuple[str, str]]:
    """
    Name what is decisive for a project and not known of the city.

    Parameters
    ----------
    view : of the city; where its model only checks, nothing is computed.
    wanted : rows of ``[decisive]`` in ``tables/suitability/criteria.toml``.
    limits : of the project; what a study switches off is decided by the user, and not asked for.

    Returns
    -------
    Title and the keys of the study file that would tell, in the order of `wanted`; empty when all is known.
    """
    rows = decisive_rows()
    found = []
    for key in wanted:
        row = rows[key]
        own = [name for name in row["constraints"] if name in limits]
        if own and all(is_off(limits[name]) for name in own):
            continue
        if not _KNOWN[key](view):
            left = [name for name in own if not is_off(limits[name])]
            part = f', or {" and ".join(left)} = "ignore"' if own and left != own else ""
            found.append((row["title"], row["source"] + part))
    return found


def no_ranking(missing: Sequence[tuple[str, str]]) -> str:
    """
    Say that nothing can be ranked, why, and what to add.

    Parameters
    ----------
    missing : of `undecided`.

    Returns
    -------
    One line; empty when nothing is missing.

    Examples
    --------
    >>> no_ranking([("slope", "sources.elevation"), ("built-up land", "sources.built")])
    'No ranking possible: slope and built-up land unknown; add sources.elevation and sources.built'
    >>> no_ranking([("slope", "sources.elevation"), ("flood", "sources.elevation or sources.flood")])
    'No ranking possible: slope and flood unknown; add sources.elevation'
    """
    if not missing:
        return ""
    titles = list(dict.fromkeys(title for title, _ in missing))
    asked = list(dict.fromkeys(source for _, source in missing))
    # A source that is asked for anyway, before or after, answers what another could answer too.
    alone = {source for source in asked if " or " not in source}
    sources = [s for s in asked if s in alone or not set(s.split(" or ")) & alone]
    return f"{made('no_ranking', titles=_listed(titles))}; add {_listed(sources)}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
