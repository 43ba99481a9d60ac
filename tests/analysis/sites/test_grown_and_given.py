"""Sites grown to a size, sites apart from each other, and polygons of the user as sites."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely

import kcity_geo as kc
from kcity_geo.analysis.sites.cut_out import disjoint, without_hairs
from kcity_geo.analysis.sites.rank import SiteChoice, rank_sites
from kcity_geo.cube import cell_polygons
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.inputs.criteria import require_files
from kcity_geo.result import Constraint
from kcity_geo.suitability_keys import SitesSection
from tests.analysis.sites.test_rank import scored


def hill() -> np.ndarray:
    """A score that falls from 0.9 in the middle to the edges."""
    rows, cols = np.mgrid[:40, :40]
    return 0.9 - 0.02 * np.hypot(rows - 20, cols - 20)


def grown(score, **keys):
    section = SitesSection(method="grow", **keys)
    return rank_sites(scored(score, min_area_ha=20), make_toy(), choice=SiteChoice(keys=section))


def test_the_first_site_is_grown_to_its_size_around_the_best_land() -> None:
    found = grown(hill(), target_area_ha=100, shape_weight=0.3)
    assert found["area_ha"].iloc[0] == pytest.approx(100, rel=0.05)
    assert shapely.contains_xy(found.geometry.iloc[0], WEST + 2050, SOUTH + 1950)
    assert (found["area_ha"] >= 87).all()  # 90 % of the size, and 3 % of smoothing
    assert len(found) == 10


def test_shape_is_traded_for_score() -> None:
    ridge = np.full((40, 40), 0.3)
    ridge[18:23] = 0.9  # five cells wide
    loose = grown(ridge, target_area_ha=100, shape_weight=0).iloc[0]
    compact = grown(ridge, target_area_ha=100, shape_weight=3).iloc[0]
    assert compact["compactness"] > loose["compactness"] + 0.2
    assert compact["mean_score"] < loose["mean_score"] - 0.1


def test_sites_keep_their_distance() -> None:
    found = grown(hill(), target_area_ha=60, spacing_m=500)
    shapes = found.geometry.tolist()
    apart = [a.distance(b) for i, a in enumerate(shapes) for b in shapes[:i]]
    assert len(shapes) > 3
    assert min(apart) >= 500 - 1e-6


def parcels(*boxes, **columns) -> gpd.GeoDataFrame:
    shapes = [shapely.box(WEST + a, SOUTH + b, WEST + c, SOUTH + d) for a, b, c, d in boxes]
    return gpd.GeoDataFrame(columns or None, geometry=shapes, crs=UTM)


def given_sites(frame, score=None, **limits):
    value = hill() if score is None else score
    return rank_sites(scored(value, **limits), make_toy(), choice=SiteChoice(candidates=frame))


def test_given_polygons_are_ranked_and_keep_off_excluded_land_and_each_other() -> None:
    closed = hill()
    closed[:, 22:24] = np.nan  # from 2,200 to 2,400 m
    frame = parcels(
        (1500, 1500, 2500, 2500), (100, 100, 900, 900), (1400, 1600, 2000, 2200),
        parcel_id=["middle", "corner", "over the middle"],
    )  # fmt: skip
    found = given_sites(frame, closed, min_area_ha=5, min_width_m=50)
    assert set(found["candidate"]) == {"middle", "corner", "over the middle"}
    assert found["candidate"].iloc[-1] == "corner"
    excluded = shapely.union_all(cell_polygons(make_toy().grid, np.flatnonzero(np.isnan(closed))))
    shapes = found.geometry.to_numpy()
    assert shapely.area(shapely.intersection(shapes, excluded)).max() < 1e-6
    for i, one in enumerate(shapes):
        assert one.is_valid
        assert all(one.intersection(other).area < 1e-6 for other in shapes[:i])
    corner = found.set_index("candidate").loc["corner"]
    assert corner["open_share"] == pytest.approx(1)
    assert corner["area_ha"] == pytest.approx(64)


def test_a_small_parcel_is_listed_with_its_fault_and_a_closed_one_is_named() -> None:
    closed = hill()
    closed[:10] = np.nan  # the north
    frame = parcels((2010, 1010, 2060, 1060), (1000, 3200, 1500, 3700), name=["small", "closed"])
    with (
        pytest.warns(
            KCityWarning, match=r"1 given candidate is left out: closed \(no land of it is open"
        ),
        pytest.warns(KCityWarning, match="none of the 1 given candidates is large"),
    ):
        found = given_sites(frame, closed)
    assert found["candidate"].tolist() == ["small"]
    # What no project can use is nobody's first choice.
    assert found["rank"].isna().all()
    assert (found["label"].tolist(), found["site_id"].tolist()) == (["A"], ["land-A"])
    assert "0.25 ha are less than the 20 ha" in found["concerns"].iloc[0]
    assert np.isfinite(found["score"].iloc[0])


def test_what_closes_a_given_parcel_is_told_with_its_share() -> None:
    """Of 1,250 m the first 500 are steep, of 500 the height is not known, and 250 lie outside the city."""
    steep, unknown = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    steep[:, 30:35], unknown[:, 35:] = True, True
    score = np.where(steep | unknown, np.nan, hill())
    rule = Constraint(
        id="slope_pct_max", title="Steep slope", limit="", excluded=steep, unknown=unknown
    )
    judged = replace(scored(score), constraints=(rule,))
    frame = parcels((1900, 1900, 2400, 2400), (3000, 1000, 4250, 2000), name=["open", "closed"])
    with pytest.warns(KCityWarning, match=r"closed \((.*)\)$") as told:
        rank_sites(judged, make_toy(), choice=SiteChoice(candidates=frame))
    said = next(str(one.message) for one in told if "left out" in str(one.message))
    assert said.endswith("left out: closed (steep slope 40 %, not known 40 %)")


def test_the_order_of_the_file_does_not_matter() -> None:
    frame = parcels(*[(300 * i, 500, 300 * i + 250, 900) for i in range(8)])
    frame["id"] = range(8)
    one = given_sites(frame, min_area_ha=5)
    two = given_sites(frame.iloc[::-1], min_area_ha=5)
    assert one["candidate"].tolist() == two["candidate"].tolist()
    assert one["score"].tolist() == two["score"].tolist()


def test_names_that_stand_twice_are_told() -> None:
    frame = parcels((500, 500, 900, 900), (2000, 500, 2400, 900), name=["North", "North"])
    with pytest.warns(
        KCityWarning, match="number in the file: names in column name are missing or"
    ):
        found = given_sites(frame, min_area_ha=5)
    assert sorted(found["candidate"]) == ["1", "2"]


def test_what_is_left_of_an_overlap_comes_after_what_fits_whatever_it_scores() -> None:
    score = np.full((40, 40), 0.6)
    score[15:25, 10:16] = 0.5  # the large parcel
    score[15:25, 16:17] = 0.95  # a scrap that scores best
    large, fair = (1000, 1500, 1600, 2000), (2500, 1500, 3000, 2000)
    frame = parcels((1600, 1500, 1650, 1600), large, fair, parcel_id=["scrap", "large", "fair"])
    found = given_sites(frame, score, min_area_ha=20)
    assert found["candidate"].tolist() == ["fair", "large", "scrap"]
    assert found["fits"].tolist() == [True, True, False]
    assert found["score"].idxmax() == 2
    assert found["first_share"].iloc[0] == 1
    assert np.isnan(found["first_share"].iloc[2])
    assert found["stability"].iloc[2].startswith("not compared")
    assert found["rank"].tolist() == [1, 2, 3]


def test_a_parcel_that_does_not_fit_takes_no_land_from_one_that_does() -> None:
    score = np.full((40, 40), 0.6)
    score[20:22, 12:14] = 0.95
    frame = parcels((1200, 1800, 1400, 2000), (1000, 1500, 1600, 2000), id=["small", "large"])
    with pytest.warns(KCityWarning, match=r"small \(better candidates hold its open land\)"):
        found = given_sites(frame, score, min_area_ha=20)
    assert found["candidate"].tolist() == ["large"]
    assert found["area_ha"].iloc[0] == pytest.approx(30)


def test_land_that_a_better_parcel_holds_is_open_all_the_same() -> None:
    score = np.full((40, 40), 0.6)
    score[20:25, 10:14] = 0.9  # the better parcel, rows 1,500 to 2,000 m
    better, worse = (1000, 1500, 1400, 2000), (1200, 1500, 2000, 2000)
    found = given_sites(parcels(better, worse, id=["B", "W"]), score, min_area_ha=10)
    row = found.set_index("candidate").loc["W"]
    assert row[["open_share", "held_share", "site_share"]].tolist() == pytest.approx(
        [1, 0.25, 0.75]
    )
    assert row["held_by"] == "B"
    assert "open to building" not in row["concerns"]
    assert "25 % of the polygon as given is counted with other given land: B" in row["concerns"]
    assert found.set_index("candidate").loc["B", "held_share"] == 0


def test_the_parcel_with_the_better_score_keeps_the_shared_land() -> None:
    """The strip has the better cells (0.61 to 0.6), the square the better score: its shape counts too."""
    score = np.full((40, 40), 0.6)
    score[28:31, 5:35] = 0.61  # 900 to 1,200 m
    strip, square = (500, 900, 3500, 1200), (1500, 500, 2500, 1200)
    alone = [
        given_sites(parcels(one), score, min_area_ha=5)["score"].iloc[0] for one in (strip, square)
    ]
    assert alone[1] > alone[0] + 0.01
    found = given_sites(parcels(strip, square, id=["strip", "square"]), score, min_area_ha=5)
    assert found["candidate"].tolist() == ["square", "strip"]
    assert found["area_ha"].iloc[0] == pytest.approx(70)
    assert found["held_by"].tolist() == ["", "square"]


def test_the_crs_of_the_file_changes_nothing() -> None:
    """Neighbours that share a border leave no hair along it, though corners of one lie on edges of the other."""
    frame = parcels(
        (1013, 1007, 1900, 1530), (1900, 700, 2440, 1950), (1100, 1530, 1750, 2111), id=[1, 2, 3]
    )
    frame = frame.set_geometry(frame.rotate(17, origin=(WEST + 1500, SOUTH + 1500)))
    metric = given_sites(frame, min_area_ha=5)
    for one in (frame.to_crs(4326), frame.to_crs(3857)):
        other = given_sites(one.to_crs(UTM), min_area_ha=5)
        assert other["candidate"].tolist() == metric["candidate"].tolist()
        assert other["score"].to_numpy() == pytest.approx(metric["score"].to_numpy(), abs=1e-6)
        assert other.length.to_numpy() == pytest.approx(metric.length.to_numpy(), rel=1e-3)
        assert other["open_share"].to_numpy() == pytest.approx(1, abs=1e-6)


def test_a_hair_is_taken_off_and_an_ordinary_outline_stays_bit_for_bit() -> None:
    box = shapely.box(0, 0, 700, 200)
    assert without_hairs(box) is box
    star = shapely.Polygon([(0, 0), (300, 40), (600, 0), (320, 300)])
    assert without_hairs(star) is star
    hair = [(0, 0), (900, 1e-9), (700, 1e-9), (700, 200), (0, 200)]
    assert without_hairs(shapely.Polygon(hair)).length == pytest.approx(1800, abs=0.1)
    assert without_hairs(shapely.box(0, 0, 900, 0.01)).is_empty
    # What a better neighbour leaves along its border is none of the other's outline.
    better, over = shapely.box(0, 0, 500, 400), 500 + 1e-6
    other = shapely.Polygon(
        [(499, 100), (900, 100), (900, 300), (over, 300), (over, 400), (499, 400)]
    )
    shapes, _ = disjoint([better, other], [1.0, 0.5], limits={})
    assert shapes[1].length == pytest.approx(1200, abs=0.1)


@pytest.mark.parametrize(
    ("height", "fits", "said"),
    [(500.0, True, ""), (499.9, True, ""), (499.0, False, "14.97 ha are less than the 15 ha")],
)
def test_a_parcel_smaller_than_asked_does_not_fit_and_says_so(height, fits, said) -> None:
    frame = parcels(
        (1000, 1000, 1300, 1000 + height), (2000, 1000, 2500, 1600), id=["one", "large"]
    )
    row = given_sites(frame, min_area_ha=15).set_index("candidate").loc["one"]
    assert row["fits"] == fits
    assert said in row["concerns"]
    assert ("less than" in row["concerns"]) == bool(said)


def test_scraps_of_rounding_are_no_sites() -> None:
    closed = hill()
    closed[:, 20:] = np.nan
    beside = (2000 - 1e-9, 500, 2400, 900)  # excluded but for a nanometre
    twin = (1000, 500, 1400 + 1e-9, 900)  # what the first holds, and a nanometre
    frame = parcels((1000, 500, 1400, 900), beside, twin, id=["one", "beside", "twin"])
    with pytest.warns(KCityWarning, match="2 given candidates"):
        found = given_sites(frame, closed, min_area_ha=5)
    assert len(found) == 1
    assert found["area_ha"].iloc[0] == pytest.approx(16)


def test_hardly_open_and_narrow_parcels_come_last() -> None:
    closed = hill()
    closed[:, 20:] = np.nan
    hardly = (1900, 100, 3990, 3900)  # 1 of 21 columns is open
    frame = parcels(
        hardly, (100, 100, 200, 3000), (300, 300, 900, 800), name=["hardly", "strip", "fit"]
    )
    found = given_sites(frame, closed, min_area_ha=20, min_width_m=50)
    assert found["candidate"].tolist()[0] == "fit"
    assert found.set_index("candidate")["fits"].to_dict() == {
        "fit": True,
        "strip": True,
        "hardly": False,
    }
    narrow = given_sites(frame, closed, min_area_ha=20, min_width_m=150)
    assert narrow.set_index("candidate")["fits"].to_dict() == {
        "fit": True,
        "strip": False,
        "hardly": False,
    }


def test_growing_to_less_than_the_smallest_size_is_refused() -> None:
    with pytest.raises(StudyError, match=r"target_area_ha: 10 ha is below the 20 ha .*min_area_ha"):
        grown(hill(), target_area_ha=10)
    asked = {
        "sites": {"method": "grow", "target_area_ha": 10.0},
        "constraints": {"min_area_ha": 20},
    }
    with pytest.raises(StudyError, match="is below the 20 ha"):
        require_files(kc.Study(suitability=asked))


@pytest.mark.parametrize("wrong", [{"threshold": "0.5"}, {"threshold": True}, {"max_sites": 2.5}])
def test_what_is_no_number_is_refused_in_python(wrong) -> None:
    with pytest.raises(StudyError, match=f"suitability.{next(iter(wrong))}: .* is not a "):
        kc.rank_sites(scored(hill()), make_toy(), **wrong)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"method": "grow"}, "grow needs target_area_ha"),
        ({"target_area_ha": 50.0}, "target_area_ha is for method = 'grow'"),
        ({"method": "grow", "target_area_ha": 5.0, "candidates": "a.gpkg"}, "nothing is grown"),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys, said) -> None:
    with pytest.raises(StudyError, match=said):
        kc.Study(suitability={"sites": keys})


def test_python_takes_a_frame_in_any_crs_and_refuses_an_unknown_key() -> None:
    data = make_toy()
    frame = parcels((1500, 1500, 2500, 2500), name=["mine"])
    found = kc.rank_sites(scored(hill()), data, candidates=frame.to_crs(4326))
    assert found["candidate"].tolist() == ["mine"]
    assert found["area_ha"].iloc[0] == pytest.approx(100, rel=1e-3)
    with pytest.raises(StudyError, match=r"rank_sites: spacing: no such key.*spacing_m"):
        kc.rank_sites(scored(hill()), data, spacing=5)


def test_candidates_in_python_stand_instead_of_what_the_study_grows() -> None:
    keys = {"method": "grow", "target_area_ha": 60.0, "spacing_m": 10.0}
    data = replace(make_toy(), study=kc.Study(suitability={"sites": keys}))
    found = kc.rank_sites(scored(hill()), data, candidates=parcels((1500, 1500, 2500, 2500)))
    assert found.attrs["asked"]["sites"]["spacing_m"] == 10
    assert len(found) == 1
    assert kc.rank_sites(scored(hill()), data)["area_ha"].iloc[0] == pytest.approx(60, rel=0.06)
