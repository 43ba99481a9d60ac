"""How a value becomes a score, in words: from ``lin_dec [2, 15]`` to a sentence."""

from __future__ import annotations

import re

from kcity_geo.outputs.text import human, plain_text

__all__ = ["score_words"]

_FORM = re.compile(r"(\w+) \[(.*)\]")
#: Value function -> words; the places are its parameters in order.
_WORDS = {
    "lin_dec": "full score up to {0}, none from {1}",
    "lin_inc": "none up to {0}, full score from {1}",
    "trap": "none up to {0}, full score from {1} to {2}, none from {3}",
    "sig_dec": "half the score at {0}, less beyond",
    "gauss": "full score at {0}, less on both sides",
    "exp_dec": "full score at 0, about a third at {0}",
    "step": "full score from {0}, none below",
}


def score_words(value_function: str, units: str = "") -> str:
    """
    Say what a value function does.

    Parameters
    ----------
    value_function : as in `kcity_geo.result.Criterion`.
    units : of the criterion.

    Returns
    -------
    A clause; the text itself where it has another form.

    Examples
    --------
    >>> score_words("lin_dec [2, 15]", "%")
    'full score up to 2 %, none from 15 %'
    >>> score_words("cat [bare 1, tree 0.2]", "class")
    'bare 100, tree 20 of 100'
    """
    text = plain_text(value_function)
    form = _FORM.fullmatch(text)
    if form is None:
        return text
    name, inner = form.groups()
    parts = [p.strip() for p in inner.split(",")]
    try:
        if name == "cat":
            pairs = [p.rsplit(" ", 1) for p in parts]
            return ", ".join(f"{k} {100 * float(v):.0f}" for k, v in pairs) + " of 100"
        return _WORDS[name].format(*(_value(float(p), units) for p in parts))
    except (KeyError, ValueError, IndexError):
        return text


def _value(number: float, units: str) -> str:
    if units == "persons":
        return f"{number:,.0f} people"
    return human(number, {"degC": "°C", "class": "", "index": ""}.get(units, units))
