"""The straight line, end to end, on the demo town and on real cities."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcity_geo as kc
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import StudyError
from kcity_geo.result import SECTORS


@pytest.fixture
def town(town_run):
    result, _ = town_run
    return result.data, result.gaps, result.score, result.sites


def test_people_of_the_town_are_all_there(town) -> None:
    data, gaps, _, _ = town
    total = data.official["population"]
    assert float(data.cube["population"].sum()) == pytest.approx(total, rel=1e-3)
    assert gaps.districts["population"].sum() == pytest.approx(total, rel=1e-3)


def test_bounds_hold_everywhere(town) -> None:
    _, gaps, _, _ = town
    for sector in (*SECTORS, "composite"):
        low, middle, high = (gaps.cells[f"{sector}_gap{e}"].to_numpy() for e in ("_lo", "", "_hi"))
        known = ~np.isnan(middle)
        assert known.any(), sector
        assert (low[known] <= middle[known] + 1e-9).all()
        assert (middle[known] <= high[known] + 1e-9).all()
        assert ((low[known] >= -1e-9) & (high[known] <= 1 + 1e-9)).all()
        codes = np.unique(gaps.cells[f"{sector}_reading"].to_numpy())
        assert set(codes.tolist()) <= set(range(len(READINGS)))


def test_sites_never_overlap_what_is_excluded_or_each_other(town) -> None:
    data, _, score, sites = town
    from kcity_geo.cube import area_in_cells

    assert len(sites) > 0
    excluded = ~score.feasible
    cell_m2 = data.study.study.cell_m**2
    for geometry in sites.geometry:
        share = area_in_cells(np.array([geometry], dtype=object), grid=data.grid) / cell_m2
        assert share[excluded].max(initial=0) < 1e-6
    pieces = sites.geometry.to_numpy()
    for i, one in enumerate(pieces):
        for other in pieces[i + 1 :]:
            assert one.intersection(other).area < 1.0
    assert sites["rank"].tolist() == list(range(1, len(sites) + 1))
    assert sites["score"].is_monotonic_decreasing


def test_scores_are_shares_and_excluded_cells_have_none(town) -> None:
    _, _, score, _ = town
    known = score.score[~np.isnan(score.score)]
    assert known.min() >= 0
    assert known.max() <= 1
    assert np.isnan(score.score[~score.feasible]).all()
    assert sum(c.weight_used for c in score.criteria) == pytest.approx(1)


def test_every_indicator_says_what_it_is_or_why_not(town) -> None:
    _, gaps, _, _ = town
    for indicator in gaps.assessed:
        if np.isnan(indicator.value):
            assert indicator.not_assessed, indicator.id
        else:
            assert indicator.source, indicator.id
            assert indicator.units, indicator.id


def test_inputs_are_never_changed(town, hanbit_town) -> None:
    data, gaps, _, _ = town
    before = {k: v.copy() for k, v in data.layers.items()}
    cube = data.cube.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        kc.suitability(data, gaps)
    assert data.cube.identical(cube)
    for name, frame in before.items():
        assert frame.shape == data.layers[name].shape


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_two_runs_give_the_same_bytes_whatever_was_run_between(
    tmp_path, hanbit_town, town_run
) -> None:
    """Scores are against fixed standards: no other city is looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        kc.assess_gaps(make_toy(arrays={"population": 10.0, "built_m2": 2500.0}))
        kc.run(hanbit_town / "study.toml", tmp_path / "out")
    one, two = digests(town_run[1]), digests(tmp_path / "out")
    assert any(name.startswith("layers") for name in one)
    assert one == two


def test_a_city_that_does_not_exist_says_so_in_its_numbers(town) -> None:
    data, gaps, _, _ = town
    assert {v.attrs["evidence"] for v in data.cube.data_vars.values()} == {"synthetic"}
    assert gaps.indicators["source"].str.startswith("synthetic city: ").all()


def test_the_straight_line_of_a_script(town) -> None:
    """Arguments in the order of the design, changes at each step, and short words on what came out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        data, gaps, _, _ = town
        study = data.study
        plain = kc.suitability(data, gaps)
        steep = kc.suitability(
            data, gaps, weights={"slope_pct": 0.5}, constraints={"airport": False}
        )
        sites = kc.rank_sites(plain, data, threshold=0.5, max_sites=1)
    by_id = {c.id: c.weight_stated for c in steep.criteria}
    assert by_id["slope_pct"] == pytest.approx(0.5 / (1 - 0.12 + 0.5))
    assert not next(c for c in steep.constraints if c.id == "airport").applied
    assert next(c for c in plain.constraints if c.id == "airport").applied
    assert len(sites) == 1
    result = kc.Result(study, data, gaps, plain, sites)
    for thing in (data, gaps, plain, result):
        assert len(repr(thing)) < 600
    assert "Hanbit" in repr(result)
    with pytest.raises(StudyError, match="rank_sites.*needs Suitability, got CityData"):
        kc.rank_sites(data, plain)
    with pytest.raises(StudyError, match="suitability.*needs CityData, got Gaps"):
        kc.suitability(gaps, data)
    with pytest.raises(StudyError, match="projct: unknown key"):
        kc.Study(projct="new_town")
    assert kc.Study(city="Kota Kinabalu").city.name == "Kota Kinabalu"
    with pytest.raises(StudyError, match="use load.load_study"):
        kc.load("study.toml")
    with pytest.warns(kc.KCityWarning, match="80 beside weights"):
        kc.suitability(data, gaps, weights={"slope_pct": 80})


def test_people_of_the_table_far_from_the_grid_are_told(hanbit_town, tmp_path) -> None:
    lines = (hanbit_town / "official.csv").read_text().splitlines()
    number, name, _, *rest = lines[2].split(",")
    lines[2] = ",".join([number, name, "15000", *rest])
    (tmp_path / "official.csv").write_text("\n".join(lines))
    study = kc.load_study(hanbit_town / "study.toml")
    table = {"table": str(tmp_path / "official.csv")}
    less = study.sources.model_copy(update={"osm": None, "gtfs": None, "elevation": None})
    study = study.model_copy(
        update={"official": study.official.model_copy(update=table), "sources": less}
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kc.load(study)
    texts = [str(one.message) for one in told]
    assert any("in 1 of 10 districts (D02 15,000 against 7," in text for text in texts)


def test_without_openstreetmap_nothing_is_invented(hanbit_town) -> None:
    study = kc.load_study(hanbit_town / "study.toml")
    bare = study.model_copy(
        update={"sources": study.sources.model_copy(update={"osm": None, "gtfs": None})}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        gaps = kc.assess_gaps(kc.load(bare))
    row: Any = gaps.city.loc["transport"]
    assert np.isnan(row["gap"])
    assert row["reading"] == "Not assessed"
    assert dataclasses.is_dataclass(gaps)
