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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import gammaincinv, ndtr, ndtri

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.trust import height_wrong
from kcity_geo.analysis.gaps.chance import chance, normal, spread_evenly, squares
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.mapped_share import MappedShare, mapped_share
from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.analysis.gaps.reused import FACILITY, Drawn, Reused
from kcity_geo.analysis.gaps.rules import exists_unseen, power_mean
from kcity_geo.analysis.gaps.units import Units
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.result import SECTORS, THEMES
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["GapDraws", "draw_gaps", "quantiles", "short_probability"]

#: Distance of people to a facility in their own cell, as a share of its side: the mean of a square.
_OWN_CELL = 0.38
#: Purposes of chance.
_COUNT, _UNEVEN, _SITE, _KIND, _PATCH, _BLOCK, _DONOR, _SWAP, _LENDS, _PRIOR = (
    1, 2, 3, 4, 100, 101, 102, 103, 104, 200,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class GapDraws:
    """
    The gaps of a city in each draw.

    Parameters
    ----------
    sector : sector -> shape (draws, rows, cols), 0 to 1, NaN where not assessed.
    units : indicator id -> shape (draws, units), mean over the people whom it speaks of, in the
        order of `kcity_geo.analysis.gaps.units.Units.ids`.
    mapped : how much of each neighbourhood the map shows.
    """

    sector: Mapping[str, NDArray[np.float32]]
    units: Mapping[str, NDArray[np.float64]]
    mapped: MappedShare


class _Completed:
    """One city and how its map may be completed; lives for one call."""

    def __init__(self, city: CityModel, scored: Sequence[AssessedGap], *, seed: int) -> None:
        self.city, self.seed = city, seed
        self.scored = list(scored)
        self.rules = city.rules("evidence")
        self.missing = self.rules["missing"]
        self.cell_m = cell_size(city.grid)
        self.shape = city.grid.shape
        self.people = city.people.persons
        if not city.people.known:  # without people land takes their place
            self.people = np.where(city.inside, 1.0, 0.0)
        self.mapped = city.once(mapped_share)
        x, y = cell_centres(city.grid)
        self.cell = self._places(x, y, self.cell_m)
        self.block = squares(self._places(x, y, self.missing["block_m"]))
        self.patch = squares(self._places(x, y, self.missing["patch_m"]))
        self.detour = city.settings("transport").number("euclid_factor")
        self.count = city.once(counted)
        self.straight = {name: self._metres(one.cells > 0) for name, one in self.count.items()}
        self.lenders = self._lenders()

    def _places(
        self, x: NDArray[np.float64], y: NDArray[np.float64], side_m: float
    ) -> NDArray[np.int64]:
        """Whole numbers for squares of a side, counted from the origin of the CRS."""
        column, row = np.floor(x / side_m).astype(np.int64), np.floor(y / side_m).astype(np.int64)
        return np.asarray((row * 1_000_003 + column).reshape(self.shape))

    def _metres(self, there: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Straight distance from each cell to the nearest cell with a facility."""
        if not there.any():
            return np.full(self.shape, np.inf)
        metres = ndimage.distance_transform_edt(~there) * self.cell_m
        return np.asarray(np.maximum(metres, _OWN_CELL * self.cell_m))

    def _lenders(self) -> dict[str, NDArray[np.intp]]:
        """Give the better mapped half of the populated cells, flat, from the least to the largest gap."""
        found = {}
        for one in self.scored:
            known = np.isfinite(one.raw) & (self.people >= 1)
            if one.kind in _STREET_FORM and known.any():
                limit = np.median(self.mapped.mean[known])
                cells = np.flatnonzero(known & (self.mapped.mean >= limit))
                order = np.argsort(one.raw.ravel()[cells], kind="stable")
                found[one.indicator.id] = cells[order]
        return found

    def lent(
        self,
        one: AssessedGap,
        completed: NDArray[np.float64],
        share: NDArray[np.float64],
        draw: int,
    ) -> NDArray[np.float64]:
        """
        Street form as in another place of the city that is better mapped, in one draw.

        What a place lends is completed like any other; the less of it is mapped, the more often it has
        nothing to lend: then nobody knows, and all such places of a city err alike.
        """
        open_gap = self._nobody_knows(one, draw)
        lenders = self.lenders.get(one.indicator.id)
        if lenders is None:
            return open_gap
        at = self.patch.chance(draw=draw, purpose=_DONOR, seed=self.seed)
        lender = lenders[(at * len(lenders)).astype(np.intp)]
        lends = self.patch.chance(draw=draw, purpose=_LENDS, seed=self.seed)
        return np.where(lends < share.ravel()[lender], completed.ravel()[lender], open_gap)

    def _nobody_knows(self, one: AssessedGap, draw: int) -> NDArray[np.float64]:
        """Any gap that is not larger than as mapped, in one draw."""
        blocks = self.block.normal(draw=draw, purpose=_LENDS, seed=self.seed)
        position = self._mostly_alike(float(ndtri(spread_evenly(draw + 11))), blocks)
        return np.fmin(one.raw, position)

    def _mostly_alike(self, together: float, blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions, 0 to 1, in which the blocks of a city partly err alike."""
        city, block = self.missing["city_weight"], self.missing["block_weight"]
        return np.asarray(ndtr((city * together + block * blocks) / np.hypot(city, block)))

    def share(self, draw: int) -> NDArray[np.float64]:
        """Share of each cell's features that is mapped, in one draw."""
        if self._whole(draw):
            return np.ones(self.shape)
        blocks = self.block.normal(draw=draw, purpose=_BLOCK, seed=self.seed)
        return self.mapped.quantile(self._mostly_alike(float(ndtri(spread_evenly(draw))), blocks))

    def _whole(self, draw: int) -> bool:
        """Whether nothing at all is missing in a draw."""
        return bool((draw * 0.7548776662466927 + 0.03) % 1.0 < self.missing["whole_share"])

    def _kind_share(self, purpose: int, draw: int) -> NDArray[np.float64]:
        """
        Share of one kind of facility that is mapped where all else is, in one draw.

        Who maps the streets of a place need not map its clinics, and nothing on the map tells.
        """
        if self._whole(draw):
            return np.ones(self.shape)
        together = float(normal(2, draw=draw, purpose=purpose + _KIND, seed=self.seed))
        blocks = self.block.normal(draw=draw, purpose=purpose + _KIND, seed=self.seed)
        at = self._mostly_alike(together, blocks)
        return np.asarray(at ** (1 / self.missing["kind_share"] - 1))

    def facility_m(self, name: str, share: NDArray[np.float64], draw: int) -> NDArray[np.float64]:
        """Straight distance to the nearest facility that the map lacks, in one draw."""
        row, rule = self.missing["facility"][name], self.missing
        purpose = 20 + 8 * list(rule["facility"]).index(name)
        uneven = self.block.normal(draw=draw, purpose=purpose + _UNEVEN, seed=self.seed)
        people = self.people * np.exp(rule["uneven"] * uneven - rule["uneven"] ** 2 / 2)
        if np.isfinite(self.count[name].official):
            # The city counted them: what the map lacks is known in number, not where it stands.
            unmapped = (1 - share) * people
            unmapped = unmapped if unmapped.any() else people
            expected = self.count[name].missing * unmapped / max(float(unmapped.sum()), 1e-9)
        else:
            shape = 1 / row["spread"] ** 2
            seen = float((self.mapped.mean * self.people).sum()) * rule["kind_share"]
            at = float(chance(0, draw=draw, purpose=purpose + _COUNT, seed=self.seed))
            each = gammaincinv(shape + self.count[name].mapped, at)
            off = float(normal(1, draw=draw, purpose=purpose, seed=self.seed))
            each *= np.exp(rule["norm_spread"] * off) / (shape * row["persons_each"] + seen)
            expected = each * (1 - share * self._kind_share(purpose, draw)) * people
        site = chance(self.cell, draw=draw, purpose=purpose + _SITE, seed=self.seed)
        return self._metres(site < 1 - np.exp(-expected))

    def complete(
        self, one: AssessedGap, share: NDArray[np.float64], unseen: NDArray[np.bool_], draw: int
    ) -> NDArray[np.float64]:
        """Gap of one indicator in one draw; NaN where it is not assessed."""
        known, own = np.isfinite(one.raw), self._own(one, draw)
        rule = _COMPLETIONS.get(one.kind)
        if one.kind == "prior":  # what is there, is as good or as poor as its own bounds allow
            one = replace(one, raw=own)
        drawn = own if rule is None else np.minimum(rule(self, one, share, unseen, draw), own)
        if one.indicator.applies is None:
            drawn = np.where(one.told, own, drawn)
        if one.kind in _STREET_FORM and not known.all():
            drawn = np.where(known, drawn, self._unknown(one, drawn, share, draw))
            known = np.isfinite(drawn)
        return np.where(known, np.clip(drawn, 0.0, 1.0), np.nan)

    def _unknown(
        self,
        one: AssessedGap,
        completed: NDArray[np.float64],
        share: NDArray[np.float64],
        draw: int,
    ) -> NDArray[np.float64]:
        """Street form of populated cells of which the map tells nothing: that of another place."""
        if one.indicator.not_assessed:
            return np.full(self.shape, np.nan)
        return np.where(self.people >= 1, self.lent(one, completed, share, draw), np.nan)

    def _own(self, one: AssessedGap, draw: int) -> NDArray[np.float64]:
        """
        Somewhere between the bounds that the indicator itself states.

        Half of the draws lie on each side of the gap as mapped, or of the middle where that is lower:
        a gap as mapped that is only an upper bound ("at most") is no best estimate.
        """
        at = spread_evenly(draw + 17 * (1 + sum(map(ord, one.indicator.id)) % 29))
        middle = np.minimum(one.raw, (one.own_lo + one.own_hi) / 2)
        if at < 0.5:  # noqa: PLR2004 - the middle of the draws
            return one.own_lo + 2 * at * (middle - one.own_lo)
        return middle + (2 * at - 1) * (one.own_hi - middle)

    def _walk(
        self,
        one: AssessedGap,
        name: str,
        share: NDArray[np.float64],
        unseen: NDArray[np.bool_],
        draw: int,
    ) -> NDArray[np.float64]:
        """Metres walked to what the map lacks, or to what it shows where its streets are lacking."""
        lost = np.isfinite(one.raw) & (one.raw >= 1) & (share < 1)
        near = np.where(unseen | lost, self.straight[name], np.inf)
        if _of_timetable(one):  # it names all stops that count; only the way to them may be missing
            return near * self.detour
        return np.minimum(self.facility_m(name, share, draw), near) * self.detour


def _of_timetable(one: AssessedGap) -> bool:
    return "GTFS" in one.indicator.source


def _stops(
    c: _Completed,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    limit = c.city.settings("transport").number("low_capacity_m")
    metres = c._walk(one, "stop", share, unseen, draw)  # noqa: SLF001 - a rule of this file
    # People stand anywhere in their cell: half of them are served where its centre is at the limit.
    gap = np.clip((metres - limit) / (c.cell_m * c.detour) + 0.5, 0.0, 1.0)
    return np.minimum(one.raw, gap)


def _facility(
    c: _Completed,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    metres = c._walk(one, FACILITY[one.indicator.id], share, unseen, draw)  # noqa: SLF001
    minutes = metres / (c.city.settings("transport").number("walk_kmh") * 1000 / 60)
    if one.indicator.id == "W1":
        minutes = 2 * minutes + c.city.settings("water").number("queue_min")
    gap = _against(one.standard, minutes)
    if one.indicator.applies is not None:
        gap = gap * one.indicator.applies
    return np.minimum(one.raw, gap)


def _street_form(power: str) -> Callable[..., NDArray[np.float64]]:
    def completed(
        c: _Completed,
        one: AssessedGap,
        share: NDArray[np.float64],
        unseen: NDArray[np.bool_],
        draw: int,
    ) -> NDArray[np.float64]:
        del unseen
        exponent = c.missing["intersections_power"] if power == "intersections" else 1.0
        cells = one.indicator.cells
        grown = one.raw
        if cells is not None:
            grown = np.minimum(one.raw, _against(one.standard, cells / share**exponent))
        other = np.minimum(one.raw, c.lent(one, grown, share, draw))
        swap = c.patch.chance(draw=draw, purpose=_SWAP, seed=c.seed) > share
        return np.where(swap, other, grown)

    return completed


def _connectivity(
    c: _Completed,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    return np.where(unseen, c.lent(one, one.raw, share, draw), one.raw)


def _route(
    c: _Completed,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    del c, share, draw
    return np.where(unseen, 0.0, one.raw)


def _prior(
    c: _Completed,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    del unseen
    purpose = _PRIOR + sum(map(ord, one.indicator.id))
    there = c.patch.chance(draw=draw, purpose=purpose, seed=c.seed)
    return np.where(there < exists_unseen(one.prior, share), 0.0, one.raw)


def _height(
    c: _Completed,
    one: AssessedGap,
    share: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    draw: int,
) -> NDArray[np.float64]:
    """As given, but for the draws in which one elevation model errs for all land that it shows low."""
    del share, unseen
    # A sequence of its own: where the model errs has nothing to do with where in its bounds a draw lies.
    wrong = (draw * 2**0.5 + 0.25) % 1.0 < height_wrong(c.city)
    basis = one.indicator.evidence_cells
    heights = np.asarray(one.indicator.evidence if basis is None else basis) == "modelled"
    return np.where(heights & wrong, 0.0, one.raw)


_COMPLETIONS: Mapping[str, Callable[..., NDArray[np.float64]]] = {
    "stops": _stops,
    "facility": _facility,
    "street_length": _street_form("length"),
    "street_area": _street_form("area"),
    "intersections": _street_form("intersections"),
    "connectivity": _connectivity,
    "route": _route,
    "prior": _prior,
    "height": _height,
}
_STREET_FORM = {"street_length", "street_area", "intersections", "connectivity"}


def _against(standard: Standard, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if standard.target is None or standard.worst is None:
        return np.ones(values.shape)
    return gap_from_standard(values, target=standard.target, worst=standard.worst)


def draw_gaps(
    city: CityModel,
    scored: Sequence[AssessedGap],
    *,
    seed: int = 7,
    count: int | None = None,
) -> GapDraws:
    """
    Draw the gaps of a city as they would be if the map showed all that is there.

    Parameters
    ----------
    city : its model.
    scored : the scored indicators on the grid.
    seed : of the draws.
    count : number of draws; as in ``tables/evidence.toml`` when None.

    Returns
    -------
    The gaps of the sectors in each draw, and a summary of each indicator. A gap is never larger than
    as mapped, except where the map tells nothing of the street form of a populated cell.
    """
    rule = city.rules("evidence")["draws"]
    cells = int(np.prod(city.grid.shape))
    if count is None:
        count = int(rule["count"])
        if cells * count > rule["largest_grid"]:
            count = max(int(rule["count_least"]), int(rule["largest_grid"]) // cells)
    units = Units(city, seed=seed)
    by_sector = {
        name: [s for s in scored if s.standard.sector == name] for name in (*SECTORS, *THEMES)
    }
    reused = Reused(city, seed=seed, count=count)
    known = {name: reused.get(name, used) for name, used in by_sector.items() if used}
    todo = [s for name, used in by_sector.items() if used and known[name] is None for s in used]
    drawn = _drawn(city, todo, units, seed=seed, count=count)
    found = {name: one if one is not None else drawn[name] for name, one in known.items()}
    for name, one in drawn.items():
        reused.keep(name, one)
    return GapDraws(
        sector={name: one.values for name, one in found.items()},
        units={key: values for one in found.values() for key, values in one.means.items()},
        mapped=city.once(mapped_share),
    )


def _drawn(
    city: CityModel, scored: Sequence[AssessedGap], units: Units, *, seed: int, count: int
) -> dict[str, Drawn]:
    """Draw the gaps of the sectors of some indicators, all of whose indicators are among them."""
    if not scored:
        return {}
    state = _Completed(city, scored, seed=seed)
    power = float(city.rules("priors")["aggregate"]["power"])
    sectors = {
        name: np.full((count, *state.shape), np.nan, dtype=np.float32)
        for name in dict.fromkeys(s.standard.sector for s in scored)
    }
    means = {s.indicator.id: np.empty((count, len(units.ids))) for s in scored}
    for draw in range(count):
        share, factor = state.share(draw), units.factor(draw)
        unseen = state.patch.chance(draw=draw, purpose=_PATCH, seed=seed) > share
        drawn = {s.indicator.id: state.complete(s, share, unseen, draw) for s in scored}
        for one in scored:
            gap = drawn[one.indicator.id]
            means[one.indicator.id][draw] = units.mean(
                np.where(one.weight > 0, gap, np.nan), factor=factor
            )
        for name, values in sectors.items():
            used = [s for s in scored if s.standard.sector == name]
            stack = np.stack([drawn[s.indicator.id] for s in used])
            weight = np.stack([s.weight for s in used])
            values[draw] = power_mean(stack, weight, power=power)[0]
    of = {s.indicator.id: s.standard.sector for s in scored}
    return {
        name: Drawn(values=values, means={key: m for key, m in means.items() if of[key] == name})
        for name, values in sectors.items()
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
