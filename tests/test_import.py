"""Importing does nothing: no socket, no file, no handler, and it is quick."""

from __future__ import annotations

import subprocess
import sys

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
