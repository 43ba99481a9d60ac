"""What if: edits equal a full run, can be taken back, never make things worse, and join the streets."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import kcity_geo as kc
from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.edited import EditedDrawing
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.errors import StudyError
from kcity_geo.planning.scenario.roads import with_road
from kcity_geo.planning.scenario.scenario import scenario

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
LINE = shapely.LineString


def grid_town(official=None, people=10.0, **more):
    """Streets every 500 m but for a strip in the middle, one clinic in a corner."""
    lines, rows = [], []
    for at in range(250, 4000, 500):
        if at == 250:
            lines += [LINE([(at, 50), (at, 3950)])]
        else:
            lines += [LINE([(at, 50), (at, 1800)]), LINE([(at, 2200), (at, 3950)])]
        if not 1800 < at < 2200:
            lines += [LINE([(50, at), (3950, at)])]
    crossings = shapely.get_parts(shapely.node(shapely.GeometryCollection(lines)))
    rows = [{"highway": "residential"} for _ in crossings]
    streets = toy_layer(rows, list(crossings))
    layers = {
        "roads_drive": streets,
        "roads_walk": streets,
        "roads_cycle": streets,
        "health": toy_layer(
            [{"amenity": "clinic", "healthcare": "clinic"}], [shapely.Point(260, 260)]
        ),
    }
    layers["landuse"] = toy_layer([{"landuse": "farmland"}], [shapely.box(0, 0, 800, 800)])
    return make_toy(
        arrays={"population": people},
        layers={**layers, **more},
        cell_m=200.0,
        official=official or {},
    )


@pytest.fixture(scope="module")
def before():
    return scenario(grid_town())


def test_edits_say_what_a_full_run_says_to_the_last_bit(before) -> None:
    edited = (
        before.add_road([(WEST + 2250, SOUTH + 1790), (WEST + 2250, SOUTH + 2210)])
        .add_facility("health", (WEST + 3000, SOUTH + 3000))
        .set_landuse(shapely.box(WEST + 500, SOUTH + 500, WEST + 900, SOUTH + 900), "industrial")
    )
    full = kc.assess_gaps(edited.data)
    for name, values in full.cells.items():
        np.testing.assert_array_equal(values.to_numpy(), edited.gaps.cells[name].to_numpy(), name)
    pd.testing.assert_frame_equal(full.city, edited.gaps.city)
    pd.testing.assert_frame_equal(full.indicators, edited.gaps.indicators)
    pd.testing.assert_frame_equal(pd.DataFrame(full.districts), pd.DataFrame(edited.gaps.districts))
    moved = edited.readings()
    for _, rows in moved.groupby("level"):
        assert rows["persons"].sum() == pytest.approx(4_000.0)


def test_a_street_where_none_was_mapped_changes_the_light_that_others_may_have() -> None:
    """Some streets carry a word on light: a place without a street is as lit as any of them."""
    streets = grid_town().layers["roads_drive"]
    streets["lit"] = [("yes", "no", "")[n % 3] for n in range(len(streets))]
    official = {"electricity_access": 0.8}
    line = toy_layer([{"power": "minor_line"}], [LINE([(0, 2100), (4000, 2100)])])
    layers = {"roads_drive": streets, "roads_walk": streets, "power_line": line}
    now = scenario(grid_town(official, 100.0, **layers))
    assert now.gaps.city.loc["energy", "gap"] > 0
    edited = now.add_road([(WEST + 2250, SOUTH + 1790), (WEST + 2250, SOUTH + 2210)])
    full = kc.assess_gaps(edited.data)
    for name, values in full.cells.items():
        np.testing.assert_array_equal(values.to_numpy(), edited.gaps.cells[name].to_numpy(), name)
    pd.testing.assert_frame_equal(full.indicators, edited.gaps.indicators)


def test_only_what_read_the_edited_layer_is_computed_again(before) -> None:
    _ = before.indicators
    after = before.add_facility("health", (WEST + 3000, SOUTH + 3000))
    same = {
        one.id for one, two in zip(before.indicators, after.indicators, strict=True) if one is two
    }
    assert {"W1", "E2", "T1", "T4"} <= same
    assert "T9_health" not in same
    assert after.model.graph("walk") is before.model.graph("walk")
    assert not any(name.startswith("build_mode") for name in after.model.computed)


def test_only_the_cells_that_an_edit_changes_are_drawn_again(monkeypatch) -> None:
    now = scenario(grid_town(**facilities_of(["school"])))
    _ = now.readings()
    asked: list[tuple[str, int]] = []
    whole = EditedDrawing._draw_again

    def watch(self, values, scored, changed, enough):
        asked.append((scored[0].standard.sector, int(changed.cells.sum())))
        return whole(self, values, scored, changed, enough)

    monkeypatch.setattr(EditedDrawing, "_draw_again", watch)
    monkeypatch.setattr(EditedDrawing, "_from_nothing", lambda *_: pytest.fail("all drawn"))
    near = (WEST + 3200, SOUTH + 3200)  # of a school that is there
    after = now.add_facility("school", near)
    _ = after.readings()
    assert [sector for sector, _ in asked] == ["transport"]
    assert 0 < asked[0][1] < 400
    asked.clear()
    _ = now.add_facility("school", near).gaps  # known since the last edit
    _ = after.undo().gaps
    assert asked == []


def facilities_of(kinds):
    """A clinic, a school and a tap somewhere in a town that has two of each."""
    rows = {
        "health": {"amenity": "clinic", "healthcare": "clinic"},
        "school": {"amenity": "school"},
        "water_point": {"amenity": "drinking_water"},
    }
    spots = {"health": (260, 2700), "school": (3300, 700), "water_point": (700, 3300)}
    return {
        kind: toy_layer([rows[kind]] * 2, [shapely.Point(spots[kind]), shapely.Point(3000, 3100)])
        for kind in kinds
    }


def test_any_chain_of_edits_says_what_a_full_run_says() -> None:
    """Roads, facilities and uses of land in any order, with undo in between; bit for bit."""
    chance = np.random.default_rng(2)
    now = one = scenario(grid_town(**facilities_of(["health", "school", "water_point"])))
    _ = now.readings()
    for kind in chance.permutation(["road", "health", "school", "water_point", "landuse", "undo"]):
        x, y = WEST + chance.uniform(300, 3600), SOUTH + chance.uniform(300, 3600)
        if kind == "road":
            one = one.add_road([(x, y), (x + 120, y + 640)], snap_m=600)
        elif kind == "landuse":
            one = one.set_landuse(shapely.box(x, y, x + 300, y + 300), "industrial")
        elif kind == "undo":
            one = one if one.before is None else one.undo()
        else:
            one = one.add_facility(kind, (x, y))
        said = one.readings()
    data = now.data, one.data
    full = [kc.assess_gaps(each) for each in data]
    moved = kc.diff(data[0], full[0], data[1], full[1]).readings
    pd.testing.assert_frame_equal(said, moved, check_exact=True)
    for name, values in full[1].cells.items():
        assert values.to_numpy().tobytes() == one.gaps.cells[name].to_numpy().tobytes(), name
    for name in ("city", "indicators"):
        pd.testing.assert_frame_equal(
            getattr(full[1], name), getattr(one.gaps, name), check_exact=True
        )
    for level, draws in full[1].short_draws.items():
        assert draws.tobytes() == one.gaps.short_draws[level].tobytes(), level


def test_what_is_to_be_built_is_neither_mapping_nor_what_the_map_lacks() -> None:
    now = scenario(grid_town(official={"health_facilities": 5}))
    after = now.add_road([(WEST + 2250, SOUTH + 1790), (WEST + 2250, SOUTH + 2210)])
    after = after.add_facility("health", (WEST + 3000, SOUTH + 3000))
    assert after.model.once(mapped_share) is now.model.once(mapped_share)
    one, two = (s.model.once(counted)["health"] for s in (now, after))
    assert one.missing == two.missing == 4
    assert two.cells.sum() == one.cells.sum() + 1
    # Mapped as one more of the five, it would be one less that is missing.
    assert counted(now.model.changed(layers=after.model.layers))["health"].missing == 3


def test_undo_gives_the_city_back(before) -> None:
    mark = before.fingerprint
    after = before.add_road([(WEST + 2250, SOUTH + 1790), (WEST + 2250, SOUTH + 2210)])
    assert after.fingerprint != mark
    assert after.undo() is before
    assert after.undo().fingerprint == mark == scenario(grid_town()).fingerprint
    with pytest.raises(StudyError, match="no edit to take back"):
        before.undo()


@settings(max_examples=6, deadline=None)
@given(st.floats(100, 3900), st.floats(100, 3900))
def test_one_more_clinic_never_makes_access_worse(x: float, y: float) -> None:
    first = scenario(_TOWN)
    after = first.add_facility("health", (WEST + x, SOUTH + y))
    one, two = (next(i for i in s.indicators if i.id == "T9_health").cells for s in (first, after))
    assert one is not None
    assert two is not None
    worse = np.where(np.isnan(one), False, two > one + 1e-9)
    assert not worse.any()
    assert not (np.isnan(two) & ~np.isnan(one)).any()


_TOWN = grid_town()


def test_people_add_up_and_gain_from_a_clinic(before) -> None:
    after = before.add_facility("health", (WEST + 2750, SOUTH + 2750), cost=(4e5, 8e5, 2e6))
    moved = after.people()
    for _, rows in moved.groupby("indicator"):
        assert rows["persons"].sum() == pytest.approx(4_000.0)
    health = moved[moved["indicator"] == "T9_health"].set_index(["before", "after"])["persons"]
    gained = float(health.get(("short", "enough"), 0.0))
    assert gained > 0
    assert ("enough", "short") not in health.index
    each = after.per_person().set_index("indicator").loc["T9_health"]
    assert each["newly_served"] == gained
    priced = after.cost()
    assert each["cost"] == pytest.approx(priced.p50 / (gained * each["take_up"]))
    assert each["cost_low"] < each["cost"] < each["cost_high"]
    # A point of water beside it serves nobody who is short of a clinic, and costs its own money only.
    both = after.add_facility("water_point", (WEST + 2750, SOUTH + 2750), cost=(2e4, 5e4, 1e5))
    by_edit = both.per_person(each=True).set_index(["edit", "indicator"])
    assert by_edit.loc[("health (clinic)", "T9_health"), "cost"] == pytest.approx(each["cost"])
    assert (by_edit.index.get_level_values("edit") == "health (clinic)").sum() == len(
        after.per_person()
    )
    whole = both.per_person().set_index("indicator").loc["T9_health"]
    assert whole["edit"] == "; ".join(edit.words for edit in both.edits)
    assert whole["cost"] == pytest.approx(both.cost().p50 / (gained * whole["take_up"]))
    assert whole["cost"] > each["cost"]
    unpriced = before.add_facility("health", (WEST + 2750, SOUTH + 2750))
    assert unpriced.unpriced == ("health (clinic)",)
    assert unpriced.per_person()["cost"].isna().all()


def test_a_road_drawn_as_two_points_is_snapped_noded_and_split(before) -> None:
    # From 12 m beside a crossing, over two streets, to 8 m before a third.
    after = before.add_road([(WEST + 262, SOUTH + 240), (WEST + 1742, SOUTH + 1240)])
    graph, old = after.model.graph("walk"), before.model.graph("walk")
    road = after.model.layers["roads_walk"].iloc[-1]
    assert road["osm_id"] == -1
    ends = shapely.get_coordinates(road.geometry)[[0, -1]]
    nodes = np.c_[graph.node_x, graph.node_y]
    for spot in ends:
        assert np.hypot(*(nodes - spot).T).min() < 1e-6
    new = graph.osm_way == -1
    assert new.sum() >= 3  # split at each street it crosses
    assert graph.length_m[new].sum() == pytest.approx(road.geometry.length)
    assert len(graph.component_m) == len(old.component_m)
    # What was there keeps its length.
    assert graph.length_m[~new].sum() == pytest.approx(old.length_m.sum())
    assert len(before.model.layers["roads_walk"]) + 1 == len(after.model.layers["roads_walk"])


def test_nodes_with_ids_are_shared_and_a_bridge_is_not_joined() -> None:
    street = toy_layer(
        [
            {"highway": "residential", "bridge": "", "node_ids": np.array([1, 2])},
            {"highway": "primary", "bridge": "yes", "node_ids": np.array([3, 4])},
        ],
        [LINE([(0, 0), (1000, 0)]), LINE([(0, 100), (1000, 100)])],
    )
    line = LINE([(WEST + 500, SOUTH + 5), (WEST + 500, SOUTH + 400)])
    found, road = with_road({"roads_drive": street}, line, highway="tertiary", snap_m=30)
    frame = found["roads_drive"]
    assert [len(ids) for ids in frame["node_ids"]] == [3, 2, 2]
    assert frame["node_ids"].iloc[0][1] == frame["node_ids"].iloc[2][0] < 0
    assert frame.geometry.iloc[1].equals(street.geometry.iloc[1])
    assert road.length == pytest.approx(400)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda s: s.add_road([(0, 0), (1, 1)]), "no street within 30 m"),
        (lambda s: s.add_road([(WEST, SOUTH)]), "neither a geometry nor pairs"),
        (lambda s: s.add_road(shapely.Point(WEST, SOUTH)), "no line"),
        (
            lambda s: s.add_road(
                [(WEST + 250, SOUTH + 60), (WEST + 700, SOUTH + 60)], highway="canal"
            ),
            "nobody may use highway='canal'",
        ),
        (
            lambda s: s.add_facility("helth", (WEST, SOUTH)),
            "no layer 'helth'; did you mean 'health'",
        ),
        (lambda s: s.add_facility("roads_walk", (WEST, SOUTH)), "use add_road"),
        (lambda s: s.add_facility("health", (0, 0)), "lies outside Toy"),
        (
            lambda s: s.add_facility("health", (WEST + 9, SOUTH + 9), tags={"amenty": "clinic"}),
            "did you mean 'amenity'",
        ),
        (lambda s: s.set_landuse(shapely.Point(WEST, SOUTH), "forest"), "no polygon"),
        (
            lambda s: s.add_facility("health", (WEST + 9, SOUTH + 9), cost=(5.0, 1.0, 9.0)),
            "low <= value <= high",
        ),
    ],
)
def test_bad_edits_are_one_line(before, edit, told) -> None:
    with pytest.raises(StudyError, match=told) as caught:
        edit(before)
    assert "\n" not in str(caught.value)


def test_lon_lat_is_brought_into_the_city(before) -> None:
    import geopandas as gpd

    spot = gpd.GeoSeries([shapely.Point(WEST + 3000, SOUTH + 3000)], crs=UTM).to_crs(4326)
    after = before.add_facility("health", spot)
    found = after.model.layers["health"].geometry.iloc[-1]
    assert found.distance(shapely.Point(WEST + 3000, SOUTH + 3000)) < 1e-3
    assert isinstance(after.model, CityModel)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda one, at: one.add_road([at, (at[0] + 1e6, at[1])]), "lie outside"),
        (
            lambda one, at: one.set_landuse(shapely.Point(at).buffer(50), "residental"),
            "did you mean 'residential'",
        ),
        (
            lambda one, _: one.set_landuse(shapely.box(0, 0, 100, 100), "residential"),
            "lies outside",
        ),
        (lambda one, at: one.add_facility("health", at, cost=5), "three numbers"),
        (lambda one, at: one.add_facility("health", at, cost=(1, 2, math.nan)), "three numbers"),
    ],
)
def test_edits_that_make_no_sense_are_one_clear_line(edit, words) -> None:
    layers = {
        "roads_drive": toy_layer(
            [{"highway": "residential"}], [shapely.LineString([(0, 1000), (4000, 1000)])]
        )
    }
    with pytest.raises(StudyError, match=words):
        edit(
            scenario(make_toy(arrays={"population": 10.0}, layers=layers)),
            (WEST + 1000, SOUTH + 1000),
        )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_places_far_from_an_edit_keep_their_streets_and_the_others_look_again(seed: int) -> None:
    """What a graph carries over from the one before an edit is what it finds by itself, to the last bit."""
    from kcity_geo.analysis.network.edited import follow
    from kcity_geo.analysis.network.graph import build_graph
    from kcity_geo.analysis.network.snapping import snap

    rng = np.random.default_rng(seed)
    streets = _TOWN.layers["roads_walk"]
    ends = np.array([WEST, SOUTH]) + rng.uniform(200, 3800, (2, 2))
    layers, _ = with_road({"roads_walk": streets}, LINE(ends), highway="residential", snap_m=500.0)
    memory: dict = {}
    old, new, alone = (
        build_graph(frame, mode="walk", memory=known)
        for frame, known in (
            (streets, memory),
            (layers["roads_walk"], memory),
            (layers["roads_walk"], None),
        )
    )
    for name, values in vars(alone).items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(getattr(new, name), values, name)
    between = 250.0 + 500.0 * rng.integers(0, 8, (200, 2)) + 30.0  # as near to two streets
    at = np.concatenate([rng.uniform(0, 4000, (400, 2)), between])
    spots = shapely.points(np.array([WEST, SOUTH]) + at)
    places = np.concatenate(
        [spots, shapely.buffer(spots[:40], 90.0), np.array([None], dtype=object)]
    )
    follow(old, None)
    follow(new, old)
    snap(old, places, max_snap_m=60.0)
    carried, found = (snap(graph, places, max_snap_m=60.0) for graph in (new, alone))
    assert (found.segment < 0).any()
    assert found.tied.any()
    for name, values in vars(found).items():
        np.testing.assert_array_equal(getattr(carried, name), values, name)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_segments_that_an_edit_leaves_alone_are_found_again(seed: int) -> None:
    """Way by way as one by one by their names, and each only once."""
    from kcity_geo.analysis.network import edited
    from kcity_geo.analysis.network.graph import build_graph

    rng = np.random.default_rng(seed)
    frames = [_TOWN.layers["roads_walk"]]
    for _ in range(3):
        ends = np.array([WEST, SOUTH]) + rng.uniform(200, 3800, (2, 2))
        layers, _ = with_road({"roads_walk": frames[-1]}, LINE(ends), highway="path", snap_m=500.0)
        frames.append(layers["roads_walk"])
    frames.append(frames[-1].sample(frac=0.9, random_state=seed))
    graphs = [build_graph(frame, mode="walk") for frame in frames]
    for one, two in zip(graphs[:-1] + graphs[1:], graphs[1:] + graphs[:-1], strict=True):
        kinds = tuple(rng.integers(0, 100, g.n_segments) // 99 for g in (one, two))
        rows = np.arange(one.n_segments), np.arange(two.n_segments)
        by_name = edited._matched((one, two), kinds, rows)
        np.testing.assert_array_equal(edited.same_segments(one, two, kinds), by_name)
        assert (np.diff(by_name[by_name >= 0]) > 0).all()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_distances_are_measured_anew_only_where_something_changed(seed: int) -> None:
    """Points, streets and areas come and go: each time the distances are those of a search without memory."""
    from kcity_geo.analysis.distance.straight import cell_distance_m, kept_distance_m

    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 4000, (2, 12_000))
    kinds = (
        shapely.Point,
        lambda at: LINE([at, at[::-1] + 1]),
        lambda at: shapely.Point(at).buffer(90),
    )
    every = [kinds[n % 3](rng.uniform(0, 4000, 2)) for n in range(12)]
    memory: dict = {}
    for _ in range(6):
        some = np.array([one for one in every if rng.random() < 0.7], dtype=object)
        found = kept_distance_m(some, x=x, y=y, name="some", memory=memory)
        np.testing.assert_array_equal(found, cell_distance_m(some, x=x, y=y))


def test_an_edit_of_the_town_says_what_a_full_run_says(town_run) -> None:
    x, y = town_run[0].data.city.boundary_metric.centroid.coords[0]
    now = scenario(town_run[0].data)
    one = now.add_road([(x - 300, y), (x + 500, y + 400)], highway="tertiary")
    assert one.indicators  # from here on pieces are kept
    two = one.add_road([(x + 900, y + 900), (x + 1500, y + 1400)])
    for edited, full in zip(two.indicators, scenario(two.data).indicators, strict=True):
        for name, value in vars(edited).items():
            np.testing.assert_equal(value, getattr(full, name), f"{full.id} {name}")
    assert two.undo().undo().fingerprint == now.fingerprint
