"""The harness as a fixture: the folders of the tests are no packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def harness() -> Any:
    """`tests/fuzz/harness.py`, imported once."""
    spec = importlib.util.spec_from_file_location(
        "fuzz_harness", Path(__file__).with_name("harness.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("fuzz_harness", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module
