"""
Who may use a way, in which direction and how fast.

Reads the rows of ``tables/network.toml`` onto the columns of a road layer. Knows nothing of
topology; `kcity_geo.analysis.network.graph` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.errors import StudyError
from kcity_geo.settings import NetworkTable

__all__ = [
    "all_season_weight",
    "binding_turns",
    "blocking_nodes",
    "destination",
    "directions",
    "ferries_usable",
    "ferry_kmh",
    "private_nodes",
    "shut",
    "speeds_kmh",
    "street_width_m",
    "texts",
    "usable",
]

MODES = ("walk", "cycle", "drive", "street")
#: How a tag names the two directions of a way.
DIRECTIONS = ("forward", "backward")


def texts(roads: gpd.GeoDataFrame, column: str) -> NDArray[np.str_]:
    """
    Give a text column as plain array.

    Parameters
    ----------
    roads : a layer.
    column : name; where the layer lacks it, the ``tags`` are searched.

    Returns
    -------
    Shape (rows,), ``""`` where untagged.
    """
    if column in roads:
        values = roads[column].to_numpy(dtype=object)
    elif "tags" in roads:
        key = column.replace("oneway_", "oneway:")
        values = np.array(
            # The kind of a dict is known at once; asking any mapping what it is takes as long as the rest.
            [
                tags.get(key) if type(tags) is dict or isinstance(tags, Mapping) else None
                for tags in roads["tags"]
            ],
            dtype=object,
        )
    else:
        return np.full(len(roads), "", dtype="U1")
    try:  # each value once: tags repeat
        code, unique = pd.factorize(values)
    except TypeError:  # what cannot be hashed is no text
        code, unique = np.arange(len(values)), values
    plain = [v if isinstance(v, str) else "" for v in unique]
    return np.array([*plain, ""], dtype=np.str_)[code]


def _numbers(roads: gpd.GeoDataFrame, column: str) -> NDArray[np.float64]:
    if column not in roads:
        return np.full(len(roads), np.nan)
    return np.asarray(roads[column].to_numpy(dtype=np.float64, na_value=np.nan))


def _deciding(roads: gpd.GeoDataFrame, keys: list[str]) -> NDArray[np.str_]:
    """Give the value of the first of the tags that is set."""
    value = texts(roads, keys[-1])
    for key in reversed(keys[:-1]):
        own = texts(roads, key)
        value = np.where(own != "", own, value)
    return value


def _words(value: str) -> list[str]:
    """Give the values of a list such as ``forestry; agricultural``."""
    return [word for part in value.replace(",", ";").split(";") if (word := part.strip().lower())]


def _whole(value: NDArray[np.str_], known: list[str], *, every: bool) -> NDArray[np.bool_]:
    """Tell where any, or every, value of a list is a known word; an empty tag holds none."""
    unique, inverse = np.unique(value, return_inverse=True)
    words = [_words(str(text)) for text in unique]
    test = all if every else any
    found = np.array([bool(w) and test(word in known for word in w) for w in words], dtype=bool)
    return np.asarray(found[inverse]) if len(value) else np.zeros(0, bool)


def shut(roads: gpd.GeoDataFrame, keys: list[str], *, table: NetworkTable) -> NDArray[np.bool_]:
    """
    Tell where the most telling access tag lets nobody in who has no special right.

    Parameters
    ----------
    roads : ways or nodes with access tags.
    keys : tags, the most telling first; the first that is set decides.
    table : `network_table`.

    Returns
    -------
    Shape (rows,), ``private`` included. A list of values is shut when every value of it is.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from kcity_geo.settings import network_table
    >>> ways = gpd.GeoDataFrame({"motor_vehicle": ["forestry; agricultural", "private;yes"]})
    >>> shut(ways, ["motorcar", "motor_vehicle"], table=network_table()).tolist()
    [True, False]
    """
    access = table["access"]
    return _whole(_deciding(roads, keys), [*access["blocked"], *access["private"]], every=True)


def destination(roads: gpd.GeoDataFrame, *, mode: str, table: NetworkTable) -> NDArray[np.bool_]:
    """
    Tell which ways or nodes let in those only who live, or have to do, behind them.

    Parameters
    ----------
    roads : ways or nodes with access tags.
    mode : walk, cycle or drive.
    table : `network_table`.

    Returns
    -------
    Shape (rows,): ``private`` alone, or a list without a value that lets everybody in.
    """
    access = table["access"]
    value = _deciding(roads, _access_keys(table, mode))
    guests = access["destination"][mode]
    closed = [*access["blocked"], *access["private"], *guests]
    some = _whole(value, guests, every=False) & _whole(value, closed, every=True)
    return some | _whole(value, access["private"], every=True)


def _access_keys(table: NetworkTable, mode: str) -> list[str]:
    """Tags that let a mode in or keep it out, the one that decides first."""
    return cast("Mapping[str, list[str]]", table["access"])[mode]


def _allowed(value: NDArray[np.str_], table: NetworkTable) -> NDArray[np.bool_]:
    return _whole(value, table["access"]["allowed"], every=False)


def usable(roads: gpd.GeoDataFrame, *, mode: str, table: NetworkTable) -> NDArray[np.bool_]:
    """
    Tell which ways a mode of travel uses at all.

    Parameters
    ----------
    roads : road layer.
    mode : walk, cycle, drive, or street (everything that counts as a street for street form).
    table : `network_table`.

    Returns
    -------
    Shape (rows,).
    """
    highway = texts(roads, "highway")
    classes = table["classes"]
    known = np.isin(highway, classes[mode])
    if mode == "street":
        return np.asarray(known & ~np.isin(texts(roads, "service"), classes["not_street_service"]))
    ok = known & ~shut(roads, _access_keys(table, mode), table=table)
    ok |= known & destination(roads, mode=mode, table=table)
    if mode in {"walk", "cycle"}:
        own = texts(roads, "foot" if mode == "walk" else "bicycle")
        allowed = _allowed(own, table)
        ok |= np.isin(highway, classes[f"{mode}_if_tagged"]) & allowed
        ok &= (texts(roads, "motorroad") != "yes") | allowed
    if mode in {"cycle", "drive"}:
        ok &= ~np.isin(texts(roads, "smoothness"), table["caps"]["no_wheels"])
    if mode == "drive":
        told = _allowed(_deciding(roads, table["access"]["drive"]), table)
        ok &= ~np.isin(texts(roads, "service"), classes["not_car_service"]) | told
    if mode == "drive" and table["speeds"]["season_factor"] == 0:  # closed in the wet season
        ok &= ~np.isin(texts(roads, "surface"), table["caps"]["unpaved"])
    return np.asarray(ok)


def ferries_usable(
    ferries: gpd.GeoDataFrame, *, mode: str, table: NetworkTable
) -> NDArray[np.bool_]:
    """
    Tell which ferries take a mode of travel.

    Parameters
    ----------
    ferries : ferry lines with their access tags.
    mode : walk, cycle or drive.
    table : `network_table`.

    Returns
    -------
    Shape (rows,): people and bicycles go where nothing forbids it, cars where a tag lets them on.
    """
    if mode == "drive":
        return _allowed(_deciding(ferries, table["access"]["drive_ferry"]), table)
    return ~shut(ferries, _access_keys(table, mode), table=table)


def ferry_kmh(ferries: gpd.GeoDataFrame, *, table: NetworkTable) -> NDArray[np.float64]:
    """
    Tell how fast ferries are: as their ``duration`` says, else the default.

    Parameters
    ----------
    ferries : ferry lines, metric CRS, ``duration_min`` in minutes. NaN: not tagged.
    table : `network_table`.

    Returns
    -------
    Shape (rows,), km/h; a duration that no ferry could keep counts as not tagged.
    """
    speeds, minutes = table["speeds"], _numbers(ferries, "duration_min")
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = ferries.geometry.length.to_numpy() / 1000.0 / (minutes / 60.0)
    told = np.isfinite(speed) & (speed > 0) & (speed <= speeds["ferry_max_kmh"])
    return np.asarray(np.where(told, speed, speeds["ferry_kmh"]))


def directions(
    roads: gpd.GeoDataFrame, *, mode: str, table: NetworkTable
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """
    Tell in which directions a way may be used.

    Parameters
    ----------
    roads : road layer.
    mode : walk, cycle, drive or street.
    table : `network_table`.

    Returns
    -------
    Along the way, and against it; each of shape (rows,).
    """
    rules = table["oneway"]
    if mode == "street":
        return np.ones(len(roads), bool), np.ones(len(roads), bool)
    if mode == "walk":
        value = texts(roads, "oneway_foot")
        implied = np.zeros(len(roads), bool)
    else:
        value = _deciding(roads, rules["keys"][mode])
        implied = np.isin(texts(roads, "junction"), rules["roundabout"])
        implied |= np.isin(texts(roads, "highway"), rules["implied"])
    if mode == "cycle":
        against = (texts(roads, "oneway_bicycle") == "") & _contraflow(roads, table)
        value = np.where(against, rules["both"][0], value)
    backward_only = np.isin(value, rules["backward"])
    forward_only = np.isin(value, rules["forward"]) | (
        implied & ~np.isin(value, rules["both"]) & ~backward_only
    )
    ahead, back = _shut_towards(roads, mode=mode, table=table)
    return ~backward_only & ~ahead, ~forward_only & ~back


def _shut_towards(
    roads: gpd.GeoDataFrame, *, mode: str, table: NetworkTable
) -> list[NDArray[np.bool_]]:
    """Tell where a tag such as ``motor_vehicle:backward`` shuts one direction only, for each of them."""
    keys = {end: [f"{key}:{end}" for key in _access_keys(table, mode)] for end in DIRECTIONS}
    wanted = frozenset(key for names in keys.values() for key in names)
    rows = np.arange(len(roads))
    if "tags" in roads and not any(key in roads for key in wanted):
        # Hardly a way has one: one look at its tags, not one a key.
        rows = np.array(
            [
                number
                for number, tags in enumerate(roads["tags"])
                if isinstance(tags, dict) and not wanted.isdisjoint(tags)
            ],
            dtype=np.int64,
        )
    some, shut_ways = roads.iloc[rows], []
    for names in keys.values():
        found = np.zeros(len(roads), bool)
        found[rows] = _whole(_deciding(some, names), table["access"]["blocked"], every=True)
        shut_ways.append(found)
    return shut_ways


def _contraflow(roads: gpd.GeoDataFrame, table: NetworkTable) -> NDArray[np.bool_]:
    """Tell where a cycle lane of a one-way street runs against it, tagged the old or the new way."""
    found, rules = np.zeros(len(roads), bool), table["oneway"]
    for key in rules["cycleway"]:
        side = texts(roads, key)
        found |= _whole(side, rules["cycleway_against"], every=False)
        ways = _whole(texts(roads, f"{key}:oneway"), rules["cycleway_both"], every=False)
        found |= ways & ~np.isin(side, ["", "no"])
    return found


def speeds_kmh(roads: gpd.GeoDataFrame, *, mode: str, table: NetworkTable) -> NDArray[np.float64]:
    """
    Tell how fast a way is on level ground.

    Driving: ``maxspeed`` x 0.8 where tagged, else the speed of the class; then no faster than
    surface, tracktype and smoothness allow; times the congestion factor, and the season factor on
    unpaved surfaces. Walking: 5 km/h, slower on loose ground.

    Parameters
    ----------
    roads : road layer.
    mode : walk, cycle, drive or street.
    table : `network_table`.

    Returns
    -------
    Shape (rows,), km/h, above 0.

    References
    ----------
    .. [1] OSRM profiles ``car.lua`` and ``foot.lua``.
    """
    speeds, highway, surface = table["speeds"], texts(roads, "highway"), texts(roads, "surface")
    if mode in {"walk", "street"}:
        speed = speeds["walk_kmh"] * _looked_up(surface, table["walk_factors"], 1.0)
    elif mode == "cycle":
        speed = np.minimum(np.full(len(roads), speeds["cycle_kmh"]), _caps(roads, table))
    else:
        speed = _looked_up(highway, speeds["drive"], speeds["default_kmh"])
        maxspeed = _numbers(roads, "maxspeed_kmh")
        tagged = np.isfinite(maxspeed) & (maxspeed > 0)
        speed[tagged] = maxspeed[tagged] * speeds["maxspeed_factor"]
        speed = np.minimum(speed, _caps(roads, table)) * speeds["congestion_factor"]
        speed[np.isin(surface, table["caps"]["unpaved"])] *= speeds["season_factor"]
    if len(speed) and not speed.min() > 0:
        raise StudyError(f"parameters network.speeds: a speed of {speed.min():g} km/h; give > 0")
    return np.asarray(speed)


def _looked_up(
    keys: NDArray[np.str_], values: Mapping[str, float], default: float
) -> NDArray[np.float64]:
    unique, inverse = np.unique(keys, return_inverse=True)
    found = np.array([values.get(str(key), default) for key in unique], dtype=np.float64)
    return np.asarray(found[inverse]) if len(keys) else np.zeros(0)


def _caps(roads: gpd.GeoDataFrame, table: NetworkTable) -> NDArray[np.float64]:
    cap = np.full(len(roads), np.inf)
    for tag in ("surface", "tracktype", "smoothness"):
        cap = np.minimum(cap, _looked_up(texts(roads, tag), table["caps"][tag], np.inf))
    return cap


def blocking_nodes(
    barriers: gpd.GeoDataFrame, *, mode: str, table: NetworkTable
) -> NDArray[np.int64]:
    """
    Find the barrier nodes that stop a mode of travel, those included that let residents pass.

    Parameters
    ----------
    barriers : layer of nodes with ``osm_id``, ``barrier`` and the access tags.
    mode : walk, cycle or drive; nothing stops ``street``.
    table : `network_table`.

    Returns
    -------
    OSM node ids, sorted.
    """
    if mode == "street" or len(barriers) == 0:
        return np.zeros(0, np.int64)
    private = np.isin(barriers["osm_id"], private_nodes(barriers, mode=mode, table=table))
    keys = _access_keys(table, mode)
    stops = _whole(texts(barriers, "barrier"), table["barriers"][mode], every=False)
    stops &= ~_allowed(_deciding(barriers, keys), table)
    stops |= shut(barriers, keys, table=table) | private
    return np.unique(barriers["osm_id"].to_numpy(dtype=np.int64)[stops])


def private_nodes(
    barriers: gpd.GeoDataFrame, *, mode: str, table: NetworkTable
) -> NDArray[np.int64]:
    """
    Find the gates that let those pass who live, or have to do, behind them.

    Parameters
    ----------
    barriers, mode, table : as for `blocking_nodes`.

    Returns
    -------
    OSM node ids, sorted.
    """
    if mode == "street" or len(barriers) == 0:
        return np.zeros(0, np.int64)
    private = destination(barriers, mode=mode, table=table)
    return np.unique(barriers["osm_id"].to_numpy(dtype=np.int64)[private])


def binding_turns(turns: gpd.GeoDataFrame, *, table: NetworkTable) -> gpd.GeoDataFrame:
    """
    Give the turn restrictions that bind cars at all times.

    Parameters
    ----------
    turns : layer ``turn_restriction``.
    table : `network_table`.

    Returns
    -------
    Rows whose most telling tag is a ``no_`` or an ``only_``, without those that except cars or hold
    for some hours only; its value in ``restriction``.
    """
    rules = table["turns"]
    value = np.array([text.lower() for text in _deciding(turns, rules["keys"]).tolist()], dtype=str)
    # "no_left_turn @ (07:00-09:00)" holds for some hours only, whatever its key.
    binds = np.array(
        [t.startswith(("no_", "only_")) and "@" not in t for t in value.tolist()], dtype=bool
    )
    binds &= ~_whole(texts(turns, "except"), rules["except"], every=False)
    for key in rules["hours"]:
        binds &= texts(turns, key) == ""
    return turns.assign(restriction=value)[binds]


def street_width_m(
    roads: gpd.GeoDataFrame, *, table: NetworkTable, off: float = 0.0
) -> NDArray[np.float64]:
    """
    Tell how wide the land is that a way takes, sidewalks included.

    ``width`` where tagged; else 3.25 m a lane and 3 m; else the default of the class.

    Parameters
    ----------
    roads : road layer.
    table : `network_table`.
    off : share by which the defaults of the classes are taken to be too small.

    Returns
    -------
    Shape (rows,), metres.
    """
    rules, highway = table["widths"], texts(roads, "highway")
    width = _looked_up(highway, rules["class"], rules["default_m"])
    oneway = np.isin(texts(roads, "oneway"), table["oneway"]["forward"])
    oneway |= np.isin(texts(roads, "oneway"), table["oneway"]["backward"])
    single = _looked_up(highway, rules["oneway"], np.nan)
    width = np.where(oneway & np.isfinite(single), single, width) * (1 + off)
    lanes, tagged = _numbers(roads, "lanes"), _numbers(roads, "width_m")
    width = np.where(lanes > 0, rules["lane_m"] * lanes + rules["margin_m"], width)
    width = np.where(tagged > 0, tagged, width)
    return np.asarray(np.minimum(width, rules["max_m"]))


def all_season_weight(roads: gpd.GeoDataFrame, *, table: NetworkTable) -> NDArray[np.float64]:
    """
    Tell whether a road can be driven all year: 1 yes, 0 no, 0.6 where the surface is not tagged.

    Parameters
    ----------
    roads : road layer.
    table : `network_table`.

    Returns
    -------
    Shape (rows,), 0 to 1.
    """
    rules = table["all_season"]
    highway, surface = texts(roads, "highway"), texts(roads, "surface")
    bad = np.isin(surface, rules["bad_surface"])
    bad |= np.isin(texts(roads, "smoothness"), rules["bad_smoothness"])
    bad |= (texts(roads, "seasonal") == "yes") | (texts(roads, "winter_road") == "yes")
    good = np.isin(surface, rules["good_surface"])
    good |= np.isin(texts(roads, "tracktype"), rules["good_tracktype"])
    minor = np.isin(highway, rules["if_paved"])
    weight = np.where(np.isin(highway, rules["always"]), 1.0, 0.0)
    weight = np.where(minor & good, 1.0, weight)
    weight = np.where(minor & ~good & (surface == ""), rules["unknown_weight"], weight)
    return np.where(bad, 0.0, weight)
