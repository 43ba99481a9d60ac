"""Every example of a docstring runs and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kcity_geo

MODULES = [m.name for m in pkgutil.walk_packages(kcity_geo.__path__, "kcity_geo.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example that writes leaves nothing behind
    done = doctest.testmod(importlib.import_module(name), verbose=False)
    assert done.failed == 0, (
        f"{done.failed} of {done.attempted} examples fail, see the output above"
    )


def test_an_example_that_is_wrong_is_found() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda _: None).failed == 1
