"""Words of a comparison in both languages: numbers, and which scores are weighted means."""

from __future__ import annotations

from markupsafe import Markup

from kcity_geo.analysis.comparison.compare import Comparison
from kcity_geo.analysis.comparison.rows import AXES, reweighted
from kcity_geo.config import read_table
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.languages import LANGUAGES, both, in_both, say
from kcity_geo.outputs.text import human, persons

__all__ = ["made_of", "number_in_both", "people_in_both", "weights_in_both", "weights_told"]


def number_in_both(value: float, unit: str, *ids: str) -> dict[str, str]:
    """
    Write a number in each language, with its id in the ledger.

    Parameters
    ----------
    value : of the number.
    unit : that it is in.
    *ids : of the ledger.

    Returns
    -------
    Language -> text.

    Examples
    --------
    >>> number_in_both(0.5, "share")
    {'en': '50 %', 'ko': '50%'}
    """
    shown = human(value, unit)
    words = read_table("texts/compare")["number"]
    korean = str(words.get(shown, shown.replace(" %", "%")))
    return {language: cited(korean if language == "ko" else shown, *ids) for language in LANGUAGES}


def people_in_both(found: Comparison, key: str, name: str) -> str:
    """
    Say how many people live in a city, or how many at least where not all of it was counted.

    Parameters
    ----------
    found : cities side by side.
    key : of the city.
    name : id of the number in the ledger.

    Returns
    -------
    In each language.
    """
    (city,) = (city for city in found.cities if city.key == key)
    counted = cited(persons(city.population), name)
    if city.whole:
        return counted
    return in_both({one: say("report", "at_least", one, number=counted) for one in LANGUAGES})


def weights_in_both(found: Comparison, axis: str) -> dict[str, str]:
    """
    Tell the weights of an axis, where they are not those of the table.

    Parameters
    ----------
    found : cities side by side.
    axis : ``"need"`` or ``"readiness"``.

    Returns
    -------
    Language -> each criterion with its weight; empty where all weigh as in ``tables/compare.toml``.
    """
    rows = {row["id"]: row for row in read_table("compare")["criterion"]}
    told: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for one in reweighted(found.criteria, axis):
        share = number_in_both(one.weight, "share", f"weight.{one.id}")
        for language, name in (("en", "short"), ("ko", "short_ko")):
            told[language].append(f"{rows[one.id][name]} {share[language]}")
    return {language: ", ".join(parts) for language, parts in told.items() if parts}


def weights_told(found: Comparison) -> list[str]:
    """
    Say in English of which axes the score is a weighted mean.

    Parameters
    ----------
    found : cities side by side.

    Returns
    -------
    A sentence an axis with its weights; none where all are those of ``tables/compare.toml``.
    """
    return [
        say("compare", "weighted_note", "en", axis=say("compare", axis, "en"), weights=told["en"])
        for axis in AXES
        if (told := weights_in_both(found, axis))
    ]


def made_of(found: Comparison, axis: str) -> Markup:
    """
    Say how the score of an axis is made.

    Parameters
    ----------
    found : cities side by side.
    axis : ``"need"`` or ``"readiness"``.

    Returns
    -------
    A sentence in all languages, with the weights where they are not those of ``tables/compare.toml``.
    """
    weights = weights_in_both(found, axis)
    if weights:
        return both("compare", f"method_{axis}_weighted", weights=weights)
    return both("compare", f"method_{axis}")
