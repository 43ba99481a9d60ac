"""Scenarios: other weights and limits, checked before work starts, and replayed on the same sites."""

from __future__ import annotations

import dataclasses

import geopandas as gpd
import numpy as np
import pytest

import kcity_geo as kc
from kcity_geo.analysis.sites.live import live_weights
from kcity_geo.errors import StudyError
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.scenariofile import question_of_scenario, with_scenario
from kcity_geo.studyfile import Study, load_study
from kcity_geo.suitability_keys import ScenarioSection

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")


@pytest.fixture
def base() -> Study:
    return Study(study={"name": "Base", "project": "industrial_complex"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "changes weights or constraints; it has neither"),
        ("[weights]\nslope = 0.3", "scenario.toml: weights.slope: profile industrial_complex has no such"),
        ("[weights]\nslope_pct = -0.3", "weights.slope_pct"),
        ('[weights]\nslope_pct = "a"', "weights.slope_pct.*is no number"),
        ("[weights]\nslope_pct = true", "weights.slope_pct"),
        ("[weights]\nslope_pct = nan", "weights.slope_pct"),
        ("[constraints]\nslope_pct_max = 2000.0", "constraints.slope_pct_max: 2000.0 is not a number of 0 to 1000"),
        ("[constraints]\nsteep = 3.0", "constraints.steep: this project has no such constraint"),
        ("[constraints]\nslope_pct_max = 5.0\nslope_deg_max = 3.0", "are one limit"),
        ('sites = "old"\n[weights]\nslope_pct = 0.3', "sites"),
        ('study = "Other"\n[weights]\nslope_pct = 0.3', "study: was saved from 'Other', this study has 'Base'"),
        ('project = "new_town"\n[weights]\nslope_pct = 0.3', "project: was saved from 'new_town'"),
        ("[wieghts]\nslope_pct = 0.3", "wieghts: unknown key; did you mean 'weights'"),
        ("[weights]\nslope_pct = 0.3\n[[shown]]\nsite = 'a'\n[[shown]]\nsite = 'a'", "stands twice"),
        ("[weights\n", "is not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_is_refused_in_one_line(base, tmp_path, text, said) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=said) as refused:
        with_scenario(base, path)
    assert "\n" not in str(refused.value)
    assert "scenario.toml" in str(refused.value)


def test_weights_of_judgements_are_replaced_as_a_whole(tmp_path) -> None:
    study = Study(suitability={"weighting": {"method": "equal"}})
    path = tmp_path / "s.toml"
    path.write_text("[weights]\nslope_pct = 0.5\n", encoding="utf-8")
    with pytest.raises(StudyError, match="weighs by equal: give all weights; d_trunk_km"):
        with_scenario(study, path)
    path.write_text("[constraints]\nslope_pct_max = 5.0\n", encoding="utf-8")
    asked = question_of_scenario(with_scenario(study, path).suitability)
    assert asked.weighting.method == "equal"


def test_a_limit_in_degrees_gives_way_to_one_in_percent() -> None:
    study = Study(
        suitability={
            "constraints": {"slope_deg_max": 10.0, "hand_m_min": 2.0},
            "scenario": {"constraints": {"slope_pct_max": 5.0}},
        }
    )
    assert question_of_scenario(study.suitability).constraints == {
        "hand_m_min": 2.0,
        "slope_pct_max": 5.0,
    }


def test_a_study_with_a_scenario_is_written_and_read_again(base, tmp_path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'name = "n"\n[weights]\nslope_pct = 0.5\n[[shown]]\nsite = "site-01"\nrank = 1\nscore = 0.5\n'
    )
    study = with_scenario(base, path)
    (tmp_path / "study.toml").write_text(study_toml(study, out=tmp_path), encoding="utf-8")
    assert load_study(tmp_path / "study.toml").suitability.scenario == study.suitability.scenario


@pytest.fixture(scope="module")
def town(town_run):
    return town_run[0]


def test_a_step_of_a_limit_excludes_the_cells_that_python_excludes(town) -> None:
    live = live_weights(town)
    assert {one.constraint.id for one in live.limits} >= {
        "slope_pct_max",
        "hand_m_min",
        "built_max",
    }
    at = {one.constraint.id: len(one.steps) // 3 for one in live.limits}
    chosen = {one.constraint.id: float(one.steps[at[one.constraint.id]]) for one in live.limits}
    score = kc.suitability(town.data, town.gaps, constraints=chosen)
    closed = ~live.open
    for one in live.limits:
        place = at[one.constraint.id]
        closed |= one.cells <= place if one.limited.at_least else one.cells > place
    np.testing.assert_array_equal(~closed, score.feasible)
    # The limits of the study give the land of the study.
    closed = ~live.open
    for one in live.limits:
        place = int(np.searchsorted(one.steps, one.limited.limit))
        closed |= one.cells <= place if one.limited.at_least else one.cells > place
    np.testing.assert_array_equal(~closed, town.score.feasible)


def _with(town, **scenario):
    study = town.study.model_copy(
        update={
            "suitability": town.study.suitability.model_copy(
                update={"scenario": ScenarioSection(**scenario)}
            )
        }
    )
    return dataclasses.replace(town.data, study=study)


def test_a_replay_keeps_the_sites_and_says_what_it_is(town) -> None:
    own = {c.id: c.weight_stated for c in town.score.criteria} | dict(town.score.missing_weight)
    shown = [{"site": s, "rank": int(r), "score": float(x)} for s, r, x in
             zip(town.sites["site_id"], town.sites["rank"], town.sites["score"], strict=True)]  # fmt: skip
    data = _with(town, weights=own, shown=shown)
    score = kc.suitability(data, town.gaps)
    with pytest.warns(
        kc.KCityWarning, match=r"ranks and scores of \d+ sites are those that the page"
    ):
        sites = kc.rank_sites(score, data)
    same = [c for c in sites.columns if c != "geometry"]
    assert sites[same].round(9).equals(gpd.GeoDataFrame(town.sites)[same].round(9))
    assert sites.geometry.equals(town.sites.geometry)
    other = _with(town, weights={"slope_pct": 0.4}, shown=shown)
    with pytest.warns(kc.KCityWarning, match="differs from what the page showed at site-01"):
        moved = kc.rank_sites(kc.suitability(other, town.gaps), other)
    assert set(moved["site_id"]) <= {row["site_id"] for row in town.sites.attrs["areas"]}
    # Asked for in Python it is no scenario of the file any more.
    plain = kc.suitability(other, town.gaps, weights={"slope_pct": 0.2})
    assert plain.before is None
    assert plain.asked["scenario"] is None
