"""Threads: jobs side by side give what they give one after the other, and fail as they would."""

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


def test_a_worker_of_many_cities_has_one_thread(monkeypatch: pytest.MonkeyPatch):
    from kcity_geo.many.kept_process import one_thread

    for name, value in one_thread().items():
        monkeypatch.setenv(name, value)
    assert threads.thread_count() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads.thread_count() >= 1
