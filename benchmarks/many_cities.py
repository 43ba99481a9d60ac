"""
Sixty cities on two workers while processes are killed, beside the same cities one after another.

    python benchmarks/many_cities.py DATA [--cities 60] [--trials 3] [--dask-trials 3] [--workers 2]
                                          [--seed 7] [--keep FOLDER] [--json]

DATA holds extracts (``*.osm.pbf``, in folders). Pieces of different size are cut out of them and out of
demo cities of several seeds, each extract in one pass; about a tenth is broken on purpose. They run once
serially; then, in each trial, on the workers of this machine, where one process is killed (``kill -9``)
at a random moment; then on a local dask scheduler, where a worker is killed. Told for each trial: cities
whose files differ by a byte from the serial run, good ones not finished, broken ones not reported, what
is left half-written; cities an hour and core; wall time beside the sum of the serial times over the
workers, which is ideal. That ratio means something on a quiet machine only. With --keep the serial run
is kept, and a second call goes on from it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shapely

from kcity_geo.demo.make import make_demo
from kcity_geo.many.process import CityLimits
from kcity_geo.many.run import run_cities
from kcity_geo.many.tasks import CityOutcome
from kcity_geo.sources.osm.pbf import read_header
from kcity_geo.sources.osm.place_names import read_place_names
from kcity_geo.sources.products.extracts import cut_cities

#: Half widths of a city, degrees: from 0.7 to 2.2 km across.
_HALF_DEG = (0.003, 0.006, 0.01)
_MARGIN_DEG = 0.005
#: Every so manyth city is broken, each in another way.
_BROKEN_EVERY = 10
_BROKEN = ("no boundary", "cut extract", "no toml", "elsewhere", "unknown key", "no study")
_DEMO_SEEDS = (7, 11)
_CELL_M = 200


def make_cities(data: Path, folder: Path, *, count: int, rng: random.Random) -> set[str]:
    """Write the list, boundaries, extracts and study files of so many cities; the ids of the broken ones."""
    sources = sorted(data.rglob("*.osm.pbf"))
    people: dict[Path, Path] = {}
    for seed in _DEMO_SEEDS:
        inputs = make_demo(folder / f"demo-{seed}", size="town", seed=seed).parent
        people[inputs / "city.osm.pbf"] = inputs / "population.tif"
    sources += list(people)
    rows, broken, boxes = [], set[str](), {source: {} for source in sources}
    for number in range(count):
        source, half = sources[number % len(sources)], _HALF_DEG[number % len(_HALF_DEG)]
        name = f"city-{number:03d}"
        lon, lat = centre(source, half, rng)
        area = shapely.box(lon - half, lat - half, lon + half, lat + half)
        boxes[source][folder / f"{name}.osm.pbf"] = area.buffer(_MARGIN_DEG).envelope
        flaw = ""
        if number % _BROKEN_EVERY == _BROKEN_EVERY - 1:
            flaw = _BROKEN[number // _BROKEN_EVERY % len(_BROKEN)]
            broken.add(name)
        write_study(folder, name, area=area, people=people.get(source), flaw=flaw)
        rows.append((name, f"City {number}", "" if flaw == "no study" else f"{name}.toml"))
    for source, areas in boxes.items():
        for empty in areas.keys() - cut_cities(source, areas).keys():
            broken.add(empty.name.removesuffix(".osm.pbf"))
    for name in broken:
        extract = folder / f"{name}.osm.pbf"
        if extract.exists() and "# cut extract" in (folder / f"{name}.toml").read_text():
            extract.write_bytes(extract.read_bytes()[: extract.stat().st_size // 2])
    with (folder / "cities.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id", "name", "study"), *rows])
    return broken


def centre(source: Path, half: float, rng: random.Random) -> tuple[float, float]:
    """Somewhere near a place that the extract names, else anywhere in its box, lon/lat."""
    west, south, east, north = read_header(source)[0].bounds
    places = read_place_names(source)
    if places:
        place = rng.choice(places)
        lon, lat = (
            place.lon + rng.uniform(-half, half) / 2,
            place.lat + rng.uniform(-half, half) / 2,
        )
        return min(max(lon, west + half), east - half), min(max(lat, south + half), north - half)
    return rng.uniform(west + half, east - half), rng.uniform(south + half, north - half)


def write_study(
    folder: Path, name: str, *, area: shapely.Polygon, people: Path | None, flaw: str
) -> None:
    """Write one study file and its boundary, with a flaw where one is asked for."""
    if flaw == "elsewhere":
        area = shapely.affinity.translate(area, 20.0, 0.0)
    shape = {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(area))}
    if flaw != "no boundary":
        told = {"type": "FeatureCollection", "features": [shape]}
        (folder / f"{name}.geojson").write_text(json.dumps(told))
    text = (
        f'# {flaw}\n[study]\nname = "{name}"\nproject = "new_town"\ncell_m = {_CELL_M}\n'
        f'[city]\nname = "{name}"\nboundary = "{name}.geojson"\n[sources]\nosm = "{name}.osm.pbf"\n'
    )
    text += f'population = "{people}"\n' if people else ""
    text += {"no toml": "[[", "unknown key": "elevatoin = 1\n"}.get(flaw, "")
    (folder / f"{name}.toml").write_text(text)


def started_by(parent: int, words: str) -> list[int]:
    """Processes that this one or its children have started and whose command line holds these words."""
    above, said = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text(errors="replace")
                said[int(entry.name)] = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            above[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found = []
    for pid, command in said.items():
        line = above.get(pid, 0)
        while line not in {0, parent}:
            line = above.get(line, 0)
        if line == parent and words.encode() in command:
            found.append(pid)
    return sorted(found)


@contextmanager
def killing(parent: int, words: str, *, after_s: float, rng: random.Random) -> Iterator[list[int]]:
    """Kill one process of a parent at a moment; the list holds its id once it is done."""
    killed: list[int] = []
    stop = threading.Event()

    def work() -> None:
        stop.wait(after_s)
        while not stop.is_set() and not killed:
            alive = started_by(parent, words)
            if alive:
                chosen = rng.choice(alive)
                try:
                    os.kill(chosen, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed.append(chosen)
            stop.wait(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


@contextmanager
def dask_machine(folder: Path, workers: int) -> Iterator[tuple[str, int]]:
    """A scheduler and workers of this machine: its address and the process that starts dead workers again."""
    told = folder / "scheduler.json"
    told.unlink(missing_ok=True)
    module = [sys.executable, "-m", "distributed.cli.dask_"]
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(told)]
    commands = [
        [*module[:2], f"{module[2]}scheduler", "--port", "0", *common],
        [
            *module[:2], f"{module[2]}worker", "--nthreads", "1", "--nworkers", str(workers),
            "--memory-limit", "0", "--local-directory", str(folder), *common,
        ],
    ]  # fmt: skip
    with (folder / "dask.log").open("ab") as log:
        running = [subprocess.Popen(one, stderr=log, stdout=log) for one in commands]
        try:
            for _ in range(1200):
                if told.exists() and told.stat().st_size:
                    break
                time.sleep(0.1)
            yield json.loads(told.read_text())["address"], running[1].pid
        finally:
            for one in reversed(running):
                one.terminate()
                one.wait(30)


def contents(folder: Path) -> dict[str, str]:
    """Checksum of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def judge(
    out: Path, serial: Path, outcomes: tuple[CityOutcome, ...], broken: set[str]
) -> dict[str, Any]:
    """Hold a trial against the serial run."""
    good = [one.id for one in outcomes if one.id not in broken]
    known = {*(one.id for one in outcomes), "manifests", "index.html", "cities.json"}
    return {
        "good": len(good),
        "not finished": sum(one.status == "failed" for one in outcomes if one.id not in broken),
        "differ": sum(contents(out / name) != contents(serial / name) for name in good),
        "broken": len(broken),
        "broken not told": sum(
            one.status != "failed" or not one.error for one in outcomes if one.id in broken
        ),
        "half-written": sum(path.name not in known for path in out.iterdir())
        + sum((out / name).exists() for name in broken),
        "started again": sum(one.killed for one in outcomes),
        "peak GB": max(one.peak_gb for one in outcomes),
    }


def trial(
    folder: Path, number: int, *, workers: int, after_s: float, dask: bool, rng: random.Random
) -> tuple[tuple[CityOutcome, ...], int, float]:
    """Run the list and kill one of its processes: outcomes, how many were killed, seconds."""
    listed, out = folder / "inputs" / "cities.csv", folder / f"trial-{number}"
    if not dask:
        start = time.perf_counter()
        with killing(os.getpid(), "kcity_geo.cli.child", after_s=after_s, rng=rng) as killed:
            outcomes = run_cities(listed, out, workers=workers, limits=CityLimits())
        return outcomes, len(killed), time.perf_counter() - start
    with dask_machine(folder, workers) as (address, parent):
        start = time.perf_counter()
        with killing(parent, "multiprocessing.spawn", after_s=after_s, rng=rng) as killed:
            outcomes = run_cities(listed, out, scheduler=address)
        return outcomes, len(killed), time.perf_counter() - start


def serially(folder: Path) -> tuple[float, set[str]]:
    """Run the cities one after another, or go on with it: sum of their seconds, those that failed."""
    out = folder / "serial"
    outcomes = run_cities(folder / "inputs" / "cities.csv", out)
    made = [json.loads(path.read_text()) for path in (out / "manifests").glob("*.json")]
    failed = [one for one in outcomes if one.status == "failed"]
    seconds = sum(one["seconds"] for one in made) + sum(one.seconds for one in failed)
    return seconds, {one.id for one in failed}


def main() -> None:
    """Make the cities, run them serially and in trials, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    for name, value in (("cities", 60), ("trials", 3), ("dask-trials", 3), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = random.Random(asked.seed)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.keep or Path(scratch)).resolve()
        flawed = folder / "inputs" / "broken.json"
        if not flawed.exists():
            flawed.parent.mkdir(parents=True, exist_ok=True)
            made = make_cities(asked.data.resolve(), flawed.parent, count=asked.cities, rng=rng)
            flawed.write_text(json.dumps(sorted(made)))
        broken = set(json.loads(flawed.read_text()))
        serial_s, failed = serially(folder)
        print(
            f"serial: {serial_s:.0f} s for {asked.cities} cities, {len(failed)} failed; broken on purpose: "
            f"{len(broken)}; failed and not broken: {sorted(failed - broken)}; broken and not failed: "
            f"{sorted(broken - failed)}",
            file=sys.stderr,
            flush=True,
        )
        ideal_s = serial_s / asked.workers
        for number in range(asked.trials + asked.dask_trials):
            dask, after_s = number >= asked.trials, rng.uniform(0.05, 0.8) * ideal_s
            outcomes, killed, wall_s = trial(
                folder, number, workers=asked.workers, after_s=after_s, dask=dask, rng=rng
            )
            out = folder / f"trial-{number}"
            found.append(
                {
                    "trial": f"{'dask' if dask else 'processes'} {number + 1}",
                    "killed": killed,
                    "killed after s": round(after_s, 1),
                    **judge(out, folder / "serial", outcomes, failed),
                    "wall s": round(wall_s, 1),
                    "cities an hour and core": round(asked.cities * 3600 / wall_s / asked.workers),
                    "of ideal": round(ideal_s / wall_s, 2),
                }
            )
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
            shutil.rmtree(out)
    if asked.json:
        print(json.dumps({"serial s": round(serial_s, 1), "trials": found}))
        return
    for key in found[0]:
        print(f"{key:<26}" + "".join(f"{one[key]!s:>14}" for one in found))


if __name__ == "__main__":
    main()
