"""How a value becomes a score, in words: from ``lin_dec [2, 15]`` to a sentence."""

from __future__ import annotations

import re

from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.text import human, plain_text

__all__ = ["score_words"]

_FORM = re.compile(r"(\w+) \[(.*)\]")
#: Value function -> how many parameters its words name, in order.
_PARAMETERS = {
    "lin_dec": 2, "lin_inc": 2, "trap": 4, "sig_dec": 1, "gauss": 1, "exp_dec": 1, "step": 1,
}  # fmt: skip
_HOLES = "abcd"


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
        return translated(text)
    name, inner = form.groups()
    parts = [p.strip() for p in inner.split(",")]
    try:
        if name == "cat":
            pairs = [p.rsplit(" ", 1) for p in parts]
            classes = ", ".join(f"{translated(k)} {100 * float(v):.0f}" for k, v in pairs)
            return tell("score_class", classes=classes)
        values = [_value(float(p), units) for p in parts][: _PARAMETERS[name]]
        return tell(f"score_{name}", **dict(zip(_HOLES, values, strict=False)))
    except (KeyError, ValueError, IndexError):
        return text


def _value(number: float, units: str) -> str:
    if units == "persons":
        return tell("score_people", number=f"{number:,.0f}")
    return human(number, {"degC": "°C", "class": "", "index": ""}.get(units, units))
