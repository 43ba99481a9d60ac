"""Threads: jobs side by side give what they give one after the other, and fail as they would."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from kcity_geo import threads
from kcity_geo.notes import collected, muted, tell


def test_jobs_side_by_side_answer_in_their_order_and_run_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "thread_count", lambda: 2)
    meet = threading.Barrier(2, timeout=20)

    def job(number: int) -> int:
        meet.wait()
        time.sleep(0.05 * (2 - number))
        tell(f"job {number}")
        return number

    with muted(), collected() as notes:
        assert threads.side_by_side([lambda: job(1), lambda: job(2)]) == [1, 2]
    assert sorted(notes) == ["job 1", "job 2"]


@pytest.mark.parametrize("count", [1, 2])
def test_the_first_job_that_failed_says_so(monkeypatch: pytest.MonkeyPatch, count: int):
    monkeypatch.setattr(threads, "thread_count", lambda: count)

    def fail(text: str):
        raise ValueError(text)

    with pytest.raises(ValueError, match="one"):
        threads.side_by_side([lambda: fail("one"), lambda: fail("two")])


def test_a_job_beside_a_block_tells_its_notes_and_its_error_where_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(threads, "thread_count", lambda: 2)
    meet = threading.Barrier(2, timeout=20)

    def job(number: int) -> int:
        meet.wait()
        tell(f"job {number}")
        return 6 // number

    with muted(), collected() as notes:
        with threads.meanwhile(lambda: job(3)) as result:
            meet.wait()
            tell("block")
            assert result() == 2
            assert result() == 2
        assert notes == ["block", "job 3"]
        with (
            pytest.raises(ZeroDivisionError),
            threads.meanwhile(lambda: job(0)) as result,
        ):
            meet.wait()
            assert notes[-1] == "job 3"
            result()
    assert notes[-1] == "job 0"


def test_a_block_that_fails_waits_for_the_job_beside_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "thread_count", lambda: 2)
    done = threading.Event()
    timer = threading.Timer(0.2, done.set)
    with pytest.raises(ValueError, match="block"), threads.meanwhile(timer.run):
        raise ValueError("block")
    assert done.is_set()


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_a_process_that_is_interrupted_waits_for_nothing_that_runs_beside():
    script = (
        "import threading, time\n"
        "from kcity_geo import threads\n"
        "threads.thread_count = lambda: 2\n"
        "begun = threading.Event()\n"
        "with threads.meanwhile(lambda: (begun.set(), time.sleep(60), print('late'))):\n"
        "    begun.wait()\n"
        "    raise KeyboardInterrupt\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, timeout=30, text=True
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout == ""


def test_a_worker_of_many_cities_has_one_thread(monkeypatch: pytest.MonkeyPatch):
    from kcity_geo.many.kept_process import one_thread

    for name, value in one_thread().items():
        monkeypatch.setenv(name, value)
    assert threads.thread_count() == 1
    done: list[int] = []
    with threads.meanwhile(lambda: done.append(1)):
        pass
    assert done == []  # nobody asked for it
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads.thread_count() >= 1
