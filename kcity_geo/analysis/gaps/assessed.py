"""Assessed: single indicators against their standards, with their bounds and their evidence, by rows of the grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.analysis.gaps.rules import scale_prior
from kcity_geo.analysis.gaps.street_form import against
from kcity_geo.analysis.settlement.classes import urban_classes
from kcity_geo.cube import cell_size
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import Indicator
from kcity_geo.rules import reading_limits
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["Assessed", "of_towns", "raw_gap"]

_URBAN = 2
_ALL = slice(None)


def _classes(city: CityModel) -> NDArray[np.uint8]:
    """Give the settlement class of each cell: as read, else told from the people, else unknown."""
    found, people = city.array("urban_class"), city.array("population")
    if found is not None:
        return np.asarray(np.nan_to_num(found), dtype=np.uint8)
    if people is None:
        return np.zeros(city.grid.shape, dtype=np.uint8)
    box = city.grid.boundingbox
    return urban_classes(
        np.maximum(people, 0),
        cell_m=cell_size(city.grid),
        origin=(float(box.left), float(box.top)),
    )


def of_towns(classes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """
    Tell which cells have the weights of towns: urban centres, clusters, and where nobody knows.

    Parameters
    ----------
    classes : 3 urban centre, 2 cluster, 1 rural, 0 not known.

    Returns
    -------
    Shape of `classes`.

    Examples
    --------
    >>> of_towns(np.array([0, 1, 2, 3])).tolist()
    [True, False, True, True]
    """
    return np.asarray((classes >= _URBAN) | (classes == 0))


class Assessed:
    """
    The rules of the gap model for single indicators of one city; lives for one call.

    Parameters
    ----------
    city : its model.
    """

    def __init__(self, city: CityModel) -> None:
        self.city, self.inside = city, city.inside
        self.rules = city.rules("priors")
        self.limits = reading_limits(city.rules("readings"))
        self.classes = city.once(_classes)
        self.mapped = city.once(mapped_share)
        self.urban = of_towns(self.classes)
        self.scaled: dict[str, NDArray[np.float64]] = {}

    def _prior(self, name: str) -> NDArray[np.float64]:
        """Give the prior of each cell, scaled to the official rate where there is one."""
        if not name:
            return np.zeros(self.inside.shape)
        if name not in self.scaled:
            row = self.rules["prior"][name]
            of_class = np.array(
                [row["urban_cluster"], row["rural"], row["urban_cluster"], row["urban_centre"]]
            )
            prior = of_class[np.minimum(self.classes, 3)]
            rate = self.city.official.get(row.get("official", ""))
            if rate is not None:
                prior = scale_prior(prior, self.city.people.persons, rate=float(rate))
            self.scaled[name] = prior
        return self.scaled[name]

    def kind(self, indicator: Indicator) -> str:
        """Give how the map may be completed, see ``[draw]`` of ``tables/evidence.toml``."""
        row = indicator_rows().get(indicator.id)
        otherwise = "prior" if row and row.prior else "own"
        return str(self.city.rules("evidence")["draw"].get(indicator.id, otherwise))

    def assess(self, indicator: Indicator, standard: Standard, rows: slice = _ALL) -> AssessedGap:
        """
        Put one scored indicator on the grid, with its bounds and its evidence.

        Parameters
        ----------
        indicator, standard : what it is.
        rows : of the grid.

        Returns
        -------
        Of these rows.
        """
        row = indicator_rows().get(indicator.id)
        group, prior = (row.group, row.prior) if row else ("tables", "")
        one = _of_rows(indicator, rows)
        raw = raw_gap(one, standard, self.inside[rows])
        basis = _evidence_cells(one, raw.shape)
        told = basis == "user"
        lo, hi = _own_bounds(one, standard, raw)
        evidence = self._evidence(one, group, basis, told, rows)
        return AssessedGap(
            indicator=one,
            standard=standard,
            kind=self.kind(indicator),
            raw=raw,
            own_lo=lo,
            own_hi=hi,
            told=told,
            prior=self._prior(prior)[rows],
            evidence=np.where(np.isfinite(raw), evidence, 0.0),
            weight=np.where(self.urban[rows], standard.urban_weight, standard.rural_weight),
        )

    def _evidence(
        self,
        indicator: Indicator,
        name: str,
        basis: NDArray[np.str_],
        told: NDArray[np.bool_],
        rows: slice,
    ) -> NDArray[np.float64]:
        """How well the data support an indicator: the mapped share, or what its table is worth."""
        group = self.rules["group"][name]
        limits, tables = self.rules["confidence"], self.rules["group"]["tables"]["value"]
        found = self.mapped.mean[rows]
        if group["kind"] == "fixed":
            found = np.full(found.shape, float(group["value"]))
        elif group.get("utility") and not self._corroborated(
            group.get("evidence", ""), group.get("official", "")
        ):
            found = np.minimum(found, limits["utility_cap"])
        kind = group.get("facility", "")
        if kind and len((count := self.city.once(counted)[kind]).lacking):
            # The city's own count says how many of them are on the map.
            found = np.fmax(found, tables * count.shown_cells(rows))
        found = np.where(told, np.maximum(found, tables), found)
        found = np.where(basis == "proxy", np.minimum(found, limits["proxy_cap"]), found)
        return np.asarray(np.minimum(found, indicator.trust))

    def _corroborated(self, evidence: str, official: str) -> bool:
        """Whether something else than the map speaks of a utility."""
        return evidence in self.city.cube or self.city.official.get(official) is not None


def _of_rows(indicator: Indicator, rows: slice) -> Indicator:
    """Cut what an indicator holds of each cell."""
    if rows == _ALL:
        return indicator

    def cut(values: Any) -> Any:  # noqa: ANN401 - arrays, numbers or None
        return values[rows] if np.ndim(values) else values

    return replace(
        indicator,
        cells=cut(indicator.cells),
        gap=cut(indicator.gap),
        value_error=cut(indicator.value_error),
        applies=cut(indicator.applies),
        evidence_cells=cut(indicator.evidence_cells),
        trust=cut(indicator.trust),
        gap_bounds=indicator.gap_bounds and tuple(cut(one) for one in indicator.gap_bounds),
    )


def _evidence_cells(indicator: Indicator, shape: tuple[int, ...]) -> NDArray[np.str_]:
    if indicator.evidence_cells is None:
        return np.full(shape, indicator.evidence)
    return np.asarray(indicator.evidence_cells)


def raw_gap(
    indicator: Indicator, standard: Standard, inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """
    Give the gap of an indicator as observed.

    Parameters
    ----------
    indicator : assessed or not.
    standard : that it is held against.
    inside : shape (rows, cols), True in the city.

    Returns
    -------
    Shape (rows, cols), 0 to 1; NaN outside and where not assessed.
    """
    if indicator.not_assessed:
        return np.full(inside.shape, np.nan)
    if indicator.gap is not None:
        raw = np.clip(np.asarray(indicator.gap, dtype=np.float64), 0.0, 1.0)
    elif np.isfinite(indicator.area_gap):
        raw = np.full(inside.shape, float(np.clip(indicator.area_gap, 0.0, 1.0)))
    elif standard.target is None or standard.worst is None:
        raw = np.full(inside.shape, np.nan)
    elif indicator.cells is not None:
        raw = gap_from_standard(indicator.cells, target=standard.target, worst=standard.worst)
    else:
        value = gap_from_standard(indicator.value, target=standard.target, worst=standard.worst)
        raw = np.full(inside.shape, float(value))
    return np.where(inside, raw, np.nan)


def _own_bounds(
    indicator: Indicator, standard: Standard, raw: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest gap that the indicator itself allows."""
    known = np.isfinite(raw)
    if indicator.gap_bounds is not None:
        low, high = (np.clip(b, 0.0, 1.0) for b in indicator.gap_bounds)
        return np.where(known, np.fmin(raw, low), np.nan), np.where(
            known, np.fmax(raw, high), np.nan
        )
    if standard.target is None or standard.worst is None:
        return raw, raw
    if indicator.value_error is not None and indicator.cells is not None:
        both = [indicator.cells * (1 + side * indicator.value_error) for side in (1, -1)]
        low, high = (against(standard, values) for values in both)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)
    if indicator.bounds is None:
        return raw, raw
    ends = gap_from_standard(
        np.array([indicator.value, *indicator.bounds]), target=standard.target, worst=standard.worst
    )
    if not np.isfinite(ends).all():
        return raw, raw
    down, up = max(0.0, ends[0] - ends[1:].min()), max(0.0, ends[1:].max() - ends[0])
    return np.clip(raw - down, 0.0, 1.0), np.clip(raw + up, 0.0, 1.0)
