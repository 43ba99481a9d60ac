"""
Sixty cities on two workers while processes are killed, beside the same cities one after another.

    python benchmarks/many_cities.py DATA [--quick] [--cities 60] [--trials 3] [--dask-trials 3] [--workers 2]
                                          [--seed 7] [--keep FOLDER] [--json]

DATA holds extracts (``*.osm.pbf``, in folders). Pieces of 1 to 3 km2 are cut out of them and out of demo
cities of several seeds, each extract in one pass; about a tenth is broken on purpose. They run once
serially; then, in each trial, on the workers of this machine, where one process is killed (``kill -9``)
at a random moment; then on a local dask scheduler, where a worker is killed. One table tells for each
trial what differs from the serial run, and whether it passes; the exit code is 1 where something does not.

Ideal is the processor time of the serial run over the workers. Of that at least 85 % must be reached;
the share of the machine that others took meanwhile stands beside it, and with more than 10 % of it, or few cities, the
line is no verdict. With --keep the serial run is kept, and a second call goes on from it, with the same code
only: a run says which code it is of, and one whose code changes on the way ends. --quick is 12 cities, one
trial of each kind.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
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
from typing import Any, NamedTuple

import shapely
import shapely.affinity
from distributed import Client

from kcity_geo.demo.make import make_demo
from kcity_geo.fingerprint import code_sha256, table_sha256
from kcity_geo.many.process import CityLimits
from kcity_geo.many.run import run_cities
from kcity_geo.many.tasks import CityOutcome
from kcity_geo.sources.osm.pbf import read_header
from kcity_geo.sources.osm.place_names import read_place_names
from kcity_geo.sources.products.extracts import cut_cities

#: Half widths of a city, degrees of latitude: from 1.0 to 1.7 km across.
_HALF_DEG = (0.0045, 0.006, 0.0078)
_MARGIN_DEG = 0.003
#: Every so manyth city is broken, each in another way.
_BROKEN_EVERY, _BROKEN_EVERY_OF_FEW = 10, 4
_BROKEN = ("no boundary", "cut extract", "no toml", "elsewhere", "unknown key", "no study")
_DEMO_SEEDS = (7, 11)
_CELL_M = 250
_QUICK = {"cities": 12, "trials": 1, "dask_trials": 1}
#: Of a city without a population raster: spread over its buildings.
_PEOPLE = 3000
_TIMEOUT_S = 900.0
#: What must not occur.
_NONE = ("not finished", "not byte-identical", "broken, not reported", "half-written")
#: Throughput that must be reached, of ideal; and the share of the machine beyond which others spoil that.
_LEAST, _BUSY = 0.85, 0.1
#: Cities from which on throughput says something.
_ENOUGH = 40


def make_cities(data: Path, folder: Path, *, count: int, rng: random.Random) -> set[str]:
    """Write the list, boundaries, extracts and study files of so many cities; the ids of the broken ones."""
    sources = sorted(data.rglob("*.osm.pbf"))
    people: dict[Path, Path] = {}
    few = count <= _QUICK["cities"]
    for seed in _DEMO_SEEDS[:1] if few else _DEMO_SEEDS:
        inputs = make_demo(folder / f"demo-{seed}", size="town", seed=seed).parent
        people[inputs / "city.osm.pbf"] = inputs / "population.tif"
    sources += list(people)
    rows, broken, boxes = [], set[str](), {source: {} for source in sources}
    for number in range(count):
        source, half = sources[number % len(sources)], _HALF_DEG[number % len(_HALF_DEG)]
        name = f"city-{number:03d}"
        lon, lat = centre(source, half, rng)
        wide = half / math.cos(math.radians(lat))
        area = shapely.box(lon - wide, lat - half, lon + wide, lat + half)
        boxes[source][folder / f"{name}.osm.pbf"] = area.buffer(_MARGIN_DEG).envelope
        flaw = ""
        every = _BROKEN_EVERY_OF_FEW if few else _BROKEN_EVERY
        if number % every == every - 1:
            flaw = _BROKEN[number // every % len(_BROKEN)]
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
    text += (
        f'population = "{people}"\n'
        if people
        else f'[official]\nyear = 2024\nsource = "made up"\npopulation = {_PEOPLE}\n'
    )
    text += {"no toml": "[[", "unknown key": "populatoin = 1\n"}.get(flaw, "")
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
            address = _address(told)
            with Client(address, timeout="60s") as client:
                client.wait_for_workers(workers, timeout=120)
            yield address, running[1].pid
        finally:
            for one in reversed(running):
                one.terminate()
                one.wait(30)


def _address(told: Path) -> str:
    """Wait for the file in which a scheduler says where it is."""
    for _ in range(1200):
        if told.exists() and told.stat().st_size:
            return str(json.loads(told.read_text())["address"])
        time.sleep(0.1)
    raise SystemExit(f"{told}: no scheduler began within two minutes; see dask.log beside it")


def contents(folder: Path) -> dict[str, str]:
    """Checksum of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Busy:
    """What a stretch of time took: wall and processor seconds, and the share of the machine that others took."""

    def __init__(self) -> None:
        self._start = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        ours = sum(os.times()[:4])
        ticks = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        used = sum(ticks) - ticks[3] - ticks[4]
        return time.perf_counter(), ours, used / os.sysconf("SC_CLK_TCK")

    def told(self) -> tuple[float, float, float]:
        """Seconds of the wall and of the processors, share of the machine that others took."""
        wall, ours, used = (b - a for a, b in zip(self._start, self._now(), strict=True))
        others = max(0.0, used - ours) / (wall * (os.cpu_count() or 1))
        return wall, ours, others


def judge(
    out: Path, serial: Path, outcomes: tuple[CityOutcome, ...], broken: set[str]
) -> dict[str, Any]:
    """Hold a trial against the serial run."""
    good = [one.id for one in outcomes if one.id not in broken]
    known = {*(one.id for one in outcomes), "manifests", "index.html", "cities.json"}
    return {
        "good cities": len(good),
        "not finished": sum(one.status == "failed" for one in outcomes if one.id not in broken),
        "not byte-identical": sum(contents(out / name) != contents(serial / name) for name in good),
        "broken cities": len(broken),
        "broken, not reported": sum(
            one.status != "failed" or not one.error for one in outcomes if one.id in broken
        ),
        "half-written": sum(path.name not in known for path in out.iterdir())
        + sum((out / name).exists() for name in broken)
        + sum(path.suffix != ".json" for path in (out / "manifests").iterdir()),
        "started again": sum(one.killed for one in outcomes),
        "peak GB": max(one.peak_gb for one in outcomes),
    }


def trial(
    folder: Path, number: int, *, workers: int, after_s: float, dask: bool, rng: random.Random
) -> dict[str, Any]:
    """Run the list and kill one of its processes."""
    listed, out = folder / "inputs" / "cities.csv", folder / f"trial-{number}"
    shutil.rmtree(out, ignore_errors=True)
    limits = CityLimits(timeout_s=_TIMEOUT_S)
    if dask:
        with dask_machine(folder, workers) as (address, parent):
            busy = Busy()
            with killing(parent, "multiprocessing.spawn", after_s=after_s, rng=rng) as killed:
                outcomes = run_cities(listed, out, scheduler=address, limits=limits)
            wall_s = busy.told()[0]
        _, cpu_s, others = busy.told()  # what the workers took is known once they have ended
    else:
        busy = Busy()
        with killing(os.getpid(), "kcity_geo.cli.keeper", after_s=after_s, rng=rng) as killed:
            outcomes = run_cities(listed, out, workers=workers, limits=limits)
        wall_s, cpu_s, others = busy.told()
    broken = set(json.loads((folder / "inputs" / "broken.json").read_text()))
    told = {
        "trial": f"{'dask' if dask else 'processes'} {number + 1}",
        "killed": len(killed),
        "killed after s": round(after_s),
        **judge(out, folder / "serial", outcomes, broken),
        "wall s": round(wall_s, 1),
        "processor s": round(cpu_s, 1),
        "others took %": round(100 * others),
    }
    shutil.rmtree(out)
    return told


def code_now() -> str:
    """Give the checksum of code and tables as they lie on the disk at this moment."""
    code_sha256.cache_clear()
    table_sha256.cache_clear()
    return hashlib.sha256(f"{code_sha256()}{table_sha256()}".encode()).hexdigest()


def require_code(serial: dict[str, Any], told: Path) -> None:
    """End where the serial run is of another code: files that differ would say nothing."""
    if serial.get("code") != code_now():
        raise SystemExit(
            f"{told}: is of another code than lies on the disk now; run from a copy of the code that nobody edits, "
            "with a new folder"
        )


def serially(folder: Path, cities: int) -> dict[str, Any]:
    """Run the cities one after another, or take what an earlier call has measured with this code."""
    told, out = folder / "serial.json", folder / "serial"
    if not told.exists():
        code = code_now()
        shutil.rmtree(out, ignore_errors=True)
        busy = Busy()
        outcomes = run_cities(folder / "inputs" / "cities.csv", out)
        wall_s, cpu_s, others = busy.told()
        failed = [one.id for one in outcomes if one.status == "failed"]
        serial = {
            "cities": len(outcomes),
            "wall s": wall_s,
            "processor s": cpu_s,
            "others": others,
            "failed": failed,
            "code": code,
        }
        require_code(serial, told)
        told.write_text(json.dumps(serial))
    serial = dict(json.loads(told.read_text()))
    require_code(serial, told)
    if serial["cities"] != cities:
        raise SystemExit(
            f"{told}: is of {serial['cities']} cities, not of {cities}; give a new folder"
        )
    return serial


class Line(NamedTuple):
    """One line of the table: what is told, in each trial, and whether it passes (None: nobody can tell)."""

    key: str
    values: list[Any]
    passes: bool | str | None

    def __str__(self) -> str:
        """Say it in one line."""
        told = {True: "pass", False: "FAIL", None: "no verdict: busy machine, or few cities"}
        values = "".join(f"{value!s:>14}" for value in self.values)
        return f"{self.key:<24}{values}  {told.get(self.passes, self.passes)}".rstrip()


def lines(found: list[dict[str, Any]], serial: dict[str, Any], broken: list[str]) -> list[Line]:
    """Say of each line whether it passes; with few cities beginning and end outweigh the rest of the time."""
    ends = [(key, all(one[key] == 0 for one in found)) for key in _NONE]
    quiet = all(one["others took %"] <= 100 * _BUSY for one in found)
    fast = all(one["of ideal"] >= _LEAST for one in found)
    verdicts = {
        "killed": all(one["killed"] == 1 for one in found),
        **dict(ends),
        "broken cities": sorted(serial["failed"]) == sorted(broken),
        "of ideal": fast if fast or (quiet and serial["cities"] >= _ENOUGH) else None,
    }
    return [Line(key, [one[key] for one in found], verdicts.get(key, "")) for key in found[0]]


def asked_for() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    for name, value in (("cities", 60), ("trials", 3), ("dask-trials", 3), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.quick:
        vars(asked).update(_QUICK)
    return asked


def main() -> None:
    """Make the cities, run them serially and in trials, and print what differs."""
    asked = asked_for()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that scheduler and workers end too
    rng = random.Random(asked.seed)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.keep or Path(scratch)).resolve()
        flawed = folder / "inputs" / "broken.json"
        if not flawed.exists():
            shutil.rmtree(flawed.parent, ignore_errors=True)
            flawed.parent.mkdir(parents=True)
            made = make_cities(asked.data.resolve(), flawed.parent, count=asked.cities, rng=rng)
            flawed.write_text(json.dumps(sorted(made)))
        broken = json.loads(flawed.read_text())
        serial = serially(folder, asked.cities)
        ideal_s = serial["processor s"] / asked.workers
        say(
            f"serial: {serial['processor s']:.0f} processor seconds for {asked.cities} cities, {ideal_s:.0f} s is "
            f"ideal for {asked.workers} workers; broken on purpose: {len(broken)}; failed and not broken: "
            f"{sorted({*serial['failed']} - {*broken})}; broken and not failed: "
            f"{sorted({*broken} - {*serial['failed']})}"
        )
        for number in range(asked.trials + asked.dask_trials):
            one = trial(
                folder,
                number,
                workers=asked.workers,
                after_s=rng.uniform(0.05, 0.8) * ideal_s,
                dask=number >= asked.trials,
                rng=rng,
            )
            require_code(serial, folder / "serial.json")  # a trial of other code is not told
            one["cities an hour and core"] = round(
                asked.cities * 3600 / one["wall s"] / asked.workers
            )
            one["ideal s"] = round(ideal_s, 1)
            one["of ideal"] = round(ideal_s / one["wall s"], 2)
            found.append(one)
            say(json.dumps(one))
    table = lines(found, serial, broken)
    if asked.json:
        print(json.dumps({"serial": serial, "trials": found}))
    else:
        print("\n".join(map(str, table)))
    sys.exit(any(line.passes is False for line in table))


def say(text: str) -> None:
    """Tell on the way how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
