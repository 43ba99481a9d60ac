"""
Scenario: a city with edits, what they change for its people, and what each newly served person costs.

Nothing is ever changed in place: an edit gives another scenario, which computes again only what read the
layers that were edited, and takes back nothing of the one before. What it says is, to the last bit, what a
full run on the edited data says.
"""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.evidence.filtered import withheld
from kcity_geo.analysis.gaps.assessed import raw_gap
from kcity_geo.analysis.gaps.change import moved_people
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.sectors import readings_of_cells
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.garbage import among_new
from kcity_geo.indicators import INDICATOR_SECTORS
from kcity_geo.planning.assumptions import assumptions_of
from kcity_geo.planning.cost import CostEstimate, Quantity, estimate
from kcity_geo.planning.cost_table import CostRow, PriceBasis, cost_rows, price_basis
from kcity_geo.planning.scenario.roads import ROAD_LAYERS, with_road
from kcity_geo.planning.scenario.rows import (
    checksum,
    facility_columns,
    metric_shape,
    new_id,
    with_landuse,
    with_row,
)
from kcity_geo.planning.scenario.served import cost_of_served, require_cost
from kcity_geo.result import Gaps, Indicator
from kcity_geo.rules import reading_limits
from kcity_geo.studyfile import Study

__all__ = ["Edit", "Scenario", "scenario"]

_STATES = ("enough", "short", "not known")
_KM = 0.001


@dataclass(frozen=True, kw_only=True)
class Edit:
    """
    One change of a city.

    Parameters
    ----------
    words : what was done.
    layers : that were edited.
    works : what is priced; empty: nobody said what it costs.
    rows : unit costs that the user gave for it.
    """

    words: str
    layers: tuple[str, ...]
    works: tuple[Quantity, ...] = ()
    rows: tuple[CostRow, ...] = field(default=(), repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Scenario:
    """
    A city with edits; an edit gives another scenario.

    Parameters
    ----------
    model : of the edited city.
    edits : from the first to the last.
    before : the scenario without the last edit; None: the city as it is.
    basis : money, year and place of costs.
    """

    model: CityModel
    edits: tuple[Edit, ...] = ()
    before: Scenario | None = None
    basis: PriceBasis = field(default_factory=price_basis)

    def __repr__(self) -> str:
        """Say what was done, in one line."""
        done = "; ".join(edit.words for edit in self.edits) or "nothing changed"
        return f"Scenario({self.model.city.name}: {done})"

    # Edits.

    def add_road(
        self,
        line: Any,  # noqa: ANN401 - whatever the user drew
        *,
        highway: str = "residential",
        snap_m: float | None = None,
        cost: tuple[float, float, float] | None = None,
    ) -> Scenario:
        """
        Build a road.

        Parameters
        ----------
        line : two points or more, metres of the city's CRS; a LineString, or a GeoSeries with one in any
            CRS. Its ends are moved to the streets near them, and it joins every street that it meets on
            the ground.
        highway : class of the road.
        snap_m : an end is moved to a street that is not farther; as in ``tables/scenario.toml`` when
            None.
        cost : low, median and high of the works alone, in the currency of the basis; `cost()` adds
            engineering and contingency. None: by its length and class.

        Returns
        -------
        The scenario with the road.

        Raises
        ------
        StudyError
            If it is no line, meets no street, or nobody may use it.
        """
        shape = metric_shape(line, self.model.city.crs, what="add_road")
        if not isinstance(shape, shapely.LineString):
            raise StudyError(f"add_road: {shape.geom_type} is no line; give two points or more")
        snap = float(read_table("scenario")["road"]["snap_m"]) if snap_m is None else snap_m
        found = {name: self.model.layers[name] for name in ROAD_LAYERS if name in self.model.layers}
        changed, road = with_road(found, shape, highway=highway, snap_m=snap)
        inside = shapely.intersection(shape, self.model.city.boundary_metric).length
        if inside < shape.length / 2:
            raise StudyError(
                f"add_road: {shape.length - inside:,.0f} of {shape.length:,.0f} m lie outside "
                f"{self.model.city.name}; give metres of {self.model.city.crs.name}"
            )
        row = read_table("scenario")["road"]["row"].get(highway, "")
        words = f"road of {road.length:,.0f} m ({highway})"
        works: tuple[Quantity, ...] = ()
        if row:
            works = (Quantity(row=row, amount=road.length * _KM, unit="km", phase=1, why=words),)
        return self._next(changed, self._edit(words, changed, works, cost))

    def add_facility(
        self,
        layer: str,
        place: Any,  # noqa: ANN401 - whatever the user drew
        *,
        tags: Mapping[str, str] | None = None,
        cost: tuple[float, float, float] | None = None,
    ) -> Scenario:
        """
        Build a facility.

        Parameters
        ----------
        layer : of the map, such as ``"health"``, ``"school"``, ``"transit_low"`` or ``"water_point"``.
        place : x and y in metres of the city's CRS; a point or outline, or a GeoSeries with one in any CRS.
        tags : column -> value, beside and above those of ``tables/scenario.toml``.
        cost : low, median and high of the works alone, in the currency of the basis; `cost()` adds
            engineering and contingency. None: not known.

        Returns
        -------
        The scenario with the facility.

        Raises
        ------
        StudyError
            If there is no such layer or column, or the place lies outside the study area.
        """
        if layer not in self.model.layers:
            known = sorted(set(self.model.layers) - set(ROAD_LAYERS))
            near = difflib.get_close_matches(layer, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise StudyError(f"add_facility: no layer {layer!r}; {hint}")
        if layer in ROAD_LAYERS:
            raise StudyError(f"add_facility: {layer} holds streets; use add_road")
        shape = metric_shape(place, self.model.city.crs, what="add_facility")
        if not shapely.intersects(shape, self.model.city.boundary_metric):
            raise StudyError(f"add_facility: {shape.wkt[:60]} lies outside {self.model.city.name}")
        frame = self.model.layers[layer]
        values: dict[str, object] = {"osm_id": new_id({layer: frame})}
        values |= {k: v for k, v in facility_columns(layer).items() if k in frame}
        values |= dict(tags or {})
        kind = next((str(v) for k, v in values.items() if k != "osm_id"), "")
        more = {"osm_type": "node" if shape.geom_type == "Point" else "way", "kind": kind}
        values = {k: v for k, v in more.items() if k in frame} | values
        changed = {layer: with_row(frame, shape, values)}
        return self._next(changed, self._edit(f"{layer} ({kind or 'new'})", changed, (), cost))

    def set_landuse(
        self,
        area: Any,  # noqa: ANN401 - whatever the user drew
        landuse: str,
        *,
        cost: tuple[float, float, float] | None = None,
    ) -> Scenario:
        """
        Give an area another use of land.

        Parameters
        ----------
        area : polygon in the city's CRS, or a GeoSeries with one in any CRS.
        landuse : such as ``"residential"`` or ``"industrial"``.
        cost : low, median and high of the works alone, in the currency of the basis; `cost()` adds
            engineering and contingency. None: not known.

        Returns
        -------
        The scenario with the new use. People and buildings stay as they are.

        Raises
        ------
        StudyError
            If it is no polygon, lies outside the study area, or nobody knows that use.
        """
        shape = metric_shape(area, self.model.city.crs, what="set_landuse")
        known = read_table("scenario")["landuse"]["known"]
        if landuse not in known:
            near = difflib.get_close_matches(str(landuse), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise StudyError(f"set_landuse: no use of land {landuse!r}; {hint}")
        if not shapely.intersects(shape, self.model.city.boundary_metric):
            raise StudyError(f"set_landuse: the area lies outside {self.model.city.name}")
        changed = {"landuse": with_landuse(self.model.layers["landuse"], shape, landuse)}
        words = f"{shape.area / 10_000:,.1f} ha of {landuse}"
        return self._next(changed, self._edit(words, changed, (), cost))

    def undo(self) -> Scenario:
        """
        Take back the last edit.

        Returns
        -------
        The scenario before it, the very same object with all that it knows.

        Raises
        ------
        StudyError
            If there is no edit.
        """
        if self.before is None:
            raise StudyError("undo: there is no edit to take back")
        return self.before

    def _edit(
        self,
        words: str,
        changed: Mapping[str, gpd.GeoDataFrame],
        works: tuple[Quantity, ...],
        cost: tuple[float, float, float] | None,
    ) -> Edit:
        rows: tuple[CostRow, ...] = ()
        if cost is not None:
            require_cost(cost)
            name = f"edit_{len(self.edits) + 1}"
            given = {
                "id": name, "title": words, "sector": "edit", "low": cost[0], "value": cost[1], "high": cost[2],
                "unit": "unit", "currency": self.basis.currency, "price_year": self.basis.price_year,
                "country_scope": "own", "source": "given with the edit", "tradable_share": 1.0,
            }  # fmt: skip
            rows = (cost_rows([given])[name],)
            works = (Quantity(row=name, amount=1.0, unit="unit", phase=1, why=words),)
        return Edit(words=words, layers=tuple(sorted(changed)), works=works, rows=rows)

    def _next(self, changed: Mapping[str, gpd.GeoDataFrame], edit: Edit) -> Scenario:
        return Scenario(
            model=self.model.changed(layers=changed, today=self.start.model.data),
            edits=(*self.edits, edit),
            before=self,
            basis=self.basis,
        )

    # What it says.

    @property
    def data(self) -> CityData:
        """The edited data by themselves, for a full run: `kcity_geo.assess_gaps` of them."""
        return replace(self.model.data)

    @property
    def start(self) -> Scenario:
        """The city as it is."""
        return self if self.before is None else self.before.start

    @cached_property
    def fingerprint(self) -> str:
        """Checksum of all layers: the same for the same features, whatever led to them."""
        total = hashlib.sha256()
        for name in sorted(self.model.data.layers):
            total.update(name.encode())
            total.update(checksum(self.model.data.layers[name]))
        return total.hexdigest()

    @cached_property
    def indicators(self) -> tuple[Indicator, ...]:
        """The indicators of the edited city as mapped; those that read no edited layer are the same objects."""
        return self._assessed(None)

    @cached_property
    def scored(self) -> tuple[Indicator, ...]:
        """Those of them that have a standard, with what comes along: all that is asked for people as mapped."""
        return self._assessed(frozenset(self.model.standards))

    def _assessed(self, asked: frozenset[str] | None) -> tuple[Indicator, ...]:
        found: list[Indicator] = []
        with among_new():
            for sector in INDICATOR_SECTORS:
                found += assess_rows(self.model, sector, asked=asked)
        return tuple(withheld(found, self.model.data))

    @cached_property
    def gaps(self) -> Gaps:
        """The gaps of the edited city, with the chance that the map lacks something."""
        indicators = self.indicators
        with among_new():
            return assess_gaps(self.model, indicators, seed=self._seed)

    @cached_property
    def cell_readings(self) -> dict[str, NDArray[np.uint8]]:
        """Level -> position in the readings of ``tables/readings.toml`` of each cell, as in `gaps`."""
        scored = self.scored
        with among_new():
            return readings_of_cells(self.model, scored, seed=self._seed)

    @cached_property
    def states(self) -> dict[str, tuple[str, NDArray[np.int64]]]:
        """Title and state as mapped of each cell (enough, short, not known by number) by indicator."""
        return _states(self)

    @property
    def _seed(self) -> int:
        return (self.model.study or Study()).study.seed

    def people(self, *, since: Scenario | None = None) -> pd.DataFrame:
        """
        Count who has enough and who falls short, before the edits and after, as mapped.

        Parameters
        ----------
        since : an earlier scenario, before the edits that are asked about; None: the city as it is.

        Returns
        -------
        A row an indicator and way: ``indicator, title, before, after, persons``; before and after are
        enough, short or not known. The persons of an indicator add to the residents.
        """
        earlier = self.start if since is None else since
        persons, inside = self.model.people.persons, self.model.inside
        rows, states = [], earlier.states
        for name, after in self.states.items():
            before = states.get(name)
            if before is None:
                continue
            for one, was in enumerate(_STATES):
                for two, now in enumerate(_STATES):
                    mask = inside & (before[1] == one) & (after[1] == two)
                    total = float(persons[mask].sum())
                    if total > 0:
                        rows.append((name, after[0], was, now, total))
        return pd.DataFrame(rows, columns=["indicator", "title", "before", "after", "persons"])

    def readings(self) -> pd.DataFrame:
        """
        Count how people moved between the readings of each sector, before all edits and after.

        Returns
        -------
        ``level, before, after, persons``, with all that the map may lack drawn in.
        """
        before, after = (
            {level: codes[one.model.inside] for level, codes in one.cell_readings.items()}
            for one in (self.start, self)
        )
        population = self.model.array("population")
        people = np.zeros(self.model.grid.shape) if population is None else population
        return moved_people(before, after, people=np.nan_to_num(people)[self.model.inside])

    def cost(self, *, study_class: str = "concept", seed: int = 0) -> CostEstimate:
        """
        Price the edits.

        Parameters
        ----------
        study_class : concept, master_plan, pre_feasibility or feasibility.
        seed : of the draws.

        Returns
        -------
        The estimate: works, and on all of them, also at your own prices, engineering and contingency of the
        class (in ``lines``, sector "added"). Edits that nobody priced are not in it, see `unpriced`.
        """
        return self._cost_of(self.edits, study_class, seed)

    def _cost_of(
        self, edits: tuple[Edit, ...], study_class: str = "concept", seed: int = 0
    ) -> CostEstimate:
        rows = cost_rows() | {row.id: row for edit in edits for row in edit.rows}
        works = [work for edit in edits for work in edit.works]
        return estimate(works, self.basis, rows=rows, study_class=study_class, seed=seed)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Edits of which nobody said what they cost."""
        return tuple(edit.words for edit in self.edits if not edit.works)

    def per_person(self, *, each: bool = False) -> pd.DataFrame:
        """
        Divide the cost of the edits by the people whom they newly serve.

        Parameters
        ----------
        each : each edit by itself, its own cost and whom it newly serves after those before it; else all together.

        Returns
        -------
        A row an indicator of people that anybody gains from (not the density of streets or junctions):
        ``edit, indicator, title, newly_served, take_up_low, take_up, take_up_high, cost_low, cost, cost_high`` a newly
        served person who takes it up, with engineering and contingency on every price; low is P10 at the highest
        take-up, high P90 at the lowest. `edit` says whose cost it is; NaN while one of them has no price.
        """
        row = assumptions_of().rows["take_up_final_share"]
        if not each:
            words = "; ".join(edit.words for edit in self.edits)
            return cost_of_served(self.people(), self._range_of(self.edits), row, edit=words)
        chain: list[Scenario] = [self]
        while chain[0].before is not None:
            chain.insert(0, chain[0].before)
        found = [
            cost_of_served(
                after.people(since=before), self._range_of(after.edits[-1:]), row,
                edit=after.edits[-1].words,
            )
            for before, after in pairwise(chain)
        ]  # fmt: skip
        return pd.concat(found, ignore_index=True) if found else self.per_person()

    def _range_of(self, edits: tuple[Edit, ...]) -> tuple[float, float, float]:
        """Give P10, P50 and P90 of the cost of some edits; NaN where one has no price."""
        if not edits or not all(edit.works for edit in edits):
            return (math.nan, math.nan, math.nan)
        priced = self._cost_of(edits)
        return priced.p10, priced.p50, priced.p90


def scenario(city: CityData | CityModel, *, basis: PriceBasis | None = None) -> Scenario:
    """
    Start with a city as it is, to see what edits would change.

    Parameters
    ----------
    city : its data or its model.
    basis : money, year and place of costs; None: as in ``tables/costs.toml``.

    Returns
    -------
    The scenario without an edit.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy, toy_layer
    >>> streets = toy_layer([{"highway": "residential"}], [shapely.LineString([(50, 2050), (3950, 2050)])])
    >>> layers = {"roads_drive": streets, "roads_walk": streets}
    >>> city = make_toy(arrays={"population": 10.0}, layers=layers)
    >>> what = scenario(city).add_road([(502_000, 5_002_060), (502_000, 5_003_900)])
    >>> what
    Scenario(Toy: road of 1,850 m (residential))
    >>> what.undo().fingerprint == scenario(city).fingerprint
    True
    """
    model = model_of(city)
    model.keep_pieces()
    return Scenario(model=model, basis=basis or price_basis())


def _states(one: Scenario) -> dict[str, tuple[str, NDArray[np.int64]]]:
    """Title and state of each cell (number in `_STATES`) by indicator that speaks of cells."""
    model = one.model
    limit = reading_limits(model.rules("readings")).short
    found = {}
    for indicator in one.scored:
        standard = model.standards.get(indicator.id)
        if standard is None or (indicator.cells is None and indicator.gap is None):
            continue
        gap = raw_gap(indicator, standard, model.inside)
        state = np.where(np.isnan(gap), 2, np.where(gap >= limit, 1, 0))
        found[indicator.id] = (standard.title, state)
    return found
