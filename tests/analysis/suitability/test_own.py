"""Criteria of the user's own, projects of the user's own, weights and combinations by study key."""

# ruff: noqa: PD011 - values is a field here, not pandas

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo import criterion
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.suitability.combination import combiner, topsis, weighted_product, wlc
from kcity_geo.analysis.suitability.constraints import _RULES
from kcity_geo.analysis.suitability.expression import evaluate
from kcity_geo.analysis.suitability.own import OwnCriterion, own_row
from kcity_geo.analysis.suitability.score import suitability
from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.analysis.suitability.weighting import Method
from kcity_geo.analysis.suitability.weights import (
    ahp,
    critic_weights,
    group_judgements,
    rank_sum_weights,
    roc_weights,
)
from kcity_geo.analysis.terrain.relief import cell_terrain
from kcity_geo.cube import cell_centres
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.profiles import limits_of, profile
from kcity_geo.sources.local.judgements import read_judgements
from kcity_geo.suitability_keys import CombinationSection, WeightingSection

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
SHAPE = (40, 40)
X = np.array([[0.9, 0.2, 0.5], [0.6, 0.8, 0.5], [0.3, 0.9, 0.5], [0.7, 0.5, 0.5]])
W = np.array([0.5, 0.3, 0.2])
LINE = {"weight": 0.2, "function": "lin_dec", "parameters": [1, 3]}


@pytest.fixture(scope="module")
def city():
    """A toy city that knows what decides, with a clinic in a corner."""
    layers = {
        "roads_drive": toy_layer([{"highway": "trunk"}], [shapely.LineString([(0, 0), (4000, 0)])]),
        "water_body": toy_layer([{"natural": "water"}], [shapely.box(0, 3900, 100, 4000)]),
        "health": toy_layer([{"amenity": "clinic"}], [shapely.Point(0, 4000)]),
    }
    relief = {"slope_pct": np.full(SHAPE, 3.0), "hand_m": np.tile(np.linspace(6, 20, 40), (40, 1))}
    model = model_of(make_toy(arrays={"population": 1.0, "built_m2": 0.0}, layers=layers))
    return model.given(cell_terrain, relief)


# --- formulas --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + 2 * b", 8.0), ("-a ** 2", -4.0), ("max(a, b) / min(a, b)", 1.5), ("sqrt(abs(-a - 2))", 2.0),
        ("where(b > 2.5, a, 0)", 2.0), ("(a <= 2) + (b < 3)", 1.0), ("exp(log(b))", 3.0), ("7", 7.0),
    ],
)  # fmt: skip
def test_formulas_are_worked_out(text, value):
    found = evaluate(text, {"a": np.array([2.0]), "b": np.array([3.0])})
    assert np.ravel(found)[0] == pytest.approx(value)


def test_a_formula_of_unknown_values_is_unknown():
    known = {"a": np.array([1.0, np.nan, 0.0]), "b": np.array([1.0, 1.0, 1.0])}
    assert evaluate("b / a", known).tolist()[:1] == [1.0]
    assert np.isnan(evaluate("b / a", known)[1:]).all()
    assert np.isnan(evaluate("where(a > 0, 1, 1)", known)[1])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "a.real", "a[0]", "(lambda: 1)()", "[a for a in b]", "a if b else 0", "'x'", "True",
        "a ** b", "a ** 99", "a @ b", "open(a)", "min(a)", "a and b", "1 < a < 2", "f'{a}'", "a +", "", "a = 1",
        "sum(a, start=1)", "+".join(["a"] * 300), "(" * 500, "a\0",
    ],
)  # fmt: skip
def test_nothing_but_formulas_is_read(text):
    with pytest.raises(StudyError, match="expression"):
        evaluate(text, {"a": np.ones(1), "b": np.ones(1)})


def test_a_variable_that_does_not_exist_is_named_with_the_nearest():
    with pytest.raises(StudyError, match="slope_pc.*slope_pct"):
        evaluate("slope_pc + 1", {"slope_pct": np.ones(1)})


# --- what own criteria measure -----------------------------------------------------------------------


def test_own_criteria_measure_what_they_say(city):
    view = CityView(city, None)
    x, y = (a.reshape(SHAPE) for a in cell_centres(city.grid))
    corner = np.hypot(x - x.min() + 50, y.max() + 50 - y)
    near = OwnCriterion(keys=criterion("clinic_km", distance_to="health", **LINE)).measure(view)
    assert near.values == pytest.approx(corner / 1000, abs=1e-6)
    high = OwnCriterion(keys=criterion("f", expression="hand_m - slope_pct", **LINE)).measure(view)
    assert high.values == pytest.approx(city.terrain["hand_m"] - 3.0)
    field = np.arange(1600.0).reshape(SHAPE)
    assert (
        OwnCriterion(keys=criterion("r", raster="r.tif", **LINE), data=field).measure(view).values
        == field
    ).all()
    shops = toy_layer([{"a": 1}] * 3, [shapely.Point(2050, 2050)] * 3)
    keys = criterion("d", density_of="s.gpkg", radius_m=100, **LINE)
    dense = OwnCriterion(keys=keys, data=shops).measure(view).values
    # Three shops in a cell and the four beside it: five cells of 1 ha.
    assert dense[19, 20] == pytest.approx(3 / 0.05)
    assert (dense > 0).sum() == 5
    halves = toy_layer(
        [{"v": 10.0}, {"v": 20.0}],
        [shapely.box(0, 0, 2050, 4000), shapely.box(2050, 0, 4000, 4000)],
    )
    keys = criterion("c", column="v", of="d.gpkg", **LINE)
    column = OwnCriterion(keys=keys, data=halves).measure(view).values
    assert column[5, [0, 20, 39]].tolist() == pytest.approx([10, 15, 20])
    with pytest.raises(StudyError, match="no column 'w'"):
        OwnCriterion(keys=criterion("c", column="w", of="d.gpkg", **LINE), data=halves).measure(
            view
        )
    with pytest.raises(MissingDataError, match="school"):
        OwnCriterion(keys=criterion("s", distance_to="school", **LINE)).measure(view)


def test_a_criterion_of_the_package_keeps_its_words_in_a_project_of_ones_own():
    row = own_row(OwnCriterion(keys=criterion("slope_pct", **LINE)))
    assert (row["title"], row["units"]) == ("Slope", "%")
    assert row["phrase"] == "mean slope of {value} %"
    own = own_row(OwnCriterion(keys=criterion("slope_pct", title="Steepness", **LINE)))
    assert own["title"] == "Steepness"


def test_an_own_criterion_counts_with_its_weight_and_says_its_reason(city):
    own = criterion("clinic_km", distance_to="health", reason="{value} km from a clinic", **LINE)
    found = suitability(city, None, project="industrial_complex", criteria=[OwnCriterion(keys=own)])
    one = {c.id: c for c in found.criteria}["clinic_km"]
    assert one.weight_stated == pytest.approx(0.2 / 1.2)
    assert (one.mark, one.phrase) == ("U", "{value} km from a clinic")
    assert one.utility[0, 0] == 1.0
    assert one.utility[-1, -1] == 0.0


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"id": "x"}, "give one of raster"),
        ({"id": "slope_pct", "raster": "a.tif"}, "criterion of the package"),
        ({"id": "x", "raster": "a.tif", "expression": "1"}, "give one of"),
        ({"id": "x", "column": "a"}, "go together"),
        ({"id": "x", "raster": "a.tif", "parameters": [3, 1]}, "must rise"),
        ({"id": "x y", "raster": "a.tif"}, "criterion.x y.id"),
        ({"id": "x", "rasta": "a.tif"}, "rasta"),
        ({"id": "x", "raster": "a.tif", "weight": -1}, "weight"),
    ],
)
def test_bad_criteria_are_refused(keys, text):
    with pytest.raises(StudyError, match=text):
        criterion(**{**LINE, **keys})


# --- a project of one's own ----------------------------------------------------------------------------


def test_a_project_is_a_file(tmp_path, city):
    path = tmp_path / "market_hall.toml"
    path.write_text(
        """
[project]
title = "Market hall"
decisive = ["slope"]
[project.constraints]
slope_deg_max = 5
min_area_ha = 1
[[project.criterion]]
id = "hand_m"
weight = 1
function = "lin_inc"
parameters = [6, 20]
""",
        encoding="utf-8",
    )
    kind = profile(str(path))
    assert kind["constraints"]["slope_pct_max"] == pytest.approx(8.749, abs=1e-3)
    assert "flood_exposure_max" not in kind["constraints"]
    own = [OwnCriterion(keys=criterion(**row)) for row in kind["own"]]
    found = suitability(city, None, project=str(path), criteria=own)
    assert found.no_ranking == ""
    assert found.title == "Market hall"
    assert found.score[3, [0, 39]].tolist() == pytest.approx([0, 1])
    for text, said in (("[project]\ncolour = 1", "no such key"), ("[x]", "one table"), ("[project", "cannot be read"),
                       ("[project.constraints]\nslope = 1", "no such constraint")):  # fmt: skip
        path.write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=said):
            profile(str(path))


def test_degrees_and_percent_cannot_be_mixed_up():
    kind = profile("new_town")
    assert limits_of(kind, {"slope_deg_max": 25})["slope_pct_max"] == pytest.approx(46.63, abs=0.01)
    assert _RULES["slope_pct_max"][1].format(value=26.7949192) == "slope at most 26.79 %"
    with pytest.raises(StudyError, match="one limit"):
        limits_of(kind, {"slope_deg_max": 15, "slope_pct_max": 15})
    with pytest.raises(StudyError, match="90 degrees"):
        limits_of(kind, {"slope_deg_max": 95})
    steep = {"slope_pct": {"function": "lin_dec", "parameters": [0, 45], "units": "deg"}}
    assert profile("new_town", steep)["criteria"][0]["parameters"] == pytest.approx([0, 100])
    with pytest.raises(StudyError, match="not a unit of this criterion"):
        profile(
            "new_town", {"hand_m": {"function": "lin_inc", "parameters": [1, 2], "units": "ft"}}
        )


def test_without_criteria_the_open_land_is_the_result(city):
    found = suitability(city, None, project="new_town", method=Method(exclusion_only=True))
    assert found.criteria == ()
    assert found.no_ranking == ""
    assert np.isnan(found.score).all()
    assert found.feasible.any()


# --- weights ------------------------------------------------------------------------------------------


def test_weights_of_an_order():
    assert rank_sum_weights(4).tolist() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    # Rank order centroid: 1/n of the sums of 1/i.
    assert roc_weights(4).tolist() == pytest.approx([25 / 48, 13 / 48, 7 / 48, 3 / 48])


@given(st.integers(0, 1000))
def test_critic_is_that_of_another_package(seed):
    pymcdm = pytest.importorskip("pymcdm.weights")
    x = np.random.default_rng(seed).random((12, 4))
    assert critic_weights(x) == pytest.approx(np.asarray(pymcdm.critic_weights(x)), rel=1e-9)


def test_critic_of_a_criterion_that_does_not_differ_is_0():
    found = critic_weights(X)
    assert found[2] == 0
    # Two criteria: the sum of 1 - r is the same for both, so their spread decides.
    scaled = (X[:, :2] - X[:, :2].min(0)) / np.ptp(X[:, :2], axis=0)
    spread = scaled.std(axis=0, ddof=1)
    assert found[:2] == pytest.approx(spread / spread.sum())
    assert critic_weights(np.ones((3, 2))).tolist() == [0.5, 0.5]


@given(st.lists(st.floats(0.1, 1), min_size=4, max_size=4), st.integers(0, 5))
def test_judgements_left_open_follow_from_the_others(numbers, hidden):
    w = np.array(numbers) / sum(numbers)
    matrix = w[:, None] / w
    i, j = np.triu_indices(4, 1)
    open_ = matrix.copy()
    open_[i[hidden], j[hidden]] = open_[j[hidden], i[hidden]] = np.nan
    found = ahp(open_)
    assert found.weights == pytest.approx(w, rel=1e-6)
    assert found.consistency_ratio == pytest.approx(0, abs=1e-6)
    half = np.where(np.tri(4, k=-1) > 0, np.nan, matrix)
    assert ahp(half).weights == pytest.approx(w, rel=1e-6)


def test_judgements_that_do_not_hang_together_are_refused():
    apart = np.full((4, 4), np.nan)
    apart[0, 1] = apart[2, 3] = 2
    with pytest.raises(StudyError, match="2 groups"):
        ahp(apart)
    merged = group_judgements([[[1, np.nan], [np.nan, 1]], [[1, 4], [0.25, 1]]])
    assert merged.tolist() == [[1, 4], [0.25, 1]]


def test_judgements_are_read_from_a_table(tmp_path):
    path = tmp_path / "ahp.csv"
    path.write_text(",a,b,c\na,1,3,5\nb,1/3,1,3\nc,,,1\n", encoding="utf-8")
    table = read_judgements(path, key="k")
    assert ahp(table).weights == pytest.approx([0.6370, 0.2583, 0.1047], abs=5e-5)
    book = tmp_path / "ahp.xlsx"
    pd.DataFrame(
        [["a", 1, 3, 5], ["b", "1/3", 1, 3], ["c", None, None, 1]], columns=["", "a", "b", "c"]
    ).to_excel(book, index=False)
    assert ahp(read_judgements(book, key="k")).weights == pytest.approx(ahp(table).weights)
    path.write_text(";a;b\na;1;½\nb;;1\n", encoding="utf-8")
    assert read_judgements(path, key="k").loc["a", "b"] == 0.5
    for text, said in (
        (",a,b\na,1,x\nb,,1\n", "no number"),
        (",a,b\na,1,0\nb,,1\n", "above 0"),
        (",a,b\na,1,2\nc,,1\n", "same"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SourceError, match=said):
            read_judgements(path, key="k")


def weights_by(city, **keys):
    tables = keys.pop("tables", ())
    method = Method(weighting=WeightingSection(**keys), judgements=tables)
    off = {"slope_pct_max": False, "hand_m_min": False, "flood_exposure_max": False}
    found = suitability(city, None, project="solar_farm", constraints=off, method=method)
    return {c.id: c.weight_stated for c in found.criteria}, found


def test_weights_come_from_where_the_study_says(city):
    ids = [row["id"] for row in profile("solar_farm")["criteria"]]
    w = np.linspace(2, 1, len(ids))
    table = pd.DataFrame(w[:, None] / w, index=ids, columns=ids)
    own, found = weights_by(city, method="ahp", judgements=["a.csv"], tables=(table,))
    assert own["d_road_km"] == pytest.approx(w[ids.index("d_road_km")] / w.sum())
    assert "consistency ratio 0.000" in found.method["weights"]
    own, _ = weights_by(city, method="roc", order=ids)
    assert own["d_road_km"] == pytest.approx(roc_weights(len(ids))[ids.index("d_road_km")])
    own, _ = weights_by(city, method="equal")
    assert set(own.values()) == {1 / len(ids)}
    with pytest.raises(StudyError, match="does not name"):
        weights_by(city, method="rank_sum", order=ids[1:])
    with pytest.raises(StudyError, match="no criterion here"):
        weights_by(city, method="rank_sum", order=[*ids, "moon"])


def test_inconsistent_judgements_are_refused_unless_told(city):
    ids = [row["id"] for row in profile("solar_farm")["criteria"]]
    wild = np.ones((len(ids), len(ids)))
    wild[0, 1] = wild[1, 2] = wild[2, 0] = 9
    wild[1, 0] = wild[2, 1] = wild[0, 2] = 1 / 9
    table = pd.DataFrame(wild, index=ids, columns=ids)
    with pytest.raises(
        StudyError, match=f"inconsistent.*{ids[0]} against {ids[1]}.*accept_inconsistent"
    ):
        weights_by(city, method="ahp", judgements=["a.csv"], tables=(table,))
    own, _ = weights_by(
        city, method="ahp", judgements=["a.csv"], accept_inconsistent=True, tables=(table,)
    )
    assert own


# --- combinations ------------------------------------------------------------------------------------


def test_a_product_forgives_nothing_and_never_beats_the_sum():
    assert weighted_product(X[0], W).item() == pytest.approx(0.9**0.5 * 0.2**0.3 * 0.5**0.2)
    assert weighted_product(np.array([1.0, 0.0, 1.0]), W).item() == 0
    assert (weighted_product(X, W) <= wlc(X, W)).all()


@given(st.integers(0, 1000))
def test_a_row_scores_the_same_alone_and_among_all(seed):
    rng = np.random.default_rng(seed)
    x, w = rng.random((9, 3)), rng.random(3)
    for method in ("wlc", "owa", "topsis", "weighted_product"):
        combine = combiner(method, x, risk=0.3)
        assert combine(x, w)[[4, 2]] == pytest.approx(combine(x[[4, 2]], w))
    assert combiner("topsis", x)(x, w) == pytest.approx(topsis(x)(x, w))
    assert combiner("owa", x, risk="neutral")(x, w) == pytest.approx(wlc(x, w), rel=1e-6)


def test_many_cells_are_weighed_as_few_are():
    from kcity_geo.analysis.suitability.overlay import weighted_rows

    x = np.random.default_rng(0).random((500, 4))
    x[np.random.default_rng(1).random(x.shape) < 0.4] = np.nan
    w = np.array([0.4, 0.3, 0.2, 0.1])
    few = wlc(x, w, known_min=0.5)
    assert weighted_rows(x, w, 0.5 - 1e-9) == pytest.approx(few, nan_ok=True)


@pytest.mark.parametrize("k", [1, 3, 4, 7, 9])
def test_rasters_are_weighed_as_rows_are_to_the_last_bit(k, monkeypatch):
    from kcity_geo.analysis.suitability import combination
    from kcity_geo.analysis.suitability.overlay import weighted_planes, weighted_rows

    rng = np.random.default_rng(k)
    planes = rng.random((k, 1009))
    planes[rng.random(planes.shape) < 0.4] = np.nan
    w = rng.dirichlet(np.ones(k))
    rows = np.ascontiguousarray(planes.T)
    expected = weighted_rows(rows, w, 0.4)
    np.testing.assert_array_equal(weighted_planes(planes, w, 0.4), expected)
    monkeypatch.setattr(combination, "_MANY", 1)
    by_hand = [
        np.nansum(row * w) / w[np.isfinite(row)].sum() if np.isfinite(row).any() else np.nan
        for row in rows
    ]
    for table in (rows, planes.T):
        assert wlc(table, w) == pytest.approx(by_hand, nan_ok=True)
    assert wlc(planes.T[::2], w) == pytest.approx(by_hand[::2], nan_ok=True)


@pytest.mark.parametrize("method", ["owa", "topsis", "weighted_product"])
def test_the_study_chooses_how_scores_combine(city, method):
    risk = {"risk": "averse"} if method == "owa" else {}
    how = Method(combination=CombinationSection(method=method, **risk))
    roads = criterion(
        "road_km", distance_to="roads_drive", weight=0.5, function="lin_dec", parameters=[0, 4]
    )
    found = suitability(
        city, None, project="industrial_complex", criteria=[OwnCriterion(keys=roads)], method=how
    )
    used = np.stack([c.utility[found.feasible] for c in found.criteria], axis=-1)
    weight = np.array([c.weight_used for c in found.criteria])
    expected = combiner(method, used, **risk)(used, weight)
    assert found.score[found.feasible] == pytest.approx(expected, nan_ok=True)
    assert found.method["combination"] == method
    assert found.method.get("orness", 0.2) == pytest.approx(0.2, abs=1e-3)


def test_a_number_too_large_for_any_ground_is_told() -> None:
    with pytest.raises(StudyError, match="too large"):
        evaluate("9" * 400, {})
    with pytest.raises(StudyError, match="too large"):
        evaluate("slope ** " + "9" * 400, {"slope": np.ones(2)})


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("transport_gap", MissingDataError, "needs the gaps of the city"),
        ("slop_pct", StudyError, "criterion f: .*did you mean 'slope_pct'"),
        ("hand_m + nothing_like_it_at_all", StudyError, "known are"),
    ],
)
def test_a_variable_that_is_not_there_is_named_with_the_nearest(city, text, kind, said) -> None:
    """With an elevation model and without the gap model."""
    view = CityView(city, None)
    with pytest.raises(kind, match=said):
        OwnCriterion(keys=criterion("f", expression=text, **LINE)).measure(view)
