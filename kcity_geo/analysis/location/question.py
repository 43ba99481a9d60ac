"""The question that `locate` puts to a city: who counts, what exists, where something may stand."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.location.candidates import Candidates, candidate_places, thinned
from kcity_geo.analysis.location.services import Service, existing_places
from kcity_geo.analysis.location.ways import Ways
from kcity_geo.coordinates import in_crs
from kcity_geo.errors import LimitError, StudyError
from kcity_geo.notes import tell
from kcity_geo.result import Gaps

__all__ = ["SLACK", "Question", "existing_of", "one_each", "places_of", "weights"]

#: Places of a lattice that are looked at, and pairs of home and place, by what is solved.
_PLACES = 2_000
_PAIRS = {"mclp": 4e6, "p_median": 4e6, "lscp": 4e6, "p_centre": 1e6, "capacity": 2e4}
#: More pairs than this do not fit into memory, whoever gave the places.
_MOST_PAIRS = 4e7
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked, and everything that was looked up for it."""

    ways: Ways
    method: str
    persons: NDArray[np.float64]  # of each home
    weight: NDArray[np.float64]  # of each home
    weight_unit: str
    today: NDArray[np.float64]  # cost to what exists, of each home
    places: NDArray[np.object_]
    p: int | None
    price: NDArray[np.float64] | None
    budget: float | None
    capacity: NDArray[np.float64] | None
    seed: int
    notes: list[str] = field(default_factory=list)

    @property
    def service(self) -> Service:
        """What is placed."""
        return self.ways.service

    @property
    def counted(self) -> NDArray[np.int64]:
        """Homes that count for the choice."""
        return np.flatnonzero(self.weight > 0)

    def say(self, text: str) -> None:
        """Tell a note and keep it with the answer."""
        self.notes.append(text)
        tell(f"locate: {text}")


def weights(
    city: CityModel, service: Service, gaps: Gaps | None, weight: str | None, notes: list[str]
) -> tuple[NDArray[np.float64], str]:
    """
    Give the weight of each cell.

    Parameters
    ----------
    city : its model.
    service : what is placed.
    gaps : of the same city, or None.
    weight : ``short``, ``people``, a variable of the cube, or None, as for `locate`.
    notes : what must be read beside the answer; added to.

    Returns
    -------
    Shape (cells of the grid,), zero or more, and its unit.

    Raises
    ------
    StudyError
        If there is no such weight, or it is negative somewhere.
    """
    persons = city.people.persons.ravel()
    name = weight or ("short" if gaps is not None else "people")
    if name == "people":
        return persons, "people"
    if name == "short":
        return _short(city, service, gaps, weight, notes)
    found = city.array(name)
    if found is None:
        raise StudyError(
            f"weight: {name!r} is neither 'short', 'people' nor a variable of the cube"
        )
    values = np.where(city.inside, found, 0.0).ravel()
    if (values < 0).any():
        raise StudyError(f"weight: {name} is negative in {(values < 0).sum()} cells")
    if np.isnan(values).any():
        _say(notes, f"{name} is not known in {np.isnan(values).sum()} cells; they do not count")
    return np.nan_to_num(values), name


def _short(
    city: CityModel, service: Service, gaps: Gaps | None, asked: str | None, notes: list[str]
) -> tuple[NDArray[np.float64], str]:
    persons = city.people.persons.ravel()
    key = f"{service.indicator}_gap"
    if gaps is None:
        raise StudyError("weight: 'short' needs gaps=kc.assess_gaps(data)")
    if not service.indicator or key not in gaps.cells:
        if asked == "short":
            raise StudyError(f"weight: no indicator says who lacks {service.titles}: use 'people'")
        _say(notes, f"no scored indicator says who lacks {service.titles}: all people count alike")
        return persons, "people"
    gap = np.asarray(gaps.cells[key].to_numpy(), dtype=np.float64).ravel()
    if gap.shape != persons.shape:
        raise StudyError("gaps: they are of another grid than the city")
    lost = float(persons[np.isnan(gap)].sum())
    if lost >= 1:
        _say(notes, f"the gap of {lost:,.0f} people is not known; they do not count for the choice")
    target = getattr(city.standards.get(service.indicator), "target", None)
    if service.unit == "min" and target is not None and service.within < target:
        _say(
            notes,
            f"people within {target:g} min, the target of {service.indicator}, do not fall short and "
            "do not count for the choice; weight 'people' counts all",
        )
    return persons * np.nan_to_num(gap), "people who fall short"


def _say(notes: list[str], text: str) -> None:
    notes.append(text)
    tell(f"locate: {text}")


def existing_of(
    city: CityModel, service: Service, existing: gpd.GeoDataFrame | gpd.GeoSeries | None
) -> NDArray[np.object_]:
    """
    Give what exists: given, or as the map has it.

    Parameters
    ----------
    city : its model.
    service : what is placed.
    existing : shapes in any CRS; None: as the map has it.

    Returns
    -------
    Shapes, metric CRS.

    Raises
    ------
    StudyError
        If it is no frame of shapes.
    CRSMismatchError
        If the frame has no CRS.
    """
    if existing is None:
        return existing_places(city, service)
    if not isinstance(existing, gpd.GeoDataFrame | gpd.GeoSeries):
        raise StudyError(
            f"existing: give a GeoDataFrame or GeoSeries, got {type(existing).__name__}"
        )
    shapes = in_crs(existing, city.city.crs, what="existing")
    return np.asarray(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))])


def places_of(
    ways: Ways,
    candidates: Candidates,
    weight: NDArray[np.float64],
    today: NDArray[np.float64],
    method: str,
    *,
    limited: bool,
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """
    Give the places that are looked at.

    Parameters
    ----------
    ways : of the question.
    candidates : as for `locate`.
    weight : of each home.
    today : cost to what exists, of each home.
    method : one of the four.
    limited : whether sites have capacities.

    Returns
    -------
    The places, metric CRS, and the position of each among the candidates.

    Raises
    ------
    LimitError
        If so many places were given that the table of ways does not fit into memory.
    StudyError
        If none can be reached.
    """
    found, given = candidate_places(ways.city, candidates, mode=ways.service.mode)
    homes = np.flatnonzero(weight > 0)
    upto = _useful_below(method, ways.service.within, today)
    homes = homes[upto[homes] > 0]
    if given:
        expected = ways.pairs_expected(found, homes, upto)
        if expected > _MOST_PAIRS:
            most = max(int(len(found) * _MOST_PAIRS / expected), 1)
            raise LimitError(
                f"candidates: {len(found):,} places and {len(homes):,} homes have more than "
                f"{_MOST_PAIRS:,.0f} ways between them; give at most about {most:,} places"
            )
        if not ways.on_network(found).any():
            raise StudyError("candidates: none is near a street of this mode; give other places")
        return found, np.arange(len(found))
    most, pairs = _PLACES, _PAIRS["capacity" if limited else method]
    places, side = thinned(found, most, spacing_m=_first_spacing(ways.service))
    for _ in range(4):
        expected = ways.pairs_expected(places, homes, upto)
        if expected <= pairs or len(places) <= 1:
            break
        most = max(int(len(places) * pairs / expected), 1)
        places, side = thinned(places, most, spacing_m=side)
    if len(places) < len(found):
        tell(
            f"locate: {len(places):,} of {len(found):,} places are looked at, one in each square of "
            f"{side:,.0f} m; give candidates to look at others"
        )
    return places, np.arange(len(places))


def _first_spacing(service: Service) -> float:
    """Give squares that are small beside the limit."""
    return 100.0 if service.unit == "min" else min(100.0, service.within / 2.0)


def _useful_below(method: str, within: float, today: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say below which cost a place is of use to a home."""
    if method in {"mclp", "lscp"}:
        return np.where(today > within + SLACK, within + SLACK, 0.0)
    if method == "p_median":
        return today
    return np.full(len(today), np.inf)


def one_each(
    given: ArrayLike | None, number: NDArray[np.int64], name: str
) -> NDArray[np.float64] | None:
    """
    Give a number for each candidate.

    Parameters
    ----------
    given : one number, one for each, or None.
    number : position of each place among the candidates.
    name : of the argument, for messages.

    Returns
    -------
    Shape (places,), above zero; None when nothing was given.

    Raises
    ------
    StudyError
        If there are more or fewer, or one is not above zero.
    """
    if given is None:
        return None
    try:
        values = np.asarray(given)
    except ValueError as error:  # lists of unequal length
        raise StudyError(f"{name}: give one number, or a list of numbers") from error
    if values.dtype.kind not in "iuf":
        raise StudyError(
            f"{name}: {given!r:.60} is no number, or has what is none in it; give numbers, without quotes"
        )
    values = values.astype(np.float64)
    if values.ndim == 0:
        values = np.full(len(number), float(values))
    if values.shape != (len(number),):
        raise StudyError(
            f"{name}: give one number, or one for each of the {len(number)} candidates, got "
            f"{values.shape}"
        )
    if not (values > 0).all():
        raise StudyError(f"{name}: every one must be above zero")
    return values
