"""Servers for the tests of remote sources: one process, real formats, faults on request."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kcity_geo.config import Config
from kcity_geo.sources.products.catalogue import Catalogue, load_catalogue


class Server:
    """A running server of `tests/support/faulty.py` and its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        script = Path(__file__).parents[1] / "support" / "faulty.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(root)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.base = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def _call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.base}{path}", data=data, timeout=10) as answer:
            return json.loads(answer.read())

    def fault(self, path: str, fault: str, **more: Any) -> None:
        self._call("/_fault", {"path": path, "fault": fault, **more})

    def reset(self) -> None:
        self._call("/_reset", {})

    def log(self, part: str = "") -> list[dict[str, Any]]:
        return [r for r in self._call("/_log") if part in r["path"]]

    def put(self, path: str, data: bytes | str) -> str:
        """Store a file at ``host/path`` and give its address."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return f"{self.base}/{path}"

    def local(self, url: str) -> str:
        return url.replace("https://", f"{self.base}/")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server a module, its faults and log cleared by `calm`."""
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture
def calm(server: Server) -> Server:
    """The server without faults."""
    server.reset()
    return server


@pytest.fixture
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another server, that stands for one in a private network."""
    running = Server(tmp_path_factory.mktemp("inside"))
    yield running
    running.stop()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Short patience, loopback allowed."""
    return Config(
        cache_dir=tmp_path / "cache",
        contact="tests@example.org",
        allow_private_hosts=True,
        attempts=3,
        backoff_s=0.05,
        connect_timeout_s=2.0,
        read_timeout_s=1.0,
        deadline_s=5.0,
    )


class _Hasty:
    """The clock of OSMnx without the second that it sleeps before it asks Nominatim."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        if seconds > 1:
            time.sleep(seconds)


@pytest.fixture
def local_catalogue(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Catalogue]:
    """
    Give the catalogue with every address turned to the local server, by a user's file.

    The server needs no pause: that of OSMnx is left out, ours are those of the catalogue.
    """
    monkeypatch.setattr("osmnx._nominatim.time", _Hasty())

    def make(**extra: dict[str, Any]) -> Catalogue:
        lines = []
        for product in load_catalogue().products.values():
            lines.append(f'[[product]]\nid = "{product.id}"')
            for key in ("url", "index_url", "probe_url"):
                if value := getattr(product, key):
                    lines.append(f"{key} = '{server.local(value)}'")
            for key, value in extra.get(product.id, {}).items():
                lines.append(f"{key} = {json.dumps(value)}")
        path = tmp_path / "my-sources.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return load_catalogue(path)

    return make
