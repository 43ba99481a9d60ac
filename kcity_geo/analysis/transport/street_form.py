"""
Street form: density (T4), intersections (T5), land for streets (T6), circuity (T7), connectivity (T8).

Densities are per built-up land: the cells of which at least a twentieth is built over. The value of
a cell is told for a square of at least 500 m around it, as a cell of 100 m holds one street or none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.of_city import street_ways
from kcity_geo.analysis.network.rules import street_width_m, texts, usable
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.settlement.mapped_buildings import enough_for
from kcity_geo.analysis.settlement.residents import with_layers
from kcity_geo.analysis.transport.intersections import divided_share, divided_ways, intersections
from kcity_geo.analysis.transport.street_land import street_land_m2
from kcity_geo.citydata import CityData
from kcity_geo.cube import area_in_cells, bin_points, cell_size, length_in_cells
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.settings import NetworkTable, StreetFormRules, network_table
from kcity_geo.standards import Standard, standard_gap

__all__ = ["built_up", "circuity", "connectivity", "connectivity_gap", "street_form"]

ROADS = ("roads_drive", "roads_walk")
NO_STREETS = "no street is mapped in the map data: add an OSM extract with streets"
NO_BUILT = (
    "built-up land is not known: add built-up surface (GHS-BUILT-S), buildings or a population grid"
)
_POPULATED = "per populated land, built-up land is not known"


def street_form(city: CityModel | CityData) -> list[Indicator]:
    """
    Assess the form of the streets.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    T4, T5, T6, T7 and T8.
    """
    city = model_of(city)
    graph, standards = city.graph("street"), city.standards
    units = {"T4": "km/km2", "T5": "1/km2", "T6": "share", "T7": "ratio", "T8": "links per node"}
    if graph.n_segments == 0:
        return [unassessed(key, unit, NO_STREETS, layers=ROADS) for key, unit in units.items()]
    table = city.network_rules
    land, how, evidence = city.once(built_up)
    common = {**with_layers(city, *ROADS), "evidence": evidence}
    found: list[Indicator] = []
    if not land.any():
        found += [unassessed(key, units[key], NO_BUILT, layers=ROADS) for key in ("T4", "T5", "T6")]
    elif city.checking:
        found += [assessable(key, units[key], **common) for key in ("T4", "T5", "T6")]
    else:
        ways = street_ways(city)
        streets = ways[usable(ways, mode="street", table=table)]
        lines, row, paired = divided_share(streets, table=table)
        divided = divided_ways(streets, lines, row, paired)
        half = np.where(paired, 0.5, 1.0)
        chosen = _on_public_land(ways, table=table)
        amounts = {
            "T4": length_in_cells(lines, grid=city.grid, weight=half) / 1000.0,
            "T5": _counted(city, graph, streets, divided),
            "T6": _street_land(city, chosen, land, table=table) / 1e6,
        }
        found += [
            _density(
                city,
                amounts[key],
                land,
                standard=standards[key],
                note=how,
                # Another quantity than the standard speaks of: no confidence in the gap.
                trust=0.0 if how == _POPULATED else 1.0,
                window_m=table["street_form"]["window_m"],
                **common,
            )
            for key in ("T4", "T5", "T6")
        ]
        found[-1] = replace(found[-1], value_error=_width_error(city, chosen, table=table))
    return [*found, _circuity(city, graph), _connectivity(city, graph, standards["T8"])]


def built_up(city: CityModel) -> tuple[NDArray[np.bool_], str, str]:
    """
    Tell which cells are built-up land.

    Parameters
    ----------
    city : its model, with built-up surface; else buildings, where enough are mapped for the people;
        else people.

    Returns
    -------
    Shape (rows, cols), how it was told, and the evidence mark.
    """
    limit = city.network_rules["street_form"]["built_share"]
    inside = city.array("inside_share")
    area = cell_size(city.grid) ** 2 * (np.ones(city.grid.shape) if inside is None else inside)
    surface, how, evidence = city.array("built_m2"), "built-up surface", "observed"
    mapped, buildings = None, city.layer("building")
    if surface is None and buildings is not None:
        mapped = area_in_cells(buildings.geometry.to_numpy(), grid=city.grid)
    if mapped is not None and enough_for(
        float(mapped[city.inside].sum()),
        float(city.people.persons.sum()),
        settings=city.settings("settlement"),
    ):
        surface = mapped
        area = np.full(city.grid.shape, cell_size(city.grid) ** 2)
        how, evidence = "mapped buildings", "proxy"
    if surface is None:
        return city.people.persons > 0, _POPULATED, "proxy"
    with np.errstate(divide="ignore", invalid="ignore"):
        share = surface / area
    note = f"per built-up land: cells with {limit:.0%} or more {how}"
    return np.asarray(city.inside & (np.nan_to_num(share) >= limit)), note, evidence


def _window_sum(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Sum over the square of cells within `reach` rows and columns, exact at the edges."""
    result = np.asarray(values, dtype=np.float64)
    for axis in (0, 1):
        total = np.cumsum(result, axis=axis)
        size = result.shape[axis]
        high = np.minimum(np.arange(size) + reach, size - 1)
        low = np.arange(size) - reach - 1
        before = np.take(total, np.maximum(low, 0), axis=axis)
        shape = [1, 1]
        shape[axis] = size
        result = np.take(total, high, axis=axis) - before * (low >= 0).reshape(shape)
    return np.asarray(result)


def _density(
    city: CityModel,
    amount: NDArray[np.float64],
    land: NDArray[np.bool_],
    *,
    standard: Standard,
    window_m: float,
    **fields: Any,  # noqa: ANN401 - fields of Indicator
) -> Indicator:
    """Amount per km2 of built-up land: of the city, and of the square around each cell."""
    size = cell_size(city.grid)
    weight = np.where(land, np.nan_to_num(city.array("inside_share")), 0.0)  # type: ignore[arg-type]
    area_km2 = weight * (size**2 / 1e6)
    mass = amount * weight
    reach = _reach(window_m, size)
    around, ground = _window_sum(mass, reach), _window_sum(area_km2, reach)
    cells = np.where(land, around / np.where(ground > 0, ground, np.nan), np.nan)
    cells = np.maximum(cells, 0.0)
    total = float(area_km2.sum())
    return Indicator(
        id=standard.id,
        value=float(mass.sum() / total) if total > 0 else float("nan"),
        units=standard.unit,
        cells=cells,
        gap=standard_gap(cells, standard),
        ratio=(mass, area_km2),
        details={
            "built_up_km2": total,
            "amount": float(mass.sum()),
            "window_m": (2 * reach + 1) * size,
        },
        **fields,
    )


def _counted(
    city: CityModel,
    graph: StreetGraph,
    streets: gpd.GeoDataFrame,
    divided: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Intersections in each cell."""
    ring = np.isin(texts(streets, "junction"), graph.table["oneway"]["roundabout"])
    way = streets["osm_id"].to_numpy(dtype=np.int64)
    x, y = intersections(graph, divided=divided, roundabouts=way[ring])
    flat = bin_points(x, y, grid=city.grid)
    total = city.grid.shape[0] * city.grid.shape[1]
    counts = np.bincount(flat[flat >= 0], minlength=total).astype(np.float64)
    return counts.reshape(city.grid.shape)


def _on_public_land(ways: gpd.GeoDataFrame, *, table: NetworkTable) -> gpd.GeoDataFrame:
    """Give the ways whose land counts as street."""
    chosen = ways[np.isin(texts(ways, "highway"), table["street_form"]["las_classes"])]
    # Driveways and parking aisles are private land; a tunnel takes none.
    private = np.isin(texts(chosen, "service"), table["classes"]["not_street_service"])
    buried = ~np.isin(texts(chosen, "tunnel"), ["", "no", "building_passage"])
    return chosen[~private & ~buried]


def _street_land(
    city: CityModel,
    chosen: gpd.GeoDataFrame,
    land: NDArray[np.bool_],
    *,
    table: NetworkTable,
) -> NDArray[np.float64]:
    return street_land_m2(
        np.asarray(chosen.geometry.to_numpy(), dtype=object),
        street_width_m(chosen, table=table),
        grid=city.grid,
        cells=land,
        kept=city.pieces("street land"),
    )


def _width_error(
    city: CityModel, chosen: gpd.GeoDataFrame, *, table: NetworkTable
) -> NDArray[np.float64]:
    """Tell by which share the land of streets may be larger or smaller, as nobody tagged how wide some are."""
    lines, size = np.asarray(chosen.geometry.to_numpy(), dtype=object), cell_size(city.grid)
    xy, way = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(way[1:] == way[:-1])
    length = np.hypot(*(xy[first + 1] - xy[first]).T)
    cell = bin_points(*((xy[first] + xy[first + 1]) / 2).T, grid=city.grid)
    seen, cells = cell >= 0, int(np.prod(city.grid.shape))
    reach = _reach(table["street_form"]["window_m"], size)

    def around(off: float) -> NDArray[np.float64]:
        width = street_width_m(chosen, table=table, off=off)[way[first]]
        found = np.bincount(cell[seen], weights=(length * width)[seen], minlength=cells)
        return _window_sum(found.reshape(city.grid.shape), reach)

    every, error = around(0.0), table["widths"]["default_error"]
    # Where no street lies near by, none is taken for tagged. Rounded: sums over a grid end in noise.
    wider = np.divide(around(error), every, out=np.full(every.shape, 1 + error), where=every > 1)
    return np.asarray(np.clip(np.round(wider - 1, 6), 0.0, error))


def _reach(window_m: float, cell_m: float) -> int:
    """Rows and columns on each side of a cell that a window of at least this side reaches."""
    return max(0, int(np.ceil((window_m / cell_m - 1) / 2 - 1e-9)))


def circuity(length_m: NDArray[np.float64], straight_m: NDArray[np.float64]) -> float:
    """
    Tell how much longer streets are than the straight lines between their ends.

    Parameters
    ----------
    length_m : of each street segment.
    straight_m : between its two ends; loops (0) are left out.

    Returns
    -------
    Ratio, 1 or more; NaN without segments.

    Examples
    --------
    >>> round(circuity(np.array([1250.0, 830, 2100]), np.array([1000.0, 800, 1600])), 4)
    1.2294
    """
    use = straight_m > 0
    total = float(straight_m[use].sum())
    return float(length_m[use].sum() / total) if total > 0 else float("nan")


def connectivity(nodes: int, edges: int, components: int = 1) -> dict[str, float]:
    """
    Compute the classical indices of how well a network hangs together.

    Parameters
    ----------
    nodes : junctions and dead ends.
    edges : street segments between them.
    components : connected parts.

    Returns
    -------
    beta (links per node), gamma and alpha (share of all possible links and circuits), and
    ``streets_per_node``. NaN where not defined.

    Examples
    --------
    >>> {key: round(value, 3) for key, value in connectivity(9, 12).items()}
    {'beta': 1.333, 'gamma': 0.571, 'alpha': 0.308, 'streets_per_node': 2.667}
    """
    nan = float("nan")
    return {
        "beta": edges / nodes if nodes else nan,
        "gamma": edges / (3 * (nodes - 2)) if nodes > 2 else nan,  # noqa: PLR2004 - planar graph
        "alpha": (edges - nodes + components) / (2 * nodes - 5) if nodes > 2 else nan,  # noqa: PLR2004 - planar graph
        "streets_per_node": 2 * edges / nodes if nodes else nan,
    }


def connectivity_gap(
    beta: NDArray[np.float64] | float,
    dead_end_share: NDArray[np.float64] | float,
    *,
    rules: StreetFormRules | None = None,
) -> NDArray[np.float64]:
    """
    Compute the gap of connectivity: half from links per node, half from dead ends.

    Parameters
    ----------
    beta : links per node. NaN: not known.
    dead_end_share : share of nodes with one street only.
    rules : table ``street_form`` of ``tables/network.toml``; as it stands when None.

    Returns
    -------
    0 to 1.

    Examples
    --------
    >>> connectivity_gap(4 / 3, 0.0).round(4).item()
    0.2222
    """
    rules = network_table()["street_form"] if rules is None else rules
    low = np.clip((rules["beta_good"] - np.asarray(beta)) / rules["beta_span"], 0.0, 1.0)
    blind = (np.asarray(dead_end_share) - rules["dead_end_good"]) / rules["dead_end_span"]
    return np.asarray(0.5 * low + 0.5 * np.clip(blind, 0.0, 1.0))


def _inside_nodes(
    city: CityModel, graph: StreetGraph
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    cell = bin_points(graph.node_x, graph.node_y, grid=city.grid)
    inside = (cell >= 0) & city.inside.ravel()[np.maximum(cell, 0)]
    return cell, inside


def _circuity(city: CityModel, graph: StreetGraph) -> Indicator:
    _, inside = _inside_nodes(city, graph)
    use = inside[graph.tail] & inside[graph.head]
    dx = graph.node_x[graph.tail] - graph.node_x[graph.head]
    dy = graph.node_y[graph.tail] - graph.node_y[graph.head]
    value = circuity(graph.length_m[use], np.hypot(dx, dy)[use])
    fields = with_layers(city, *ROADS)
    if not np.isfinite(value):
        return unassessed("T7", "ratio", "no street lies inside the study area", **fields)
    return Indicator(
        id="T7",
        value=value,
        units="ratio",
        note=indicator_rows()["T7"].citation,
        details={"segments": int(use.sum())},
        **fields,
    )


def _connectivity_note(rules: StreetFormRules, blind_share: float, *, whole: bool) -> str:
    """Say what the value leaves out: dead ends are the other half of the gap."""
    worst = rules["dead_end_good"] + rules["dead_end_span"]
    least = rules["beta_good"] - rules["beta_span"]
    note = (
        f"half of the gap is from links per node: standard {rules['beta_good']:g}, gap 100% at {least:g}; "
        f"half from dead ends, {blind_share:.0%} of the nodes: standard {rules['dead_end_good']:.0%}, "
        f"gap 100% at {worst:.0%}"
    )
    fault = "the network falls apart into pieces, which points to faults in the data"
    return note if whole else f"{fault}; {note}"


def _connectivity(city: CityModel, graph: StreetGraph, standard: Standard) -> Indicator:
    """Links per node of the streets within 500 m of each cell; no street is cut for it."""
    rules, size = graph.table["street_form"], cell_size(city.grid)
    cell, inside = _inside_nodes(city, graph)
    total = city.grid.shape[0] * city.grid.shape[1]
    seen = cell >= 0

    def in_cells(values: NDArray[np.float64]) -> NDArray[np.float64]:
        grid = np.bincount(cell[seen], weights=values[seen], minlength=total)
        return grid.reshape(city.grid.shape)

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return _window_sum(in_cells(values), int(np.ceil(rules["connectivity_m"] / size)))

    nodes = np.round(summed(np.ones(graph.n_nodes)))
    links = summed(graph.degree / 2.0)
    blind = np.round(summed((graph.degree == 1).astype(np.float64)))
    enough = city.inside & (nodes > 2)  # noqa: PLR2004 - fewer nodes say nothing
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(enough, links / nodes, np.nan)
        dead = np.where(enough, blind / nodes, np.nan)
    fields = with_layers(city, *ROADS)
    n = int(inside.sum())
    if n == 0:
        return unassessed("T8", standard.unit, "no street lies inside the study area", **fields)
    edges = float(graph.degree[inside].sum() / 2)
    shares = graph.component_m / graph.component_m.sum()
    gap = connectivity_gap(beta, dead, rules=rules)
    blind_share = float((graph.degree[inside] == 1).mean())
    index = connectivity(n, round(edges), len(np.unique(graph.component[inside])))
    return Indicator(
        id="T8",
        value=edges / n,
        units=standard.unit,
        cells=beta,
        gap=gap,
        ratio=(in_cells(graph.degree / 2.0), in_cells(np.ones(graph.n_nodes))),
        area_gap=weighted_mean(gap, city.people.persons),
        note=_connectivity_note(rules, blind_share, whole=shares[0] >= rules["component_bad"]),
        details={
            **index,
            "dead_end_share": blind_share,
            "nodes": n,
            "segments": edges,
            "largest_component_share": float(shares[0]),
            "components": len(shares),
        },
        **fields,
    )
