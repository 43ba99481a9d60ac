"""The harness sees what it must see: deaths, hangs, tracebacks and refusals, each by its name."""

from __future__ import annotations

import pytest


def test_each_end_of_a_reader_has_its_name(harness, tmp_path) -> None:
    wanted = {
        "fine": "value",
        "die": "signal",
        "again": "value",
        "hang": "hang",
        "raise": "traceback",
        "refuse": "refused",
        "two lines": "refused",
        "eat": "memory",
        "last": "value",
    }
    paths = []
    for name in wanted:
        path = tmp_path / name
        path.write_text(name)
        paths.append(path)
    found = harness.run_reader("tests/fuzz/readers.py:behaves", paths, timeout_s=3)
    assert {o.path.name: o.kind for o in found} == wanted
    assert [o.value for o in found if o.kind == "value"] == ["fine", "again", "last"]
    with pytest.raises(AssertionError, match="signal: .*die"):
        harness.assert_all_fine(found)


def test_mutants_are_the_same_for_the_same_seed_and_differ_otherwise(harness, tmp_path) -> None:
    data = bytes(range(256)) * 8
    assert harness.mutated(data, 7) == harness.mutated(data, 7)
    changed = [harness.mutated(data, seed) for seed in range(90)]
    assert sum(c != data for c in changed) >= 80
    assert len(set(changed)) >= 80
    assert harness.mutated(b"", 3) == b""
