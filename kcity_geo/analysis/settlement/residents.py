"""
What the transport indicators share: who lives where, and what a city value says of them.

People stand still here; `kcity_geo.analysis.network.access` moves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.settlement.classes import cell_classes
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.citydata import CityInputs
from kcity_geo.result import Indicator

__all__ = ["People", "people_of", "share_indicator", "with_layers"]

URBAN = 2
RURAL = 1
NO_PEOPLE = (
    "needs a population grid in which somebody lives here (WorldPop or GHS-POP): sources.population"
)


@dataclass(frozen=True, eq=False)
class People:
    """
    The people of a city on its grid.

    Parameters
    ----------
    persons : shape (rows, cols), zero or more; 0 where not known.
    known : whether there is a population grid at all.
    urban, rural : shape (rows, cols).
    classes_known : whether urban and rural cells could be told apart.
    cells : flat numbers of the cells inside the city.
    """

    persons: NDArray[np.float64]
    known: bool
    urban: NDArray[np.bool_]
    rural: NDArray[np.bool_]
    classes_known: bool
    cells: NDArray[np.int64]

    @property
    def note(self) -> str:
        """What must be read beside a number for urban or rural people."""
        return "" if self.classes_known else "no settlement classes: every populated cell is urban"


def people_of(data: CityInputs) -> People:
    """
    Give the people of a city.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Persons and classes of the cells inside the city.
    """
    found = data.array("population")
    inside = data.inside
    persons = np.zeros(data.grid.shape) if found is None else np.nan_to_num(found, nan=0.0)
    classes, known = cell_classes(data)
    return People(
        persons=np.where(inside, np.maximum(persons, 0.0), 0.0),
        known=found is not None,
        urban=inside & (classes >= URBAN),
        rural=inside & (classes == RURAL),
        classes_known=known,
        cells=np.flatnonzero(inside.ravel()),
    )


def share_indicator(
    indicator: str,
    share: NDArray[np.float64],
    people: People,
    *,
    who: NDArray[np.bool_],
    **fields: Any,  # noqa: ANN401 - fields of Indicator
) -> Indicator:
    """
    Turn the share of people served in each cell into an indicator.

    Parameters
    ----------
    indicator : its id.
    share : shape (rows, cols), 0 to 1, share of the people of the cell who are served.
    people : of the city.
    who : cells whose people count; the others are NaN.
    **fields : further fields of `kcity_geo.result.Indicator`.

    Returns
    -------
    Value and cells are the share served, the gap is the share not served. People served and not
    served, in ``details``, add up to all who count.
    """
    cells = np.where(who, share, np.nan)
    counted = who & np.isfinite(cells)
    served = float((people.persons * cells)[counted].sum())
    total = float(people.persons[counted].sum())
    details = {
        "persons": total,
        "persons_served": served,
        "persons_unserved": total - served,
        **fields.pop("details", {}),
    }
    if not people.known:
        fields.setdefault("not_assessed", NO_PEOPLE)
    elif total == 0:
        fields.setdefault("not_assessed", "nobody lives in the cells that count")
    return Indicator(
        id=indicator,
        value=weighted_mean(cells, np.where(who, people.persons, 0.0)),
        units="share",
        cells=cells,
        gap=1.0 - cells,
        details=details,
        **fields,
    )


def with_layers(data: CityInputs, *names: str) -> dict[str, Any]:
    """
    Give the fields of an indicator that say what it rests on.

    Parameters
    ----------
    data : of the city.
    *names : layers.

    Returns
    -------
    ``layers``, ``n_features``, ``source`` and ``as_of``.
    """
    return {
        "layers": names,
        "n_features": sum(len(data.layers[name]) for name in names if name in data.layers),
        "source": "OpenStreetMap",
        "as_of": data.osm_date,
    }
