"""Connect: the line from a site to the nearest road, substation, water main, sewer, station, port or airport."""

from __future__ import annotations

from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.connections.ground import Ground, ground_of
from kcity_geo.analysis.connections.over_ground import (
    cell_points,
    cells_touched,
    cost_along,
    ground_field,
    pulled,
)
from kcity_geo.analysis.connections.over_streets import street_field, street_line
from kcity_geo.analysis.connections.targets import Targets, connection_kinds, targets_of
from kcity_geo.analysis.distance.ground import ground_rule
from kcity_geo.analysis.distance.least_cost import CostField, way_to
from kcity_geo.analysis.kept import Quantity
from kcity_geo.citydata import CityData
from kcity_geo.coordinates import in_crs, refuse_degrees
from kcity_geo.errors import StudyError

__all__ = ["CONNECTION_COLUMNS", "connect", "ways"]

CONNECTION_COLUMNS = (
    "site_id", "connection", "title", "length_m", "new_m", "straight_m", "cost_m", "to_name", "to_layer",
    "to_osm_id", "voltage_kv", "cost_basis", "note",
)  # fmt: skip


def connect(
    site: gpd.GeoDataFrame | gpd.GeoSeries | pd.Series | BaseGeometry,
    city: CityModel | CityData,
    what: str,
) -> gpd.GeoDataFrame:
    """
    Find the line that connects a site to what exists.

    Where a network of streets leads there (main road, trunk road, station, port, airport) the way follows it,
    and only what is missing is new. Lines of power, water, sewage and fibre are new all the way: they take the
    cheapest way over the ground, for which slope, rivers, railways, water, forest, buildings and protected land
    count (``tables/connections.toml``).

    Parameters
    ----------
    site : sites of `kcity_geo.rank_sites`, one row of them, or a polygon in the metric CRS of the city.
    city : its data or model.
    what : ``"road"``, ``"trunk"``, ``"power"``, ``"power_hv"``, ``"water"``, ``"water_source"``, ``"sewer"``,
        ``"fibre"``, ``"rail"``, ``"port"`` or ``"airport"``.

    Returns
    -------
    A row a site, metric CRS: ``site_id, connection, title``; ``length_m`` of the line, ``new_m`` of it to be
    built, ``straight_m`` as the crow flies to what it ends at (where no way leads, to the nearest), ``cost_m`` (new
    part in metres of flat and open ground);
    ``to_name, to_layer, to_osm_id, voltage_kv`` of what it ends at; ``cost_basis``; ``note``. The line runs from
    the outline of the site. NaN and no line, with a note, where nothing is mapped, no way leads or the site lies
    outside the study area; 0 and no line where it lies on the site.

    Raises
    ------
    StudyError
        If `what` is no kind of connection, or `site` is no site.
    CRSMismatchError
        If the site has no CRS, or is in degrees.

    Examples
    --------
    >>> from kcity_geo.demo.toy import SOUTH, WEST, make_toy, toy_layer
    >>> station = toy_layer([{"power": "substation", "voltage_v": 33_000}], [shapely.Point(3050, 2050)])
    >>> site = shapely.box(WEST + 500, SOUTH + 1500, WEST + 1000, SOUTH + 2500)
    >>> found = connect(site, make_toy(layers={"substation": station}), "power")
    >>> found[["length_m", "voltage_kv"]].round().iloc[0].tolist()
    [2050.0, 33.0]
    """
    model = model_of(city)
    if not isinstance(what, str):
        raise StudyError(f"connect: {what!r}: give one of {', '.join(connection_kinds())}")
    shapes, names = _sites(site, model)
    targets = model.once(targets_of, what)
    row = connection_kinds()[what]
    ways = [_way(shape, model, what, targets) for shape in shapes]
    ground = model.once(ground_of)
    basis = ground.basis
    if row["over"] == "streets":
        basis = (
            f"existing streets as they are; a metre of new road counts "
            f"{ground_rule('off_street_factor'):g}, times {basis}"
        )
    frame = pd.DataFrame([way._asdict() for way in ways]).drop(columns="line")
    frame = frame.assign(site_id=names, connection=what, title=row["title"], cost_basis=basis)
    lines = gpd.GeoSeries([way.line for way in ways], crs=model.city.crs)
    return gpd.GeoDataFrame(frame[list(CONNECTION_COLUMNS)], geometry=lines, crs=model.city.crs)


def ways() -> list[Quantity]:
    """
    Give the quantities that hold the ways to all that a site may be connected to.

    Returns
    -------
    Functions of a model of the city, each with its arguments.
    """
    return [
        (street_field if row["over"] == "streets" else ground_field, (kind,))
        for kind, row in connection_kinds().items()
    ]


class _Way(NamedTuple):
    length_m: float = np.nan
    new_m: float = np.nan
    straight_m: float = np.nan
    cost_m: float = np.nan
    to_name: str = ""
    to_layer: str = ""
    to_osm_id: str = ""
    voltage_kv: float = np.nan
    note: str = ""
    line: shapely.LineString | None = None


def _sites(site: Any, city: CityModel) -> tuple[NDArray[np.object_], list[str]]:  # noqa: ANN401 - whatever was given
    if isinstance(site, pd.Series) and not isinstance(site, gpd.GeoSeries):
        if not isinstance(site.get("geometry"), BaseGeometry):
            raise StudyError(
                "connect: the row has no geometry; give sites of kc.rank_sites or a polygon"
            )
        shapes, names = (
            in_crs(site["geometry"], city.city.crs, what="site"),
            [str(site.get("site_id", "1"))],
        )
    else:
        shapes = in_crs(site, city.city.crs, what="site")
        ids = site.get("site_id") if isinstance(site, gpd.GeoDataFrame) else None
        names = [str(i + 1) for i in range(len(shapes))] if ids is None else [str(i) for i in ids]
    areal = np.isin(shapely.get_type_id(shapes), (3, 6))
    if len(shapes) == 0 or not areal.all():
        raise StudyError("connect: give sites of kc.rank_sites, or polygons")
    refuse_degrees(shapes, city.city.boundary_metric.bounds, what="site")
    return shapes, names


def _way(shape: BaseGeometry, city: CityModel, what: str, targets: Targets) -> _Way:
    row = connection_kinds()[what]
    if len(targets.shapes) == 0:
        return _Way(note=f"no {row['title']} is mapped here")
    away = shapely.distance(targets.shapes, shape)
    entered = [not name.startswith("motorway") for name in targets.highway]
    touched = np.flatnonzero((away == 0) & np.array(entered))
    if len(touched):
        found = _ended(targets, int(touched[0]))
        return found._replace(
            length_m=0.0,
            new_m=0.0,
            straight_m=0.0,
            cost_m=0.0,
            note="lies on the site or touches it",
        )
    # A motorway beside the site is no way onto it.
    joined = np.array(entered)
    straight = float(away[joined].min() if joined.any() else away.min())
    new, street = None, None
    if row["over"] == "streets":
        new, street = _over_streets(shape, city, what, targets)
    if street is None:
        new = _over_ground(shape, city, what, targets)
    if new is None:
        inside = shapely.intersects(city.city.boundary_metric, shape)
        why = f"no way leads to a {row['title']}" if inside else "outside the study area"
        return _Way(straight_m=straight, note=why)
    line = new if street is None else _joined(np.concatenate([new, street]))
    note = "" if street is None else "one-way streets not regarded"
    if street is None and row["over"] == "streets":
        note = "no street leads there: new all the way"
    end = int(np.argmin(shapely.distance(targets.shapes, shapely.points(line[-1]))))
    found = _ended(targets, end)
    return found._replace(
        length_m=_length(line),
        new_m=_length(new),
        straight_m=float(away[end]),
        cost_m=cost_along(new, city.once(ground_of)) if len(new) > 1 else 0.0,
        note=note,
        line=shapely.LineString(line) if len(line) > 1 else None,
    )


def _ended(targets: Targets, at: int) -> _Way:
    return _Way(
        to_name=targets.names[at],
        to_layer=targets.layers[at],
        to_osm_id=targets.osm_ids[at],
        voltage_kv=float(targets.voltage_kv[at]),
    )


def _length(line: NDArray[np.float64]) -> float:
    steps = np.diff(line, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def _entry(shape: BaseGeometry, field: CostField, ground: Ground) -> int:
    """Cell of the site from which the way is cheapest; -1: none."""
    cells = np.flatnonzero(cells_touched(np.asarray([shape], dtype=object), ground))
    if len(cells) == 0 or not np.isfinite(field.cost.ravel()[cells]).any():
        return -1
    return int(cells[np.argmin(field.cost.ravel()[cells])])


def _over_ground(
    shape: BaseGeometry, city: CityModel, what: str, targets: Targets
) -> NDArray[np.float64] | None:
    ground, field = city.once(ground_of), city.once(ground_field, what)
    cell = _entry(shape, field, ground)
    if cell < 0:
        return None
    points = cell_points(way_to(field, cell)[::-1], ground)
    last = shapely.points(points[-1])
    target = targets.shapes[int(np.argmin(shapely.distance(targets.shapes, last)))]
    between = _outside(shape, points[1:-1])
    if len(between) == 0:  # next to it
        return np.asarray(shapely.get_coordinates(shapely.shortest_line(shape, target)))
    return pulled(np.concatenate([between, _tip(between[-1], target)]), ground)


def _tip(point: NDArray[np.float64], target: BaseGeometry) -> NDArray[np.float64]:
    """End a way on a feature."""
    line = shapely.shortest_line(shapely.points(point), target)
    return np.asarray(shapely.get_coordinates(line)[-1:])


def _outside(shape: BaseGeometry, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Begin a way on the outline, where it leaves the site for the last time; nothing when it never does."""
    if len(points) == 0:
        return points
    within = np.flatnonzero(shapely.intersects_xy(shape, points[:, 0], points[:, 1]))
    if len(within):
        points = points[within[-1] + 1 :]
    if len(points) == 0:
        return points
    start = shapely.get_coordinates(shapely.shortest_line(shape, shapely.points(points[0])))[:1]
    return np.concatenate([start, points])


def _over_streets(
    shape: BaseGeometry, city: CityModel, what: str, targets: Targets
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Give the new part of a way, from the outline to the street, and the street."""
    found = city.once(street_field, what)
    if found is None:
        return None, None
    ground = city.once(ground_of)
    cell = _entry(shape, found.field, ground)
    if cell < 0:
        return None, None
    way = way_to(found.field, cell)[::-1]
    street = street_line(found, int(way[-1]), city.graph("drive"))
    if not any(targets.highway):
        last = shapely.points(street[-1])
        target = targets.shapes[int(np.argmin(shapely.distance(targets.shapes, last)))]
        street = np.concatenate([street, _tip(street[-1], target)])
    new = _outside(shape, np.concatenate([cell_points(way[1:-1], ground), street[:1]]))
    if len(new) == 0:  # the street is met on the site and followed from its outline
        left = _outside(shape, street)
        return (left[:1], left) if len(left) else (street[-1:], street[-1:])
    return pulled(new, ground), street


def _joined(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out points that stand twice."""
    return line[np.r_[True, (np.diff(line, axis=0) != 0).any(axis=1)]]
