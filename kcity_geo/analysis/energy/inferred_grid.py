"""
Medium-voltage grid inferred from night lights (E3), for where nobody mapped it.

Lit pixels that stand out from their surroundings are joined along the cheapest way over roads, as
gridfinder does. What comes out is a guess of where lines run, never an observation.

References
----------
.. [1] Arderne, Zorn, Nicolas and Koks (2020). Predictive mapping of the global power system using
   open data. Scientific Data 7, 19.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.convolution import convolved
from kcity_geo.analysis.distance.least_cost import cheapest_network
from kcity_geo.analysis.evidence.features import date_of, shapes, text
from kcity_geo.cube import area_in_cells, cell_centres, cell_size, length_in_cells
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.settings import Settings

__all__ = [
    "electrified_targets",
    "grid_cost",
    "infer_lines",
    "inferred_grid",
    "light_above_background",
    "merge_months",
    "recall_and_precision",
]

_MAIN = ("motorway", "trunk", "primary", "secondary", "tertiary")


def merge_months(
    months: Sequence[NDArray[np.float64]], *, quantile: float = 0.7
) -> NDArray[np.float64]:
    """
    Merge monthly night-light composites, so that clouds and fires of single months drop out.

    Parameters
    ----------
    months : radiance of each month, all of one shape; NaN: not seen.
    quantile : of the months that is taken.

    Returns
    -------
    Shape of a month; NaN where no month saw anything.

    Examples
    --------
    >>> merge_months([np.array([1.0]), np.array([2.0]), np.array([np.nan])], quantile=0.5)
    array([1.5])
    """
    stack = np.stack([np.asarray(m, dtype=np.float64) for m in months])
    out = np.full(stack.shape[1:], np.nan)
    seen = np.isfinite(stack).any(axis=0)
    out[seen] = np.nanquantile(stack[:, seen], quantile, axis=0)
    return out


def light_above_background(light: NDArray[np.float64], *, size: int = 41) -> NDArray[np.float64]:
    """
    Take from each pixel the mean light of its surroundings, near pixels counting most.

    Parameters
    ----------
    light : radiance, shape (rows, cols), pixels of the product; NaN: not known, left out.
    size : side of the window, pixels, odd; weights ``1 / (1 + d / 2) ** 3``, the centre 0.

    Returns
    -------
    Shape of `light`; NaN where not known. At the edge the window is cut, not filled.
    """
    reach = size // 2
    row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = 1 / (1 + np.hypot(row, column) / 2) ** 3
    kernel[reach, reach] = 0.0
    known = np.isfinite(light)
    rows, columns = light.shape
    here = np.s_[reach : reach + rows, reach : reach + columns]
    total = convolved(np.where(known, light, 0.0), kernel)[here]
    weight = convolved(known.astype(float), kernel)[here]
    with np.errstate(invalid="ignore", divide="ignore"):
        around = np.where(weight > 1e-9, total / weight, 0.0)  # noqa: PLR2004 - rounding of the transform
    return np.where(known, light - around, np.nan)


def electrified_targets(
    light: NDArray[np.float64],
    population: NDArray[np.float64] | None,
    *,
    settings: Settings,
    lit_from: float | None = None,
) -> NDArray[np.bool_]:
    """
    Find the pixels that a grid must reach: brighter than around, with people.

    Parameters
    ----------
    light : radiance, shape (rows, cols), pixels of the product.
    population : persons on the same pixels; blobs without anybody are dropped. None: all stay.
    settings : parameters of the sector.
    lit_from : also take pixels of at least this radiance, however bright their surroundings: in
        the middle of a city everything around is as bright. None: only what stands out.

    Returns
    -------
    Shape of `light`, True at targets.
    """
    above = light_above_background(light, size=int(settings["filter_cells"]))
    with np.errstate(invalid="ignore"):
        out = above >= float(settings["ntl_target_above"])
        if lit_from is not None:
            out |= light >= lit_from
    if population is None:
        return np.asarray(out)
    labels, count = ndimage.label(out, structure=np.ones((3, 3), dtype=bool))
    people = np.bincount(
        labels.ravel(), weights=np.nan_to_num(population).ravel(), minlength=count + 1
    )
    lived = people > float(settings["target_min_persons"])
    lived[0] = False
    return np.asarray(lived[labels])


def infer_lines(
    cost: NDArray[np.float64],
    targets: NDArray[np.int64],
    *,
    dx_m: float,
    dy_m: float,
    max_link: float = np.inf,
) -> tuple[NDArray[np.int64], float]:
    """
    Join targets along the cheapest ways and measure the result.

    Parameters
    ----------
    cost : cost of a metre, shape (rows, cols); NaN: no way through.
    targets : number of the place each cell belongs to, 0: none.
    dx_m, dy_m : length of a step to the east and to the south, metres: they differ on a raster
        in degrees.
    max_link : dearest link drawn, cost-weighted metres.

    Returns
    -------
    Steps (flat numbers of neighbouring cells, shape (steps, 2)), and their true length, metres.
    """
    steps = cheapest_network(cost, targets, dx_m=dx_m, dy_m=dy_m, max_link=max_link)
    columns = np.shape(cost)[1]
    across = (steps[:, 0] % columns - steps[:, 1] % columns) * dx_m
    down = (steps[:, 0] // columns - steps[:, 1] // columns) * dy_m
    return steps, float(np.hypot(across, down).sum())


def grid_cost(city: CityModel) -> tuple[NDArray[np.float64], bool]:
    """
    Cost of a metre of line: cheap along main roads, dear off road and over water.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols), and whether any road was there to follow.
    """
    settings = city.settings("energy")
    cost = np.full(city.grid.shape, float(settings["cost_off_road"]))
    water = city.layers.get("water_body")
    if water is not None and len(water):
        wet = area_in_cells(shapes(water), grid=city.grid)
        cost[wet > cell_size(city.grid) ** 2 / 2] = float(settings["cost_water"])
    roads = city.layers.get("roads_drive")
    if roads is None or not len(roads):
        return cost, False
    lines = shapes(roads)
    main = np.isin(text(roads, "highway"), _MAIN)
    for chosen, key in ((~main, "cost_road_minor"), (main, "cost_road_main")):
        on_road = length_in_cells(lines[chosen], grid=city.grid) > 0
        cost[on_road] = float(settings[key])
    return cost, True


def _blocks(values: NDArray[np.float64], n: int, *, mean: bool) -> NDArray[np.float64]:
    """Gather cells into blocks of n x n: mean of the known, or sum."""
    rows, columns = values.shape
    padded = np.full((-(-rows // n) * n, -(-columns // n) * n), np.nan)
    padded[:rows, :columns] = values
    parts = padded.reshape(padded.shape[0] // n, n, padded.shape[1] // n, n)
    known = np.isfinite(parts).sum(axis=(1, 3))
    total = np.nansum(parts, axis=(1, 3))
    return np.where(known > 0, total / np.maximum(known, 1) if mean else total, np.nan)


def _target_cells(
    city: CityModel,
    blocks: NDArray[np.bool_],
    n: int,
    cost: NDArray[np.float64],
    people: NDArray[np.float64],
    main_cost: float,
) -> NDArray[np.int64]:
    """Give the cells a grid must reach: main roads in lit blocks, else each block's best cell."""
    rows, columns = city.grid.shape
    row, column = np.divmod(np.arange(rows * columns), columns)
    block = (row // n) * blocks.shape[1] + column // n
    use = blocks.ravel()[block] & city.inside.ravel()
    order = np.lexsort(
        (np.arange(rows * columns), -np.nan_to_num(people.ravel()), cost.ravel(), block)
    )
    order = order[use[order]]
    first = np.unique(block[order], return_index=True)[1]
    out = np.zeros(rows * columns, dtype=np.int64)
    wanted = use & (cost.ravel() <= main_cost)
    wanted[order[first]] = True
    out[wanted] = np.arange(1, int(wanted.sum()) + 1)
    return out.reshape(city.grid.shape)


def inferred_grid(city: CityModel) -> Indicator:
    """
    Give E3: where the medium-voltage grid probably runs, from lights, people and roads.

    Parameters
    ----------
    city : its model. Mapped power lines are not used, so that they can be compared with.

    Returns
    -------
    Row E3, reported, km of line inside the city; the cells add up to it. ``details["geometry"]``
    holds the lines, those beyond the boundary too, as one metric MultiLineString.
    """
    settings = city.settings("energy")
    light, people = city.array("nightlights"), city.array("population")
    common: dict[str, Any] = {
        "units": "km",
        "layers": ("roads_drive",),
        "as_of": date_of(city, "nightlights"),
    }
    if light is None or people is None:
        lacks = "night lights are" if light is None else "population is"
        key = "nightlights" if light is None else "population"
        return unassessed("E3", reason=f"no {lacks} known; give sources.{key}", **common)
    if city.checking:
        return assessable("E3", evidence="modelled", **common)
    size = cell_size(city.grid)
    n = max(1, round(float(settings["ntl_pixel_m"]) / size))
    targets = electrified_targets(
        _blocks(light, n, mean=True),
        _blocks(people, n, mean=False),
        settings=settings,
        # Only lit places where people live are joined, so the light of empty land (bright beside
        # a motorway or a port) is no limit for them: the floor is.
        lit_from=float(settings["dark_floor"]),
    )
    cost, roads = grid_cost(city)
    places = _target_cells(
        city, targets, n, cost, people, float(settings["cost_road_main"]) if roads else 0.0
    )
    steps, _ = infer_lines(
        cost,
        places,
        dx_m=size,
        dy_m=size,
        max_link=float(settings["max_link_km"]) * 1000 * float(settings["cost_off_road"]),
    )
    x, y = cell_centres(city.grid)
    ends = np.stack([np.column_stack([x[steps[:, i]], y[steps[:, i]]]) for i in (0, 1)], axis=1)
    lines = shapely.union_all(shapely.linestrings(ends)) if len(steps) else None
    # A step leads from the middle of one cell to the middle of the next: half of it lies in each.
    half_km = np.hypot(*(ends[:, 1] - ends[:, 0]).T) / 2000
    drawn = np.bincount(steps.ravel(), weights=np.repeat(half_km, 2), minlength=light.size)
    cells = np.where(city.inside, drawn.reshape(light.shape), np.nan)
    return Indicator(
        id="E3",
        value=float(np.nansum(cells)),
        cells=cells,
        evidence="modelled",
        n_features=len(city.layers["roads_drive"]) if roads else 0,
        source="night lights, population" + (", roads" if roads else ""),
        note="a guess from lights and roads, not a map of lines"
        + ("" if roads else "; no roads: straight ways"),
        details={"lit_pixels": int(targets.sum()), "places": int(places.max()), "geometry": lines},
        **common,
    )


def recall_and_precision(
    inferred: Any,  # noqa: ANN401 - any shapely geometry
    true: Any,  # noqa: ANN401
    *,
    within_m: float,
) -> tuple[float, float]:
    """
    Compare inferred lines with true ones.

    Parameters
    ----------
    inferred, true : metric line geometries.
    within_m : how near counts as found.

    Returns
    -------
    Recall: share of the true length near an inferred line; precision: share of the inferred
    length near a true one. NaN when there is nothing to divide by.

    Examples
    --------
    >>> import shapely
    >>> recall_and_precision(
    ...     shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(0, 10), (200, 10)]),
    ...     within_m=10)
    (0.5, 1.0)
    """

    def near(line: Any, other: Any) -> float:  # noqa: ANN401
        if line is None or line.is_empty or line.length == 0:
            return float("nan")
        if other is None or other.is_empty:
            return 0.0
        pieces = shapely.segmentize(line, within_m / 10)
        xy, part = shapely.get_coordinates(shapely.get_parts(pieces), return_index=True)
        same = part[1:] == part[:-1]
        middle = shapely.points((xy[:-1][same] + xy[1:][same]) / 2)
        length = np.hypot(*(xy[1:][same] - xy[:-1][same]).T)
        tree = shapely.STRtree(shapely.get_parts(other))
        found = tree.query_nearest(middle, max_distance=within_m * (1 + 1e-9), all_matches=False)
        return float(length[np.unique(found[0])].sum() / length.sum())

    return near(true, inferred), near(inferred, true)
