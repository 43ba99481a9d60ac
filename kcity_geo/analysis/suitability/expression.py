"""Expression: a formula of cell variables, read by a grammar of its own and never run as code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name

__all__ = ["evaluate", "names_in"]

_MOST_NODES = 200
_LARGEST_POWER = 16
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
#: Function -> numbers that it takes, and what it does.
_CALLS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "log": (1, np.log),
    "exp": (1, np.exp),
    "where": (3, lambda when, then, other: np.where(when > 0, then, other)),
}
_TAKES = {
    "min": "two values (put one min into another for more)",
    "max": "two values (put one max into another for more)",
    "where": "three values: a condition, the value where it holds, the value elsewhere",
}


def _parsed(text: str) -> ast.expr:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StudyError(f"expression {text!r}: is no formula ({error.args[0]})") from error
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise StudyError(f"expression {text[:60]!r}: has more than {_MOST_NODES} parts")
    return tree.body


def names_in(text: str) -> list[str]:
    """
    Name the variables of an expression.

    Parameters
    ----------
    text : the expression.

    Returns
    -------
    Names, each once, in the order of the alphabet.

    Raises
    ------
    StudyError
        If the text is no formula.

    Examples
    --------
    >>> names_in("min(slope_pct, 30) / 100 + hand_m")
    ['hand_m', 'slope_pct']
    """
    tree = _parsed(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
    return sorted(found)


def evaluate(text: str, variables: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """
    Work out an expression for every cell.

    Parameters
    ----------
    text : numbers, names of `variables`, ``+ - * /``, ``**`` with a number up to 16, comparisons (1 or 0),
        and ``min max abs sqrt log exp where``.
    variables : name -> array; all of one shape. NaN: not known.

    Returns
    -------
    Shape of the variables. NaN where a variable is not known or the formula has no value.

    Raises
    ------
    StudyError
        If the text holds anything else, or names a variable that does not exist.

    Examples
    --------
    >>> evaluate("min(slope, 10) / 2", {"slope": np.array([4.0, 30.0, np.nan])}).tolist()
    [2.0, 5.0, nan]
    """
    tree = _parsed(text)
    for name in names_in(text):
        if name not in variables:
            known = nearest_name(name, list(variables))
            raise StudyError(f"expression {text!r}: no variable {name!r}{known}")
    with np.errstate(all="ignore"):
        found = np.asarray(_value(tree, variables, text), dtype=np.float64)
    unknown = np.zeros(np.shape(found), dtype=bool)
    for name in names_in(text):
        unknown = unknown | np.isnan(variables[name])
    return np.asarray(np.where(unknown | ~np.isfinite(found), np.nan, found))


def _value(node: ast.AST, variables: Mapping[str, NDArray[np.float64]], text: str) -> Any:  # noqa: ANN401 - arrays, numbers
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return _number(node.value, text)
    if isinstance(node, ast.Name):
        return variables[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _value(node.operand, variables, text)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        return _binary(node, variables, text)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        left = _value(node.left, variables, text)
        return _COMPARE[type(node.ops[0])](left, _value(node.comparators[0], variables, text)) * 1.0
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        count, function = _CALLS.get(node.func.id, (-1, abs))
        if len(node.args) == count:
            return function(*(_value(one, variables, text) for one in node.args))
        if count >= 0:
            what = _TAKES.get(node.func.id, f"{count} value" + "s" * (count > 1))
            raise StudyError(
                f"expression {text!r}: {node.func.id} takes {what}, not {len(node.args)}"
            )
    raise StudyError(
        f"expression {text!r}: {ast.unparse(node)!r} is not allowed; use numbers, variables, + - * / **, "
        f"comparisons and {', '.join(_CALLS)}"
    )


def _number(value: Any, text: str) -> float:  # noqa: ANN401 - int or float of the parser
    try:
        return float(value)
    except OverflowError as error:
        raise StudyError(f"expression {text:.40}...: a number in it is too large") from error


def _binary(node: ast.BinOp, variables: Mapping[str, NDArray[np.float64]], text: str) -> Any:  # noqa: ANN401 - arrays, numbers
    left = _value(node.left, variables, text)
    if isinstance(node.op, ast.Pow):
        power = node.right
        number = isinstance(power, ast.Constant) and type(power.value) in {int, float}
        if number and abs(_number(power.value, text)) <= _LARGEST_POWER:  # type: ignore[attr-defined]
            return np.asarray(left, dtype=np.float64) ** float(power.value)  # type: ignore[attr-defined]
        raise StudyError(f"expression {text!r}: a power must be a number up to {_LARGEST_POWER}")
    if type(node.op) not in _BINARY:
        raise StudyError(f"expression {text!r}: {ast.unparse(node)!r} is not allowed")
    return _BINARY[type(node.op)](
        left, np.asarray(_value(node.right, variables, text), dtype=float)
    )
