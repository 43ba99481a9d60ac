"""Docstrings have the form of numpydoc: sections in order, every parameter, what comes back."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from numpydoc.validate import ERROR_MSGS, validate

import kcity_geo

MODULES = [
    m.name
    for m in pkgutil.walk_packages(kcity_geo.__path__, "kcity_geo.")
    # commands are described by their options; the two __main__ run them
    if not m.name.startswith("kcity_geo.cli") and not m.name.endswith("__main__")
]
NOT_ASKED = {
    "ES01": "a summary may be enough",
    "SA01": "the packages are small: neighbours are seen without a See Also",
    "EX01": "examples stand where they explain; those that stand are run",
    "GL01": "the summary starts on its own line already",
    "GL08": "a missing docstring is the linter's",
    "PR04": "types stand in the signature, once",
    "PR05": "after the colon: shape, unit, CRS and meaning, in a sentence",
    "PR06": "types stand in the signature, once",
    "PR07": "what stands after the colon is the description",
    "PR08": "a description may start with a name in lower case",
    "RT03": "what stands under Returns is the description",
    "YD01": "a generator says what it yields under Returns or Yields",
}
# A method or class may be said in one sentence; as soon as it has sections, they are complete.
ONLY_WITH_SECTIONS = {"PR01", "RT01"}
# Fields of a class are given by name: their lines may stand in the order that reads best.
ONLY_FUNCTIONS = {"PR03"}


def documented(module) -> list[tuple[str, bool]]:
    """Public functions, classes and methods of a module, and whether each is a function."""
    found = []
    for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
        thing = getattr(module, name)
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            found.append((name, True))
        elif inspect.isclass(thing):
            found.append((name, False))
            found += [
                (f"{name}.{key}", False)
                for key, method in vars(thing).items()
                if not key.startswith("_")
                and (inspect.isfunction(method) or isinstance(method, property))
            ]
    return found


def failures(path: str, *, complete: bool) -> list[str]:
    """What numpydoc finds in one docstring, of what is asked here."""
    found = validate(path)
    short = not any(
        f"\n{rule}" in inspect.cleandoc(found["docstring"] or "") for rule in ("---", "===")
    )
    left_out = set(NOT_ASKED)
    if not complete:
        left_out |= ONLY_FUNCTIONS | (ONLY_WITH_SECTIONS if short else set())
    return [f"{path}: {code} {text}" for code, text in found["errors"] if code not in left_out]


@pytest.mark.parametrize("name", MODULES)
def test_the_docstrings_of_a_module_are_complete_and_in_order(name) -> None:
    module = importlib.import_module(name)
    wrong = [
        text
        for path, is_function in documented(module)
        for text in failures(f"{name}.{path}", complete=is_function)
    ]
    assert wrong == [], "\n".join(wrong)


def test_what_is_not_asked_is_a_check_of_numpydoc() -> None:
    assert set(NOT_ASKED) | ONLY_WITH_SECTIONS | ONLY_FUNCTIONS <= set(ERROR_MSGS)


def test_a_parameter_without_a_line_is_found() -> None:
    def half(one: int, two: int) -> int:
        """
        Add two numbers.

        Parameters
        ----------
        one : the first.

        Returns
        -------
        Their sum.
        """
        return one + two

    kcity_geo.half_of_a_test = half
    try:
        assert [t for t in failures("kcity_geo.half_of_a_test", complete=True) if "PR01" in t]
    finally:
        del kcity_geo.half_of_a_test
