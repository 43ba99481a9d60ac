"""
Value functions: what a measured value is worth, from 0 (unsuitable) to 1 (as good as it gets).

Limits are fixed in the profile, never taken from the cells at hand, so that a score means the same
in every city.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.errors import StudyError
from kcity_geo.profiles import check_value_function
from kcity_geo.retold import made

__all__ = ["LANDCOVER", "describe", "full_score", "utility"]

#: Names of ESA WorldCover classes in ``cat`` functions.
LANDCOVER: Mapping[int, str] = {
    10: "tree",
    20: "shrub",
    30: "grass",
    40: "crop",
    50: "built",
    60: "bare",
    70: "snow",
    80: "water",
    90: "wetland",
    95: "wetland",
    100: "grass",
}


def utility(
    values: ArrayLike,
    *,
    function: str,
    parameters: Sequence[float] | Mapping[str, float],
) -> NDArray[np.float64]:
    """
    Turn measured values into a utility.

    Parameters
    ----------
    values : in the units of the criterion; class codes of ESA WorldCover for ``cat``. NaN: not
        known.
    function : ``lin_dec [a, b]`` (1 up to a, 0 from b), ``lin_inc [a, b]``, ``trap [a, b, c, d]``,
        ``sig_dec [m, k]``, ``gauss [m, s]``, ``exp_dec [scale]``, ``step [t]`` (1 from t) or
        ``cat`` with a utility for each class name, 0 for classes not named.
    parameters : of the function, in the units of `values`.

    Returns
    -------
    Shape of `values`, 0 to 1; NaN stays NaN.

    Raises
    ------
    StudyError
        If the function does not exist or its parameters do not fit.

    Examples
    --------
    >>> utility([0.0, 7.0, 20.0], function="lin_dec", parameters=[0, 15]).round(4).tolist()
    [1.0, 0.5333, 0.0]
    """
    x = np.asarray(values, dtype=np.float64)
    if function == "cat":
        return _category(x, parameters)
    p = check_value_function(function, parameters)
    with np.errstate(over="ignore"):
        found = _evaluate(function, x, p)
    return np.asarray(np.where(np.isnan(x), np.nan, np.clip(found, 0.0, 1.0)))


def _evaluate(function: str, x: NDArray[np.float64], p: list[float]) -> NDArray[np.float64]:
    formulas: dict[str, Callable[[], NDArray[np.float64]]] = {
        "lin_dec": lambda: 1.0 - _ramp(x, p[0], p[1]),
        "lin_inc": lambda: _ramp(x, p[0], p[1]),
        "trap": lambda: np.minimum(_ramp(x, p[0], p[1]), 1.0 - _ramp(x, p[2], p[3])),
        "sig_dec": lambda: 1.0 / (1.0 + np.exp(p[1] * (x - p[0]))),
        "gauss": lambda: np.exp(-0.5 * ((x - p[0]) / p[1]) ** 2),
        "exp_dec": lambda: np.exp(-x / p[0]),
        "step": lambda: (x >= p[0]).astype(np.float64),
    }
    return np.asarray(formulas[function]())


def _ramp(x: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """0 up to `low`, 1 from `high`; a step just above `low` when both are the same."""
    if high == low:
        return np.asarray((x > low).astype(np.float64))
    return np.asarray(np.clip((x - low) / (high - low), 0.0, 1.0))


def _category(
    codes: NDArray[np.float64], parameters: Sequence[float] | Mapping[str, float]
) -> NDArray[np.float64]:
    if not hasattr(parameters, "items"):
        raise StudyError(f"cat: a table of class and value is needed, not {parameters!r}")
    out = np.where(np.isnan(codes), np.nan, 0.0)
    names = set(LANDCOVER.values())
    for name, value in parameters.items():
        if name not in names:
            raise StudyError(f"cat: no class {name!r}; known are {', '.join(sorted(names))}")
        if not 0 <= value <= 1:
            raise StudyError(f"cat: {name} = {value!r} is not between 0 and 1")
        of_name = [code for code, known in LANDCOVER.items() if known == name]
        out[np.isin(codes, of_name)] = value
    return out


def describe(function: str, parameters: Sequence[float] | Mapping[str, float]) -> str:
    """
    Put a value function into words.

    Parameters
    ----------
    function, parameters : as of `utility`.

    Returns
    -------
    Text such as ``"lin_dec [2, 15]"``.

    Examples
    --------
    >>> describe("lin_dec", [2, 15.0])
    'lin_dec [2, 15]'
    """
    if hasattr(parameters, "items"):
        inner = ", ".join(f"{k} {v:g}" for k, v in parameters.items())
    else:
        inner = ", ".join(f"{v:g}" for v in parameters)
    return f"{function} [{inner}]"


def full_score(function: str, parameters: Sequence[float] | Mapping[str, float]) -> str:
    """
    Say for which values a value function gives its full score.

    Parameters
    ----------
    function, parameters : as of `utility`.

    Returns
    -------
    Text in the units of the criterion; empty where no single range does.

    Examples
    --------
    >>> full_score("lin_inc", [5000, 150000])
    'from 150,000'
    """
    if hasattr(parameters, "items"):
        return ""
    p = [f"{v:,.0f}" if float(v).is_integer() else f"{v:g}" for v in parameters]
    if function == "trap":
        return made("best_between", low=p[1], high=p[2])
    if function == "lin_dec":
        return made("best_up_to", limit=p[0])
    ends = {"lin_inc": p[-1], "step": p[0]}
    return made("best_from", limit=ends[function]) if function in ends else ""
