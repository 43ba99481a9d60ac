"""
Completeness: how much of what is there the map shows, layer by layer and place by place.

OpenStreetMap shows what somebody mapped. This module compares it with what can be expected from
people and from an independent raster of built-up land, and turns that into a confidence for each
group of layers. Everything here only falls, never rises, when features vanish from the map: what
is expected is never learnt from the map itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, optimize

from kcity_geo.analysis.evidence.usable import improved_weight
from kcity_geo.citydata import CityInputs
from kcity_geo.config import read_table
from kcity_geo.cube import area_in_cells, cell_size, count_in_cells, layer, length_in_cells
from kcity_geo.errors import StudyError

__all__ = [
    "READINGS",
    "assess_completeness",
    "confidence",
    "expected_road_m",
    "identification",
    "point_completeness",
    "quantile_fit",
    "road_frontier",
    "saturation_score",
]

#: Identification of a low road length, position = code in ``roads_reading``.
READINGS = (
    "UNRESOLVED",
    "real road gap",
    "data gap",
    "roads mapped, buildings not",
    "mapped and served",
)

_DATES = ("edited", "last_edit", "timestamp")


def confidence(
    geometry: ArrayLike, attributes: ArrayLike, currentness: ArrayLike, agreement: ArrayLike
) -> NDArray[np.float64]:
    """
    Weigh the four parts of confidence.

    Parameters
    ----------
    geometry : completeness of the features, 0 to 1.
    attributes : share with the key attribute, 0 to 1.
    currentness : share edited recently, 0 to 1.
    agreement : agreement with independent evidence, 0 to 1.

    Returns
    -------
    0 to 1, of the common shape; never falls when a part rises.

    Examples
    --------
    >>> round(float(confidence(0.4, 0.3, 0.7, 0.5)), 3)
    0.455
    """
    w = read_table("priors")["confidence"]
    return np.asarray(
        w["geometry"] * np.asarray(geometry, dtype=np.float64)
        + w["attributes"] * np.asarray(attributes, dtype=np.float64)
        + w["currentness"] * np.asarray(currentness, dtype=np.float64)
        + w["agreement"] * np.asarray(agreement, dtype=np.float64)
    )


def saturation_score(saturation: float) -> float:
    """
    Read the saturation of a mapping history as completeness.

    Parameters
    ----------
    saturation : modelled total 36 months ago over the modelled total now. NaN: not known.

    Returns
    -------
    1 above 0.97 (up to 1.3, deletions), 0.6 above 0.30, else 0; 0 when not known.

    Examples
    --------
    >>> saturation_score(9.1 / 9.4)
    0.6
    """
    rule = read_table("priors")["completeness"]["saturation"]
    if not np.isfinite(saturation) or saturation > rule["too_many_deletions"]:
        return float(rule["score_low"])
    if saturation > rule["high"]:
        return float(rule["score_high"])
    return float(rule["score_medium"] if saturation > rule["medium"] else rule["score_low"])


def expected_road_m(
    people: ArrayLike, built_m2: ArrayLike, area_km2: ArrayLike
) -> NDArray[np.float64]:
    """
    Length of street that people and buildings let expect, whatever the map shows.

    Parameters
    ----------
    people : persons; NaN: not known.
    built_m2 : building footprint, m2; NaN: not known.
    area_km2 : land looked at, km2.

    Returns
    -------
    Metres: the larger of 0.15 km * sqrt(people * km2) and 0.05 m for each m2 of building;
    5 km/km2 when neither is known.

    Examples
    --------
    >>> expected_road_m(5000.0, np.nan, 1.0).round(0).item()
    10607.0
    """
    rule = read_table("priors")["completeness"]["roads"]
    p, b = np.asarray(people, dtype=np.float64), np.asarray(built_m2, dtype=np.float64)
    area = np.asarray(area_km2, dtype=np.float64)
    from_people = rule["expected_factor"] * 1000 * np.sqrt(np.maximum(p, 0) * area)
    from_built = rule["built_factor"] * b
    found = np.fmax(from_people, from_built)
    return np.asarray(np.where(np.isnan(found), rule["fallback_km_km2"] * 1000 * area, found))


def identification(roads: ArrayLike, buildings: ArrayLike) -> NDArray[np.uint8]:
    """
    Tell a real road gap from a mapping gap by the buildings, which other eyes have measured.

    Parameters
    ----------
    roads : mapped over expected road length, 0 to 1. NaN: not known.
    buildings : mapped over measured building area, 0 to 1. NaN: no reference.

    Returns
    -------
    Position in `READINGS`; 0 (unresolved) without a building reference.

    Examples
    --------
    >>> READINGS[int(identification(0.2, 0.9))]
    'real road gap'
    """
    limit = read_table("priors")["completeness"]["roads"]["identification"]
    r, b = np.asarray(roads, dtype=np.float64), np.asarray(buildings, dtype=np.float64)
    code = np.where(b >= limit, np.where(r >= limit, 4, 1), np.where(r >= limit, 3, 2))
    return np.asarray(np.where(np.isnan(r) | np.isnan(b), 0, code), dtype=np.uint8)


def point_completeness(
    roads: ArrayLike, ratio: ArrayLike, *, cap: float = 0.5
) -> NDArray[np.float64]:
    """
    Guess the completeness of facilities and utilities, for which there is no reference.

    Parameters
    ----------
    roads : completeness of the roads around, 0 to 1.
    ratio : mapped features over those a planning norm lets expect.
    cap : nobody can claim more without a reference.

    Returns
    -------
    min(cap, roads * min(1, ratio)).

    Examples
    --------
    >>> point_completeness(0.8, 6 / 12).item()
    0.4
    """
    share = np.minimum(1.0, np.asarray(ratio, dtype=np.float64))
    return np.asarray(np.minimum(cap, np.asarray(roads, dtype=np.float64) * share))


def quantile_fit(
    x: NDArray[np.float64], y: NDArray[np.float64], *, quantile: float
) -> NDArray[np.float64]:
    """
    Fit a linear quantile regression exactly, as a linear programme.

    Parameters
    ----------
    x : shape (n, k), the first column usually ones.
    y : shape (n,).
    quantile : 0 to 1; that share of `y` lies at or below the fit.

    Returns
    -------
    Shape (k,), coefficients.

    Raises
    ------
    StudyError
        If the shapes disagree or there are fewer rows than coefficients.

    References
    ----------
    .. [1] Koenker and Bassett (1978). Regression quantiles. Econometrica 46(1), 33-50.

    Examples
    --------
    >>> x = np.ones((5, 1))
    >>> quantile_fit(x, np.array([1.0, 2, 3, 4, 100]), quantile=0.5).round(6).tolist()
    [3.0]
    """
    n, k = x.shape
    if len(y) != n or n < k:
        raise StudyError(f"quantile fit: {n} rows of x, {len(y)} of y, {k} coefficients")
    cost = np.concatenate([np.zeros(k), np.full(n, quantile), np.full(n, 1 - quantile)])
    from scipy import sparse

    eye = sparse.eye_array(n, format="csr")
    equal = sparse.hstack([sparse.csr_array(x), eye, -eye], format="csr")
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    found = optimize.linprog(cost, A_eq=equal, b_eq=y, bounds=bounds, method="highs")
    if found.x is None:
        raise StudyError(f"quantile fit: {found.message}")
    return np.asarray(found.x[:k], dtype=np.float64)


def road_frontier(
    length_m: NDArray[np.float64],
    people: NDArray[np.float64],
    built_m2: NDArray[np.float64],
    urban_class: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """
    Length of street that the better-mapped fifth of similar places has: a second opinion.

    Quantile regression (q = 0.8) of log(1 + km) on log(1 + people) and log(1 + built m2) within
    each settlement class. It is learnt from the map itself: where the whole city is unmapped the
    frontier is low too. Therefore it is reported and does not drive the confidence.

    Parameters
    ----------
    length_m : mapped street length around each cell.
    people, built_m2 : around each cell; NaN: not known, left out of the fit.
    urban_class : settlement class of each cell.

    Returns
    -------
    Metres, shape of `length_m`; NaN in classes with too few cells.
    """
    rule = read_table("priors")["completeness"]["roads"]
    out = np.full(length_m.shape, np.nan)
    columns = [np.ones(length_m.shape)]
    columns += [np.log1p(v) for v in (people, built_m2) if np.isfinite(v).any()]
    design = np.stack(columns, axis=-1)
    usable = np.isfinite(design).all(axis=-1) & (design[..., 1:].sum(axis=-1) > 0)
    for value in np.unique(urban_class[usable]):
        cells = np.flatnonzero(usable & (urban_class == value))
        if len(cells) < rule["min_cells"]:
            continue
        # Evenly spaced in the order of the cells: the same cells on every run.
        sample = cells[np.linspace(0, len(cells) - 1, min(len(cells), 1500)).round().astype(int)]
        x, y = design.reshape(-1, design.shape[-1]), np.log1p(length_m.ravel() / 1000)
        fit = quantile_fit(x[sample], y[sample], quantile=rule["quantile"])
        out.ravel()[cells] = np.maximum(np.expm1(x[cells] @ fit), 0.0) * 1000
    return out


def assess_completeness(
    data: CityInputs, *, parameters: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """
    Assess how complete the map is, for each group of layers and each cell.

    Parameters
    ----------
    data : of the city.
    parameters : ``saturation`` (of the mapping history of roads, see `saturation_score`),
        ``building_bias`` (mapped over reference in places known to be complete; divides the
        building ratio), ``external_roads_m`` (shape (rows, cols), street length from another
        source, taken as expected length).

    Returns
    -------
    On the study grid, for each group of ``tables/priors.toml``: ``{group}_completeness`` and
    ``{group}_confidence``, 0 to 1, NaN outside the city; and ``road_length_m``,
    ``road_expected_m``, ``road_frontier_m``, ``building_ratio`` (all of the neighbourhood),
    ``roads_reading`` (position in `READINGS`). None of the completeness and confidence values rises
    when features are taken away.

    Raises
    ------
    StudyError
        If a parameter does not exist.
    """
    given = dict(parameters or {})
    unknown = set(given) - {"saturation", "building_bias", "external_roads_m"}
    if unknown:
        raise StudyError(f"completeness: no parameter {min(unknown)!r}")
    return _Assessment(data, given).dataset()


class _Assessment:
    """The arrays that several groups share; lives for one call."""

    def __init__(self, data: CityInputs, given: dict[str, Any]) -> None:
        self.data, self.given = data, given
        self.rules = read_table("priors")
        self.cell_m = cell_size(data.grid)
        self.inside = data.inside
        self.windows = self.rules["completeness"]["window"]
        self.people = self._masked(data.array("population"))
        self.built = self._masked(data.array("built_m2"))
        self.variables: dict[str, xr.DataArray] = {}
        self._roads()

    def _masked(self, values: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if values is None:
            return np.full(self.inside.shape, np.nan)
        return np.where(self.inside, values, 0.0)

    def around(self, values: NDArray[np.float64], side_m: float) -> NDArray[np.float64]:
        """Sum over a square window; NaN counts as 0 unless all is NaN."""
        if not np.isfinite(values).any():
            return np.full(values.shape, np.nan)
        cells = max(1, 2 * round((side_m / self.cell_m - 1) / 2) + 1)
        kept = np.where(self.inside, np.nan_to_num(values), 0.0)
        total = ndimage.uniform_filter(kept, cells, mode="constant") * cells**2
        return np.asarray(np.where(total < 1e-6, 0.0, total))  # noqa: PLR2004 - drift of the filter

    def keep(self, name: str, values: NDArray[Any], units: str, title: str) -> None:
        """Store one variable."""
        self.variables[name] = layer(
            values,
            grid=self.data.grid,
            units=units,
            long_name=title,
            source="OpenStreetMap against expectation",
            as_of=self.data.osm_date,
            evidence="modelled",
        )

    def features(self, name: str) -> gpd.GeoDataFrame | None:
        """Give the layer, or None when it is absent or empty."""
        frame = self.data.layers.get(name)
        return None if frame is None or len(frame) == 0 else frame

    def usable(self, name: str) -> gpd.GeoDataFrame | None:
        """Give the features that can serve anybody: of the water points those fit to drink from."""
        frame = self.features(name)
        if frame is None or name != "water_point":
            return frame
        frame = frame[improved_weight(frame, self.data.settings("water")) > 0]
        return frame if len(frame) else None

    def street_m(self, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Length of streets for motor traffic in each cell, of the chosen ones only."""
        frame = self.features("roads_drive")
        if frame is None:
            return np.zeros(self.inside.shape)
        lines = frame.geometry.to_numpy()
        return length_in_cells(lines if chosen is None else lines[chosen], grid=self.data.grid)

    def _roads(self) -> None:
        side = self.windows["roads_m"]
        area = self.around(np.where(self.inside, self.cell_m**2 / 1e6, 0.0), side)
        people, built = self.around(self.people, side), self.around(self.built, side)
        self.road_m = self.around(self.street_m(), side)
        external = self.given.get("external_roads_m")
        self.road_expected_m = (
            expected_road_m(people, built, area)
            if external is None
            else self.around(np.asarray(external, dtype=np.float64), side)
        )
        roads = _share(self.road_m, self.road_expected_m)
        self.building_ratio = self._building_ratio()
        buildings = np.clip(self.building_ratio, 0.0, 1.0)
        s = saturation_score(float(self.given.get("saturation", np.nan)))
        self.roads = np.fmax(np.fmax(roads, buildings), s)
        self.resolved = np.isfinite(buildings) | (s > 0) | (external is not None)
        classes = self.data.array("urban_class")
        group = (
            np.zeros(self.inside.shape, np.uint8)
            if classes is None
            else np.nan_to_num(classes).astype(np.uint8)
        )
        frontier = road_frontier(self.road_m, people, built, np.where(self.inside, group, 255))
        self.keep("road_length_m", self.road_m, "m", "Mapped street length around the cell")
        self.keep("road_expected_m", self.road_expected_m, "m", "Expected street length")
        self.keep("road_frontier_m", frontier, "m", "Street length of well-mapped similar places")
        self.keep("building_ratio", self.building_ratio, "share", "Mapped over measured buildings")
        reading = identification(np.where(self.inside, roads, np.nan), buildings)
        self.keep("roads_reading", reading, "code", "; ".join(READINGS))

    def _building_ratio(self) -> NDArray[np.float64]:
        """Divide mapped by measured footprint around each cell; NaN without a reference."""
        if not np.isfinite(self.built).any():
            return np.full(self.inside.shape, np.nan)
        frame = self.features("building")
        mapped = (
            np.zeros(self.inside.shape)
            if frame is None
            else area_in_cells(frame.geometry.to_numpy(), grid=self.data.grid)
        )
        side, bias = self.windows["buildings_m"], float(self.given.get("building_bias", 1.0))
        reference = self.around(self.built, side)
        # A few square metres of noise in the raster are no reference.
        known = reference >= self.windows["building_reference_m2"]
        ratio = np.full(self.inside.shape, np.nan)
        ratio[known] = self.around(mapped, side)[known] / (reference[known] * bias)
        return ratio

    def agreement(self, group: Mapping[str, Any], present: NDArray[np.float64]) -> NDArray[Any]:
        """Agreement with evidence that does not come from the map, 0 to 1."""
        unknown = self.rules["confidence"]["unknown_agreement"]
        if self.data.official.get(group.get("official", "")) is not None:
            return np.ones(self.inside.shape)
        if group.get("evidence") == "nightlights":
            light = self.data.array("nightlights")
            if light is None:
                return np.full(self.inside.shape, unknown)
            lit = light > self.rules["completeness"]["agreement"]["lit_above"]
            # Darkness agrees with nothing: it may be no grid, or no lamp.
            return np.where(lit, np.minimum(present, 1.0), unknown)
        if group.get("utility", False) or not np.isfinite(self.building_ratio).any():
            return np.full(self.inside.shape, unknown)
        buildings = np.clip(self.building_ratio, 0.0, 1.0)
        return np.where(np.isnan(buildings), unknown, buildings)

    def group(self, name: str, rule: Mapping[str, Any]) -> None:
        """Assess one group and store its completeness and confidence."""
        if rule["kind"] == "fixed":
            value = np.full(self.inside.shape, float(rule["value"]))
            self._store(name, value, value)
            return
        if rule["kind"] in {"roads", "attribute"}:
            geometry, attributes, current = self._streets(rule)
        elif rule["kind"] == "buildings":
            geometry, attributes, current = self._buildings()
        else:
            geometry, attributes, current = self._points(rule)
        present = np.where(geometry > 0, 1.0, 0.0)
        found = confidence(geometry, attributes, current, self.agreement(rule, present))
        limits = self.rules["confidence"]
        if rule.get("utility", False):
            agreed = self.agreement(rule, present) >= limits["corroborated"]
            found = np.where(agreed, found, np.minimum(found, limits["utility_cap"]))
        if rule["kind"] == "roads":
            found = np.where(self.resolved, found, np.minimum(found, limits["unresolved_cap"]))
        self._store(name, geometry, found)

    def _store(self, name: str, geometry: NDArray[Any], found: NDArray[Any]) -> None:
        outside = ~self.inside
        for key, values, title in (
            (f"{name}_completeness", geometry, f"Completeness of {name}"),
            (f"{name}_confidence", found, f"Confidence in {name}"),
        ):
            self.keep(key, np.where(outside, np.nan, values), "share", title)

    def _streets(self, rule: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
        side, frame = self.windows["roads_m"], self.features("roads_drive")
        limits = self.rules["confidence"]
        tagged = np.zeros(self.inside.shape)
        current = limits["unknown_currentness"] * _share(self.road_m, self.road_expected_m)
        if frame is not None:
            has = _has(frame, rule["attribute"])
            tagged = _share(self.around(self.street_m(has), side), self.road_expected_m)
            ages = _recent(frame, rule, self.data.osm_date)
            if ages is not None:
                lines = frame.geometry.to_numpy()
                length = length_in_cells(lines, grid=self.data.grid, weight=ages)
                current = _share(self.around(length, side), self.road_expected_m)
        geometry = tagged if rule["kind"] == "attribute" else self.roads
        return np.nan_to_num(geometry), tagged, current

    def _buildings(self) -> tuple[NDArray[Any], ...]:
        ratio = np.nan_to_num(np.clip(self.building_ratio, 0.0, 1.0))
        limits = self.rules["confidence"]
        return (
            ratio,
            limits["unknown_attributes"] * ratio,
            limits["unknown_currentness"] * ratio,
        )

    def _points(self, rule: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
        """Compare mapped points with a planning norm, drawn towards the whole city where few."""
        mapped, tagged, recent = (np.zeros(self.inside.shape) for _ in range(3))
        dated = False
        for name in rule["layers"]:
            frame = self.usable(name)
            if frame is None:
                continue
            points = frame.geometry.to_numpy()
            mapped += count_in_cells(points, grid=self.data.grid)
            tagged += count_in_cells(
                points[_has(frame, rule.get("attribute"))], grid=self.data.grid
            )
            ages = _recent(frame, rule, self.data.osm_date)
            if ages is not None:
                dated = True
                for share in np.unique(ages[ages > 0]):
                    recent += share * count_in_cells(points[ages == share], grid=self.data.grid)
        expected = self._expected_points(rule)
        ratio = self._window_ratio(mapped, expected)
        limits = self.rules["confidence"]
        attributes = (
            self._window_ratio(tagged, expected)
            if rule.get("attribute")
            else limits["unknown_attributes"] * ratio
        )
        current = (
            self._window_ratio(recent, expected) if dated else limits["unknown_currentness"] * ratio
        )
        # Windows reach into the next district; how well this place is mapped, its roads tell.
        here = np.nan_to_num(self.roads)
        geometry = point_completeness(here, ratio, cap=rule["cap"])
        return geometry, here * attributes, here * current

    def _expected_points(self, rule: Mapping[str, Any]) -> NDArray[np.float64]:
        people = np.nan_to_num(self.people)
        if "urban_persons_each" in rule:
            classes = self.data.array("urban_class")
            urban = np.ones(people.shape, bool) if classes is None else classes >= 2  # noqa: PLR2004
            # Rural places have stops too, but far fewer.
            people = np.where(urban, people, rule["rural_share"] * people)
            return np.asarray(people / rule["urban_persons_each"])
        return np.asarray(people / rule["persons_each"])

    def _window_ratio(
        self, mapped: NDArray[np.float64], expected: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        side, pull = self.windows["points_m"], self.windows["shrinkage"]
        mapped = np.where(self.inside, mapped, 0.0)
        total = float(expected[self.inside].sum())
        whole = min(1.0, float(mapped.sum()) / max(total, 1.0))
        near, norm = self.around(mapped, side), self.around(expected, side)
        return np.asarray(np.minimum(1.0, (near + pull * whole) / (norm + pull)))

    def dataset(self) -> xr.Dataset:
        """Assess all groups."""
        for name, rule in self.rules["group"].items():
            self.group(name, rule)
        return xr.Dataset(self.variables)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part over whole, at most 1; where nothing is expected any mapped length is complete."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.minimum(1.0, part / whole)
    return np.asarray(np.where(whole > 0, share, np.where(part > 0, 1.0, 0.0)))


def _has(frame: gpd.GeoDataFrame, attribute: str | None) -> NDArray[np.bool_]:
    """Tell which features carry the attribute."""
    if attribute is None or attribute not in frame:
        return np.zeros(len(frame), dtype=bool)
    column = frame[attribute]
    known = column.notna()
    if not pd.api.types.is_numeric_dtype(column):
        known &= column.astype(str).str.len() > 0
    return np.asarray(known, dtype=bool)


def _recent(
    frame: gpd.GeoDataFrame, rule: Mapping[str, Any], today: str
) -> NDArray[np.float64] | None:
    """Tell how current each feature is: 1 recently edited, 0.5 older, 0 out of date."""
    column = next((c for c in _DATES if c in frame), None)
    if column is None or not today:
        return None
    now = pd.Timestamp(today)
    now = now.tz_localize("UTC") if now.tzinfo is None else now
    recent = read_table("priors")["completeness"]["currentness"]["recent_months"]
    edited = pd.to_datetime(frame[column], errors="coerce", utc=True)
    months = (now - edited).dt.days.to_numpy(dtype=np.float64, na_value=np.inf) / 30.44
    return np.where(months <= recent, 1.0, np.where(months <= rule["outdated_months"], 0.5, 0.0))
