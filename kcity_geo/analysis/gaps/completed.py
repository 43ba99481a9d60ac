"""
Completed: one city and how its map may be completed, draw by draw and band by band.

What is the same for all draws is held for the whole grid, with the place of the mapped share of each
cell in each draw (a byte); everything else is made for one band of rows. A band gives the numbers that
the whole grid would give, to the last bit: what is random belongs to a place, and what lies outside
the band (facilities near by, places that lend their street form) is looked up there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import gammaincinv, ndtr, ndtri

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.bands import row_bands
from kcity_geo.analysis.gaps.chance import Squares, chance, normal, spread_evenly, squares
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.light import StreetLight
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.analysis.gaps.street_form import StreetForm, off_of, values_at
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.errors import StudyError

__all__ = ["Completion", "Places", "metres_to", "straight_m"]

_Value = TypeVar("_Value")
#: Distance of people to a facility in their own cell, as a share of its side: the mean of a square.
_OWN_CELL = 0.38
#: Purposes of chance.
_COUNT, _UNEVEN, _SITE, _KIND, _BLOCK, _DONOR, _LENDS = 1, 2, 3, 4, 101, 1000, 1100


def metres_to(there: NDArray[np.bool_], *, cell_m: float) -> NDArray[np.float64]:
    """
    Give the straight distance from each cell to the nearest cell with a facility.

    Parameters
    ----------
    there : shape (rows, cols).
    cell_m : side of a cell, metres.

    Returns
    -------
    Metres, same shape; infinite where there is none.

    Examples
    --------
    >>> metres_to(np.array([[True, False, False]]), cell_m=100).tolist()
    [[38.0, 100.0, 200.0]]
    """
    if not there.any():
        return np.full(there.shape, np.inf)
    metres = ndimage.distance_transform_edt(~there) * cell_m
    return np.asarray(np.maximum(metres, _OWN_CELL * cell_m))


def straight_m(city: CityModel) -> dict[str, NDArray[np.float64]]:
    """
    Give the straight distance from each cell to the nearest facility that the map shows.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Kind of facility -> metres, shape (rows, cols); infinite where there is none.
    """
    cell_m = cell_size(city.grid)
    return {
        name: metres_to(one.cells > 0, cell_m=cell_m) for name, one in city.once(counted).items()
    }


class Completion:
    """
    What all bands and draws of one city share.

    Parameters
    ----------
    city : its model.
    forms : indicator id -> street form, of those that another place may lend.
    light : of streets; None where it is not assessed.
    seed : of the draws.
    count : number of draws.
    memory : what chance does to the city and no edit changes, filled on the way; None: nothing is kept.
    """

    def __init__(
        self,
        city: CityModel,
        forms: Mapping[str, StreetForm] | None = None,
        light: StreetLight | None = None,
        *,
        seed: int,
        count: int,
        memory: dict[Hashable, Any] | None = None,
    ) -> None:
        self.city, self.seed, self.forms, self.memory = city, seed, forms or {}, memory
        self.light = light
        self.missing = city.rules("evidence")["missing"]
        self.silent = city.rules("evidence")["silent"]
        self.cell_m = cell_size(city.grid)
        self.shape = city.grid.shape
        self.people = city.people.persons
        if not city.people.known:  # without people land takes their place
            self.people = np.where(city.inside, 1.0, 0.0)
        self.mapped = city.once(mapped_share)
        self.detour = city.settings("transport").number("euclid_factor")
        self.count = city.once(counted)
        self.straight = city.once(straight_m)
        self.lenders = np.flatnonzero(self.people >= 1)
        self._street_prior: dict[int, float] = {}
        self._unmapped: dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}
        self._place = self.remembered("places", lambda: self._share_places(count))

    def remembered(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Give what is in the memory, or make it; what is made holds no city."""
        if self.memory is None:
            return make()
        if key not in self.memory:
            self.memory[key] = make()
        value: _Value = self.memory[key]
        return value

    @cached_property
    def seen(self) -> float:
        """People whose surroundings the map shows."""
        return float((self.mapped.mean * self.people).sum())

    def squares_of(self, rows: slice, side_m: float) -> NDArray[np.int64]:
        """Give a whole number for the square of a side that each cell of some rows lies in."""
        x, y = (each.reshape(self.shape)[rows] for each in cell_centres(self.city.grid))
        column, row = np.floor(x / side_m).astype(np.int64), np.floor(y / side_m).astype(np.int64)
        return np.asarray(row * 1_000_003 + column)

    def squares_in(self, name: str, at: slice | NDArray[np.intp]) -> Squares:
        """Give the squares of a side of ``[missing]`` in which some cells lie."""
        if isinstance(at, slice):
            return squares(self.squares_of(at, self.missing[name]))
        return squares(self.numbers_of(name).place[self.numbers_of(name).at.ravel()[at]])

    def numbers_of(self, name: str) -> Squares:
        """Give the squares of a side of ``[missing]`` of all cells, from memory."""
        return self.remembered(name, lambda: self.squares_in(name, slice(None)))

    def lenders_of(self, draw: int) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
        """Give who is asked by each patch of the city in one draw, and whether there is something to lend."""
        return self.remembered(("lender", draw), lambda: self.everywhere.ask(draw))

    @cached_property
    def everywhere(self) -> Places:
        """All cells."""
        return Places(self, slice(0, self.shape[0]))

    def missing_m(
        self, name: str, draw: int, reach_m: float, at: slice | NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """
        Give the straight distance of some cells to the nearest facility that the map lacks, from memory.

        Kept are squares of whole numbers of cells, which are exact, up to the first one beyond the reach.
        """
        most = int(min(np.ceil(reach_m / self.cell_m) + 1, sum(self.shape))) ** 2

        def find() -> NDArray[np.unsignedinteger]:
            there = self.everywhere.missing_sites(name, draw)
            far = most
            if there.any():
                far = np.rint(ndimage.distance_transform_edt(~there) ** 2)
            kind = np.min_scalar_type(most)
            return np.broadcast_to(np.minimum(far, most), self.shape).astype(kind)

        squared = values_at(self.remembered(("missing", name, draw, most), find), at)
        return np.maximum(
            np.sqrt(squared.astype(np.float64)) * self.cell_m, _OWN_CELL * self.cell_m
        )

    def whole(self, draw: int) -> bool:
        """Tell whether nothing at all is missing in a draw."""
        return bool((draw * 0.7548776662466927 + 0.03) % 1.0 < self.missing["whole_share"])

    def silent_gap(self, indicator: str, draw: int) -> float:
        """
        Give the gap of what nobody mapped, in one draw: alike for all of them, larger where more is taken to be mapped.

        Parameters
        ----------
        indicator : id of one that is not assessed.
        draw : which.

        Returns
        -------
        By ``[silent]`` of ``tables/evidence.toml``. NaN: the rest of its sector is all that counts.
        """
        at, rule = spread_evenly(draw), self.silent
        if indicator in rule["drawn"]:
            # Where nothing is missing on the map there is none of it.
            ends = rule["ends_share"]
            return 1.0 if self.whole(draw) else float(np.clip((at - ends) / (1 - 2 * ends), 0, 1))
        if indicator not in rule["ends"]:
            return float("nan")
        return (
            0.0 if at < rule["ends_share"] else 1.0 if at > 1 - rule["ends_share"] else float("nan")
        )

    def mostly_alike(self, together: float, blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give positions, 0 to 1, in which the blocks of a city partly err alike."""
        city, block = self.missing["city_weight"], self.missing["block_weight"]
        return np.asarray(ndtr((city * together + block * blocks) / np.hypot(city, block)))

    def _share_places(self, count: int) -> NDArray[np.unsignedinteger]:
        from kcity_geo.analysis.gaps.kernels import share_places

        kind = np.min_scalar_type(len(self.mapped.share))
        found = np.zeros((count, *self.shape), dtype=kind)
        for rows in row_bands(self.shape):
            cumulative = self.mapped.cumulative(rows)
            block = squares(self.squares_of(rows, self.missing["block_m"]))
            flat, at = cumulative.reshape(len(cumulative), -1), block.at.ravel()
            place = np.empty(at.size, dtype=kind)
            for draw in range(count):
                off = normal(block.place, draw=draw, purpose=_BLOCK, seed=self.seed)
                position = self.mostly_alike(float(ndtri(spread_evenly(draw))), off)
                share_places(flat, position, at, place)
                found[draw, rows] = place.reshape(block.at.shape)
        return found

    def share(self, draw: int, at: slice | NDArray[np.intp] = slice(None)) -> NDArray[np.float64]:
        """
        Give the share of the features of some cells that is mapped, in one draw.

        Parameters
        ----------
        draw : which.
        at : rows of the grid, or flat positions of cells.

        Returns
        -------
        Of those cells.
        """
        place = values_at(self._place[draw], at)
        if self.whole(draw):
            return np.ones(place.shape)
        return np.asarray(self.mapped.share[place])

    def street_prior(self, light: StreetLight, draw: int) -> float:
        """
        Give the chance that people of built-up land live at a street, in one draw.

        Parameters
        ----------
        light : of streets.
        draw : which.

        Returns
        -------
        As `StreetLight.prior` gives it.
        """
        if draw not in self._street_prior:
            self._street_prior[draw] = light.prior(self.share(draw, light.land))
        return self._street_prior[draw]

    def unmapped(self, name: str, draw: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """
        Weigh the people of each counted area among whom the facilities that a count knows may stand.

        Parameters
        ----------
        name : kind of facility.
        draw : which.

        Returns
        -------
        Shape (areas,): their weight, and whether any of it is people whose surroundings the map lacks in part.
        """
        key = (name, draw)
        if key not in self._unmapped:
            everywhere, count = Places(self, slice(0, self.shape[0])), self.count[name]
            people = everywhere.uneven_people(name, draw)
            told = count.area >= 0

            def weigh(weight: NDArray[np.float64]) -> NDArray[np.float64]:
                found = np.bincount(count.area[told], weight[told], minlength=len(count.lacking))
                return found.astype(np.float64, copy=False)

            lacking = weigh((1 - everywhere.share(draw)) * people)
            some = lacking > 0
            self._unmapped[key] = (np.where(some, lacking, weigh(people)), some)
        return self._unmapped[key]


class Places:
    """
    Some cells, and what chance does to them.

    Parameters
    ----------
    whole : the city.
    rows : of its grid; or flat positions of cells, with a memory of the city.
    """

    def __init__(self, whole: Completion, rows: slice | NDArray[np.intp]) -> None:
        self.whole, self.rows = whole, rows
        self.people = self.of(whole.people)
        self._wide: dict[str, Places] = {}
        self._asked: tuple[int, tuple[NDArray[np.intp] | None, NDArray[np.bool_]]] | None = None

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Give the values of these cells."""
        return values_at(values, self.rows)

    @cached_property
    def cell(self) -> NDArray[np.int64]:
        """Whole number of each cell; of rows only."""
        return self.whole.squares_of(self._own_rows(), self.whole.cell_m)

    @property
    def first_row(self) -> int:
        """Number of the first row; of rows only."""
        return int(self._own_rows().start)

    def _own_rows(self) -> slice:
        if isinstance(self.rows, slice):
            return self.rows
        raise StudyError("Places: of cells at flat positions this is only known from memory")

    @cached_property
    def block(self) -> Squares:
        """Blocks whose features were mapped, or not, together."""
        return self.whole.squares_in("block_m", self.rows)

    @cached_property
    def patch(self) -> Squares:
        """Patches whose streets were mapped, or not, together."""
        return self.whole.squares_in("patch_m", self.rows)

    def share(self, draw: int) -> NDArray[np.float64]:
        """Give the share of the features of each cell that is mapped, in one draw."""
        return self.whole.share(draw, self.rows)

    def _purpose(self, name: str) -> int:
        return 20 + 8 * list(self.whole.missing["facility"]).index(name)

    def uneven_people(self, name: str, draw: int) -> NDArray[np.float64]:
        """Give the people of each cell, times how unevenly facilities stand over blocks in one draw."""
        spread, purpose = self.whole.missing["uneven"], self._purpose(name) + _UNEVEN
        uneven = normal(self.block.place, draw=draw, purpose=purpose, seed=self.whole.seed)
        return np.asarray(self.people * np.exp(spread * uneven - spread**2 / 2)[self.block.at])

    def _kind_share(self, purpose: int, draw: int) -> NDArray[np.float64]:
        """
        Share of one kind of facility that is mapped where all else is, in one draw.

        Who maps the streets of a place need not map its clinics, and nothing on the map tells.
        """
        if self.whole.whole(draw):
            return np.ones(self.people.shape)
        seed = self.whole.seed
        together = float(normal(2, draw=draw, purpose=purpose + _KIND, seed=seed))
        blocks = normal(self.block.place, draw=draw, purpose=purpose + _KIND, seed=seed)
        at = self.whole.mostly_alike(together, blocks)
        return np.asarray((at ** (1 / self.whole.missing["kind_share"] - 1))[self.block.at])

    def missing_sites(self, name: str, draw: int) -> NDArray[np.bool_]:
        """Tell which cells hold a facility that the map lacks, in one draw."""
        whole, share = self.whole, self.share(draw)
        people, count = self.uneven_people(name, draw), whole.count[name]
        area = self.of(count.area)
        counted = area >= 0
        expected = (
            np.zeros(people.shape) if counted.all() else self._normal(name, draw, share, people)
        )
        if counted.any():
            # The city counted them: what the map lacks is known in number, not where it stands.
            total, some = whole.unmapped(name, draw)
            lacking = np.where(some[area], (1 - share) * people, people)
            by_count = count.lacking[area] * lacking / np.maximum(total[area], 1e-9)
            expected = np.where(counted, by_count, expected)
        purpose = self._purpose(name) + _SITE
        site = chance(self.cell, draw=draw, purpose=purpose, seed=whole.seed)
        return np.asarray(site < 1 - np.exp(-expected))

    def _normal(
        self, name: str, draw: int, share: NDArray[np.float64], people: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Expect facilities that the map lacks where nobody counted them, by the norm and by those mapped."""
        whole, purpose = self.whole, self._purpose(name)
        rule, row, seed = whole.missing, whole.missing["facility"][name], whole.seed
        shape = 1 / row["spread"] ** 2
        at = float(chance(0, draw=draw, purpose=purpose + _COUNT, seed=seed))
        # What is mapped is a lower bound of what there is: few speak no word against the norm.
        norm = shape * row["persons_each"]
        learnt = gammaincinv(shape + whole.count[name].mapped, at) / (
            norm + whole.seen * rule["kind_share"]
        )
        each = max(learnt, gammaincinv(shape, at) / norm)
        off = float(normal(1, draw=draw, purpose=purpose, seed=seed))
        each *= np.exp(rule["norm_spread"] * off)
        return np.asarray(each * (1 - share * self._kind_share(purpose, draw)) * people)

    def facility_m(self, name: str, draw: int, *, reach_m: float = np.inf) -> NDArray[np.float64]:
        """
        Give the straight distance to the nearest facility that the map lacks, in one draw.

        Parameters
        ----------
        name : kind of facility.
        draw : which.
        reach_m : metres from which a facility is too far to count.

        Returns
        -------
        Metres, exact up to `reach_m`; beyond, some number above it.
        """
        if self.whole.memory is not None and np.isfinite(reach_m):
            return self.whole.missing_m(name, draw, reach_m, self.rows)
        wide = self._reaching(name, reach_m)
        metres = metres_to(wide.missing_sites(name, draw), cell_m=self.whole.cell_m)
        first = self.first_row - wide.first_row
        return metres[first : first + len(self.people)]

    def _reaching(self, name: str, reach_m: float) -> Places:
        """Give the rows from which a facility reaches these."""
        if name not in self._wide:
            own, last = self._own_rows(), self.whole.shape[0]
            more = int(min(last, np.ceil(reach_m / self.whole.cell_m) + 1))
            rows = slice(max(0, own.start - more), min(last, own.stop + more))
            self._wide[name] = self if rows == own else Places(self.whole, rows)
        return self._wide[name]

    def lent(
        self, indicator: str, otherwise: NDArray[np.float64], draw: int
    ) -> NDArray[np.float64]:
        """
        Give the street form of another place of the city, in one draw.

        Parameters
        ----------
        indicator : id of one of `Completion.forms`.
        otherwise : gap of each cell where nobody has anything to lend.
        draw : which.

        Returns
        -------
        Shape of `otherwise`. Any populated place is asked, whatever the map shows of it: what is deleted
        elsewhere never changes who is asked. It lends what it shows, completed like any other, as often
        as it is mapped itself.
        """
        form = self.whole.forms[indicator]
        lender, lends = self.lender(draw)
        if lender is None:
            return otherwise
        gap = form.grown(lender, self.whole.share(draw, lender), off_of(draw))
        here = lends & np.isfinite(gap)
        return np.where(here[self.patch.at], gap[self.patch.at], otherwise)

    def lender(self, draw: int) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
        """Give who is asked by each patch, and whether there is anything to lend."""
        if self._asked is None or self._asked[0] != draw:
            self._asked = (draw, self.ask(draw))
        return self._asked[1]

    def ask(self, draw: int) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
        """Find what `lender` gives."""
        whole = self.whole
        if len(whole.lenders) == 0:
            return None, np.zeros(0, dtype=bool)
        at, lends = (
            chance(self.patch.place, draw=draw, purpose=purpose, seed=whole.seed)
            for purpose in (_DONOR, _LENDS)
        )
        lender = whole.lenders[(at * len(whole.lenders)).astype(np.intp)]
        return lender, lends < whole.share(draw, lender)
