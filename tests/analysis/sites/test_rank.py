"""Sites: outlines, limits, ranking and the honest empty answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from kcity_geo.analysis.sites.delineation import (
    Growth,
    areas,
    compactness,
    inner_width_m,
    outline,
    split_area,
)
from kcity_geo.analysis.sites.rank import SITE_COLUMNS, SiteChoice, rank_sites, site_threshold
from kcity_geo.config import read_table
from kcity_geo.cube import cell_centres, cell_polygons
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.result import Constraint, Criterion, Suitability

PHRASES = {k: row["phrase"] for k, row in read_table("suitability/criteria")["criterion"].items()}


def scored(score, *, feasible=None, min_area_ha=20.0, min_width_m=150.0, **criteria):
    """A suitability with this score; by default one criterion that equals it."""
    score = np.asarray(score, dtype=float)
    allowed = np.isfinite(score) if feasible is None else feasible
    values = criteria or {"slope_pct": score}
    return Suitability(
        project="industrial_complex",
        title="Industrial complex",
        score=np.where(allowed, score, np.nan),
        criteria=tuple(
            Criterion(
                id=key,
                title=key,
                units="",
                values=np.asarray(v, float),
                utility=np.asarray(v, float),
                weight_stated=1 / len(values),
                weight_used=1 / len(values),
                value_function="",
                phrase=PHRASES.get(key, ""),
            )
            for key, v in values.items()
        ),
        constraints=(),
        missing={},
        feasible=allowed,
        parameters={
            "min_area_ha": min_area_ha,
            "min_width_m": min_width_m,
            "compactness_min": 0.25,
        },
    )


def test_golden_compactness():
    assert compactness(shapely.box(0, 0, 1, 1)) == pytest.approx(0.7854, abs=5e-5)
    assert compactness(shapely.box(0, 0, 1, 4)) == pytest.approx(0.5027, abs=5e-5)
    assert compactness(shapely.Point(0, 0).buffer(1, quad_segs=200)) == pytest.approx(1, abs=1e-3)
    assert compactness(shapely.Polygon()) == 0


def test_inner_width_of_a_square_a_strip_and_an_l():
    assert inner_width_m(shapely.box(0, 0, 300, 300)) == pytest.approx(300, rel=0.02)
    assert inner_width_m(shapely.box(0, 0, 100, 5000)) == pytest.approx(100, rel=0.1)
    ell = shapely.union(shapely.box(0, 0, 100, 500), shapely.box(0, 0, 500, 100))
    # The largest circle of an L of width w sits in its corner: radius w (2 - sqrt 2).
    assert inner_width_m(ell) == pytest.approx(2 * 100 * (2 - 2**0.5), rel=0.05)
    assert inner_width_m(shapely.Polygon()) == 0


def test_opening_removes_strips_and_small_areas_are_left_out():
    good = np.zeros((12, 12), bool)
    good[1:5, 1:5] = True  # a block of 16
    good[8, :] = True  # a strip
    good[10, 10] = True
    assert [len(a) for a in areas(good, min_cells=9, opening=True)] == [16]
    assert sorted(len(a) for a in areas(good, min_cells=1, opening=False)) == [1, 12, 16]
    assert areas(np.zeros((3, 3), bool), min_cells=1, opening=False) == []


def test_cells_that_meet_at_a_corner_are_one_area_but_two_outlines(toy):
    data = toy()
    good = np.zeros((40, 40), bool)
    good[0:4, 0:4] = good[4:8, 4:8] = True
    (area,) = areas(good, min_cells=9, opening=True)
    assert len(area) == 32
    found = outline(area, good, grid=data.grid)
    assert len(found) == 2
    assert all(p.geom_type == "Polygon" for p in found)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), share=st.floats(0.1, 0.9))
def test_outlines_never_step_on_excluded_cells_and_keep_their_area(toy, seed, share):
    data = toy()
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.random((40, 40)), 2.5)
    allowed = field > np.quantile(field, 1 - share)
    barred = shapely.union_all(cell_polygons(data.grid, np.flatnonzero(~allowed.ravel())))
    for cells in areas(allowed, min_cells=9, opening=True):
        whole = shapely.union_all(cell_polygons(data.grid, cells))
        found = outline(cells, allowed, grid=data.grid)
        assert len(found) == len(shapely.get_parts(whole))
        for polygon in found:
            assert polygon.is_valid
            assert shapely.intersection(polygon, barred).area == pytest.approx(0, abs=1e-3)
        total = sum(p.area for p in found)
        assert abs(total - whole.area) <= 0.03 * whole.area + 1e-6


def test_large_areas_are_divided_into_compact_parts_without_overlap():
    score = np.full((60, 60), 0.8)
    score[30, 30] = 0.9
    cells = np.arange(3600)
    parts = split_area(cells, score, Growth(target_cells=300, min_cells=100, compact=0.3))
    assert np.concatenate(parts).size == len(set(np.concatenate(parts).tolist()))
    assert all(100 <= len(p) <= 300 for p in parts)
    assert 30 * 60 + 30 in parts[0]
    row, column = np.divmod(parts[0], 60)
    assert np.ptp(row) < 25
    assert np.ptp(column) < 25


def blobs():
    """Two good blocks of 64 and 36 ha, the smaller one better, on poor land."""
    score = np.full((40, 40), 0.2)
    score[4:12, 4:12] = 0.75
    score[26:32, 26:32] = 0.9
    return score


def test_sites_are_ranked_with_all_columns(toy, features):
    roads = features([{"highway": "primary"}], [shapely.LineString([(0, 1000), (4000, 1000)])])
    data = toy(arrays={"population": 10.0}, layers={"roads_drive": roads})
    found = rank_sites(scored(blobs()), data, threshold=0.7)
    assert list(found.columns) == [*SITE_COLUMNS, "geometry"]
    assert found["rank"].tolist() == [1, 2]
    assert found["mean_score"].tolist() == pytest.approx([0.9, 0.75])
    assert found["area_ha"].tolist() == pytest.approx([36, 64])
    assert found["compactness"].tolist() == pytest.approx([np.pi / 4] * 2, rel=0.05)
    assert found["district"].tolist() == ["SE", "NW"]
    # Rows 26 to 31 from the north: from y = 800 to 1,400 m; the road at 1,000 m crosses it.
    assert found["road_km"].tolist() == pytest.approx([0, 1.8])
    assert found["substation_km"].isna().all()
    assert found["population_45min"].tolist() == pytest.approx([16_000] * 2)
    assert found["slope_pct"].isna().all()
    # .6 mean + .15 low decile + .15 connection + .10 compactness
    expected = 0.6 * 0.9 + 0.15 * 0.9 + 0.15 * 1.0 + 0.10 * found["compactness"][0]
    assert found["score"][0] == pytest.approx(expected)
    assert found["top3_share"].tolist() == [1, 1]


def test_without_connections_the_other_parts_are_scaled_up(toy):
    found = rank_sites(scored(blobs()), toy(), threshold=0.7)
    expected = (0.6 * 0.9 + 0.15 * 0.9 + 0.10 * found["compactness"][0]) / 0.85
    assert found["score"][0] == pytest.approx(expected)
    assert found["connection_score"].isna().all()


def test_no_site_is_an_empty_frame_with_the_same_columns_and_a_reason(toy):
    data = toy()
    cases = [
        (
            scored(blobs(), min_area_ha=100),
            0.7,
            "no connected area of 100 ha.*smaller sites may be of use; the study's smallest area is 100 ha$",
        ),
        (scored(blobs()), 0.95, "no feasible cell scores 95 of 100"),
        (scored(np.full((40, 40), np.nan)), None, "no cell meets all constraints"),
        (scored(blobs(), min_width_m=900), 0.7, "2 too narrow"),
    ]
    for score, threshold, reason in cases:
        with pytest.warns(KCityWarning, match=reason):
            found = rank_sites(score, data, threshold=threshold)
        assert len(found) == 0
        assert list(found.columns) == [*SITE_COLUMNS, "geometry"]
        assert found.crs == data.city.crs


def test_ragged_areas_are_no_sites(toy):
    score = np.full((40, 40), 0.1)
    score[18:21, 2:38] = score[2:38, 18:21] = 0.9  # a cross of three cells' width, 3.6 km long
    with pytest.warns(KCityWarning, match="too ragged"):
        found = rank_sites(scored(score, min_area_ha=100), toy(), threshold=0.7)
    assert len(found) == 0


def test_sites_lie_inside_the_city_off_excluded_land_and_apart(toy):
    rng = np.random.default_rng(5)
    score = ndimage.gaussian_filter(rng.random((40, 40)), 2)
    score = (score - score.min()) / np.ptp(score)
    feasible = ndimage.gaussian_filter(rng.random((40, 40)), 2) > 0.48
    inside = np.ones((40, 40))
    inside[:, :2] = 0.5
    data = toy(arrays={"inside_share": inside})
    found = rank_sites(
        scored(score, feasible=feasible, min_area_ha=9), data, threshold=0.4, max_sites=50
    )
    assert len(found) >= 3
    barred = ~feasible
    barred[:, :2] = True
    excluded = shapely.union_all(cell_polygons(data.grid, np.flatnonzero(barred.ravel())))
    together = shapely.union_all(found.geometry.to_numpy())
    assert shapely.intersection(together, excluded).area == pytest.approx(0, abs=1e-3)
    assert together.area == pytest.approx(found.geometry.area.sum(), rel=1e-9)
    assert found["score"].is_monotonic_decreasing
    assert (found["area_ha"] >= 9 * 0.97).all()
    again = rank_sites(
        scored(score, feasible=feasible, min_area_ha=9), data, threshold=0.4, max_sites=50
    )
    assert found.equals(again)


def test_most_sites_kept_and_bad_arguments_refused(toy):
    assert len(rank_sites(scored(blobs()), toy(), threshold=0.7, max_sites=1)) == 1
    with pytest.raises(StudyError, match="threshold"):
        rank_sites(scored(blobs()), toy(), threshold=2.0)
    with pytest.raises(StudyError, match="max_sites"):
        rank_sites(scored(blobs()), toy(), max_sites=0)


def test_threshold_is_good_enough_or_the_best_tenth_but_never_below_half():
    assert site_threshold(np.linspace(0, 1, 101)[None, :]) == pytest.approx(0.7)
    assert site_threshold(np.linspace(0, 0.7, 101)[None, :]) == pytest.approx(0.63)
    assert site_threshold(np.full((2, 2), 0.3)) == 0.5
    assert site_threshold(np.full((2, 2), np.nan)) == 0.5


def test_reasons_and_concerns_speak_in_round_numbers(toy):
    base = blobs()
    near, far = np.where(base > 0.5, 0.95, 0.0), np.where(base > 0.5, 0.1, 0.0)
    score = scored(base, d_trunk_km=near, hand_m=far)
    said = (1.2345, 2.0)
    criteria = tuple(
        replace(c, values=np.full(base.shape, v), full_score=best)
        for c, v, best in zip(score.criteria, said, ("up to 1", "from 10"), strict=True)
    )
    found = rank_sites(replace(score, criteria=criteria), toy(), threshold=0.7).iloc[0]
    assert found["reasons"] == "1.2 km on average from a trunk road or motorway"
    assert found["concerns"] == "2.0 m above the nearest drainage (full score from 10)"


def test_what_was_not_checked_stands_with_every_site(toy):
    nothing = np.zeros((40, 40), bool)
    rail = Constraint(
        id="rail_hazmat_buffer_m", title="Near a railway", limit="", excluded=nothing, applied=False
    )
    off = Constraint(id="military", title="Military", limit="off", excluded=nothing, applied=False)
    found = rank_sites(replace(scored(blobs()), constraints=(rail, off)), toy(), threshold=0.7)
    assert found["not_checked"].tolist() == ["", ""]
    assert found["concerns"].str.endswith("not checked for lack of data: near a railway").all()


def test_without_decisive_data_there_is_no_site_and_screening_gives_land_in_no_order(toy):
    why = "No ranking possible: slope unknown; add sources.elevation"
    blocked = replace(scored(blobs(), feasible=blobs() > 0), no_ranking=why)
    blocked = replace(blocked, score=np.full((40, 40), np.nan))
    with pytest.warns(KCityWarning, match=why):
        assert len(rank_sites(blocked, toy())) == 0
    land = rank_sites(blocked, toy(), choice=SiteChoice(screening=True))
    assert len(land) >= 1
    assert land["label"].tolist() == ["A", "B", "C"][: len(land)]
    assert land[["rank", "score", "mean_score", "top3_share", "rank_p05"]].isna().all(axis=None)
    assert (land["not_checked"] == why).all()
    assert land["concerns"].str.startswith(why).all()
    assert (land["reasons"] == "").all()
    barred = shapely.union_all(cell_polygons(toy().grid, np.flatnonzero(~(blobs() > 0).ravel())))
    assert shapely.intersection(land.geometry.union_all(), barred).area == pytest.approx(
        0, abs=1e-3
    )


def test_share_of_the_weights_that_had_data(toy):
    score = scored(blobs(), d_trunk_km=blobs(), hand_m=blobs())
    half = replace(score, criteria=score.criteria[:1])
    assert rank_sites(half, toy(), threshold=0.7)["weight_known"].tolist() == [0.5, 0.5]


def block(size=20):
    """One good block of `size` x `size` cells in the middle of 40 x 40."""
    score = np.full((40, 40), 0.1)
    a = 20 - size // 2
    score[a : a + size, a : a + size] = 0.9
    return score


@pytest.mark.parametrize(
    ("tags", "sites"),
    [
        ({"highway": "motorway"}, 2),
        ({"highway": "trunk"}, 2),
        ({"highway": "primary"}, 1),
        ({"highway": "motorway", "tunnel": "yes"}, 1),
    ],
)
def test_no_site_crosses_a_motorway(toy, features, tags, sites):
    middle = shapely.LineString([(2000, 0), (2000, 4000)])
    data = toy(layers={"roads_drive": features([tags], [middle])})
    found = rank_sites(scored(block(), min_area_ha=100), data, threshold=0.7)
    assert len(found) == sites
    if sites == 2:
        corridor = shapely.buffer(data.layers["roads_drive"].geometry.iloc[0], 14.9)
        assert not found.intersects(corridor).any()
        # Half of 400 ha, less half of a corridor of 30 m by 2 km (3 ha each).
        assert found["area_ha"].tolist() == pytest.approx([197, 197], rel=0.001)
        assert found["next_to"].tolist() == ["2", "1"]
        assert "next to site 2" in found["concerns"][0]


def test_a_railway_parts_land_and_the_small_side_is_no_site(toy, features):
    rail = features([{"railway": "rail"}], [shapely.LineString([(1200, 0), (1200, 4000)])])
    data = toy(layers={"railway": rail})
    found = rank_sites(scored(block(), min_area_ha=100), data, threshold=0.7)
    assert len(found) == 1
    assert found.geometry.bounds["minx"].iloc[0] == pytest.approx(500_000 + 1215)


def test_what_stands_on_a_site_is_told(toy, features):
    houses = features([{"building": "yes"}] * 2, [shapely.box(1500, 1500, 1600, 1550),
                                                  shapely.box(0, 0, 10, 10)])  # fmt: skip
    street = features(
        [{"highway": "residential"}], [shapely.LineString([(1000, 2000), (1500, 2000)])]
    )
    water = features(
        [{"waterway": "stream"}, {"waterway": "stream", "tunnel": "culvert"}],
        [shapely.LineString([(1200, 1000), (1200, 1600)]), shapely.LineString([(1300, 1000), (1300, 1600)])],
    )  # fmt: skip
    cover = np.full((40, 40), 30.0)
    cover[:, :20] = 10.0
    data = toy(
        arrays={"landcover": cover, "population": 0.5},
        layers={"building": houses, "roads_drive": street, "drainage": water},
    )
    one = rank_sites(scored(block(), min_area_ha=100), data, threshold=0.7).iloc[0]
    assert one["residents"] == pytest.approx(200)
    assert one["buildings"] == 1
    assert one["buildings_ha"] == pytest.approx(0.5)
    assert one["streets_km"] == pytest.approx(0.5)
    assert "residents on it: about 200" in one["concerns"]
    assert one["streams_km"] == pytest.approx(0.6)
    assert one["trees_share"] == pytest.approx(0.5)
    assert not one["at_edge"]
    for words in (
        "mapped buildings on it: 1 (0.5 ha)",
        "0.5 km of mapped streets",
        "0.6 km of streams",
        "50 %",
    ):
        assert words in one["concerns"]
    edge = np.full((40, 40), 0.1)
    edge[:12, :12] = 0.9
    at_edge = rank_sites(scored(edge, min_area_ha=100), toy(), threshold=0.7).iloc[0]
    assert at_edge["at_edge"]
    assert "edge of the study area" in at_edge["concerns"]


def test_unstable_sites_share_the_first_place(toy):
    one, two = np.zeros((40, 40)), np.zeros((40, 40))
    one[4:12, 4:12] = two[26:34, 26:34] = 1.0
    found = rank_sites(scored((one + two) / 2, a=one, b=two), toy(), threshold=0.5)
    assert len(found) == 2
    assert found["rank_p05"].tolist() == [1, 1]
    assert found["rank_p95"].tolist() == [2, 2]


def test_land_without_numbers_is_not_empty_and_not_bare(toy):
    cover = np.full((40, 40), np.nan)
    cover[15:25, 10:20] = 10.0
    people = np.full((40, 40), np.nan)
    data = toy(arrays={"landcover": cover, "population": people})
    one = rank_sites(scored(block(), min_area_ha=100), data, threshold=0.7).iloc[0]
    assert one["trees_share"] == 1.0
    assert np.isnan(one["residents"])


def test_no_site_has_the_columns_and_kinds_of_any_site(toy):
    with pytest.warns(KCityWarning, match="no site"):
        none = rank_sites(scored(blobs(), min_area_ha=900), toy(), threshold=0.7)
    some = rank_sites(scored(blobs()), toy(), threshold=0.7)
    for column in ("rank", "buildings", "at_edge", "score"):
        assert none[column].dtype == some[column].dtype, column


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_sides_agree_with_asking_every_cell(seed):
    """Brute force: cells are of one side when a way over cells joins them without the corridor."""
    from kcity_geo.analysis.sites.severance import sides
    from kcity_geo.demo.toy import make_toy

    grid = make_toy().grid
    rng = np.random.default_rng(seed)
    box = grid.boundingbox
    ends = rng.uniform(0, 4000, (3, 2, 2)) + np.array([box.left, box.bottom])
    corridor = shapely.union_all([shapely.LineString(e).buffer(15) for e in ends])
    cells = np.flatnonzero(ndimage.gaussian_filter(rng.random((40, 40)), 2).ravel() > 0.48)
    land = shapely.difference(shapely.box(*box), corridor)
    x, y = cell_centres(grid)
    face = {
        int(c): next((i for i, f in enumerate(shapely.get_parts(land)) if f.contains(p)), -1)
        for c, p in zip(cells, shapely.points(x[cells], y[cells]), strict=True)
    }
    expected = set()
    for one in set(face.values()) - {-1}:
        mask = np.zeros((40, 40), bool)
        mask.ravel()[[c for c, f in face.items() if f == one]] = True
        number, count = ndimage.label(mask)
        for i in range(1, count + 1):
            expected.add(frozenset(np.flatnonzero(number.ravel() == i).tolist()))
    found = sides(cells, corridor, grid=grid, min_cells=1)
    assert {frozenset(f.tolist()) for f in found} == expected
