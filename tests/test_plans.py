"""``[concept]`` in a study file and `kcity plan`: wrong keys are refused in one line before any work."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from kcity_geo.cli import app
from kcity_geo.cli.answer import _without_sites
from kcity_geo.clock import Clock
from kcity_geo.errors import StudyError
from kcity_geo.notes import collected, muted
from kcity_geo.planning.asked import checked_keys, own_cost_rows
from kcity_geo.planning.planned import _options, _site, _unchecked
from kcity_geo.result import Constraint
from kcity_geo.study import _planned
from kcity_geo.studyfile import Study

BAD = {
    "persons = -5": "concept.persons",
    "persons = 0": "concept.persons",
    "persons = 100\njobs = 50": "give one of persons, hectares and jobs",
    "phases = [0.5, 0.2]": "they add to 0.7, not 1",
    "phases = [1.5, -0.5]": "phases",
    "price_level = 4": "give 3 or less",
    'ruleset = "Mars"': "'Mars' is not known",
    "ruleset = { streets = 0.7, parks = 0.6 }": "least shares add to 130%",
    "shares = { streets = 1.3 }": "must be a share from 0 to 1",
    "assumptions = { arterial_width = 30.0 }": "did you mean 'arterial_width_m'?",
    "assumptions = { arterial_width_m = 300.0 }": "from 12 to 80 m",
    'profile = "spaceport"': "'spaceport' has no land budget",
    'colour = "red"': "concept.colour",
    'currency = "XYZ"': "XYZ",
    "rates = [-2.0]": "must be above -1",
    "rates = [6.0]": "9 % is 0.09",
    "rates = [0.06, 0.06]": "given twice",
    "price_year = 1980": "concept.price_year",
    "escalation_share_year = -0.2": "concept.escalation_share_year",
    'ruleset = "KR"\npark_law = "moon"': "no law of rule set KR",
    "hectares = 0.1": "less than a block",
    "[[concept.cost_rows]]\nid = 'pipe'\nvalue = 10.0\nlow = 5.0\nhigh = 20.0\ntitle = 'Pipe'\nsector = 'water'\nsource = 'offer'\nprice_year = 2025": "lacks 'unit'",
}  # fmt: skip


@pytest.mark.parametrize("command", ["plan", "check", "run"])
@pytest.mark.parametrize(("keys", "told"), BAD.items())
def test_a_wrong_key_is_one_line_and_exit_code_2(tmp_path, command, keys, told) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        f'[study]\nname = "toy"\n[city]\nboundary = "none.geojson"\n[concept]\n{keys}\n',
        encoding="utf-8",
    )
    out = [] if command == "check" else ["--out", str(tmp_path / "out")]
    answer = CliRunner().invoke(app, [command, str(path), *out, "--quiet"])
    assert answer.exit_code == 2, answer.output
    line = answer.stderr.strip()
    assert told in line
    assert "Traceback" not in line
    assert not (tmp_path / "out").exists()


def test_keys_reach_the_plan() -> None:
    study = Study(
        study={"name": "toy", "project": "new_town", "seed": 3},
        concept={
            "hectares": 40.0,
            "ruleset": {"parks": 0.2},
            "assumptions": {"arterial_width_m": 30.0},
            "phases": [0.5, 0.5],
            "currency": "EUR",
        },
    )
    profile, rules = checked_keys(study)
    assert profile == "new_town"
    assert rules.rules[0].share == 0.2
    options = _options(study.concept, seed=3, excluded=None)
    assert options.assumptions == {"arterial_width_m": 30.0}
    assert (options.phases, options.currency, options.seed) == ((0.5, 0.5), "EUR", 3)


def test_constraints_without_data_are_told_and_not_taken_for_free_land() -> None:
    def limit(title: str, *, applied: bool, words: str = "at least 1") -> Constraint:
        nowhere = np.zeros((1, 1), dtype=bool)
        return Constraint(id=title, title=title, limit=words, excluded=nowhere, applied=applied)

    rows = (
        limit("Slope", applied=True),
        limit("Protected land", applied=False),
        limit("Noise", applied=False, words="off"),
    )
    told = _unchecked(SimpleNamespace(constraints=rows))
    assert told.startswith("site: ")
    assert told.endswith("none is taken off: protected land")
    assert _unchecked(SimpleNamespace(constraints=rows[:1])) == ""


def test_a_site_is_named_by_rank_label_or_id() -> None:
    sites = gpd.GeoDataFrame(
        {"site_id": ["site-01", "site-02"], "rank": [1, 2], "label": ["1a", "1b"]},
        geometry=[shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)],
        crs=32632,
    )
    for asked in (2, "2", "1b", "site-02"):
        assert _site(sites, asked)["site_id"].tolist() == ["site-02"]
    with pytest.raises(StudyError, match="site: 7 is none of 2 ranked sites"):
        _site(sites, 7)
    with pytest.raises(StudyError, match="no ranked site"):
        _site(sites.iloc[:0], 1)


def test_a_price_without_currency_is_in_that_of_the_schema() -> None:
    row = {
        "id": "pipe",
        "title": "Pipe",
        "sector": "water",
        "value": 10.0,
        "low": 5.0,
        "high": 20.0,
    }
    row |= {"unit": "m", "price_year": 2025, "source": "offer"}
    study = Study(study={"name": "x", "project": "new_town"}, concept={"cost_rows": [row]})
    assert checked_keys(study)[0] == "new_town"
    assert own_cost_rows(study.concept)[0]["currency"] == "USD"


@pytest.mark.parametrize(
    ("candidates", "told"), [(None, "min_area_ha"), ("parcels.gpkg", "leave open")]
)
def test_what_would_give_a_site_fits_how_sites_are_chosen(candidates, told) -> None:
    sites = {} if candidates is None else {"candidates": candidates}
    study = Study(study={"name": "x", "project": "new_town"}, suitability={"sites": sites})
    score = SimpleNamespace(no_ranking="", feasible=np.array([True]))
    assert told in _without_sites(SimpleNamespace(study=study, score=score))


@pytest.mark.parametrize(("concept", "notes"), [({}, 0), ({"concept": {"hectares": 40.0}}, 1)])
def test_a_study_plans_its_best_site_only_when_asked_and_goes_on_without_one(
    concept, notes
) -> None:
    study = Study(study={"name": "toy", "project": "new_town"}, **concept)
    score = SimpleNamespace(feasible=np.ones((2, 2), dtype=bool))
    with muted(), collected() as told:
        found = _planned(study, None, None, score=score, sites=gpd.GeoDataFrame(), clock=Clock())
    assert found is None
    assert len(told) == notes
    assert all("the study has no ranked site" in text for text in told)
