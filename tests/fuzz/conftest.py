"""The harness as a fixture: the folders of the tests are no packages."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _module(name: str) -> Any:
    """A module of this folder, imported once."""
    spec = importlib.util.spec_from_file_location(
        f"fuzz_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault(f"fuzz_{name}", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def harness() -> Iterator[Any]:
    """`tests/fuzz/harness.py`; its processes end with the session."""
    made = _module("harness")
    yield made
    made.stop_all()


@pytest.fixture(scope="session")
def plainly() -> Any:
    """`tests/fuzz/plainly.py`."""
    return _module("plainly")
