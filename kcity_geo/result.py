"""
Result: what a study found, from single indicators to ranked sites.

These are the shapes that analysis hands to outputs. They hold data and no logic.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from kcity_geo.citydata import CityData
from kcity_geo.indicators import INDICATOR_SECTORS, INDICATOR_THEMES
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.rules import ReadingLimits, reading_limits
from kcity_geo.studyfile import Study
from kcity_geo.thumbnails import GAP_COLOURS, SCORE_COLOURS, card, picture

__all__ = [
    "LEVELS",
    "LEVEL_TITLES",
    "SECTORS",
    "THEMES",
    "Constraint",
    "Criterion",
    "Dossiers",
    "Gaps",
    "Indicator",
    "Result",
    "Suitability",
    "unassessed",
]

SECTORS = INDICATOR_SECTORS
#: Read apart, in no composite.
THEMES = INDICATOR_THEMES
#: All that has a gap and a reading of its own.
LEVELS = (*SECTORS, *THEMES, "composite")
#: Words for a level whose id with a capital does not say what it is.
_LEVEL_WORDS = {"flood": "Flood-prone land", "composite": "All sectors together"}
LEVEL_TITLES: Mapping[str, str] = {
    level: _LEVEL_WORDS.get(level, level.capitalize()) for level in LEVELS
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Indicator:
    """
    One assessed indicator: a city value, and where it can be told, a value for each cell.

    Parameters
    ----------
    id : key of ``tables/standards.toml`` (``"T1"``), or of ``tables/indicators.toml`` when it is
        reported but not scored.
    value : city value in `units`; population-weighted where it speaks of people. NaN: not assessed.
    units : unit of `value` and `cells`.
    cells : shape (rows, cols), same unit; NaN where not known; None when it has no cell value.
    gap : shape (rows, cols), 0 (standard met) to 1; NaN where not known. None: area-level, the
        same `area_gap` everywhere.
    area_gap : gap of the whole area for indicators without cells; NaN when not assessed.
    ratio : amount and base of each cell, both of shape (rows, cols), when the value is a sum over a
        sum (km of street over km2 of land): a district then divides its own sums.
    of_districts : district id -> value, where it is known of the district as a whole; the others
        have the mean of their cells.
    of_sides : shape (pieces,), value of each piece into which the districts cut the cells
        (`kcity_geo.analysis.settlement.districts.DistrictParts`), where an official number of each
        district speaks; NaN: as of its cell. None: of no piece.
    bounds : lowest and highest value that the data allow, in `units`.
    gap_bounds : lowest and highest gap of each cell that the data allow, both of shape (rows,
        cols); None: those of `bounds`, the same shift everywhere.
    value_error : shape (rows, cols), share by which the value of each cell may be larger or smaller, alike in the
        whole city, also of what the map lacks; None: it states none.
    applies : shape (rows, cols), share of the people of each cell of whom the map is asked (those
        without a tap at home); the others have no gap. None: everybody.
    evidence : observed, modelled, proxy, user or synthetic.
    evidence_cells : shape (rows, cols), evidence of each cell where official numbers speak of some
        cells only; None: `evidence` everywhere.
    trust : highest confidence that may be claimed, 0 to 1, whatever the completeness of the map;
        one number, or of shape (rows, cols).
    n_features : OSM features or table rows used.
    layers : OSM layers the value rests on; their completeness drives the confidence.
    source : inputs in words.
    as_of : date of the inputs.
    note : one line that must be read beside the number ("stop presence only").
    not_assessed : why there is no value and what data would help; empty when there is one.
    details : further numbers by name, for the report and the ledger.
    """

    id: str
    value: float
    units: str
    cells: NDArray[np.float64] | None = None
    gap: NDArray[np.float64] | None = None
    area_gap: float = float("nan")
    ratio: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    of_districts: Mapping[str, float] | None = None
    of_sides: NDArray[np.float64] | None = None
    bounds: tuple[float, float] | None = None
    gap_bounds: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    value_error: NDArray[np.float64] | None = None
    applies: NDArray[np.float64] | None = None
    evidence: str = "observed"
    evidence_cells: NDArray[np.str_] | None = None
    trust: float | NDArray[np.float64] = 1.0
    n_features: int = 0
    layers: tuple[str, ...] = ()
    source: str = ""
    as_of: str = ""
    note: str = ""
    not_assessed: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Gaps:
    """
    The infrastructure gaps of a city.

    Parameters
    ----------
    cells : on the study grid. For each level of `LEVELS` (sectors, themes, ``composite``):
        ``{sector}_gap`` (median of the draws), ``_gap_raw`` (as mapped), ``_gap_lo``, ``_gap_hi``
        (5th and 95th percentile), ``_p_short`` (probability of falling short), ``_evidence`` (all 0
        to 1, NaN: not assessed) and ``_reading`` (uint8, row of ``tables/readings.toml``); for each
        indicator with cells its value under its id (``T1``) and its gap as mapped (``T1_gap``);
        ``mapped_share``, ``population`` and ``urban_class``. Every variable carries attrs as
        `kcity_geo.cube.layer` writes them.
    districts : metric CRS, a row a district: ``district_id, name, population, area_km2,
        worst_sector`` and for each level the same as the cells, with ``_reading`` in
        words, ``_data`` (good, fair, poor), ``_people_<reading>`` (residents by the reading of
        their cell) and ``_people_short`` (who fall short, surely or probably).
    city : index sector (and theme, composite): ``gap, gap_raw, gap_lo, gap_hi, p_short, evidence, data,
        reading, people_<reading>, people_short, assessed_weight, gini``.
    indicators : the indicator rows, unit_id ``"city"`` or a district id: ``indicator, title,
        unit_id, value, value_lo, value_hi, units, standard, worst, gap_raw, gap, gap_lo, gap_hi,
        p_short, data, reading, evidence, n_features, source, as_of, mark, note``.
    assessed : the indicators behind it, not assessed ones included.
    survey_tasks : metric CRS, where field mappers should go first: ``task_id, rank, population,
        people_open, evidence, priority, sector, look_for, district``.
    warnings : what the reader must know.
    limits : from which number which word is said.
    short_draws : level -> shape (draws,), see `kcity_geo.analysis.gaps.parts.Parts`.
    """

    cells: xr.Dataset
    districts: gpd.GeoDataFrame
    city: pd.DataFrame
    indicators: pd.DataFrame
    assessed: tuple[Indicator, ...]
    survey_tasks: gpd.GeoDataFrame
    warnings: tuple[str, ...] = ()
    limits: ReadingLimits = field(default_factory=reading_limits)
    short_draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Say the gap of each sector in one line."""
        told = [
            f"{sector} {row['gap']:.2f} {row['reading']}" for sector, row in self.city.iterrows()
        ]
        return f"Gaps({'; '.join(told)}; {len(self.districts)} districts)"

    def _repr_html_(self) -> str:
        """Show the composite gap in a notebook, or that of the first sector that has one."""
        names = [f"{level}_gap" for level in ("composite", *SECTORS)]
        known = [n for n in names if n in self.cells and np.isfinite(self.cells[n]).any()]
        values = self.cells[(known or names)[0]].to_numpy()
        return card(repr(self), picture(values, GAP_COLOURS, low=0.0, high=1.0))

    def explain(self, place: str = "city") -> str:
        """
        Tell how a place came to its readings: `kcity_geo.outputs.explain.explain`.

        Parameters
        ----------
        place : id of a cell (``"x12_y7"``), id or name of a district, or ``"city"``.

        Returns
        -------
        Lines of text.

        Raises
        ------
        StudyError
            If there is no such place.
        """
        # The words are made by the outputs, which stand above this module.
        told: str = importlib.import_module("kcity_geo.outputs.explain").explain(self, place)
        return told


@dataclass(frozen=True, kw_only=True, eq=False)
class Criterion:
    """
    One criterion of a suitability profile on the grid.

    Parameters
    ----------
    id, title, units : for people.
    values : shape (rows, cols), in `units`; NaN where not known.
    utility : shape (rows, cols), 0 (unsuitable) to 1.
    weight_stated : as in the profile or study file, scaled so that all stated weights add to 1.
    weight_used : after missing criteria were dropped; those used add to 1.
    value_function : in words, for example ``"lin_dec [2, 15]"``.
    function, parameters : the same for a machine.
    phrase : what it says of a site, with ``{value}`` and ``{utility}`` in it.
    full_score : values that get a utility of 1, in `units`: ``"up to 2"``; empty where no single
        range does.
    evidence : observed, modelled, proxy, user or synthetic.
    mark, citation : of the value function.
    note : for people.
    """

    id: str
    title: str
    units: str
    values: NDArray[np.float64]
    utility: NDArray[np.float64]
    weight_stated: float
    weight_used: float
    value_function: str
    function: str = ""
    parameters: Any = ()
    phrase: str = ""
    full_score: str = ""
    evidence: str = "observed"
    mark: str = "D"
    citation: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Limited:
    """
    What a constraint compares with its limit in each cell, so that another limit can be tried.

    Parameters
    ----------
    values : shape (rows, cols), in `units`. NaN: no limit excludes the cell by itself.
    units : of values and limit.
    limit : the one in force.
    at_least : True where values below the limit are excluded; False where those above it are.
    always : shape (rows, cols), True where the constraint excludes whatever the limit. None: nowhere.
    """

    values: NDArray[np.float64]
    units: str
    limit: float
    at_least: bool = False
    always: NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Constraint:
    """
    One hard constraint: where building is excluded.

    Parameters
    ----------
    id, title, limit : for people, limit as text ("slope at most 15 %").
    excluded : shape (rows, cols), True where excluded: every cell that the constraint touches.
    unknown : shape (rows, cols), True where its data do not reach; closed to building. None: nowhere.
    area_ha : land of the city that it covers, exactly, whatever the cells; NaN when not applied.
    added_ha : of that, what no constraint before it covers: these add up to the land excluded by all.
    applied : False when its data were missing; then `excluded` is all False and `note` says why.
    mark, citation : of the limit.
    note : why it was not applied, or ``""``.
    limited : what is compared with the limit; None where land is excluded by features and not by a number.
    """

    id: str
    title: str
    limit: str
    excluded: NDArray[np.bool_]
    unknown: NDArray[np.bool_] | None = None
    area_ha: float = float("nan")
    added_ha: float = float("nan")
    applied: bool = True
    mark: str = "D"
    citation: str = ""
    note: str = ""
    limited: Limited | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Suitability:
    """
    How suitable each cell is for one kind of project.

    Parameters
    ----------
    project, title : profile id and its words.
    score : shape (rows, cols), 0 to 1; NaN where excluded, outside the city or unknown.
    criteria : those used, in profile order.
    constraints : all of the profile, applied or not.
    missing : criterion id -> why it was dropped.
    feasible : shape (rows, cols), True where no constraint excludes and the cell lies inside.
    parameters : resolved profile values (min_area_ha, ...).
    warnings : what the reader must know.
    no_ranking : why nothing could be scored or ranked, and what to add; empty when it could. Then `score`
        is NaN everywhere.
    method : ``combination`` and ``weighting`` as in the study file, ``weights`` in words, and for ordered
        weights their ``orness`` and ``tradeoff``.
    best_tenth : shape (rows, cols), share of random weights that put the cell into the best tenth of the
        land open to building; NaN elsewhere. None: nothing was scored.
    asked : keys of ``[suitability]`` of a study file that make this score: ``weights``, ``constraints``,
        ``value_functions``; empty when it is not known.
    known_min : share of the stated weights that a cell must know to have a score.
    missing_weight : criterion of `missing` -> its share of the stated weights; with those used they add to 1.
    before : the score without the scenario of the study, whose areas keep their outlines; None without one.
    """

    project: str
    title: str
    score: NDArray[np.float64]
    criteria: tuple[Criterion, ...]
    constraints: tuple[Constraint, ...]
    missing: Mapping[str, str]
    feasible: NDArray[np.bool_]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    no_ranking: str = ""
    method: Mapping[str, Any] = field(default_factory=dict)
    best_tenth: NDArray[np.float64] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    known_min: float = 0.0
    missing_weight: Mapping[str, float] = field(default_factory=dict)
    before: Suitability | None = None

    def __repr__(self) -> str:
        """Say how much land is open and what is missing in one line."""
        missing = f"; without data: {', '.join(self.missing)}" if self.missing else ""
        missing += f"; {self.no_ranking}" if self.no_ranking else ""
        return (
            f"Suitability({self.title}: {int(self.feasible.sum()):,} cells open to building, "
            f"{len(self.criteria)} criteria{missing})"
        )

    def _repr_html_(self) -> str:
        """Show the score in a notebook; what is excluded is blank."""
        return card(repr(self), picture(self.score, SCORE_COLOURS, low=0.0, high=1.0))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dossiers:
    """
    What a pre-feasibility chapter needs to know of each site.

    Parameters
    ----------
    facts : a row a fact: ``site_id, label, topic, item, title, value, unit, text, basis``; NaN and no text:
        not known, `basis` says why, or somebody must fill it in (topic ``to fill``).
    connections : of `kcity_geo.connect`, a row a site and kind of connection, metric CRS.
    flags : a row a red flag: ``site_id, label, flag``.
    """

    facts: pd.DataFrame
    connections: gpd.GeoDataFrame
    flags: pd.DataFrame

    def __repr__(self) -> str:
        """Say how many sites and flags there are in one line."""
        sites = self.facts["site_id"].nunique()
        return f"Dossiers({sites} sites; {len(self.facts)} facts; {len(self.flags)} red flags)"

    def warnings(self) -> dict[str, tuple[str, ...]]:
        """
        Give the red flags of each site that has any.

        Returns
        -------
        By ``site_id``, in English.
        """
        found = self.flags.groupby("site_id", sort=False)["flag"]
        return {str(site): tuple(words) for site, words in found}

    def wide(self) -> pd.DataFrame:
        """
        Give the numbers and words of each site in one row.

        Returns
        -------
        Index ``site_id``, a column an item; with ``red_flags`` parted by ``"; "``.
        """
        facts = self.facts.assign(shown=self.facts["value"].astype(object))
        words = (facts["unit"] == "") & (facts["text"] != "")
        facts.loc[words, "shown"] = facts.loc[words, "text"]
        order = facts["item"].drop_duplicates().tolist()
        table = facts.pivot_table(
            index="site_id",
            columns="item",
            values="shown",
            aggfunc="first",
            dropna=False,
            sort=False,
        )
        flags = pd.Series(
            {site: "; ".join(words) for site, words in self.warnings().items()}, dtype=object
        )
        table = table.reindex(columns=order).reindex(facts["site_id"].drop_duplicates())
        return table.assign(red_flags=flags.reindex(table.index).fillna(""))


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """
    A finished study, ready to be saved.

    Parameters
    ----------
    study : as it was resolved.
    data, gaps, score : the steps of the study.
    sites : metric CRS, best first: ``site_id, rank, score, mean_score, area_ha, reasons,
        concerns, ...``; see `kcity_geo.analysis.sites.rank.rank_sites` (columns without data are NaN).
    timings : stage -> seconds.
    dossiers : of the sites, or None.
    plan : of the best site, as `kcity_geo.planning.sheets.plan_sheets` gives it; None: no plan was asked for.
    """

    study: Study
    data: CityData
    gaps: Gaps
    score: Suitability
    sites: gpd.GeoDataFrame
    timings: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    dossiers: Dossiers | None = field(default=None, kw_only=True)
    plan: PlanSheets | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        """Say what was found in one line."""
        return (
            f"Result({self.data.city.name}: {self.gaps!r}; {self.score!r}; {len(self.sites)} sites)"
        )


def assessable(indicator: str, units: str, **fields: Any) -> Indicator:  # noqa: ANN401 - fields of Indicator
    """
    Make the row of an indicator that has all it needs and was not computed, for a check.

    Parameters
    ----------
    indicator : its id.
    units : unit of its value.
    **fields : further fields of `kcity_geo.result.Indicator`.

    Returns
    -------
    Row with value NaN that is not "not assessed".

    Examples
    --------
    >>> assessable("T4", "km/km2", layers=("roads_drive",)).not_assessed
    ''
    """
    return Indicator(id=indicator, value=float("nan"), units=units, **fields)


def unassessed(indicator: str, units: str, reason: str, **fields: Any) -> Indicator:  # noqa: ANN401 - fields of Indicator
    """
    Make the row of an indicator that cannot be assessed.

    Parameters
    ----------
    indicator : its id.
    units : unit of the value that is not there.
    reason : why, and what data would help, one line.
    **fields : further fields of `kcity_geo.result.Indicator`.

    Returns
    -------
    Row with value NaN.
    """
    return Indicator(id=indicator, value=float("nan"), units=units, not_assessed=reason, **fields)
