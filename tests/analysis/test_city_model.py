"""The city model: each quantity once, only what depends on a change anew, notes never lost."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import kcity_geo as kc
from kcity_geo.analysis import energy, transport, water
from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.analysis.settlement.districts import main_district
from kcity_geo.analysis.terrain.relief import cell_terrain
from kcity_geo.demo.toy import SOUTH, WEST, make_toy, toy_layer
from kcity_geo.errors import KCityWarning, SchemaError, StudyError
from kcity_geo.notes import collected, muted, tell

SIZE = 2000.0


def streets(*, detour=False):
    """Make a lattice of streets 200 m apart; with `detour` one more across the middle."""
    along = np.arange(0.0, SIZE + 1, 200.0)
    number = {
        (x, y): int(i * 100 + j) + 1 for i, x in enumerate(along) for j, y in enumerate(along)
    }
    ways = [[(x, y) for x in along] for y in along] + [[(x, y) for y in along] for x in along]
    if detour:
        ways.append([(0.0, 0.0), (200.0, 200.0), (400.0, 400.0)])
    frame = toy_layer(
        [{"highway": "residential"} for _ in ways], [shapely.LineString(way) for way in ways]
    )
    ids = [np.array([number[node] for node in way], dtype=np.int64) for way in ways]
    return frame.assign(node_ids=ids)


def town(**more):
    roads = streets()
    rng = np.random.default_rng(4)
    layers = dict.fromkeys(("roads_drive", "roads_walk", "roads_cycle"), roads)
    layers["health"] = toy_layer([{"amenity": "clinic"}], [shapely.Point(900, 900)])
    layers["water_point"] = toy_layer([{"amenity": "drinking_water"}], [shapely.Point(500, 1500)])
    arrays = {
        "population": rng.uniform(0, 40, (20, 20)),
        "built_m2": 2500.0,
        "nightlights": rng.uniform(0, 9, (20, 20)),
    }
    return make_toy(size_m=SIZE, arrays=arrays, layers=layers, **more)


def everything(city):
    """All indicators and derived quantities of a city, as plain values that can be compared."""
    with muted():
        rows = [row for sector in (transport, water, energy) for row in sector.assess(city)]
    found = {one.id: one for one in rows}
    values = {}
    for key, one in found.items():
        values[key] = (one.value, one.note, one.not_assessed, repr(sorted(one.details)))
        for name in ("cells", "gap"):
            values[f"{key} {name}"] = getattr(one, name)
    values |= {f"graph {k}": g.minutes_forward for k, g in city.graphs.items()}
    values["mapped"] = city.once(mapped_share).mean
    return values | {"people": city.people.persons, "main": city.main_district}


def same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == other[key].dtype, key
            assert value.tobytes() == other[key].tobytes() or value.dtype == object, key
            np.testing.assert_array_equal(value, other[key], err_msg=key)
        else:
            assert repr(value) == repr(other[key]), key


def clinic(x, y):
    return toy_layer(
        [{"amenity": "clinic"}, {"amenity": "hospital"}],
        [shapely.Point(900, 900), shapely.Point(x, y)],
    )


CHANGES = {
    "a road": {"layers": {"roads_walk": streets(detour=True)}},
    "a hospital": {"layers": {"health": clinic(1700, 300)}},
    "fewer people": {"cube": {"population": 3.0}},
    "no lights": {"cube": {"nightlights": None}},
    "an official rate": {"official": {"electricity_access": 0.7}},
    "another use of water": {"settings": {"water": {"lpcd": 90.0}}},
    "slower walkers": {"settings": {"transport": {"walk_kmh": 3.0}}},
    "other norms": {"rules": {"completeness.streets.expected": 0.4}},
    "wider streets": {"settings": {"transport": {"network": {"widths": {"default_m": 9.0}}}}},
}


def by_hand(data, change):
    """The same change made in the data, so that a fresh model knows of nothing else."""
    cube = data.cube
    for name, values in change.get("cube", {}).items():
        cube = cube.drop_vars(name)
        if values is not None:
            full = np.full(data.grid.shape, values)
            cube = cube.assign({name: (data.cube[name].dims, full, data.cube[name].attrs)})
    tables = {sector: dict(v) for sector, v in change.get("settings", {}).items()}
    for key, value in change.get("rules", {}).items():
        section, row, name = key.split(".")
        tables[section] = {row: {name: value}}
    study = kc.Study(**tables)
    return replace(
        data,
        cube=cube,
        layers={**data.layers, **change.get("layers", {})},
        official={**data.official, **change.get("official", {})},
        study=study,
    )


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_model_is_bit_for_bit_a_fresh_one(name):
    data = replace(town(), study=kc.Study())
    city = CityModel(data)
    before = everything(city)
    other = city.changed(**CHANGES[name])
    found = everything(other)
    same(found, everything(CityModel(by_hand(data, CHANGES[name]))))
    # Some things differ, some are the very same, and the old model did not notice.
    assert 0 < len(other.computed) < len(city.computed)
    same(everything(city), before)


@settings(max_examples=8)
@given(st.lists(st.sampled_from(sorted(CHANGES)), min_size=2, max_size=3, unique=True))
def test_changes_one_after_the_other_are_the_changes_together(names):
    city = CityModel(replace(town(), study=kc.Study()))
    _ = city.people, city.once(mapped_share), city.graphs
    data = city.data
    for name in names:
        city = city.changed(**CHANGES[name])
        _ = city.people, city.once(mapped_share)
        data = by_hand(
            data, {k: v for k, v in CHANGES[name].items() if k not in {"settings", "rules"}}
        )
    assert city.people.persons.tobytes() == CityModel(data).people.persons.tobytes()
    for key, graph in city.graphs.items():
        assert graph.mode == key
    lpcd = 90.0 if "another use of water" in names else CityModel(data).settings("water")["lpcd"]
    assert city.settings("water")["lpcd"] == lpcd


def test_what_did_not_change_is_the_same_object_and_undo_is_the_old_model():
    city = CityModel(town())
    everything(city)
    other = city.changed(layers={"roads_walk": streets(detour=True)})
    everything(other)
    assert other.graph("drive") is city.graph("drive")
    assert other.graph("walk") is not city.graph("walk")
    assert other.graph("street") is not city.graph("street")  # walk and drive together
    assert other.people is city.people
    assert other.terrain is city.terrain
    assert other.homes("drive") is city.homes("drive")
    assert other.array("population") is city.array("population")
    undone = other.changed(layers={"roads_walk": city.layers["roads_walk"]})
    assert undone.graph("drive") is city.graph("drive")
    assert city.graph("walk") is city.graph("walk")
    assert [r.value for r in transport.assess(city)] == pytest.approx(
        [r.value for r in transport.assess(undone)], nan_ok=True
    )


def test_a_setting_recomputes_its_readers_and_nobody_else():
    city = CityModel(town())
    everything(city)
    other = city.changed(settings={"water": {"lpcd": 90.0}})
    everything(other)
    # Demand, and what rests on it; no graph, no terrain, no other sector.
    assert set(other.computed) == {"demand_of_city", "water_balance", "wastewater"}


def test_each_quantity_is_computed_once_and_homes_are_put_on_streets_once_a_mode():
    data = town()
    city = model_of(data)
    kc.assess_gaps(data)
    kc.assess_gaps(data)
    everything(city)
    assert len(set(city.computed)) == len(city.computed)
    assert sorted(c for c in city.computed if c.startswith("_homes")) == [
        "_homes drive 300.0 100.0",
        "_homes walk 300.0 100.0",
    ]
    assert model_of(data) is city
    assert kc.street_graphs(data)["walk"] is city.graph("walk")


def test_arrays_are_read_only_and_the_callers_stay_their_own():
    own = np.ones((20, 20))
    data = make_toy(size_m=SIZE, arrays={"population": own})
    mine = xr.DataArray(np.ones((4, 4)), dims=("y", "x"))
    city = model_of(replace(data, dem=mine))
    for values in (
        data.array("population"),
        data.cube["population"].to_numpy(),
        city.array("population"),
        city.people.persons,
        city.people.cells,
        city.inside,
        city.once(mapped_share).mean,
        city.dem.to_numpy(),
        city.main_district,
        energy.assess(make_toy(arrays={"population": 1.0}, official={"electricity_access": 1}))[0].cells,
    ):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            values[:] = 0
    own[0, 0], mine[0, 0] = 5, 5
    assert own[0, 0] == 5


def arrays_in(value, depth=3):
    """Every array that can be reached from a value."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, xr.DataArray):
        yield value.to_numpy()
    elif isinstance(value, xr.Dataset | Mapping):
        for key in value:
            yield from arrays_in(value[key], depth - 1)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from arrays_in(one, depth - 1)
    elif is_dataclass(value) and depth:
        for part in fields(value):
            yield from arrays_in(getattr(value, part.name), depth - 1)


def test_no_property_of_the_model_gives_an_array_that_can_be_changed():
    city = CityModel(make_toy(size_m=SIZE, arrays={"population": 10.0, "built_m2": 2000.0}))
    names = [name for name, one in inspect.getmembers(CityModel) if isinstance(one, property)]
    # The data of the caller are guarded themselves; graphs hold what compiled kernels work with.
    found = {
        name: list(arrays_in(getattr(city, name)))
        for name in names
        if name not in {"data", "city", "study", "graphs", "layers"}
    }
    assert {"people", "inside", "districts", "cube"} <= {k for k, v in found.items() if v}
    assert [k for k, v in found.items() if any(one.flags.writeable for one in v)] == []


def test_not_known_stays_nan():
    values = np.full((20, 20), 2.0)
    values[3, 3] = np.nan
    city = CityModel(make_toy(size_m=SIZE, arrays={"population": values}))
    assert np.isnan(city.array("population")[3, 3])
    assert city.people.persons[3, 3] == 0
    assert city.array("nightlights") is None


def noted(city):
    tell(f"noted {float(city.array('population').max()):g}")
    return float(city.array("population").sum())


def above(city):
    return 2 * city.once(noted)


def test_notes_are_told_again_to_whoever_asks_later():
    city = CityModel(make_toy(arrays={"population": 2.0}))
    with muted(), collected() as first:
        city.once(above)
    with muted(), collected() as again:
        city.once(noted)
    with muted(), collected() as both:
        city.once(above)
        city.once(noted)
    assert first == again == both == ["noted 2"]
    # A model that takes the value over takes the note over.
    other = city.changed(official={"electricity_access": 0.5})
    with muted(), collected() as later:
        other.once(above)
    assert (later, other.computed) == (["noted 2"], ())


def test_a_user_is_warned_once_by_the_outermost_quantity():
    city = CityModel(make_toy(arrays={"population": 2.0}))
    with pytest.warns(KCityWarning, match="noted 2") as caught:
        city.once(above)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        city.once(above)
        city.once(noted)


def test_two_runs_on_one_city_each_have_all_notes():
    data = town()
    graph = data.layers["roads_walk"]
    island = streets()
    island = island.set_geometry(island.geometry.translate(3000.0, 3000.0))
    island["node_ids"] = [ids + 10**6 for ids in island["node_ids"]]
    island["osm_id"] += 1000
    both = pd.concat([graph, island], ignore_index=True)
    data = replace(data, layers={**data.layers, "roads_walk": both, "roads_drive": both})
    with muted():
        first, second = kc.assess_gaps(data), kc.assess_gaps(data)
    assert any("pieces apart" in text for text in first.warnings)
    assert first.warnings == second.warnings


def test_threads_compute_a_quantity_once_and_each_hears_the_note():
    city = CityModel(make_toy(arrays={"population": 2.0}))
    together = Barrier(4, timeout=30)

    def ask(_):
        together.wait()
        with muted(), collected() as texts:
            value = city.once(above)
        return value, tuple(texts)

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ask, range(4)))
    assert found == {(2 * 2.0 * 1600, ("noted 2",))}
    assert city.computed == ("_array population", "noted", "above")


def broken(city):
    tell("before it broke")
    raise SchemaError(f"{city.grid.shape}: broken")


def test_a_failure_is_kept_by_nobody_and_loses_no_note():
    city = CityModel(make_toy())
    for _ in range(2):
        with muted(), collected() as texts, pytest.raises(SchemaError, match="broken"):
            city.once(broken)
        assert texts == ["before it broke"]
    assert city.computed == ()


def whole(city):
    return len(city.data.layers)


def listed(city):
    return tuple(city.layers)


def test_who_reads_everything_depends_on_everything():
    city = CityModel(make_toy())
    city.once(whole)
    city.once(listed)
    assert city.changed(official={"year": 2020}).computed == ()
    other = city.changed(official={"year": 2020})
    other.once(whole)
    other.once(listed)
    assert other.computed == ("whole",)
    other = city.changed(layers={"health": clinic(100, 100)})
    other.once(whole)
    other.once(listed)
    assert other.computed == ("whole", "listed")


def lacking(city):
    return "flood_zone" in city.cube or city.official.get("population") is not None


def test_an_input_that_was_missing_counts_as_read():
    city = CityModel(make_toy())
    assert city.once(lacking) is False
    other = city.changed(official={"population": 5000})
    assert other.once(lacking) is True


def test_what_is_given_is_not_computed():
    steep = {"slope_pct": np.full((40, 40), 30.0)}
    city = CityModel(make_toy()).given(cell_terrain, steep)
    assert city.terrain["slope_pct"].max() == 30
    assert city.changed(cube={"population": 1.0}).terrain["slope_pct"].max() == 30
    assert city.computed == ()


def test_main_district_has_most_of_the_cell_and_of_equal_ones_the_first_id():
    # Cells of 200 m, districts meet in the middle of a cell: four quarters each.
    data = make_toy(size_m=1000.0, cell_m=200.0)
    found = main_district(data)
    assert found.shape == (5, 5)
    assert found[2, 2] == "NE"  # NE, NW, SE, SW have a quarter each
    assert found[2, 0] == "NW"  # halves of NW and SW
    assert found[4, 4] == "SE"
    assert found[0, 0] == "NW"
    away = make_toy(size_m=1000.0, cell_m=200.0, split=(0.45, 0.5))
    assert main_district(away)[0, 2] == "NE"  # three quarters of it


def test_districts_together_hold_what_the_city_holds():
    rng = np.random.default_rng(8)
    people = rng.uniform(0, 30, (5, 5))
    city = CityModel(make_toy(size_m=1000.0, cell_m=200.0, arrays={"population": people}))
    table = city.districts.mean(np.full((5, 5), 0.25), people)
    assert table["weight"].sum() == pytest.approx(people.sum())
    assert table["sum"].sum() == pytest.approx(0.25 * people.sum())
    assert table["mean"].to_numpy() == pytest.approx(0.25)
    # The north-west has two whole rows and columns and half of the third.
    share = np.outer([1, 1, 0.5, 0, 0], [1, 1, 0.5, 0, 0])
    assert table.loc["NW", "weight"] == pytest.approx((people * share).sum(), rel=1e-6)


def test_wrong_arguments_are_named():
    city = CityModel(make_toy())
    with pytest.raises(StudyError, match="lpdc"):
        city.changed(settings={"water": {"lpdc": 3}})
    with pytest.raises(StudyError, match="dme"):
        city.changed(dme=None)
    with pytest.raises(StudyError, match="str"):
        model_of("Kota Kinabalu")
    with pytest.raises(StudyError, match="mind the order"):
        transport.assess(kc.Study())


def test_corners_of_the_toy_city():
    data = make_toy(size_m=SIZE)
    box = data.grid.boundingbox
    assert (box.left, box.bottom) == (WEST, SOUTH)


def test_what_is_computed_ahead_is_told_and_fails_when_it_is_asked_for():
    def noted(city: CityModel) -> int:
        del city
        tell("of the data")
        return 3

    def failing(city: CityModel) -> int:
        calls.append(len(city.computed))
        raise StudyError("cannot be")

    calls: list[int] = []
    city = CityModel(make_toy())
    with warnings.catch_warnings(record=True) as told, collected() as notes:
        warnings.simplefilter("always")
        city.ahead(noted)
        city.ahead(failing)
        assert (told, notes, city.computed, calls) == ([], [], ("noted",), [1])
        assert city.once(noted) == 3
    assert ([str(one.message) for one in told], notes) == (["of the data"], ["of the data"])
    with pytest.raises(StudyError, match="cannot be"):
        city.once(failing)
    assert city.computed == ("noted",)
