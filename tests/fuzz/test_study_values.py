"""What `check` accepts, `run` accepts: study files with values at and beyond the ends of their ranges."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import kcity_geo as kc
from kcity_geo.errors import KCityError
from kcity_geo.notes import muted
from kcity_geo.parameters import Parameter, all_parameters
from kcity_geo.study import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAST_FILES = 100
WEST, NORTH = 28.0, -29.99
STUDY = """[study]
name = "t"
project = "new_town"
cell_m = 200.0
[city]
name = "X"
bbox = [28.0, -30.0, 28.01, -29.99]
[sources]
osm = "m.osm"
population = "pop.tif"
elevation = "dem.tif"
[official]
population = 3000
year = 2020
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six streets each way, a clinic, a tap, people and heights on one square kilometre."""
    made: Path = tmp_path_factory.mktemp("study")
    span = range(6)
    nodes = [
        f'<node id="{10 * i + j + 1}" version="1" lon="{WEST + i * 0.002:.3f}" lat="{NORTH - 0.01 + j * 0.002:.3f}"/>'
        for i in span
        for j in span
    ]
    for number, tag in ((70, "clinic"), (71, "drinking_water")):
        nodes.append(
            f'<node id="{number}" version="1" lon="28.005" lat="-29.995"><tag k="amenity" v="{tag}"/></node>'
        )
    lines = [[10 * i + j + 1 for j in span] for i in span]
    lines += [[10 * j + i + 1 for j in span] for i in span]
    ways = [
        f'<way id="{k}" version="1">{"".join(f"<nd ref={chr(34)}{n}{chr(34)}/>" for n in line)}'
        '<tag k="highway" v="residential"/></way>'
        for k, line in enumerate(lines, start=1)
    ]
    (made / "m.osm").write_text(f'<osm version="0.6">{"".join(nodes + ways)}</osm>')
    rng = np.random.default_rng(1)
    for name, low, high in (("pop", 0, 30), ("dem", 100, 110)):
        with rasterio.open(
            made / f"{name}.tif", "w", driver="GTiff", height=18, width=18, count=1, dtype="float32",
            crs="EPSG:4326", transform=from_origin(WEST - 0.004, NORTH + 0.004, 0.001, 0.001), nodata=-1,
        ) as target:  # fmt: skip
            target.write(rng.uniform(low, high, (18, 18)).astype("float32"), 1)
    return made


def value(draw: random.Random, row: Parameter) -> Any:
    """A value at an end of the range, a little off the default, of another kind, or absurd."""
    ends = [v for v in (row.min, row.max) if v is not None] or [row.value]
    if isinstance(row.value, bool | str | list | dict):
        return draw.choice([row.value, "steep", True, []])
    near = [row.value * f for f in (0.5, 0.9, 1.1, 2.0)]
    return draw.choice([*ends, *ends, *ends, *near, *near, ends[-1] * 1e9, -1.0, "steep"])


def outcome(study: Path, work: Callable[[Any], object]) -> str:
    try:
        with muted():
            work(kc.load_study(study))
    except KCityError as error:
        return "refused" if "\n" not in str(error) else f"several lines: {error}"
    return "done"


def test_check_refuses_what_run_refuses(harness: Any, folder: Path) -> None:
    if harness.FILES < LEAST_FILES:
        pytest.skip("whole runs: at length by make fuzz")
    rows = sorted(all_parameters().items())
    found = []
    for seed in range(harness.FILES // 4):
        draw = random.Random(seed)
        sections: dict[str, list[str]] = {}
        for _ in range(1 + seed % 3):
            _, row = draw.choice(rows)
            section, _, name = draw.choice(row.keys).rpartition(".")
            given = json.dumps(value(draw, row))
            if not any(line.startswith(f"{name} =") for line in sections.get(section, [])):
                sections.setdefault(section, []).append(f"{name} = {given}")
        text = STUDY + "".join(f"[{s}]\n" + "\n".join(v) + "\n" for s, v in sections.items())
        study = folder / "study.toml"
        study.write_text(text, encoding="utf-8")
        checked = outcome(study, check)
        ran = (
            checked if checked == "refused" else outcome(study, lambda s: kc.run(s, folder / "out"))
        )
        assert ran == checked, text
        found.append(ran)
    assert set(found) == {"done", "refused"}  # both were tried
