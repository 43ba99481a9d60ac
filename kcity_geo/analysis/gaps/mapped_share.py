"""
Mapped share: how much of what stands in a neighbourhood does the map show?

Streets, buildings and workplaces are held against what people and built-up land let expect, and
give a distribution of the share that is mapped. What is expected is never learnt from the map, so
the share never rises when features vanish. Facilities that the gap model judges (stops, clinics,
schools, water points) are no evidence: one more of them never makes the rest of the map look surer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.gaps.bands import row_bands
from kcity_geo.cube import area_in_cells, cell_size, count_in_cells, length_in_cells

__all__ = [
    "MappedShare",
    "ShareRule",
    "mapped_share",
    "share_rule",
    "share_weights",
]


@dataclass(frozen=True, eq=False)
class MappedShare:
    """
    The distribution of the share of the features of each neighbourhood that the map shows.

    Parameters
    ----------
    share : shape (k,), rising, up to 1.
    mean : shape (rows, cols), 0 to 1.
    observed, noise, rule : what `share_weights` weighs; arrays of shape (rows, cols).
    """

    share: NDArray[np.float64]
    mean: NDArray[np.float64]
    observed: Mapping[str, NDArray[np.float64]]
    noise: Mapping[str, NDArray[np.float64]]
    rule: ShareRule

    def cumulative(self, rows: slice) -> NDArray[np.float32]:
        """
        Give the probability that the share of each cell is at most each of `share`.

        Parameters
        ----------
        rows : of the grid; all rows at once take 240 bytes a cell, and several times that on the way.

        Returns
        -------
        Shape (k, rows, cols).
        """
        weight = _weights_of(self.observed, self.noise, self.rule, rows)[1]
        return np.cumsum(weight, axis=0, dtype=np.float64).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class ShareRule:
    """
    How evidence speaks for a mapped share; ``tables/evidence.toml`` with what a study changes.

    Parameters
    ----------
    least : smallest share looked at.
    steps : shares looked at, evenly on a logarithmic scale.
    softness : how much more weakly more than expected speaks.
    complete_prior : probability, before looking, that a neighbourhood is mapped whole.
    spread : line of evidence -> spread of the logarithm of mapped over expected.
    tail : line of evidence -> spreads from which what is far off speaks no more strongly with each
        further one; lines without a tail are normal throughout.
    """

    least: float
    steps: int
    softness: float
    complete_prior: float
    spread: Mapping[str, float]
    tail: Mapping[str, float]


def share_rule(city: CityModel) -> ShareRule:
    """
    Give the rule for a city.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    The rule, with what study and scenario change.
    """
    table = city.rules("evidence")
    row = table["mapped_share"]
    return ShareRule(
        least=float(row["least"]),
        steps=int(row["steps"]),
        softness=float(row["softness"]),
        complete_prior=float(row["complete_prior"]),
        spread={one["id"]: float(one["spread"]) for one in table["evidence"]},
        tail={one["id"]: float(one["tail"]) for one in table["evidence"] if "tail" in one},
    )


def share_weights(
    observed: Mapping[str, NDArray[np.float64]],
    *,
    rule: ShareRule,
    noise: Mapping[str, NDArray[np.float64]] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Weigh the possible mapped shares by the evidence.

    Parameters
    ----------
    observed : evidence id of ``tables/evidence.toml`` -> mapped over expected, any shape, zero or
        more. NaN: this evidence says nothing there.
    rule : of `share_rule`.
    noise : further spread of a line of evidence (counts of few things), same shape.

    Returns
    -------
    The shares, shape (k,), and their probabilities, shape (k, ...).

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> rule = share_rule(model_of(make_toy()))
    >>> share, weight = share_weights({"streets": np.array([1.0, 0.1])}, rule=rule)
    >>> (share[:, None] * weight).sum(axis=0).round(1).tolist()
    [0.7, 0.1]
    """
    log_share = np.linspace(np.log(rule.least), 0.0, rule.steps)
    shape = next(iter(observed.values())).shape
    log_weight = np.zeros((len(log_share), *shape))
    for name, ratio in observed.items():
        spread = np.hypot(rule.spread[name], 0.0 if noise is None else noise.get(name, 0.0))
        # Less than the smallest share looked at counts as that. Cut off here and not in the weight:
        # so a smaller ratio always speaks for a smaller share.
        x = np.log(np.maximum(ratio, rule.least))
        for i, expected in enumerate(log_share):
            off = (x - expected) / spread
            off = np.where(off > 0, off * rule.softness, off)
            log_weight[i] -= np.where(np.isnan(x), 0.0, _unlikely(off, rule.tail.get(name, np.inf)))
    weight = np.exp(log_weight - log_weight.max(axis=0))
    whole = rule.complete_prior
    weight[-1] *= 1 + whole / (1 - whole) * len(log_share)
    return np.exp(log_share), weight / weight.sum(axis=0)


def _unlikely(off: NDArray[np.float64], tail: float) -> NDArray[np.float64]:
    """
    Minus the logarithm of how likely it is to be so many spreads off; beyond `tail` a straight line.

    It stays convex, so less of a kind always speaks for a smaller share (Huber's function).
    """
    far = np.abs(off)
    near = np.minimum(far, tail)
    return np.asarray(near * far - 0.5 * near * near)


def mapped_share(city: CityModel) -> MappedShare:
    """
    Estimate how much of each neighbourhood the map shows.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    The distribution by cell. It shifts down, never up, when features are taken off the map. What is to be
    built is no mapping: with works in the layers it is that of the city as it is.
    """
    if city.today is not None:
        return model_of(city.today).once(mapped_share)
    observed, noise = _observed(city)
    rule = share_rule(city)
    mean = np.empty(city.grid.shape)
    for rows in row_bands(city.grid.shape):
        share, weight = _weights_of(observed, noise, rule, rows)
        # One share after the other: the last digit must not depend on how many cells there are.
        mean[rows] = sum(one * likely for one, likely in zip(share, weight, strict=True))
    return MappedShare(share=share, mean=mean, observed=observed, noise=noise, rule=rule)


def _weights_of(
    observed: Mapping[str, NDArray[np.float64]],
    noise: Mapping[str, NDArray[np.float64]],
    rule: ShareRule,
    rows: slice,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh the shares of some rows; see `share_weights`."""
    return share_weights(
        {name: ratio[rows] for name, ratio in observed.items()},
        rule=rule,
        noise={name: each[rows] for name, each in noise.items()},
    )


def _observed(
    city: CityModel,
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Divide mapped by expected for each line of evidence; and give the noise of counts."""
    table = city.rules("evidence")
    rows = {row["id"]: row for row in table["evidence"]}
    cell_m, inside = cell_size(city.grid), city.inside
    window_m = table["mapped_share"]["window_m"]

    def around(values: NDArray[Any]) -> NDArray[np.float64]:
        return _sum_around(np.where(inside, values, 0.0), cell_m=cell_m, window_m=window_m)

    area_km2 = np.maximum(around(np.full(inside.shape, cell_m**2 / 1e6)), 1e-6)
    persons = around(city.people.persons)
    street_km = around(length_in_cells(_shapes(city, "roads_drive"), grid=city.grid)) / 1000
    expected_km = np.maximum(rows["streets"]["expected"] * np.sqrt(persons * area_km2), 1e-3)
    found = {"streets": street_km / expected_km}
    noise: dict[str, NDArray[np.float64]] = {}
    footprint = around(area_in_cells(_shapes(city, "building"), grid=city.grid))
    built = city.array("built_m2")
    if built is not None:
        reference = around(np.nan_to_num(built))
        known = reference > table["mapped_share"]["reference_m2"]
        ratio = footprint / np.maximum(reference, 1.0) / rows["buildings_measured"]["expected"]
        found["buildings_measured"] = np.where(known, ratio, np.nan)
    elif city.people.known:
        density = np.maximum(persons / area_km2, 50.0) / 1000
        each = rows["buildings_by_people"]["expected"] * density**-0.65
        ratio = footprint / np.maximum(persons * each, 1.0)
        # Where buildings told where people live, they cannot tell how many are missing.
        proxy = str(city.cube["population"].attrs.get("evidence", "")) == "proxy"
        found["buildings_by_people"] = np.where((persons > 0) & (not proxy), ratio, np.nan)
    if city.people.known:
        expected = persons * rows["workplaces"]["expected"]
        shops = around(count_in_cells(_points(city, "jobs"), grid=city.grid))
        found["workplaces"] = np.where(persons > 0, shops / np.maximum(expected, 1e-9), np.nan)
        noise["workplaces"] = 1 / np.sqrt(np.maximum(expected, 0.3))
    return found, noise


def _shapes(city: CityModel, name: str) -> NDArray[np.object_]:
    frame = city.layer(name)
    if frame is None:
        return np.zeros(0, dtype=object)
    return np.asarray(frame.geometry.to_numpy(), dtype=object)


def _points(city: CityModel, name: str) -> NDArray[np.object_]:
    return np.asarray(shapely.centroid(_shapes(city, name)), dtype=object)


def _sum_around(
    values: NDArray[np.float64], *, cell_m: float, window_m: float
) -> NDArray[np.float64]:
    """Sum over a square window; land beyond the grid counts as nothing."""
    cells = max(1, 2 * round((window_m / cell_m - 1) / 2) + 1)
    total = ndimage.uniform_filter(values, cells, mode="constant") * cells**2
    return np.asarray(np.where(total < 1e-6, 0.0, total))  # noqa: PLR2004 - drift of the filter
