"""
Routed networks of a plan: from what exists to the site, and through its streets, sized and priced.

Each network is a tree. Water and fibre may share a trench; sewers and drains run by gravity where they can.
A sketch for costs: no loops, no sequence of storms, no protection of lines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.network.of_city import elevation_sampler
from kcity_geo.config import read_table
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.cost import Quantity
from kcity_geo.planning.demand import Demand
from kcity_geo.planning.layout.sketch import Layout
from kcity_geo.planning.networks.bill import Bill, Laid, Pricing, Stands
from kcity_geo.planning.networks.checks import Checks
from kcity_geo.planning.networks.flow import peak_factor
from kcity_geo.planning.networks.gravity import gravity_sewers
from kcity_geo.planning.networks.outside import WayOutside, way_outside
from kcity_geo.planning.networks.power import feeders, trunk_circuits
from kcity_geo.planning.networks.pressure import MainSizes, water_mains
from kcity_geo.planning.networks.route import Route, route_of
from kcity_geo.planning.networks.steiner import cost_graph_of, steiner_tree
from kcity_geo.planning.networks.streets import (
    SiteStreets,
    ground_at,
    streets_of_layout,
    streets_of_site,
)
from kcity_geo.planning.networks.tables import (
    gravity_rules,
    line_types,
    main_rules,
    pipe_rows,
    utility_title,
)
from kcity_geo.planning.networks.trench import shared_trench

__all__ = ["NetworkTask", "PlanNetworks", "plan_networks"]

_DAY_S = 86_400.0
_MINUTE_S = 60.0
_MM = 1000.0
#: More pipes than these in one trench are told.
_MANY_PIPES = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkTask:
    """
    What networks are routed for.

    Parameters
    ----------
    outline : of the site, metric CRS.
    demand : of the whole plan.
    assumptions : of the plan.
    pricing : how lines are priced.
    layout : drawn streets and blocks; None: not drawn yet.
    phases : shares of the works on the site.
    """

    outline: shapely.Polygon
    demand: Demand
    assumptions: Assumptions
    pricing: Pricing
    layout: Layout | None = None
    phases: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PlanNetworks:
    """
    The networks of a plan.

    Parameters
    ----------
    lines : metric CRS, a row a link: ``utility, from, to, size, size_mm, count`` (pipes or circuits side by
        side), ``length_m, outside, flow`` (m3/s or MW), ``slope, velocity_ms, depth_m, row, cost, low, high,
        currency``.
    points : pumps, boosters and valves with what they cost; where each network begins, without cost.
    works : the same lines and points as quantities for the cost of the plan: with the trunk (phase 0) outside
        the site, by phase inside. They cost what `lines` and `points` cost.
    replaces : rows of a mean length along streets that these works stand for.
    checks : ``utility, rule, limit, worst, unit, met``.
    trench_saving : what water and fibre in one trench save on the site, in `currency`; not taken off.
    water : route and sizes of the water mains; None without.
    notes : what must be read beside it.
    currency : of all prices.
    beyond : networks that are not mapped near the site; what leads to them is not in the cost.
    """

    lines: gpd.GeoDataFrame
    points: gpd.GeoDataFrame
    works: tuple[Quantity, ...]
    replaces: frozenset[str]
    checks: pd.DataFrame
    trench_saving: float
    water: tuple[Route, MainSizes] | None
    notes: tuple[str, ...]
    currency: str = ""
    beyond: tuple[str, ...] = ()

    @property
    def worth(self) -> float:
        """What lines and points cost, without engineering and contingency; part of the cost of the plan."""
        return float(self.lines["cost"].sum() + self.points["cost"].sum())

    def __repr__(self) -> str:
        """Say lengths and cost in one line."""
        km = self.lines.groupby("utility", sort=False)["length_m"].sum() / 1000
        told = ", ".join(f"{name} {value:.1f} km" for name, value in km.items())
        return f"PlanNetworks({told}; works of {self.worth / 1e6:,.0f} M {self.currency})"


def plan_networks(city: CityModel, task: NetworkTask) -> PlanNetworks | None:
    """
    Route, size and price the networks of a plan.

    Parameters
    ----------
    city : its model.
    task : site, demand, assumptions and prices.

    Returns
    -------
    The networks; None where no street is mapped, so that nothing says where they would begin.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy, toy_layer
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> from kcity_geo.planning.cost_table import cost_rows, price_basis
    >>> road = toy_layer([{"highway": "primary"}], [shapely.LineString([(50, 50), (3950, 50)])])
    >>> data = make_toy(layers={"roads_drive": road})
    >>> site = shapely.box(501_000, 5_001_000, 502_000, 5_002_000)
    >>> task = NetworkTask(outline=site, demand=Demand(**dict.fromkeys(Demand.__dataclass_fields__, 10.0)),
    ...     assumptions=assumptions_of(), pricing=Pricing(basis=price_basis(), rows=cost_rows()))
    >>> found = plan_networks(model_of(data), task)
    >>> sorted(found.lines["utility"].unique()), bool(found.checks["met"].all())
    (['fibre', 'power', 'road', 'sewer', 'storm', 'water'], True)
    """
    roads = city.layer("roads_drive")
    if roads is None:
        return None
    return _Routing(city, task).done()


class _Routing:
    """The routing of one plan; lives for one call."""

    def __init__(self, city: CityModel, task: NetworkTask) -> None:
        self.city, self.task = city, task
        self.known = task.assumptions
        dem = city.dem
        self.heights = None if dem is None else elevation_sampler(dem)
        drawn = streets_of_layout(task.layout, self.heights)
        self.streets: SiteStreets = drawn or streets_of_site(task.outline, self.heights)
        self.bill = Bill(task.pricing, city.city.crs)
        self.checks = Checks()
        self.notes: list[str] = ["networks: a sketch for costs, trees without loops; not a design"]
        self.ways: dict[str, WayOutside] = {}
        if dem is None:
            self.notes.append("networks: no elevation; all ground is taken as level")
        if not self.streets.drawn:
            self.notes.append("networks: no street is drawn on the site; a lattice stands for them")

    def done(self) -> PlanNetworks:
        for utility in read_table("networks")["utility"]:
            way = way_outside(self.city, self.task.outline, utility)
            if way is None:
                self.notes.append(
                    f"networks: {utility_title(utility).lower()}: nothing to join is mapped"
                )
                continue
            self.ways[utility] = way
            if not way.known:
                self.notes.append(
                    f"networks: {utility_title(utility).lower()}: none is mapped near the site; it begins at a "
                    "street, and what it costs beyond is not known"
                )
        saving = self._shared()
        water = self._water() if "water" in self.ways else None
        for utility, route in self._routes().items():
            self._gravity(utility, route)
        if "power" in self.ways:
            self._power()
        if "fibre" in self.ways:
            self._fibre()
        if "road" in self.ways:
            self._road()
        lines, points = self.bill.frames()
        return PlanNetworks(
            lines=lines,
            points=points,
            works=self.bill.works(self.task.phases),
            replaces=frozenset(
                row
                for utility, rule in read_table("networks")["utility"].items()
                if utility in self.ways
                for row in rule.get("replaces", ())
            ),
            checks=self.checks.table(),
            trench_saving=saving,
            water=water,
            notes=tuple(self.notes),
            currency=self.task.pricing.basis.currency,
            beyond=tuple(utility_title(u).lower() for u, way in self.ways.items() if not way.known),
        )

    # Where.

    def _entry(self, utility: str) -> int:
        xy = self.ways[utility].xy[-1]
        return self.streets.nearest(float(xy[0]), float(xy[1]))

    def _terminals(self, utility: str) -> NDArray[np.int64]:
        ends = np.flatnonzero(self.streets.load > 0)
        return np.concatenate([[self._entry(utility)], ends]).astype(np.int64)

    def _shared(self) -> float:
        """Lay water and fibre through the streets, together where that is cheaper."""
        price = {"water": "kr_water_main_d200", "fibre": "fibre_route_m"}
        names = [n for n in read_table("networks")["trench"]["shared"] if n in self.ways]
        trench = self.task.pricing.price_m("trench_m")
        self.trees: dict[str, NDArray[np.int64]] = {}
        if not names:
            return 0.0
        own = {n: max(self.task.pricing.price_m(price[n]) - trench, 0.0) for n in names}
        found = shared_trench(
            self.streets.links, {n: self._terminals(n) for n in names}, own, trench_m=trench
        )
        self.trees |= found.links
        for name in names:
            self.notes.append(
                f"networks: {utility_title(name).lower()} on the site: {found.words[name]}"
            )
        return found.saving

    def _tree(self, utility: str) -> NDArray[np.int64]:
        if utility not in self.trees:
            links = self.streets.links
            graph = cost_graph_of(links.n_nodes, links.tail, links.head, links.length_m)
            self.trees[utility] = steiner_tree(graph, self._terminals(utility)).edges
        return self.trees[utility]

    def _downhill(self, utility: str) -> NDArray[np.int64]:
        """Links of the ways to the outlet that climb least."""
        links, z = self.streets.links, self.streets.z
        climb = 1 + 100 * np.maximum(z[links.head] - z[links.tail], 0) / links.length_m
        back = 1 + 100 * np.maximum(z[links.tail] - z[links.head], 0) / links.length_m
        # Searched from the outlet: against the water.
        cost = csr_array(
            (
                np.r_[links.length_m * back, links.length_m * climb],
                (np.r_[links.head, links.tail], np.r_[links.tail, links.head]),
            ),
            shape=(links.n_nodes, links.n_nodes),
        )
        root = self._entry(utility)
        before = dijkstra(cost.T.tocsr(), indices=np.array([root]), return_predecessors=True)[1][0]
        number = {
            (min(a, b), max(a, b)): i
            for i, (a, b) in enumerate(zip(links.tail.tolist(), links.head.tolist(), strict=True))
        }
        used = set()
        for start in np.flatnonzero(self.streets.load > 0).tolist():
            at = start
            while at != root:
                to = int(before[at])
                used.add(number[min(at, to), max(at, to)])
                at = to
        return np.array(sorted(used), dtype=np.int64)

    def _route(self, utility: str, edges: NDArray[np.int64]) -> Route:
        """Hang the links of a tree on the way to the site."""
        way, streets = self.ways[utility].xy, self.streets
        step = float(read_table("networks")["lattice"]["step_m"])
        # A network that begins at the entry has a way of no length.
        way = way[np.r_[True, np.any(np.diff(way, axis=0) != 0, axis=1)][: len(way)]]
        if len(way) > 1:
            way = shapely.get_coordinates(shapely.segmentize(shapely.LineString(way), step))
        out = len(way) if len(way) > 1 else 0
        x, y = np.r_[way[:out, 0], streets.x], np.r_[way[:out, 1], streets.y]
        z = np.r_[ground_at(way[:out], self.heights), streets.z]
        entry = out + self._entry(utility)
        chain = np.c_[np.arange(out), np.r_[np.arange(1, out), entry][:out]]
        links = streets.links
        load = streets.load
        if not len(edges):  # as far as the site and no farther
            load = (np.arange(len(load)) == self._entry(utility)).astype(np.float64)
        inner = np.c_[links.tail[edges], links.head[edges]] + out
        pairs = np.vstack([chain, inner]).astype(np.int64)
        length = np.hypot(x[pairs[:, 0]] - x[pairs[:, 1]], y[pairs[:, 0]] - y[pairs[:, 1]])
        return route_of(
            (x, y, z),
            pairs,
            np.maximum(length, 1e-3),
            root=0 if out else entry,
            load=np.r_[np.zeros(out), load],
            outside=np.r_[np.ones(out, dtype=bool), np.zeros(len(edges), dtype=bool)],
        )

    # What.

    def _begin(self, utility: str, route: Route) -> None:
        self.bill.point(
            utility, route, 0, "", Stands(kind="begins", size=self.ways[utility].source)
        )

    def _water(self) -> tuple[Route, MainSizes]:
        route = self._route("water", self._tree("water"))
        rules, rows = main_rules(self.known), pipe_rows("water")
        need = self.task.demand
        peak = (
            max(need.water_m3_day * self.known["peak_hour_factor"], need.water_max_day_m3) / _DAY_S
        )
        sizes = water_mains(route, peak, rules)
        self._begin("water", route)
        for at, one in zip(range(1, len(route)), sizes.links.to_dict("records"), strict=True):
            told = Laid(
                size=f"DN {one['diameter_m'] * _MM:.0f}",
                size_mm=one["diameter_m"] * _MM,
                count=one["pipes"],
                flow=one["flow_m3_s"],
                velocity_ms=one["velocity_ms"],
            )
            self.bill.line("water", route, at, rows[one["diameter_m"]], told)
            for share in one["stations"]:
                if one["valve"]:
                    valve = Stands(kind="pressure valve", amount=1.0)
                    self.bill.point("water", route, at, "pressure_valve", valve, share=share)
                else:
                    each_kw = one["boost_kw"] / len(one["stations"])
                    self._pump("water", route, at, each_kw, "booster", share=share)
        if sizes.source_kw > 0:
            self._pump("water", route, 0, sizes.source_kw, "pump")
        self.checks.mains(route, sizes, rules)
        return route, sizes

    def _pump(
        self, utility: str, route: Route, at: int, kw: float, kind: str, *, share: float = 1.0
    ) -> None:
        told = Stands(kind=kind, size=f"{kw:.1f} kW", amount=kw)
        self.bill.point(utility, route, at, "pumping_station_kw", told, share=share)

    def _peaks(self, utility: str, route: Route) -> NDArray[np.float64]:
        need = self.task.demand
        if utility == "storm":
            # The basin of the plan holds back the rest before it leaves the site.
            held = need.detention_m3 / (self.known["rain_minutes"] * _MINUTE_S)
            leaves = max(need.storm_water_m3_s - held, 0.0)
            peak = np.where(route.outside, leaves, need.storm_water_m3_s)
            return np.asarray(route.carried * peak)
        rule = read_table("networks")["sewer"]
        mean = route.carried * need.sewage_m3_day / _DAY_S
        people = mean * _DAY_S / float(rule["m3_person_day"])
        most = self.known["sewer_peak_max"]
        factor = np.array(
            [peak_factor(p, formula=rule["peak_formula"], most=most) for p in people.tolist()]
        )
        return np.asarray(mean * (factor + self.known["sewer_infiltration_share"]))

    def _routes(self) -> dict[str, list[Route]]:
        """Give two ways of draining the site for each network that runs by gravity."""
        return {
            utility: [
                self._route(utility, edges)
                for edges in (self._tree(utility), self._downhill(utility))
            ]
            for utility in ("sewer", "storm")
            if utility in self.ways
        }

    def _gravity(self, utility: str, routes: list[Route]) -> None:
        """Size both ways of draining the site and keep the cheaper one."""
        rules = gravity_rules(self.known, utility)
        bills: list[tuple[float, int, Bill, Route, pd.DataFrame]] = []
        for route in routes:
            sizes = gravity_sewers(route, self._peaks(utility, route), rules)
            sizes["flow_m3_s"] = self._peaks(utility, route)[1:]
            bill = Bill(self.task.pricing, self.bill.crs)
            self._drains(utility, route, sizes, bill)
            cost = sum(row["cost"] for row in (*bill.lines, *bill.points))
            bills.append((cost, len(bills), bill, route, sizes))
        _, _, bill, route, sizes = min(bills, key=lambda one: one[:2])
        self._begin(utility, route)
        side_by_side = int(sizes["pipes"].max()) if len(sizes) else 0
        if side_by_side > _MANY_PIPES:
            self.notes.append(
                f"networks: {utility_title(utility).lower()}: up to {side_by_side} of the largest pipe side by "
                "side; an open channel, more basins or more outlets would cost less; no price of a box culvert as "
                "laid was read in a source"
            )
        self.bill.add(bill)
        self.checks.gravity(utility, sizes, rules)

    def _drains(self, utility: str, route: Route, sizes: pd.DataFrame, bill: Bill) -> None:
        rows = pipe_rows("sewer")
        station: dict[int, int] = {}
        power: dict[int, float] = {}
        pressed = sizes["pressed"].to_numpy()
        for at, one in zip(
            range(len(route) - 1, 0, -1), sizes.to_dict("records")[::-1], strict=True
        ):
            depth = (one["depth_start_m"] + one["depth_end_m"]) / 2
            width = one["diameter_m"] + self.known["trench_margin_m"]
            deeper = max(depth - self.known["trench_priced_m"], 0.0)
            told = Laid(
                size=f"DN {one['diameter_m'] * _MM:.0f}" + (", pressed" if one["pressed"] else ""),
                size_mm=one["diameter_m"] * _MM,
                count=one["pipes"],
                flow=one["flow_m3_s"],
                slope=one["slope"],
                velocity_ms=one["velocity_ms"],
                depth_m=max(one["depth_start_m"], one["depth_end_m"]),
                dig_m3=deeper * width * float(route.length_m[at]) * one["pipes"],
            )
            bill.line(utility, route, at, rows[one["diameter_m"]], told)
            if one["pump_kw"] > 0:
                # A main that is pressed on is lifted by the station in which it begins.
                on = [c for c in route.children[at] if c in station and pressed[c - 1]]
                station[at] = station[on[0]] if on and one["pressed"] else at
                power[station[at]] = power.get(station[at], 0.0) + one["pump_kw"]
        for at in sorted(power):
            lifts = Stands(kind="pump", size=f"{power[at]:.1f} kW", amount=power[at])
            bill.point(utility, route, at, "pumping_station_kw", lifts)

    def _power(self) -> None:
        route = self._route("power", self._tree("power"))
        load, factor = self.task.demand.power_mw, self._power_factor()
        limit = self.known["voltage_drop_max"]
        types = line_types()
        out = np.flatnonzero(route.outside)
        km = float(route.length_m[out].sum()) / 1000
        self._begin("power", route)
        trunk_lost = 0.0
        if len(out):
            price = self.task.pricing.price_m
            found = [
                (trunk_circuits(line, load, km, power_factor=factor, drop_max=limit / 2), line)
                for line in types
            ]
            (circuits, trunk_lost), line = min(found, key=lambda f: f[0][0] * price(f[1].row))
            for at in out.tolist():
                told = Laid(size=f"{line.voltage_kv:g} kV", count=circuits, flow=load)
                self.bill.line("power", route, at, line.row, told)
            carry = load / factor / line.most_mva() / (circuits - 1)
            self.checks.at_most(
                "power", "load of the trunk with one circuit out", 1.0, carry, "share"
            )
            self.checks.at_most(
                "power", "voltage lost with one circuit out", limit / 2, trunk_lost, "share"
            )
        inner = route.length_m * ~route.outside
        street = replace(route, length_m=inner)
        sizes = feeders(street, types[0], load, power_factor=factor, drop_max=limit / 2)
        size = f"{types[0].voltage_kv:g} kV"
        for at, one in zip(range(1, len(route)), sizes.to_dict("records"), strict=True):
            if not route.outside[at]:
                told = Laid(size=size, count=one["circuits"], flow=one["load_mw"])
                self.bill.line("power", route, at, types[0].row, told)
        lost = trunk_lost + float(sizes["lost"].max())
        self.checks.at_most("power", "voltage lost up to the last load", limit, lost, "share")

    def _power_factor(self) -> float:
        need = self.task.demand
        return need.power_mw / need.power_mva if need.power_mva > 0 else 1.0

    def _fibre(self) -> None:
        route = self._route("fibre", self._tree("fibre"))
        self._begin("fibre", route)
        for at in range(1, len(route)):
            self.bill.line("fibre", route, at, "fibre_route_m", Laid(size="cable in a duct"))

    def _road(self) -> None:
        """Join the site to the next road; its own streets are in the land of the plan."""
        route = self._route("road", np.zeros(0, dtype=np.int64))
        need = self.task.demand
        wide = need.persons + need.jobs >= self.known["road_four_lane_persons"]
        row, size = ("road_urban_4lane", "4 lanes") if wide else ("road_paved_2lane", "2 lanes")
        self._begin("road", route)
        for at in np.flatnonzero(route.outside).tolist():
            self.bill.line("road", route, at, row, Laid(size=size))
