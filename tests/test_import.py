"""Importing does nothing: no socket, no file, no handler, and it is quick."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import kcity_geo as kc


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_loads_no_heavy_library() -> None:
    heavy = "folium osmnx matplotlib numba pyflwdir pvlib rasterio geopandas gtfs_kit"
    loaded = in_new_process(
        f"import sys, kcity_geo, kcity_geo.cli; print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    assert loaded == "[]"


def test_what_reads_and_assesses_loads_nothing_that_draws_or_is_asked_for_by_few() -> None:
    """A check took a second longer for a map that it does not draw."""
    heavy = "folium gtfs_kit networkx osmnx matplotlib pvlib pyflwdir"
    code = (
        "import sys; from importlib import import_module as load\n"
        "import kcity_geo.study; from kcity_geo.indicators import indicator_rows\n"
        "[load(row.function.rpartition('.')[0]) for row in indicator_rows().values()]\n"
        "[load(f'kcity_geo.sources.{n}') for n in ('local.transit', 'local.rasters', 'osm.pbf')]\n"
        f"print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    assert in_new_process(code) == "[]"


def test_lists_and_help_load_no_library_of_a_study() -> None:
    code = (
        "import sys, kcity_geo.cli; from kcity_geo.outputs.text import plain_text\n"
        "print([m for m in ('pandas', 'numpy', 'xarray') if m in sys.modules])\n"
    )
    assert in_new_process(code) == "[]"


def test_importing_opens_no_socket_and_adds_no_handler() -> None:
    code = (
        "import socket, logging\n"
        "def refuse(*a, **k): raise RuntimeError('socket at import')\n"
        "socket.socket.connect = refuse; before = socket.getaddrinfo\n"
        "import kcity_geo as kc\n"
        "[getattr(kc, n) for n in kc.__all__]\n"
        "print(len(logging.getLogger('kcity_geo').handlers), socket.getaddrinfo is before)"
    )
    assert in_new_process(code) in {"0 True", "1 True"}


def test_every_public_name_is_there_and_sorted() -> None:
    assert list(kc.__all__) == sorted(kc.__all__)
    for name in kc.__all__:
        assert getattr(kc, name) is not None
    assert set(dir(kc)) == set(kc.__all__)


def test_the_pinned_versions_install_on_the_oldest_python_that_is_promised() -> None:
    """A pin that wants 3.11.5 stops `make demo` where the system's Python is 3.11.2."""
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    asks = {}
    for pin in pins:
        with suppress(metadata.PackageNotFoundError):
            found = metadata.distribution(pin.name)
            if pin.specifier.contains(found.version):
                asks[pin.name] = found.metadata.get("Requires-Python") or ""
    assert len(asks) > len(pins) // 2
    assert [name for name, rule in asks.items() if not SpecifierSet(rule).contains(oldest)] == []
