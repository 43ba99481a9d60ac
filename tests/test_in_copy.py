"""In a copy: each job is done for all to see, whoever does it, and fails as if it were done here."""

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo import in_copy
from kcity_geo.in_copy import share_out
from kcity_geo.notes import collected, muted, tell

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks on Linux only")


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_copy, "_can_fork", lambda: True)


def once(path: Path, seconds: float = 0.0) -> Callable[[], None]:
    """Give a job that says which process did it, and fails where another had begun it."""

    def job() -> None:
        with path.open("x") as stream:
            stream.write(str(os.getpid()))
        time.sleep(seconds)

    return job


@pytest.mark.usefixtures("forking")
def test_two_processes_share_the_jobs_and_none_is_done_twice(tmp_path: Path):
    jobs = {str(k): once(tmp_path / str(k), 0.05) for k in range(8)}
    begun: list[str] = []
    share_out(jobs, begun=begun.append)
    who = {path.name: int(path.read_text()) for path in tmp_path.iterdir()}
    assert sorted(who) == sorted(jobs)
    assert [name for name in jobs if who[name] == os.getpid()] == begun
    assert len(set(who.values())) == 2


@pytest.mark.usefixtures("forking")
def test_who_has_a_long_job_leaves_the_rest_to_the_other(tmp_path: Path):
    go = tmp_path / "go"

    def long() -> None:
        once(tmp_path / "long")()
        while not go.exists():
            time.sleep(0.01)

    short = [f"short {k}" for k in range(5)]
    share_out(
        {"long": long, **{name: once(tmp_path / name) for name in short}, "end": go.touch},
    )
    doers = {(tmp_path / name).read_text() for name in short}
    assert len(doers) == 1
    assert (tmp_path / "long").read_text() not in doers


@pytest.mark.usefixtures("forking")
def test_what_a_copy_could_not_do_is_done_here_and_the_rest_is_kept(tmp_path: Path):
    here, said, done = os.getpid(), tmp_path / "pid", tmp_path / "done"

    def killed() -> None:
        said.write_text(str(os.getpid()))
        if os.getpid() != here:
            while not done.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

    def by_copy() -> None:
        if os.getpid() == here:  # the copy begins a job that it will not end
            while not said.exists():
                time.sleep(0.01)
        done.touch()

    share_out({"first": by_copy, "second": killed, "third": done.touch})
    assert int(said.read_text()) == here


@pytest.mark.usefixtures("forking")
def test_errors_and_notes_of_a_job_are_those_of_this_process():
    def failing() -> None:
        tell("half of it")
        raise ValueError("the rest")

    def rest() -> dict[str, Callable[[], None]]:
        return {f"slow {k}": lambda: time.sleep(0.05) for k in range(4)}

    with muted(), collected() as notes, pytest.raises(ValueError, match="the rest"):
        share_out({**rest(), "failing": failing})
    assert notes == ["half of it"]
    with muted(), collected() as notes:
        share_out({**rest(), "telling": lambda: tell("all of it"), "also": lambda: tell("more")})
    assert sorted(notes) == ["all of it", "more"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["fine", "tells", "fails there", "dies there"]), max_size=12))
def test_every_job_is_done_whatever_happens_in_the_copy(kinds: list[str]):
    import tempfile

    here = os.getpid()

    def job(path: Path, kind: str) -> Callable[[], None]:
        def do() -> None:
            there = os.getpid() != here
            if kind == "tells":
                tell(path.name)
            if there and kind == "fails there":
                raise OSError("there")
            if there and kind == "dies there":
                os.kill(os.getpid(), signal.SIGKILL)
            path.write_text("whole")

        return do

    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        muted(),
        collected() as notes,
    ):
        patch.setattr(in_copy, "_can_fork", lambda: True)
        share_out({str(k): job(Path(folder, str(k)), kind) for k, kind in enumerate(kinds)})
        assert sorted(path.name for path in Path(folder).iterdir()) == sorted(
            str(k) for k in range(len(kinds))
        )
    assert sorted(notes) == sorted(str(k) for k, kind in enumerate(kinds) if kind == "tells")


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("waiting", [False, True])
def test_a_copy_ends_with_an_interrupt(tmp_path: Path, waiting: bool):
    here, said = os.getpid(), tmp_path / "pid"

    def either() -> None:
        if os.getpid() != here:
            said.write_text(str(os.getpid()))
            time.sleep(600)
        while not said.exists() or not said.read_text():
            time.sleep(0.01)
        if not waiting:
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, 0.1)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            share_out({"one": either, "two": either})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)


@pytest.mark.usefixtures("forking")
def test_no_pipe_stays_open():
    before = len(list(Path("/proc/self/fd").iterdir()))
    share_out({"one": lambda: None})
    with pytest.raises(ZeroDivisionError):
        share_out({"one": lambda: print(1 / 0)})
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(ValueError, match="at most 255 jobs, not 300"):
        share_out({str(k): lambda: None for k in range(300)})


def test_no_copy_beside_threads_of_others_or_on_one_core(monkeypatch: pytest.MonkeyPatch):
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    monkeypatch.setattr(in_copy, "thread_count", lambda: 2)
    try:
        assert not in_copy._can_fork()
    finally:
        end.set()
        thread.join()
    monkeypatch.setattr(in_copy, "thread_count", lambda: 1)
    assert not in_copy._can_fork()
    done: list[int] = []
    begun: list[str] = []
    jobs = {name: lambda: done.append(os.getpid()) for name in ("one", "two")}
    share_out(jobs, begun=begun.append)
    assert done == [os.getpid()] * 2
    assert begun == ["one", "two"]


@pytest.mark.usefixtures("forking")
def test_the_benchmark_of_growth_counts_what_a_copy_spends():
    spent = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "scale.py"))["spent"]

    def job() -> None:
        begin = time.process_time()
        while time.process_time() - begin < 0.2:
            pass

    before_s = spent()[0]
    share_out({"one": job, "two": job})
    assert spent()[0] - before_s >= 0.4
