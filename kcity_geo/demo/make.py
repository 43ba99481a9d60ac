"""
Make Hanbit, a host city that does not exist, with an answer key.

The city lies in open ocean near 45 N and is written like the real thing: an OSM extract, rasters in
the CRS and units of the real products, districts, official numbers, a timetable. It has two faces:
the true city, in ``truth/``, and the mapped one, from which features were dropped district by district
at known rates. So whether a method tells a data gap from an infrastructure gap can be measured.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> make_demo(folder, size="town", seed=7).name
'study.toml'
>>> load_truth(folder)["persons"]
60000
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kcity_geo.demo.features import add_buildings, add_rail, add_streets
from kcity_geo.demo.land import add_land, add_water
from kcity_geo.demo.networks import make_networks
from kcity_geo.demo.osm import Features, mapped_features, without_buildings, write_osm
from kcity_geo.demo.people import make_cells, make_people
from kcity_geo.demo.plan import Plan, make_plan
from kcity_geo.demo.rasters import write_rasters, write_valley
from kcity_geo.demo.services import add_facilities, add_stops, add_water_points
from kcity_geo.demo.streets import make_streets
from kcity_geo.demo.tables import (
    MadeCity,
    write_gtfs,
    write_licences,
    write_outlines,
    write_study,
    write_truth,
)
from kcity_geo.demo.utilities import add_lamps, add_power, add_telecom, add_waterworks
from kcity_geo.errors import OutputError, SourceError
from kcity_geo.fingerprint import sha256_of_file

__all__ = ["load_truth", "make_demo"]

#: Names and hashes of what the demo wrote into a folder, in the form of sha256sum.
_WRITTEN = "truth/written.sha256"
_BEGUN = "begun\n"
#: Folder inside that of the demo in which it is written.
_STAGE = ".kcity-new"
#: What file managers and GIS leave beside the files of others.
_LITTER = (".aux.xml", "-wal", "-shm", "-journal", ".DS_Store", "Thumbs.db", "desktop.ini")


def make_demo(
    out: Path,
    *,
    size: str = "town",
    seed: int = 7,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """
    Make the demo city.

    Parameters
    ----------
    out : folder; made when missing, files of an earlier demo in it are replaced.
    size : ``town`` (60,000 people on 6 x 6 km), ``city`` (600,000 on 20 x 20 km) or ``metro``
        (10 million on 60 x 60 km).
    seed : of every draw; the same size and seed give the same bytes.
    progress : told what is being done.

    Returns
    -------
    Path of the study file.

    Raises
    ------
    StudyError
        If there is no such size or the seed is negative.
    OutputError
        If the folder cannot be written, or holds a file that no demo wrote or that was changed since.
    """
    tell = progress or (lambda _: None)
    plan = make_plan(size, seed=seed)
    out = Path(out)
    _refuse_foreign(out)
    with _staged(out) as stage:
        _draw(plan, stage, tell)
    return out / "study.toml"


def _draw(plan: Plan, out: Path, tell: Callable[[str], None]) -> None:
    """Make everything in an empty folder."""
    truth = out / "truth"
    truth.mkdir()
    tell("drawing streets")
    streets = make_streets(plan)
    tell("settling people")
    people = make_people(plan, streets)
    cells = make_cells(plan, people)
    tell("laying pipes and wires")
    networks = make_networks(plan, streets, cells)
    features = Features()
    add_streets(plan, streets, features)
    stations = add_rail(plan, features)
    add_water(plan, features)
    add_land(plan, features)
    add_facilities(plan, streets, cells, features)
    stops = add_stops(plan, streets, cells, features)
    points = add_water_points(plan, streets, cells, features)
    add_waterworks(plan, streets, networks, features)
    add_power(plan, streets, cells, networks, features)
    add_lamps(plan, streets, features)
    add_telecom(plan, cells, features)
    add_buildings(plan, people, features)
    mapped = mapped_features(plan, features)
    write_osm(plan, features, out / "city.osm.pbf", mapped=mapped, progress=tell)
    write_osm(
        plan,
        features,
        truth / "city_true.osm.pbf",
        mapped=None if plan.size.true_buildings else without_buildings(features),
        progress=tell,
    )
    tell("writing rasters")
    write_rasters(plan, people, cells, networks, streets, out)
    write_valley(plan, truth / "height_above_channel.tif")
    tell("writing tables")
    write_outlines(plan, out)
    write_gtfs(plan, stops, stations, out)
    made = MadeCity(
        plan=plan,
        streets=streets,
        people=people,
        cells=cells,
        networks=networks,
        points=points,
        mapped=mapped,
    )
    write_truth(made, truth)
    write_study(plan, cells, networks, out)
    write_licences(plan, out)


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """
    Give a folder to write to; what is in it gets to its place when the block ends.

    An earlier demo stays as it is when the block fails, and nothing else is left.
    """
    stage, new = out / _STAGE, not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(stage, ignore_errors=True)  # of a demo that was killed
        stage.mkdir()
        yield stage
        _put_in_place(stage, out)
    except BaseException as error:
        shutil.rmtree(out if new else stage, ignore_errors=True)
        if isinstance(error, OSError):
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            why = (
                "the disk is full (No space left on device); free some space"
                if full
                else (f"cannot be written ({error})")
            )
            raise OutputError(f"{out}: {why} or choose another folder") from error
        raise


def _put_in_place(stage: Path, out: Path) -> None:
    """Move the files of a whole demo to their place, over those of an earlier one."""
    (out / "truth").mkdir(exist_ok=True)
    # A demo that is killed here leaves a folder that the next one may make whole.
    (out / _WRITTEN).write_text(_BEGUN, encoding="utf-8")
    for path in sorted(p for p in stage.rglob("*") if p.is_file()):
        place = out / path.relative_to(stage)
        place.parent.mkdir(exist_ok=True)
        path.replace(place)
    shutil.rmtree(stage)
    _write_written(out)


def _digests(out: Path) -> dict[str, str]:
    """Give the sha256 of every file of a folder, by its path in it."""
    return {
        path.relative_to(out).as_posix(): sha256_of_file(path)
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path != out / _WRITTEN
        and _STAGE not in path.relative_to(out).parts
        and not path.name.endswith(_LITTER)
    }


def _write_written(out: Path) -> None:
    """Note what the demo wrote, so that a later demo replaces this and nothing else."""
    text = "".join(f"{digest}  {name}\n" for name, digest in _digests(out).items())
    (out / _WRITTEN).write_text(text, encoding="utf-8", newline="\n")


def _refuse_foreign(out: Path) -> None:
    """Refuse a folder with files that no demo wrote, or that somebody has changed since."""
    if not out.is_dir():
        return
    noted: dict[str, str] = {}
    if (out / _WRITTEN).is_file():
        if (out / _WRITTEN).read_bytes() == _BEGUN.encode():
            return
        lines = (out / _WRITTEN).read_text(encoding="utf-8", errors="replace").splitlines()
        noted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name, digest in _digests(out).items():
        if noted.get(name) != digest:
            what = "was changed since" if name in noted else "was not written by the demo"
            raise OutputError(
                f"{out}: {name!r} {what}; the demo overwrites no work of yours: move it away or give "
                "another folder (--data)"
            )


def load_truth(folder: Path) -> dict[str, Any]:
    """
    Read the answer key of a demo city.

    Parameters
    ----------
    folder : written by `make_demo`.

    Returns
    -------
    The numbers of ``truth/truth.json``, and under ``"files"`` the paths of the other files of the key.

    Raises
    ------
    SourceError
        If the folder holds no demo city.
    """
    path = Path(folder) / "truth" / "truth.json"
    if not path.is_file():
        raise SourceError(f"{path}: no answer key; make the city with `kcity demo`")
    truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    truth["files"] = {p.name: p for p in sorted(path.parent.iterdir()) if p != path}
    return truth
