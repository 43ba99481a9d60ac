"""
Sixty cities on two workers while processes are killed, beside the same cities one after another.

    python benchmarks/many_cities.py DATA [--quick] [--cities 60] [--trials 3] [--dask-trials 3] [--workers 2]
                                          [--seed 7] [--keep FOLDER] [--json]

DATA holds extracts (``*.osm.pbf``, in folders). Pieces of 1 to 3 km2 are cut out of them and out of demo
cities of several seeds, each extract in one pass; about a tenth is broken on purpose. They run once
serially; then, in each trial, on the workers of this machine, where one process is killed (``kill -9``)
at a random moment; then on a local dask scheduler, with a kill as well. Whom it hits has a good city in work
at that moment: the process of the city, the kept one above it, or the dask worker above both, in an order
drawn by lot. One table tells for each trial whom and which city it hit, whether that one was made again,
what differs from the serial run, and whether it passes; the exit code is 1 where something does not.

Ideal is the processor time of the serial run over the workers. Of that at least 85 % must be reached. A machine
that others share computes at another pace from minute to minute: a bare loop is timed every two seconds, in processor
time, and ideal is what it would be at the pace of the trial ("slower" than the serial run by so much). The share of
the machine that others took meanwhile stands beside it; with more than 10 % of it, or few cities, the line is no
verdict. The clock begins with the list, in each way of running: this process has loaded the package, a dask
scheduler and its workers are up, and loops are compiled (a city is run before everything); what workers load for
their first city, and load again after a kill, is counted. With --keep the serial run is kept, and a second call goes
on from it, with the same code only: a run says which code it is of, and one whose code changes on the way ends.
--quick is 12 cities, one trial of each kind.
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
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from distributed import Client
from pieces import DEMO_SEEDS, make_cities

from kcity_geo.fingerprint import code_sha256, table_sha256
from kcity_geo.many.process import CityLimits
from kcity_geo.many.run import run_cities
from kcity_geo.many.tasks import CityOutcome

_QUICK = {"cities": 12, "trials": 1, "dask_trials": 1}
_TIMEOUT_S = 900.0
#: What docs/many.md advises: else each process of dask looks at itself 50 to 100 times a second.
_QUIET_DASK = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
#: Whom a kill may hit: who is killed above a city takes it along.
_ROLES, _DASK_ROLES = ("city", "keeper"), ("worker", "city", "keeper")
#: What must not occur.
_NONE = ("not finished", "not byte-identical", "broken, not reported", "half-written")
#: Throughput that must be reached, of ideal; and the share of the machine beyond which others spoil that.
_LEAST, _BUSY = 0.85, 0.1
#: Cities from which on throughput says something.
_ENOUGH = 40
#: Rounds of a bare loop, some milliseconds; how often it is timed, and how often at most.
_LOOP, _EVERY_S, _LOOPS = 200_000, 2.0, 3600


class Kill(NamedTuple):
    """A kill to come: of which process, and how long after the beginning."""

    role: str
    after_s: float


class Hit(NamedTuple):
    """Whom a kill hit: which process, the city that it had in work, when (as files are dated), was it made before."""

    role: str
    city: str
    at: float
    made_before: bool


def at_work(parent: int, cities: Iterable[str]) -> dict[str, dict[str, int]]:
    """Processes below a parent that have a city in work now: that of the city, and the two above it."""
    above, called, wanted = dict[int, int](), dict[int, str](), set(cities)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text(errors="replace")
                kept = b"kcity_geo.cli.keeper" in (entry / "cmdline").read_bytes()
            except OSError:
                continue
            above[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
            if kept:
                called[int(entry.name)] = status.partition("(")[2].rpartition(")")[0]
    found = {}
    for pid, name in called.items():
        line = above.get(pid, 0)
        while line not in {0, parent}:
            line = above.get(line, 0)
        keeper = above[pid]
        if name in wanted and line == parent and keeper in called:
            found[name] = {"city": pid, "keeper": keeper, "worker": above[keeper]}
    return found


@contextmanager
def killing(
    parent: int, kill: Kill, out: Path, good: Sequence[str], rng: random.Random
) -> Iterator[list[Hit]]:
    """Kill one process of a parent, one that has a good city in work; the list holds whom it hit once it is done."""
    hit: list[Hit] = []
    stop = threading.Event()

    def work() -> None:
        stop.wait(kill.after_s)
        while not stop.is_set() and not hit:
            alive = at_work(parent, good)
            if alive:
                city = rng.choice(sorted(alive))
                before = (out / "manifests" / f"{city}.json").exists()
                try:
                    os.kill(alive[city][kill.role], signal.SIGKILL)
                except ProcessLookupError:
                    continue
                hit.append(Hit(kill.role, city, time.time(), before))
            stop.wait(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield hit
    finally:
        stop.set()
        thread.join()


def made_again(hit: Hit, out: Path, outcomes: Sequence[CityOutcome]) -> bool:
    """Whether the city that a kill hit was finished after it, and not before."""
    outcome = next(one for one in outcomes if one.id == hit.city)
    made = out / "manifests" / f"{hit.city}.json"
    later = not hit.made_before and made.exists() and made.stat().st_mtime > hit.at
    # A worker that is gone tells nothing; of the processes below it a living one does.
    return outcome.status != "failed" and later and (hit.role == "worker" or outcome.killed == 1)


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
    env = {**os.environ, **_QUIET_DASK}
    with (folder / "dask.log").open("ab") as log:
        running = [subprocess.Popen(one, stderr=log, stdout=log, env=env) for one in commands]
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


class Spent(NamedTuple):
    """What a stretch of time took."""

    wall_s: float
    cpu_s: float
    #: Share of the machine that others took.
    others: float
    #: Processor seconds of a bare loop meanwhile, the median.
    loop_s: float


def _loop_s() -> float:
    begin = time.thread_time()
    for _ in range(_LOOP):
        pass
    return time.thread_time() - begin


class Busy:
    """Takes the time of a stretch, and how quick the machine is meanwhile."""

    def __init__(self) -> None:
        self._loops, self._start = [_loop_s()], self._now()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while len(self._loops) < _LOOPS:
            time.sleep(_EVERY_S)
            self._loops.append(_loop_s())

    @staticmethod
    def _now() -> tuple[float, float, float]:
        ours = sum(os.times()[:4])
        ticks = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        used = sum(ticks) - ticks[3] - ticks[4]
        return time.perf_counter(), ours, used / os.sysconf("SC_CLK_TCK")

    def told(self) -> Spent:
        """Say what it took until now."""
        wall, ours, used = (b - a for a, b in zip(self._start, self._now(), strict=True))
        others = max(0.0, used - ours) / (wall * (os.cpu_count() or 1))
        return Spent(wall, ours, others, statistics.median(self._loops))


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
    folder: Path, number: int, *, workers: int, kill: Kill, dask: bool, rng: random.Random
) -> dict[str, Any]:
    """Run the list and kill one of its processes."""
    listed, out = folder / "inputs" / "cities.csv", folder / f"trial-{number}"
    shutil.rmtree(out, ignore_errors=True)
    broken = set(json.loads((folder / "inputs" / "broken.json").read_text()))
    good = [one for one in names(listed) if one not in broken]
    limits = CityLimits(timeout_s=_TIMEOUT_S)
    if dask:
        with dask_machine(folder, workers) as (address, parent):
            busy = Busy()
            with killing(parent, kill, out, good, rng) as hits:
                outcomes = run_cities(listed, out, scheduler=address, limits=limits)
            until = busy.told()
        spent = busy.told()._replace(
            wall_s=until.wall_s, loop_s=until.loop_s
        )  # workers count once they have ended
    else:
        busy = Busy()
        with killing(os.getpid(), kill, out, good, rng) as hits:
            outcomes = run_cities(listed, out, workers=workers, limits=limits)
        spent = busy.told()
    told = {
        "trial": f"{'dask' if dask else 'processes'} {number + 1}",
        "killed": ", ".join(hit.role for hit in hits),
        "of city": ", ".join(hit.city for hit in hits),
        "killed after s": round(kill.after_s),
        "made again": sum(made_again(hit, out, outcomes) for hit in hits),
        **judge(out, folder / "serial", outcomes, broken),
        "wall s": round(spent.wall_s, 1),
        "processor s": round(spent.cpu_s, 1),
        "others took %": round(100 * spent.others),
        "slower": spent.loop_s,
    }
    shutil.rmtree(out)
    return told


def names(listed: Path) -> list[str]:
    """Ids of a list of cities."""
    with listed.open(encoding="utf-8", newline="") as stream:
        return [row["id"] for row in csv.DictReader(stream)]


def compile_loops(folder: Path) -> None:
    """Run the demo town, which needs every compiled loop, before any clock: a fresh copy has none."""
    listed = folder / "inputs" / "first.csv"
    listed.write_text(f"id,study\nfirst,demo-{DEMO_SEEDS[0]}/study.toml\n")
    with tempfile.TemporaryDirectory() as scratch:
        if [one.status for one in run_cities(listed, scratch)] != ["done"]:
            raise SystemExit(f"{listed}: the demo town cannot be run")


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
        compile_loops(folder)
        busy = Busy()
        outcomes = run_cities(folder / "inputs" / "cities.csv", out)
        spent = busy.told()
        failed = [one.id for one in outcomes if one.status == "failed"]
        serial = {
            "cities": len(outcomes),
            "wall s": spent.wall_s,
            "processor s": spent.cpu_s,
            "others": spent.others,
            "loop s": spent.loop_s,
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
        "killed": all(one["killed"] for one in found),
        "made again": all(one["made again"] == 1 for one in found),
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
        kinds = {False: _ROLES, True: _DASK_ROLES}
        roles = {dask: cycle(rng.sample(some, len(some))) for dask, some in kinds.items()}
        for number in range(asked.trials + asked.dask_trials):
            dask = number >= asked.trials
            one = trial(
                folder,
                number,
                workers=asked.workers,
                kill=Kill(next(roles[dask]), rng.uniform(0.05, 0.8) * ideal_s),
                dask=dask,
                rng=rng,
            )
            require_code(serial, folder / "serial.json")  # a trial of other code is not told
            one["cities an hour and core"] = round(
                asked.cities * 3600 / one["wall s"] / asked.workers
            )
            slower = one["slower"] / serial["loop s"]
            one["slower"] = round(slower, 2)
            one["ideal s"] = round(ideal_s * slower, 1)
            one["of ideal"] = round(ideal_s * slower / one["wall s"], 2)
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
