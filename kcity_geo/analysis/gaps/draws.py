"""
Draws: what the gaps of a city would be if the map showed all that is there.

Each draw completes the map once. The share that is mapped is drawn for each block around its
estimate; missing facilities are placed where people live, missing streets bring people nearer to
what is mapped, and what only a prior speaks of exists or does not. The same draw completes all
indicators, so sums over people, districts and sectors are joint. Everything random belongs to a
place and a draw (`kcity_geo.analysis.gaps.chance`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.trust import height_wrong
from kcity_geo.analysis.gaps.chance import chance, normal, spread_evenly
from kcity_geo.analysis.gaps.completed import Places
from kcity_geo.analysis.gaps.light import StreetLight
from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.analysis.gaps.reused import FACILITY
from kcity_geo.analysis.gaps.rules import exists_unseen
from kcity_geo.analysis.gaps.street_form import StreetForm, against, off_of
from kcity_geo.result import Indicator
from kcity_geo.standards import Standard

__all__ = [
    "STREET_FORM",
    "DrawnBand",
    "draw_count",
    "quantiles",
    "short_probability",
    "street_form",
]

#: Purposes of chance.
_PATCH, _SWAP, _OPEN, _LIGHT, _LENDER, _PRIOR = 100, 103, 104, 105, 106, 200
#: Kinds of ``[draw]`` in ``tables/evidence.toml`` that another place may lend.
STREET_FORM = {"street_length", "street_area", "intersections", "connectivity"}


def draw_count(city: CityModel) -> int:
    """
    Say how many draws a city gets: fewer, the more cells it has, since each takes its time.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    By ``[draws]`` of ``tables/evidence.toml``.
    """
    rule = city.rules("evidence")["draws"]
    cells, count = int(np.prod(city.grid.shape)), int(rule["count"])
    if cells * count > rule["largest_grid"]:
        count = max(int(rule["count_least"]), int(rule["largest_grid"]) // cells)
    return count


def street_form(
    city: CityModel, indicator: Indicator, standard: Standard, kind: str, raw: NDArray[np.float64]
) -> StreetForm | None:
    """
    Give what places may lend each other of an indicator.

    Parameters
    ----------
    city : its model.
    indicator, standard : what it is.
    kind : of ``[draw]`` of ``tables/evidence.toml``.
    raw : gap as mapped on the whole grid.

    Returns
    -------
    None where the indicator is no street form.
    """
    if kind not in STREET_FORM:
        return None
    missing = city.rules("evidence")["missing"]
    power = float(missing["intersections_power"]) if kind == "intersections" else 1.0
    values = None if kind == "connectivity" else indicator.cells
    return StreetForm(raw, values, standard, power, indicator.value_error)


class DrawnBand(Places):
    """
    Some cells of a city, completed draw by draw.

    Parameters
    ----------
    whole : the city.
    rows : of its grid; or flat positions of cells, with a memory of the city.
    """

    @cached_property
    def _elsewhere(self) -> dict[str, tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """Indicator -> draw, gap as mapped, and street form of another place: asked for twice in each draw."""
        return {}

    @cached_property
    def _latest(self) -> dict[str, tuple[int, NDArray[np.float64]]]:
        """Name -> draw, and what several indicators ask for in it."""
        return {}

    def _once_a_draw(
        self, name: str, draw: int, find: Callable[[], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        known = self._latest.get(name)
        if known is None or known[0] != draw:
            self._latest[name] = known = draw, find()
        return known[1]

    def swap(self, draw: int) -> NDArray[np.float64]:
        """Give the chance by which the streets of a patch are those of another place, in one draw."""
        seed = self.whole.seed
        return self._once_a_draw(
            "swap", draw, lambda: self.patch.chance(draw=draw, purpose=_SWAP, seed=seed)
        )

    def _position(self, draw: int) -> NDArray[np.float64]:
        """Give the largest gap of street form of each cell where nobody lends one, in one draw."""
        whole = self.whole

        def find() -> NDArray[np.float64]:
            blocks = normal(self.block.place, draw=draw, purpose=_OPEN, seed=whole.seed)
            of_blocks = whole.mostly_alike(float(ndtri(spread_evenly(draw + 11))), blocks)
            return np.asarray(of_blocks[self.block.at])

        return self._once_a_draw("position", draw, find)

    def draw(self, scored: Sequence[AssessedGap], draw: int) -> dict[str, NDArray[np.float64]]:
        """
        Complete all indicators once.

        Parameters
        ----------
        scored : indicators on these rows.
        draw : which.

        Returns
        -------
        Indicator -> gap, shape of the rows; NaN where it is not assessed. Never larger than as
        mapped, except by the bounds that an indicator states itself and where the map tells nothing of the street
        form of a populated cell. One of which
        nobody mapped anything has any gap from 0 to 1, or both ends (``[silent]`` of ``tables/evidence.toml``).
        """
        share = self.share(draw)
        seed = self.whole.seed
        unseen = self.patch.chance(draw=draw, purpose=_PATCH, seed=seed) > share
        return {s.indicator.id: self.complete(s, share, unseen, draw) for s in scored}

    def complete(
        self, one: AssessedGap, share: NDArray[np.float64], unseen: NDArray[np.bool_], draw: int
    ) -> NDArray[np.float64]:
        """Gap of one indicator in one draw; NaN where it is not assessed, but for what nobody mapped."""
        if one.indicator.not_assessed:
            return np.full(one.raw.shape, self.whole.silent_gap(one.indicator.id, draw))
        known, own = np.isfinite(one.raw), _own(one, draw)
        rule = _COMPLETIONS.get(one.kind)
        if one.kind == "prior":  # what is there, is as good or as poor as its own bounds allow
            one = replace(one, raw=own)
        drawn = own if rule is None else rule(self, one, share, unseen, draw)
        # An error of the values goes for what the map lacks as well.
        if rule is not None and one.indicator.value_error is None:
            drawn = np.minimum(drawn, own)
        if one.indicator.applies is None:
            drawn = np.where(one.told, own, drawn)
        if one.kind in STREET_FORM and not known.all():
            drawn = np.where(known, drawn, self._unknown(one, draw))
            known = np.isfinite(drawn)
        if one.kind == "light" and self.whole.light is not None:
            lit = self._light(self.whole.light, one.indicator.id, share, draw)
            drawn, known = np.where(known, drawn, lit), known | np.isfinite(lit)
        return np.where(known, np.clip(drawn, 0.0, 1.0), np.nan)

    def _light(
        self, light: StreetLight, indicator: str, share: NDArray[np.float64], draw: int
    ) -> NDArray[np.float64]:
        """Gap of the light of streets that the map lacks, in one draw; NaN where it lacks none."""
        found, open_land = np.full(share.shape, np.nan), np.flatnonzero(self.of(light.open_land))
        if not len(open_land):
            return found
        patch = self.patch.at.ravel()[open_land]
        there, asked = (
            chance(self.patch.place, draw=draw, purpose=purpose, seed=self.whole.seed)[patch]
            for purpose in (_LIGHT, _LENDER)
        )
        missing = light.speaks(share.ravel()[open_land], self.whole.street_prior(light, draw))
        here = there < missing
        lent = _within(light.low, light.middle, light.high, _own_place(indicator, draw))
        if here.any():
            found.reshape(-1)[open_land[here]] = lent[(asked[here] * len(lent)).astype(np.intp)]
        return found

    def _unknown(self, one: AssessedGap, draw: int) -> NDArray[np.float64]:
        """Street form of populated cells of which the map tells nothing: that of another place."""
        return np.where(self.people >= 1, self.street_form_elsewhere(one, draw), np.nan)

    def street_form_elsewhere(self, one: AssessedGap, draw: int) -> NDArray[np.float64]:
        """Street form as in another place; where none lends, any gap not larger than as mapped."""
        known = self._elsewhere.get(one.indicator.id)
        if known is None or known[0] != draw or known[1] is not one.raw:
            otherwise = np.fmin(one.raw, self._position(draw))
            known = draw, one.raw, self.lent(one.indicator.id, otherwise, draw)
            self._elsewhere[one.indicator.id] = known
        return known[2]

    def walk(
        self,
        one: AssessedGap,
        name: str,
        share: NDArray[np.float64],
        unseen: NDArray[np.bool_],
        draw: int,
        *,
        reach_m: float,
    ) -> NDArray[np.float64]:
        """Give the metres walked to what the map lacks, or to what it shows where its streets are lacking."""
        detour = self.whole.detour
        lost = np.isfinite(one.raw) & (one.raw >= 1) & (share < 1)
        near = np.where(unseen | lost, self.of(self.whole.straight[name]), np.inf)
        if of_timetable(one):  # it names all stops that count; only the way to them may be missing
            return near * detour
        missing = self.facility_m(name, draw, reach_m=reach_m / detour)
        return np.minimum(missing, near) * detour


def _own(one: AssessedGap, draw: int) -> NDArray[np.float64]:
    """Somewhere between the bounds that the indicator itself states."""
    if one.own_lo is one.raw and one.own_hi is one.raw:
        return one.raw + 0.0  # it states none
    return _within(one.own_lo, one.raw, one.own_hi, _own_place(one.indicator.id, draw))


def _own_place(indicator: str, draw: int) -> float:
    """Place of a draw between the bounds that an indicator states."""
    return spread_evenly(draw + 17 * (1 + sum(map(ord, indicator)) % 29))


def _within(
    low: NDArray[np.float64], raw: NDArray[np.float64], high: NDArray[np.float64], at: float
) -> NDArray[np.float64]:
    """
    Somewhere between bounds, alike for all places.

    Half of the draws lie on each side of the gap as mapped, or of the middle where that is lower:
    a gap as mapped that is only an upper bound ("at most") is no best estimate.
    """
    middle = np.minimum(raw, (low + high) / 2)
    if at < 0.5:  # noqa: PLR2004 - the middle of the draws
        return np.asarray(low + 2 * at * (middle - low))
    return np.asarray(middle + (2 * at - 1) * (high - middle))


def of_timetable(one: AssessedGap) -> bool:
    """Tell whether an indicator rests on a timetable, which names all stops that count."""
    return "GTFS" in one.indicator.source


def _stops(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    limit = c.whole.city.settings("transport").number("low_capacity_m")
    # People stand anywhere in their cell: half of them are served where its centre is at the limit.
    across = c.whole.cell_m * c.whole.detour
    metres = c.walk(one, "stop", share, unseen, draw, reach_m=limit + across)
    return np.minimum(one.raw, np.clip((metres - limit) / across + 0.5, 0.0, 1.0))


def _facility(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    settings = c.whole.city.settings
    a_minute = settings("transport").number("walk_kmh") * 1000 / 60
    trips, waiting = 1, 0.0
    if one.indicator.id == "W1":
        trips, waiting = 2, settings("water").number("queue_min")
    # Whatever is farther than the worst value has a gap of 1.
    far = max(one.standard.target or 0.0, one.standard.worst or 0.0) - waiting
    reach_m = max(0.0, far) / trips * a_minute
    name = FACILITY[one.indicator.id]
    minutes = c.walk(one, name, share, unseen, draw, reach_m=reach_m) / a_minute
    gap = against(one.standard, trips * minutes + waiting)
    if one.indicator.applies is not None:
        gap = gap * one.indicator.applies
    return np.minimum(one.raw, gap)


def _street_form(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    del unseen
    form, off = c.whole.forms[one.indicator.id], off_of(draw)
    grown = form.grown(c.rows, share, off)
    other = np.minimum(form.mapped(c.rows, off), c.street_form_elsewhere(one, draw))
    return np.where(c.swap(draw) > share, other, grown)


def _connectivity(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    del share
    return np.where(unseen, c.street_form_elsewhere(one, draw), one.raw)


def _route(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    del c, share, draw
    return np.where(unseen, 0.0, one.raw)


def _prior(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    del unseen
    purpose = _PRIOR + sum(map(ord, one.indicator.id))
    there = c.patch.chance(draw=draw, purpose=purpose, seed=c.whole.seed)
    return np.where(there < exists_unseen(one.prior, share), 0.0, one.raw)


def _height(
    c: DrawnBand,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    """As given, but for the draws in which one elevation model errs for all land that it shows low."""
    del share, unseen
    # A sequence of its own: where the model errs has nothing to do with where in its bounds a draw lies.
    wrong = (draw * 2**0.5 + 0.25) % 1.0 < height_wrong(c.whole.city)
    basis = one.indicator.evidence_cells
    heights = np.asarray(one.indicator.evidence if basis is None else basis) == "modelled"
    return np.where(heights & wrong, 0.0, one.raw)


_COMPLETIONS: Mapping[str, Callable[..., NDArray[np.float64]]] = {
    "stops": _stops,
    "facility": _facility,
    "street_length": _street_form,
    "street_area": _street_form,
    "intersections": _street_form,
    "connectivity": _connectivity,
    "route": _route,
    "prior": _prior,
    "height": _height,
}


def quantiles(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """
    Give the 5th percentile, the median and the 95th percentile over the draws.

    Parameters
    ----------
    values : shape (draws, ...). NaN: not assessed.

    Returns
    -------
    Three arrays of the shape behind the draws, each the value of a draw, so never out of order.

    Examples
    --------
    >>> [float(v[0]) for v in quantiles(np.arange(21, dtype=np.float32)[:, None])]
    [1.0, 10.0, 19.0]
    """
    last = len(values) - 1
    places = [round(q * last) for q in (0.05, 0.5, 0.95)]
    ordered = np.partition(values, places, axis=0)
    low, middle, high = (ordered[place] for place in places)
    return low, middle, high


def short_probability(values: NDArray[np.floating], *, limit: float) -> NDArray[np.float64]:
    """
    Give the share of the draws in which a place falls short.

    Parameters
    ----------
    values : shape (draws, ...), gaps.
    limit : gap from which a place falls short.

    Returns
    -------
    Shape behind the draws, 0 to 1; NaN where not assessed.

    Examples
    --------
    >>> short_probability(np.array([[0.5, np.nan], [0.3, np.nan]]), limit=0.4).tolist()
    [0.5, nan]
    """
    found = (values >= limit).mean(axis=0)
    return np.asarray(np.where(np.isnan(values).any(axis=0), np.nan, found), dtype=np.float64)
