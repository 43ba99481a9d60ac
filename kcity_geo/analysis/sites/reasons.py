"""Reasons: what speaks for a site and what against it, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.profiles import site_rules
from kcity_geo.result import Criterion
from kcity_geo.retold import made

__all__ = ["reasons_of"]


def reasons_of(
    used: list[Criterion],
    utilities: NDArray[np.float64],
    known: NDArray[np.bool_],
    cells: NDArray[np.int64],
) -> tuple[list[str], list[str]]:
    """
    Say what speaks for a site and what against it, the weightiest first.

    Parameters
    ----------
    used : the criteria with weight.
    utilities : shape (criteria,), means over the site.
    known : shape (criteria,), whether the site knows the criterion.
    cells : flat cell numbers of the site.

    Returns
    -------
    Sentences for it, and sentences against it.
    """
    rule = site_rules()
    weight = np.array([c.weight_used for c in used])
    said: dict[int, str] = {}
    for i, one in enumerate(used):
        if not known[i] or not one.phrase:
            continue
        values = one.values.ravel()[cells]
        mean = float(np.nanmean(values))
        said[i] = _filled(one.phrase, value=_rounded(mean), utility=f"{utilities[i]:.1f}")
    good = [i for i in said if utilities[i] >= rule["reason_utility_min"]]
    bad = [i for i in said if utilities[i] <= rule["concern_utility_max"]]
    good.sort(key=lambda i: (-weight[i] * utilities[i], i))
    bad.sort(key=lambda i: (-weight[i] * (1 - utilities[i]), i))
    unknown = [made("not_known", title=used[i].title.lower()) for i in np.flatnonzero(~known)]
    return [said[i] for i in good], [_against(used[i], said[i]) for i in bad] + unknown


def _filled(phrase: str, **words: str) -> str:
    """Put words for their names in braces; whatever else a phrase holds stays as it is."""
    for name, text in words.items():
        phrase = phrase.replace(f"{{{name}}}", text)
    return phrase


def _against(criterion: Criterion, text: str) -> str:
    """Say beside a weak value which value would be good."""
    best = criterion.full_score
    return made("against", phrase=text, best=best) if best else text


def _rounded(value: float) -> str:
    """Round as a person would: two digits that count."""
    if not np.isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    digits = 1 - int(np.floor(np.log10(abs(value))))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, min(digits, 2))}f}"
