"""In a copy: each job is done for all to see, whoever does it, and fails as if it were done here; no thread beside."""

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo import in_copy
from kcity_geo.in_copy import meanwhile, share_out
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


@pytest.mark.parametrize("copies", [True, False])
def test_a_job_beside_a_block_tells_its_notes_where_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, copies: bool
):
    monkeypatch.setattr(in_copy, "_can_fork", lambda: copies)

    def job() -> tuple[int, bytes]:
        tell("job")
        return os.getpid(), bytes(10**6)  # more than a pipe holds

    with muted(), collected() as notes:
        with meanwhile(job) as result:
            tell("block")
            found = result()
            assert (found[0] != os.getpid()) == copies
            assert len(found[1]) == 10**6
            assert result() is found
        assert notes == ["block", "job"]


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("end", ["fails", "is killed", "cannot be pickled"])
def test_a_job_that_fails_in_the_copy_is_done_here(end: str):
    here = os.getpid()

    def job() -> object:
        tell("here or there")
        if os.getpid() == here:
            return end
        if end == "fails":
            raise OSError(end)
        if end == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return lambda: end

    with muted(), collected() as notes, meanwhile(job) as result:
        assert result() == end
    assert notes == ["here or there"]
    with pytest.raises(ZeroDivisionError), meanwhile(lambda: 1 / 0) as other:
        other()


@pytest.mark.usefixtures("forking")
def test_a_system_without_files_in_memory_does_the_job_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "memfd_create", lambda _: open("/none/answer"))  # noqa: PTH123, SIM115
    with meanwhile(os.getpid) as result:
        assert result() == os.getpid()
    monkeypatch.delattr(os, "memfd_create")
    with meanwhile(os.getpid) as result:
        assert result() == os.getpid()


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_no_copy_outlives_the_block_beside_it(tmp_path: Path, error: type[BaseException] | None):
    said = tmp_path / "pid"

    def job() -> None:
        said.write_text(str(os.getpid()))
        time.sleep(600)

    def block() -> None:
        with meanwhile(job):
            while not said.exists() or not said.read_text():
                time.sleep(0.01)
            if error:
                raise error

    before = len(list(Path("/proc/self/fd").iterdir()))
    if error:
        with pytest.raises(error):
            block()
    else:
        block()
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


#: A run by one process and one with copies, with whoever sets filters of warnings aside beside the main thread.
TWICE = """
import sys, threading, traceback, warnings
import kcity_geo as kc
from kcity_geo import in_copy, threads
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.findings import Findings
from kcity_geo.indicators import indicator_rows
from kcity_geo.study import found_again

aside, enter, fork, forks = [], warnings.catch_warnings.__enter__, in_copy._forked, []
def entering(self):
    if threading.current_thread() is not threading.main_thread():
        aside.extend(line.filename for line in traceback.extract_stack(limit=4)[-2:-1])
    return enter(self)
def forking(job):
    forks.append(job)
    return fork(job)
warnings.catch_warnings.__enter__, in_copy._forked = entering, forking
study, found = kc.load_study(sys.argv[1]), []
for count in (1, 2):
    in_copy.thread_count = threads.thread_count = lambda: count
    forks.clear()
    found.append((found_again(study), len(forks)))
(one, none), (two, some) = found
print(none, some, set(model_of(one.data).computed) - set(model_of(two.data).computed))
# numba does so while it compiles, and the main thread waits for it then.
print([name for name in aside if "numba" not in name])
assert one.data.warnings == two.data.warnings and one.gaps.warnings == two.gaps.warnings
assert one.data.provenance == two.data.provenance and one.data.measured == two.data.measured
assert one.data.cube.identical(two.data.cube) and one.data.dem.identical(two.data.dem)
for name in ("cells", "city", "districts"):
    assert getattr(one.gaps, name).equals(getattr(two.gaps, name)), name
assert one.sites.equals(two.sites) and one.data.shares.equals(two.data.shares)
for key in indicator_rows():
    assert Findings(one).read_by(key) == Findings(two).read_by(key) != frozenset(), key
assert repr(one.dossiers) == repr(two.dossiers)
"""


def test_a_run_with_copies_gives_what_one_process_gives_and_no_thread_touches_filters_of_warnings(
    hanbit_town: Path,
):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TWICE, str(hanbit_town / "study.toml")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    forks, aside = done.stdout.splitlines()
    assert forks.startswith("0 5 {")
    assert "street_form" in forks
    assert "cell_terrain" in forks
    assert aside == "[]"


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
