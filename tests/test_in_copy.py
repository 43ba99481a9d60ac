"""In a copy: a job is done once for all to see, whoever does it, and fails as if it were done here."""

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from kcity_geo import in_copy
from kcity_geo.in_copy import meanwhile
from kcity_geo.notes import collected, muted, tell

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks on Linux only")


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_copy, "_can_fork", lambda: True)


@pytest.mark.usefixtures("forking")
def test_a_copy_does_the_job_while_this_process_goes_on(tmp_path: Path):
    said, go = tmp_path / "pid", tmp_path / "go"

    def job() -> None:
        while not go.exists():
            time.sleep(0.01)
        said.write_text(str(os.getpid()))

    with meanwhile(job) as wait:
        go.touch()
        wait()
    assert int(said.read_text()) != os.getpid()


@pytest.mark.usefixtures("forking")
def test_what_a_copy_could_not_do_is_done_here(tmp_path: Path):
    here, said = os.getpid(), tmp_path / "pid"

    def job() -> None:
        said.write_text(str(os.getpid()))
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)

    with meanwhile(job) as wait:
        wait()
    assert int(said.read_text()) == here


@pytest.mark.usefixtures("forking")
def test_errors_and_notes_of_a_job_are_those_of_this_process():
    def job() -> None:
        tell("half of it")
        raise ValueError("the rest")

    with (
        muted(),
        collected() as notes,
        meanwhile(job) as wait,
        pytest.raises(ValueError, match="the rest"),
    ):
        wait()
    assert notes == ["half of it"]
    with muted(), collected() as notes, meanwhile(lambda: tell("all of it")) as wait:
        wait()
    assert notes == ["all of it"]


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("waiting", [False, True])
def test_a_copy_ends_with_the_block(tmp_path: Path, waiting: bool):
    said = tmp_path / "pid"

    def job() -> None:
        said.write_text(str(os.getpid()))
        time.sleep(600)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), meanwhile(job) as wait:
            while not said.exists() or not said.read_text():
                time.sleep(0.01)
            if waiting:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                wait()
            interrupt()
    finally:
        signal.signal(signal.SIGALRM, former)
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)


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
    with meanwhile(lambda: done.append(os.getpid())) as wait:
        assert not done
        wait()
    assert done == [os.getpid()]


@pytest.mark.usefixtures("forking")
def test_the_benchmark_of_growth_counts_what_a_copy_spends():
    spent = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "scale.py"))["spent"]

    def job() -> None:
        begin = time.process_time()
        while time.process_time() - begin < 0.2:
            pass

    before_s = spent()[0]
    with meanwhile(job) as wait:
        wait()
    assert spent()[0] - before_s >= 0.2
