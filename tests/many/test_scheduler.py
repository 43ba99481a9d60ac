"""Cities on a dask scheduler: a lost worker blames nobody, its city is made again, all others once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kcity_geo.many.kept_process import CAN_FORK
from kcity_geo.many.run import run_cities

pytestmark = [
    pytest.mark.skipif(not CAN_FORK, reason="processes are kept on Linux"),
    pytest.mark.filterwarnings("ignore"),  # of dask, about this machine
]
#: Stands for the kept process: real processes and files, no study. A city that is begun for the first time says
#: who works on it and sleeps; "other" does not sleep, "broken" fails, "fatal" kills its worker each time.
KEEPER = """
import sys
if "kcity_geo.cli.keeper" in sys.orig_argv:
    import json, os, time
    from pathlib import Path
    from kcity_geo.in_copy import end_with

    keeper, worker = os.getpid(), os.getppid()
    end_with(int(sys.orig_argv[-1]))
    for line in sys.stdin:
        out = Path(json.loads(line)["arguments"][3])
        city = os.fork()
        if not city:
            end_with(keeper)
            begun = Path(__file__).parent / "begun" / out.name
            begun.parent.mkdir(exist_ok=True)
            first = not begun.exists()
            with begun.open("a") as stream:
                told = {"city": os.getpid(), "keeper": keeper, "worker": worker}
                stream.write(json.dumps(told) + chr(10))
            if out.name == "broken":
                os._exit(2)
            if out.name == "fatal":
                time.sleep(1.5)  # the outcome before it has reached the client
                os.kill(worker, 9)
                time.sleep(60)
            if first and out.name != "other":
                time.sleep(60)
            out.mkdir()
            (out / "report.html").write_text("whole")
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(city, 0)[1])
        told = "error: is broken" if code == 2 else "took 0.1 0.1"
        print(json.dumps({"code": code, "told": told}), flush=True)
    os._exit(0)
"""
#: Of each city the process that is killed once while it is worked on.
KILLED = ("worker", "keeper", "city")
LOST = "its worker was lost each time, also while it ran alone; is the memory enough?"


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A scheduler and one worker, each in a process of its own, with the kept process from above."""
    pytest.importorskip("distributed")
    (tmp_path / "sitecustomize.py").write_text(KEEPER)
    above = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(tmp_path), *([above] if above else [])])
    told = tmp_path / "scheduler.json"
    module = [sys.executable, "-m", "distributed.cli"]
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(told)]
    commands = (
        [f"{module[2]}.dask_scheduler", "--port", "0", *common],
        [f"{module[2]}.dask_worker", "--nthreads", "1", "--local-directory", str(tmp_path), *common],
    )  # fmt: skip
    started = [
        subprocess.Popen(
            [*module[:2], *rest],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # At the first death the scheduler gives up what ran on the worker and what waited there.
            env={
                **os.environ,
                "PYTHONPATH": paths,
                "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            },
        )
        for rest in commands
    ]
    try:
        until = time.monotonic() + 60
        while not (told.exists() and told.stat().st_size) and time.monotonic() < until:
            time.sleep(0.05)
        yield json.loads(told.read_text())["address"]
    finally:
        for one in reversed(started):
            one.terminate()  # so that the worker ends too
            one.wait()


def begun(folder: Path, name: str) -> list[dict[str, int]]:
    """Who has begun a city, one after the other."""
    told = folder / "begun" / name
    text = told.read_text() if told.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def kill_each_once(folder: Path, stop: threading.Event) -> None:
    """Kill of each city the process that it is called by, as soon as it is worked on."""
    left = set(KILLED)
    while left and not stop.wait(0.02):
        for name in sorted(left):
            if who := begun(folder, name):
                os.kill(who[0][name], signal.SIGKILL)
                left.remove(name)


def is_over(process: int) -> bool:
    """Tell that a process has ended, whether or not anybody has asked for its end."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return True
    return state[0] in {"Z", "X"}


def test_whoever_is_killed_under_a_city_it_is_made_again_and_no_other(scheduler, tmp_path) -> None:
    names = [*KILLED, "broken", "fatal", "other"]
    for size, name in enumerate(reversed(names)):
        (tmp_path / f"{name}.osm.pbf").write_bytes(b"." * size)
        (tmp_path / f"{name}.toml").write_text(
            f'[study]\nname = "{name}"\n[city]\nname = "{name}"\n[sources]\nosm = "{name}.osm.pbf"\n'
        )
    (tmp_path / "cities.csv").write_text("\n".join(["study", *(f"{n}.toml" for n in names)]) + "\n")
    stop, out = threading.Event(), tmp_path / "out"
    killer = threading.Thread(target=kill_each_once, args=(tmp_path, stop))
    killer.start()
    try:
        outcomes = run_cities(tmp_path / "cities.csv", out, scheduler=scheduler)
    finally:
        stop.set()
        killer.join()
    done = [(one.id, one.status, one.killed, one.error) for one in outcomes]
    assert done == [
        ("worker", "done", 0, ""),  # a worker that is gone tells nothing
        ("keeper", "done", 1, ""),
        ("city", "done", 1, ""),
        ("broken", "failed", 0, "is broken"),
        ("fatal", "failed", 0, LOST),
        ("other", "done", 0, ""),
    ]
    assert [len(begun(tmp_path, name)) for name in names] == [2, 2, 2, 1, 2, 1]
    for name in KILLED:  # nobody who began a city goes on with it beside the second one
        assert is_over(begun(tmp_path, name)[0]["city"])
    made = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    good = [*KILLED, "other"]
    folders = {f"{name}/report.html" for name in good} | {f"manifests/{n}.json" for n in good}
    assert made == folders | {"cities.json", "index.html"}
    (tmp_path / "cities.csv").write_text("study\nbroken.toml\nother.toml\n")
    again = run_cities(tmp_path / "cities.csv", out, scheduler=scheduler)
    assert [one.status for one in again] == ["failed", "kept"]
    assert len(begun(tmp_path, "other")) == 1
