"""What a new user met: formulas of formulas, and messages that say what to do."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.suitability.expression import evaluate
from kcity_geo.analysis.suitability.own import OwnCriterion, own_row
from kcity_geo.analysis.suitability.score import measured_criteria
from kcity_geo.analysis.suitability.view import CityView
from kcity_geo.analysis.suitability.weights import ahp
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.inputs.criteria import criteria_of, site_candidates
from kcity_geo.profiles import project_file
from kcity_geo.siting import criteria_of_study
from kcity_geo.suitability_keys import SitesSection


def rows(**formulas):
    return [
        own_row(OwnCriterion(keys=kc.criterion(
            name, expression=text, weight=0.1, function="lin_inc", parameters=[0, 10])))
        for name, text in formulas.items()
    ]  # fmt: skip


def test_a_formula_may_name_another_criterion_of_the_study_in_any_order() -> None:
    view = CityView(model_of(make_toy(arrays={"population": 3.0})), None)
    found, missing = measured_criteria(view, rows(b="a + 1", a="2 * population"))
    assert not missing
    assert np.unique(found["b"].values).tolist() == [7.0]


def test_formulas_in_a_circle_are_refused() -> None:
    view = CityView(model_of(make_toy()), None)
    with pytest.raises(StudyError, match="circle: a needs b needs a|circle: b needs a needs b"):
        measured_criteria(view, rows(a="b + 1", b="a + 1"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min(a)", "min takes two values"),
        ("where(a > 1, 2)", "where takes three values: a condition"),
        ("abs(a, a)", "abs takes 1 value, not 2"),
    ],
)
def test_a_call_with_too_many_or_too_few_values_says_how_many(text, said) -> None:
    with pytest.raises(StudyError, match=said):
        evaluate(text, {"a": np.ones(2)})


def test_a_diagonal_that_is_not_one_is_called_so() -> None:
    with pytest.raises(StudyError, match=r"criterion 2 compared with itself .* not 3"):
        ahp([[1, 2], [0.5, 3]])


def test_the_risk_message_names_words_and_range() -> None:
    for wrong in ("bold", 1.5):
        with pytest.raises(
            StudyError, match=r"neither averse, neutral, taking nor an ORness from 0"
        ):
            kc.Study(suitability={"combination": {"method": "owa", "risk": wrong}})
    assert kc.Study(suitability={"combination": {"method": "owa", "risk": 0.3}})


def test_a_layer_that_is_misspelt_gets_the_nearest_name() -> None:
    with pytest.raises(StudyError, match="'helth' is neither a layer .*health"):
        kc.criterion("c", distance_to="helth", weight=1, function="lin_dec", parameters=[1, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[project.criterion]]\nid="x"\nweight=1', r"hall\.toml: project\.criterion\.x"),
        ("[project.constraints]\nslope_max=3", r"hall\.toml: project\.constraints\.slope_max"),
        (
            '[[project.criterion]]\nid="slope_pct"\nweight=0\nfunction="lin_dec"\nparameters=[1,2]',
            r"hall\.toml: project\.criterion: all weights are 0",
        ),
    ],
)  # fmt: skip
def test_errors_inside_a_project_file_name_it(tmp_path, text, said) -> None:
    path = tmp_path / "hall.toml"
    path.write_text(text if text.startswith("[project") else f"[project]\n{text}", encoding="utf-8")
    with pytest.raises(StudyError, match=said):
        project_file(path)
        criteria_of(kc.Study(folder=tmp_path), str(path))


@pytest.mark.parametrize(
    ("keys", "said", "weight"),
    [({"exclusion_only": True}, "not asked", 0.0), ({"weighting": {"method": "equal"}}, "", 1 / 9)],
)
def test_the_list_of_criteria_follows_what_the_study_asks(keys, said, weight) -> None:
    data = replace(make_toy(), study=kc.Study(suitability=keys))
    found = criteria_of_study(data)
    assert len(found) == 9
    assert all(row["weight"] == pytest.approx(weight) for row in found)
    assert all(row["detail"].startswith(said) for row in found)


def test_candidates_that_are_no_polygons_are_refused_before_the_work(tmp_path) -> None:
    points = gpd.GeoDataFrame(geometry=[shapely.Point(9, 47)], crs=4326)
    points.to_file(tmp_path / "parcels.geojson")
    keys = SitesSection(candidates="parcels.geojson")
    with pytest.raises(SourceError, match=r"suitability\.sites\.candidates: parcels\.geojson"):
        site_candidates(kc.Study(folder=tmp_path), keys, make_toy().city)


@pytest.mark.parametrize(
    "reason",
    [
        "{valu} km",
        "{value",
        "value}",
        "{value:d}",
        "{0}",
        "{value.__class__}",
        "{value:>3000000}",
        "{{value}}",
    ],
)
def test_a_reason_with_other_braces_is_refused_at_load(reason) -> None:
    keys = {"distance_to": "jobs", "weight": 0.2, "function": "lin_dec", "parameters": [1, 8]}
    with pytest.raises(StudyError, match="may hold {value} and {utility} and no other braces$"):
        kc.criterion("market_km", reason=reason, **keys)
    with pytest.raises(StudyError, match="may hold {value} and {utility} and no other braces"):
        kc.Study(suitability={"criterion": [{"id": "market_km", "reason": reason, **keys}]})
    assert kc.criterion("market_km", reason="{value} km, {utility}", **keys).reason


def test_an_id_twice_and_a_risk_that_nothing_reads_are_refused() -> None:
    one = kc.criterion(
        "market_km", expression="slope_pct", weight=0.2, function="lin_dec", parameters=[1, 8]
    )
    with pytest.raises(StudyError, match="market_km: stands twice"):
        kc.suitability(make_toy(), criteria=[one, one])
    with pytest.raises(StudyError, match="risk is for the method owa, not wlc"):
        kc.suitability(make_toy(), combination={"method": "wlc", "risk": "averse"})


@pytest.mark.parametrize(
    ("title", "said"),
    [("", "clinic {value} km"), ("Way to a clinic", "Way to a clinic {value} km")],
)
def test_the_unit_in_the_id_of_an_own_criterion_is_said_once(title, said) -> None:
    keys = kc.criterion(
        "clinic_km", distance_to="health", weight=0.1, function="lin_dec", parameters=[1, 8],
        **({"title": title} if title else {}),
    )  # fmt: skip
    assert own_row(OwnCriterion(keys=keys))["phrase"] == said
