"""
Curve: what does it cost to bring a network to those who have none, and how many does each sum reach?

From the streets beside what exists, along streets, to groups of people who fall short, as the cheapest tree;
its branches are built in the order of people a cost. Capital against people, so that somebody can say where
to stop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.connections.ground import ground_of
from kcity_geo.analysis.gaps.assessed import raw_gap
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import cell_centres
from kcity_geo.errors import StudyError
from kcity_geo.planning.cost_table import PriceBasis, cost_rows, price_basis, unit_price
from kcity_geo.planning.networks.rooted import build_order
from kcity_geo.planning.networks.route import route_of
from kcity_geo.planning.networks.steiner import cost_graph_of, steiner_tree
from kcity_geo.result import Indicator
from kcity_geo.rules import reading_limits

__all__ = ["CurveOptions", "ExtensionCurve", "extension_curve"]

_KM = {"km": 0.001, "m": 1.0}


@dataclass(frozen=True, kw_only=True)
class CurveOptions:
    """
    Choices of a curve that have a default.

    Parameters
    ----------
    indicator : that says who falls short; empty: that of ``tables/networks.toml``.
    row : unit cost of a metre or km; empty: that of ``tables/networks.toml``.
    most_per_person : branches that cost more a person are not built.
    basis : money, year and place.
    """

    indicator: str = ""
    row: str = ""
    most_per_person: float = math.inf
    basis: PriceBasis | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ExtensionCurve:
    """
    Capital against people served.

    Parameters
    ----------
    utility, indicator : what is extended, and who falls short.
    steps : a row a step, cheapest a person first: ``step, persons, cost, cost_per_person`` of the step,
        ``persons_served, capital, capital_low, capital_high`` so far, ``persons_left`` without.
    lines : metric CRS, streets of each step: ``step, length_m, cost``.
    beside : persons who fall short at a street beside what exists; they need no new line.
    not_reached : persons who fall short and to whom no street leads, or whose group was too small.
    words : how near the tree is to the cheapest.
    """

    utility: str
    indicator: str
    steps: pd.DataFrame
    lines: gpd.GeoDataFrame
    beside: float
    not_reached: float
    words: str

    def __repr__(self) -> str:
        """Say the ends of the curve in one line."""
        if not len(self.steps):
            return f"ExtensionCurve({self.utility}: nobody is reached; {self.words})"
        last = self.steps.iloc[-1]
        return (
            f"ExtensionCurve({self.utility}: {last['persons_served']:,.0f} persons for "
            f"{last['capital'] / 1e6:,.1f} M in {len(self.steps)} steps; {self.words})"
        )


def extension_curve(
    city: CityData | CityModel, utility: str, *, options: CurveOptions | None = None
) -> ExtensionCurve:
    """
    Work out what it costs to bring a network to those who fall short.

    Parameters
    ----------
    city : its data or its model.
    utility : road, water, sewer or power.
    options : choices that have a default.

    Returns
    -------
    The curve: capital rises with people, and each further person costs more than the one before.

    Raises
    ------
    StudyError
        If the utility or indicator is not known, says nothing of cells, or nothing is mapped to begin at.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy, toy_layer
    >>> streets = toy_layer([{"highway": "residential"}], [shapely.LineString([(50, 2050), (3950, 2050)])])
    >>> layers = {"roads_drive": streets, "roads_walk": streets,
    ...           "water_point": toy_layer([{"amenity": "drinking_water"}], [shapely.Point(60, 2050)]),
    ...           "water_plant": toy_layer([{}], [shapely.Point(60, 2050)])}
    >>> city = make_toy(arrays={"population": 10.0}, layers=layers)
    >>> found = extension_curve(city, "water")
    >>> bool((found.steps["cost_per_person"].diff().dropna() >= -1e-9).all())
    True
    """
    chosen, model = options or CurveOptions(), model_of(city)
    if not chosen.most_per_person > 0:
        raise StudyError(
            f"most_per_person = {chosen.most_per_person!r}: give a cost above 0, or leave it out"
        )
    table = read_table("networks")
    rule = table["utility"].get(utility, {})
    if "row" not in rule:
        known = ", ".join(n for n, one in table["utility"].items() if "row" in one)
        raise StudyError(f"extension_curve: utility {utility!r}; give one of {known}")
    name = chosen.indicator or str(rule["indicator"])
    short = _short_of(model, name)
    graph = model.graph("street")
    begin = _begin(model, graph, [str(one) for one in rule["layers"]], rule.get("highway"))
    groups = _groups(model, graph, short)
    price = _prices(chosen, str(rule["row"]))
    every = float(short.sum())
    return _curve((utility, name, every), model, graph, (begin, groups), price, chosen)


def _short_of(model: CityModel, name: str) -> NDArray[np.float64]:
    """Persons of each cell who fall short of an indicator."""
    standard = model.standards.get(name)
    if standard is None:
        known = ", ".join(sorted(model.standards))
        raise StudyError(f"extension_curve: no indicator {name!r}; known are {known}")
    rows: dict[str, Indicator] = {one.id: one for one in assess_rows(model, standard.sector)}
    found = rows.get(name)
    if found is None or found.not_assessed or (found.cells is None and found.gap is None):
        why = found.not_assessed if found is not None else ""
        raise StudyError(
            f"extension_curve: {name} says nothing of single places{': ' if why else ''}{why}; give another indicator"
        )
    gap = raw_gap(found, standard, model.inside)
    limit = reading_limits(model.rules("readings")).short
    return np.where(np.nan_to_num(gap) >= limit, model.people.persons, 0.0)


def _begin(
    model: CityModel, graph: StreetGraph, layers: list[str], highway: list[str] | None
) -> NDArray[np.bool_]:
    """Nodes of streets beside what exists."""
    shapes: list[shapely.Geometry] = []
    for name in layers:
        frame = model.layer(name)
        if frame is not None:
            kept = frame[frame["highway"].isin(highway)] if highway else frame
            shapes += list(kept.geometry.to_numpy())
    if not shapes or graph.n_nodes == 0:
        raise StudyError(
            f"extension_curve: none of {', '.join(layers)} is mapped, or no street; there is nothing to begin at"
        )
    spots = np.asarray(shapely.points(graph.node_x, graph.node_y), dtype=object)
    beside = float(read_table("networks")["curve"]["beside_m"])
    pairs = shapely.STRtree(spots).query(np.array(shapes), predicate="dwithin", distance=beside)
    found = np.zeros(graph.n_nodes, dtype=bool)
    found[pairs[1]] = True
    for shape in shapes if not found.any() else []:  # a works apart from every street
        found[int(np.argmin(shapely.distance(spots, shape)))] = True
    return found


def _groups(model: CityModel, graph: StreetGraph, short: NDArray[np.float64]) -> pd.DataFrame:
    """Put groups of people who fall short at an end of the street nearest to their middle."""
    rule = read_table("networks")["curve"]
    side = float(rule["cluster_m"])
    x, y = cell_centres(model.grid)
    cells = pd.DataFrame({"x": np.ravel(x), "y": np.ravel(y), "persons": np.ravel(short)})
    cells = cells[cells["persons"] > 0]
    if not len(cells):
        return pd.DataFrame({"node": np.zeros(0, np.int64), "persons": np.zeros(0)})
    square = [np.floor(cells[axis] / side).astype(np.int64) for axis in ("x", "y")]
    weighted = cells.assign(x=cells["x"] * cells["persons"], y=cells["y"] * cells["persons"])
    sums = weighted.groupby([s.to_numpy() for s in square], sort=True)[["x", "y", "persons"]].sum()
    spots = shapely.points(sums["x"] / sums["persons"], sums["y"] / sums["persons"])
    spots = np.asarray(spots, dtype=object)
    street = shapely.STRtree(graph.geometry).nearest(spots)
    far = shapely.distance(spots, graph.geometry[street])
    ends = np.c_[graph.tail[street], graph.head[street]]
    middle = shapely.get_coordinates(spots)
    way = np.hypot(graph.node_x[ends].T - middle[:, 0], graph.node_y[ends].T - middle[:, 1])
    near = ends[np.arange(len(ends)), np.argmin(way, axis=0)]
    found = pd.DataFrame({"node": near, "persons": sums["persons"].to_numpy(), "far": far})
    near_enough = found[found["far"] <= side]
    found = near_enough.groupby("node")[["persons"]].sum().reset_index()
    found = found.sort_values(["persons", "node"], ascending=[False, True], kind="stable")
    return found.head(int(rule["clusters_most"])).reset_index(drop=True)


def _prices(chosen: CurveOptions, row: str) -> tuple[float, float, float]:
    rows = cost_rows()
    name = chosen.row or row
    if name not in rows:
        raise StudyError(f"extension_curve: no cost row {name!r}; see tables/costs.toml")
    found = rows[name]
    if found.unit not in _KM:
        raise StudyError(f"extension_curve: {name} is priced by {found.unit}, not by length")
    factor = unit_price(found, chosen.basis or price_basis()) * _KM[found.unit]
    return found.value * factor, found.low * factor, found.high * factor


def _curve(
    asked: tuple[str, str, float],
    model: CityModel,
    graph: StreetGraph,
    places: tuple[NDArray[np.bool_], pd.DataFrame],
    price: tuple[float, float, float],
    chosen: CurveOptions,
) -> ExtensionCurve:
    (utility, indicator, every), (begin, groups) = asked, places
    # All that exists is one place, number 0.
    number = np.where(begin, 0, 1 + np.cumsum(~begin) - 1)
    tail, head = number[graph.tail], number[graph.head]
    kept = np.flatnonzero((tail != head) & (graph.length_m > 0))
    metres = graph.length_m[kept] * _terrain(model, graph, kept)
    net = cost_graph_of(int(number.max()) + 1, tail[kept], head[kept], metres * price[0])
    served = np.zeros(net.n_nodes)
    np.add.at(served, number[groups["node"].to_numpy(dtype=np.int64)], groups["persons"].to_numpy())
    beside, served[0] = float(served[0]), 0.0
    ends = np.flatnonzero(served > 0)
    tree = steiner_tree(net, np.r_[0, ends])
    served[list(tree.unreached)] = 0.0
    pairs = np.c_[net.tail[tree.edges], net.head[tree.edges]]
    flat = np.arange(net.n_nodes, dtype=np.float64)
    route = route_of((flat, flat, flat), pairs, net.cost[tree.edges], root=0, load=served)
    persons = route.load * served.sum()
    order = build_order(route.parent.tolist(), route.length_m.tolist(), persons.tolist())
    link = {
        frozenset(pair): int(edge)
        for pair, edge in zip(pairs.tolist(), tree.edges.tolist(), strict=True)
    }
    place = route.x.astype(np.int64)
    rows, lines = [], []
    total = reached = 0.0
    for step, one in enumerate(order, start=1):
        if one.cost / one.persons > chosen.most_per_person:
            break
        total, reached = total + one.cost, reached + one.persons
        rows.append(
            {
                "step": step,
                "persons": one.persons,
                "cost": one.cost,
                "cost_per_person": one.cost / one.persons,
                "persons_served": reached,
                "capital": total,
                "capital_low": total * price[1] / price[0],
                "capital_high": total * price[2] / price[0],
                "persons_left": every - beside - reached,
            }
        )
        for at in one.places:
            edge = link[frozenset((int(place[at]), int(place[route.parent[at]])))]
            street = int(kept[edge])
            lines.append((step, graph.length_m[street], net.cost[edge], graph.geometry[street]))
    columns = [
        "step", "persons", "cost", "cost_per_person", "persons_served", "capital", "capital_low", "capital_high",
        "persons_left",
    ]  # fmt: skip
    drawn = pd.DataFrame(lines, columns=["step", "length_m", "cost", "geometry"])
    return ExtensionCurve(
        utility=utility,
        indicator=indicator,
        steps=pd.DataFrame(rows, columns=columns),
        lines=gpd.GeoDataFrame(drawn, geometry="geometry", crs=graph.crs),
        beside=beside,
        not_reached=every - beside - float(served.sum()),
        words=tree.words,
    )


def _terrain(model: CityModel, graph: StreetGraph, kept: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much dearer a metre is in the cell of the middle of each street."""
    ground = model.once(ground_of)
    spots = shapely.get_coordinates(
        shapely.line_interpolate_point(graph.geometry[kept], 0.5, normalized=True)
    )
    box = ground.grid.boundingbox
    rows, columns = ground.factor.shape
    column = np.clip(np.floor((spots[:, 0] - box.left) / ground.cell_m), 0, columns - 1)
    row = np.clip(np.floor((box.top - spots[:, 1]) / ground.cell_m), 0, rows - 1)
    factor = ground.factor[row.astype(np.int64), column.astype(np.int64)]
    return np.where(np.isfinite(factor), factor, 1.0)
