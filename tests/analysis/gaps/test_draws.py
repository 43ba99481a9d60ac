"""What the map may lack: draws belong to places, never make a gap larger, and hold the truth."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps import bands
from kcity_geo.analysis.gaps.assessed import Assessed
from kcity_geo.analysis.gaps.chance import chance, spread_evenly
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.completed import Completion, Places
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.draws import DrawnBand, quantiles
from kcity_geo.analysis.gaps.mapped_share import share_rule, share_weights
from kcity_geo.analysis.transport.assess import assess
from kcity_geo.analysis.transport.service_times import service_times
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.errors import KCityWarning
from kcity_geo.notes import collected, muted
from kcity_geo.result import SECTORS, Indicator

# --- chance ------------------------------------------------------------------------------------------


def test_chance_is_even_and_belongs_to_the_place():
    place = np.arange(100_000)
    found = chance(place, draw=3, purpose=1, seed=7)
    assert found.min() > 0
    assert found.max() < 1
    counts = np.histogram(found, bins=20, range=(0, 1))[0]
    assert abs(counts / 5_000 - 1).max() < 0.06
    shuffled = np.random.default_rng(0).permutation(place)
    assert (chance(shuffled, draw=3, purpose=1, seed=7) == found[shuffled]).all()
    for other in ({"draw": 4}, {"purpose": 2}, {"seed": 8}):
        changed = chance(place, **{"draw": 3, "purpose": 1, "seed": 7, **other})
        assert abs(np.corrcoef(changed, found)[0, 1]) < 0.02


def test_draws_fill_the_range_evenly_however_many_follow():
    for count in (20, 40, 60):
        found = np.sort([spread_evenly(draw) for draw in range(count)])
        assert np.abs(found - (np.arange(count) + 0.5) / count).max() < 0.06


RULE = share_rule(CityModel(make_toy()))

# --- mapped share ------------------------------------------------------------------------------------


@given(st.floats(0.01, 3), st.floats(0.1, 1), st.sampled_from(["streets", "workplaces"]))
def test_fewer_features_never_raise_the_mapped_share(ratio, kept, line):
    share, more = share_weights({"streets": np.array([ratio]), line: np.array([ratio])}, rule=RULE)
    fewer = share_weights(
        {"streets": np.array([ratio]), line: np.array([ratio * kept])}, rule=RULE
    )[1]
    assert (share @ fewer)[0] <= (share @ more)[0] + 1e-9
    assert (np.cumsum(fewer, axis=0) >= np.cumsum(more, axis=0) - 1e-9).all()


def test_the_distribution_adds_to_one_and_silence_tells_nothing():
    share, weight = share_weights({"streets": np.array([np.nan, 1.0])}, rule=RULE)
    assert weight.sum(axis=0) == pytest.approx(1)
    prior = weight[:, 0]
    assert prior[:-1] == pytest.approx(prior[0])  # even on the logarithmic scale, but for "whole"
    assert prior[-1] == pytest.approx(prior[0] * (1 + len(share) / 3))


# --- draws -------------------------------------------------------------------------------------------


def streets(every_m: float = 100.0, size_m: float = 4000.0, *, until: float = 1.0):
    """A lattice of residential streets; of each the first part is there."""
    steps = np.arange(50.0, size_m, every_m)
    lines = [shapely.LineString([(x, 0), (x, size_m * until)]) for x in steps]
    lines += [shapely.LineString([(0, y), (size_m * until, y)]) for y in steps]
    crossing = shapely.get_parts(shapely.node(shapely.MultiLineString(lines)))
    row = {"highway": "residential", "kind": "residential", "width_m": 9.0}
    rows = [row for _ in crossing]
    return toy_layer(rows, list(crossing))


def schools(*places: tuple[float, float]):
    rows = [{"amenity": "school", "kind": "school"} for _ in places]
    return toy_layer(rows, [shapely.Point(p) for p in places])


def clinics(*places: tuple[float, float]):
    rows = [{"amenity": "clinic", "kind": "clinic"} for _ in places]
    return toy_layer(rows, [shapely.Point(p) for p in places])


def stops(*places: tuple[float, float]):
    return toy_layer([{"highway": "bus_stop"} for _ in places], [shapely.Point(p) for p in places])


def city(people: float = 50.0, *, until: float = 1.0, **layers):
    roads = streets(until=until)
    return CityModel(
        make_toy(
            arrays={"population": people, "urban_class": 3.0, "built_m2": 2000.0},
            layers={"roads_drive": roads, "roads_walk": roads} | layers,
        )
    )


def gaps_of(model: CityModel, draws: int = 20):
    return assess_gaps(model, assess(model), draws=draws)


def test_low_median_high_are_in_order_and_the_range_reaches_what_is_mapped():
    places = {"school": schools((500, 500)), "health": clinics((3500, 500))}
    found = gaps_of(city(**places, transit_low=stops((500, 500)))).cells
    low, middle, high, raw = (
        found[f"transport_{key}"].to_numpy() for key in ("gap_lo", "gap", "gap_hi", "gap_raw")
    )
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert (high <= raw + 1e-6).all()


def test_how_wide_streets_are_without_a_tag_is_in_the_range():
    """Also above the gap as mapped: what the default took for street may be a garden."""

    def land(**tags: float):
        roads = streets().drop(columns="width_m").assign(**tags)
        model = city(school=schools((500, 500)), roads_drive=roads, roads_walk=roads)
        rows = gaps_of(model, 60).indicators
        return rows[(rows["indicator"] == "T6") & (rows["unit_id"] == "city")].iloc[0]

    tagged, bare = land(width_m=9.0), land()
    assert bare["gap_raw"] == tagged["gap_raw"] > 0.2
    assert tagged["gap_hi"] <= tagged["gap_raw"] + 1e-6
    # Nine metres may be six.
    assert 0.05 < bare["gap_hi"] - bare["gap_raw"] < 0.3 * (0.3 - 0.25 * bare["gap_raw"]) / 0.25
    assert bare["gap_lo"] <= tagged["gap_lo"]


TOWN = city(school=schools((500, 500)))
PLACE = st.tuples(st.integers(100, 3900), st.integers(100, 3900))


def school_row(model):
    """Walks to school, the streets those of `TOWN`."""
    rows = assess_gaps(model, service_times(model), draws=20).indicators
    return rows[(rows["indicator"] == "T9_school") & (rows["unit_id"] == "city")].iloc[0]


@settings(max_examples=4, deadline=None)
@given(st.lists(PLACE, min_size=1, max_size=4, unique=True), PLACE)
def test_one_more_facility_never_raises_a_gap_wherever_it_stands(places, one_more):
    before, after = (
        school_row(TOWN.changed(layers={"school": schools(*some)}))
        for some in (places, [*places, one_more])
    )
    for key in ("gap_raw", "gap_lo", "gap", "gap_hi"):
        assert after[key] <= before[key] + 1e-6, key
    assert before["gap_lo"] <= before["gap"] <= before["gap_hi"]


@pytest.mark.parametrize("seed", [0, 1])
def test_deleted_facilities_never_make_a_range_narrower(seed):
    places = np.random.default_rng(seed).integers(100, 3900, (4, 2))
    width = []
    for count in (4, 2):
        row = school_row(TOWN.changed(layers={"school": schools(*map(tuple, places[:count]))}))
        width.append(row["gap_hi"] - row["gap_lo"])
    assert width[1] >= width[0]


def test_the_last_schools_deleted_leave_any_gap_open():
    """A sector without them is scaled up: its range was the narrowest when nothing was known of schools."""
    served = {"health": clinics(*[(x, y) for x in (700, 2000, 3300) for y in (700, 2000, 3300)])}
    some, none = (
        gaps_of(city(**served, **more)).city.loc["transport"]
        for more in ({"school": schools((700, 700), (3300, 3300))}, {})
    )
    width = {key: one["gap_hi"] - one["gap_lo"] for key, one in (("some", some), ("none", none))}
    assert width["none"] >= width["some"]
    assert none["gap_hi"] > none["gap_raw"]  # what is not assessed may be a gap
    assert none["evidence"] < some["evidence"]


def test_what_nobody_mapped_carries_no_sector_alone():
    """Without streets nothing of transport is assessed, and schools that nobody mapped do not change that."""
    none = streets().iloc[:0]
    model = city().changed(layers={"roads_drive": none, "roads_walk": none})
    assert np.isnan(gaps_of(model).cells["transport_gap"]).all()


def school_ranges(model, draws: int = 20):
    """Width of the range of walks to school, of each cell."""
    found = service_times(model)
    (one,) = [i for i in found if i.id == "T9_school"]
    rules = Assessed(model)
    gap = rules.assess(one, model.standards["T9_school"])
    place = DrawnBand(Completion(model, seed=7, count=draws), slice(0, model.grid.shape[0]))
    drawn = [place.draw([gap], draw)["T9_school"] for draw in range(draws)]
    low, _, high = quantiles(np.array(drawn, dtype=np.float32))
    return low, high


@settings(max_examples=4, deadline=None)
@given(st.lists(PLACE, min_size=2, max_size=6, unique=True), st.data())
def test_deleted_facilities_never_narrow_the_range_of_a_cell(places, data):
    """
    What is missing elsewhere does not hang on how few are mapped, as long as they are fewer than the norm.

    Of 80,000 people the norm expects 32 schools.
    """
    kept = data.draw(st.lists(st.sampled_from(places), min_size=1, unique=True))
    before, after = (
        school_ranges(TOWN.changed(layers={"school": schools(*some)})) for some in (places, kept)
    )
    width = [high - low for low, high in (before, after)]
    assert (width[1] >= width[0] - 1e-6).all()
    assert (after[1] >= before[1] - 1e-6).all()


def test_bands_of_rows_change_no_number(monkeypatch):
    """Facilities, lenders and counts lie in other bands; sums over people go on from band to band."""
    model = with_counts(TOWN, health_facilities=5.0)
    model = model.changed(
        layers={"health": clinics((3500, 500)), "transit_low": stops((900, 900), (3000, 2500))}
    )
    rows = assess(model)
    whole = assess_gaps(model, rows, draws=4)
    monkeypatch.setattr(bands, "BAND_CELLS", 3 * 40)
    assert len(bands.row_bands(model.grid.shape)) == 14
    mapped = model.changed()  # whose mapped share was not computed yet
    again = assess_gaps(mapped, rows, draws=4)
    for key in whole.cells.data_vars:
        assert whole.cells[key].to_numpy().tobytes() == again.cells[key].to_numpy().tobytes(), key
    assert whole.city.equals(again.city)
    assert whole.indicators.equals(again.indicators)
    assert whole.districts.drop(columns="geometry").equals(again.districts.drop(columns="geometry"))
    for level, found in whole.short_draws.items():
        assert found.tobytes() == again.short_draws[level].tobytes()


def test_land_of_which_nothing_is_known_widens_the_range_of_the_city():
    """Half is known to lie high; of the other half any share may be low: 0 to 50 %, and nobody can tell."""
    gap = np.zeros((40, 40))
    gap[:, 20:] = np.nan
    one = Indicator(id="W8", value=0.0, units="share", cells=gap, gap=gap, evidence="user")
    row = assess_gaps(TOWN, [one]).city.loc["flood"]
    assert row["gap_raw"] == 0.0
    assert row["gap_lo"] == pytest.approx(0.025, abs=0.015)
    assert row["gap"] == pytest.approx(0.25, abs=0.02)
    assert row["gap_hi"] == pytest.approx(0.475, abs=0.015)
    whole = replace(one, cells=np.zeros((40, 40)), gap=np.zeros((40, 40)))
    assert assess_gaps(TOWN, [whole]).city.loc["flood", "gap_hi"] == 0.0


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=80))
def test_low_median_and_high_are_in_order_and_are_draws(values):
    found = [float(v[0]) for v in quantiles(np.array(values, dtype=np.float32)[:, None])]
    assert found == sorted(found)
    assert set(found) <= {float(np.float32(v)) for v in values}


def test_another_city_in_between_changes_no_number():
    indicators = service_times(TOWN)
    first = assess_gaps(TOWN, indicators, draws=3)
    other = TOWN.changed(cube={"population": 7.0})
    assess_gaps(other, service_times(other), draws=3)
    again = assess_gaps(TOWN, indicators, draws=3)
    assert first.indicators.equals(again.indicators)
    for key in first.cells.data_vars:
        assert first.cells[key].to_numpy().tobytes() == again.cells[key].to_numpy().tobytes()


def test_what_the_data_allow_above_the_gap_as_mapped_is_in_the_range():
    """Plants of unknown size: at best all sewage is treated, at worst two fifths of it."""
    one = Indicator(
        id="W4", value=1.0, units="share", area_gap=0.0, bounds=(0.4, 1.0), evidence="proxy"
    )
    rows = assess_gaps(TOWN, [one]).indicators
    row = rows[rows["unit_id"] == "city"].iloc[0]
    assert row["gap_raw"] == row["gap_lo"] == 0.0
    assert 0.25 < row["gap_hi"] <= 0.6  # some sewers that nobody mapped may exist
    assert (row["value_lo"], row["value_hi"]) == (0.4, 1.0)


def some_streets(kept: float, *, seed: int):
    """Streets of which a part was drawn, here one and there one."""
    every = streets(200.0)
    return every[np.random.default_rng(seed).random(len(every)) <= kept]


@pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
@pytest.mark.parametrize("pattern", ["one side", "here and there"])
def test_deleted_streets_never_narrow_the_range_of_the_city_nor_make_a_reading_surer(pattern):
    """Also where the city is mapped nowhere: what has not been mapped itself has nothing to teach."""
    places = {"school": schools((500, 500)), "health": clinics((3500, 500))}
    found = []
    for kept in (1.0, 0.7, 0.4, 0.2):
        roads = streets(until=kept) if pattern == "one side" else some_streets(kept, seed=2)
        arrays = {"population": 30.0, "urban_class": 3.0}
        if pattern == "one side":
            arrays["built_m2"] = 2000.0
        layers = {"roads_drive": roads, "roads_walk": roads, **places}
        found.append(gaps_of(CityModel(make_toy(arrays=arrays, layers=layers))))
    for before, after in itertools.pairwise(found):
        sure = [np.isin(g.cells["transport_reading"].to_numpy(), [1, 5]) for g in (before, after)]
        assert sure[1].sum() <= sure[0].sum()
        for sector in SECTORS:
            better, worse = (g.cells[f"{sector}_evidence"].to_numpy() for g in (found[0], after))
            known = np.isfinite(better) & np.isfinite(worse)
            assert (worse[known] <= better[known] + 1e-6).all()
        first, then = (g.city.loc["transport"] for g in (before, after))
        assert then["evidence"] <= first["evidence"] + 1e-6
        assert then["gap_raw"] >= first["gap_raw"] - 1e-6
        assert then["gap_hi"] - then["gap_lo"] >= first["gap_hi"] - first["gap_lo"] - 1e-6
        # Of one district the root of a mean of squares may take a hundredth, see docs/gap-model.md.
        wide = [
            g.districts["transport_gap_hi"] - g.districts["transport_gap_lo"]
            for g in (before, after)
        ]
        assert (wide[1] >= wide[0] - 0.02).all()
        width = [
            (g.cells["transport_gap_hi"] - g.cells["transport_gap_lo"]) for g in (before, after)
        ]
        assert width[1].mean() >= width[0].mean()
        assert (
            float((width[1] < width[0] - 0.02).mean()) < 0.25
        )  # not every cell, see docs/gap-model.md


def test_the_more_people_live_without_a_school_on_the_map_the_likelier_one_is_missing(monkeypatch):
    """Streets mapped whole: of a kind any share may be mapped, so many people have a school unseen."""

    def unseen(persons: float, **rules: float) -> float:
        model = city(persons, school=schools((500, 500)))
        whole = Completion(model, seed=7, count=60)
        whole.missing = {**whole.missing, **rules}
        monkeypatch.setattr(whole, "share", lambda draw, at: np.ones(model.grid.shape))
        places = Places(whole, slice(0, model.grid.shape[0]))
        return float(np.mean([places.missing_sites("school", d).any() for d in range(60)]))

    assert unseen(0.01) == 0.0  # 16 people
    assert 0.2 < unseen(1.0) < unseen(50.0)  # 1,600 people may have one of their own
    assert 0.8 < unseen(50.0) < 0.95  # all but where nothing at all is missing, or nearly
    assert unseen(50.0, kind_share=1.0) == 0.0  # mapped as well as the streets


def test_a_district_renamed_changes_no_number():
    data = city(school=schools((500, 500))).data
    renamed = data.city.districts.assign(name=["a", "b", "c", "d"])
    other = CityModel(replace(data, city=replace(data.city, districts=renamed)))
    same = gaps_of(CityModel(data)), gaps_of(other)
    for key in same[0].cells.data_vars:
        assert (
            np.nan_to_num(same[0].cells[key].to_numpy(), nan=-1)
            == np.nan_to_num(same[1].cells[key].to_numpy(), nan=-1)
        ).all()


@pytest.mark.parametrize("seed", [1, 5])
def test_the_same_seed_gives_the_same_bytes(seed):
    indicators = service_times(TOWN)
    first, second = (assess_gaps(TOWN, indicators, seed=seed, draws=5) for _ in range(2))
    for key in first.cells.data_vars:
        assert first.cells[key].to_numpy().tobytes() == second.cells[key].to_numpy().tobytes()


def test_uninhabited_cells_say_so_and_people_add_up():
    people = np.full((40, 40), 20.0)
    people[:, :10] = 0.0
    found = gaps_of(city(people, school=schools((500, 500))))
    reading = found.cells["transport_reading"].to_numpy()
    assert (reading[:, :10] == 6).all()
    assert (reading[:, 10:] != 6).all()
    row = found.city.loc["transport"]
    told = [row[k] for k in row.index if k.startswith("people_") and k != "people_short"]
    assert sum(told) == pytest.approx(people.sum())
    assert found.districts["population"].sum() == pytest.approx(people.sum())


def test_the_composite_is_missing_when_a_sector_is():
    found = gaps_of(city(school=schools((500, 500))))
    assert np.isnan(found.city.loc["energy", "gap"])
    assert np.isnan(found.cells["composite_gap"].to_numpy()).all()
    assert set(found.districts["worst_sector"]) == {""}


# --- the city's own counts -----------------------------------------------------------------------


def with_counts(model, **counts):
    return CityModel(replace(model.data, official={**model.data.official, **counts}))


def test_the_count_of_the_city_says_how_many_are_missing():
    model = with_counts(city(school=schools((500, 500), (3500, 500))), primary_schools=5.0)
    found = counted(model)["school"]
    assert (found.mapped, found.official, found.missing) == (2.0, 5.0, 3.0)
    assert found.mapped_share == pytest.approx(0.4)
    assert np.isnan(counted(model)["health"].missing)
    with pytest.warns(KCityWarning, match="none is taken to be missing"):
        below = counted(with_counts(model, primary_schools=1.0))["school"]
    assert (below.missing, below.mapped_share) == (0.0, 1.0)


def test_a_count_that_the_map_contradicts_is_told_and_not_used():
    """Two schools are mapped: a count of none is of something else; one of 21 is told and used."""
    model = city(school=schools((500, 500), (3500, 500)))
    with pytest.warns(KCityWarning, match=r"primary_schools is 0, the map shows 2 .* not used"):
        none = counted(with_counts(model, primary_schools=0.0))["school"]
    assert np.isnan([none.official, none.missing, none.mapped_share]).all()
    with pytest.warns(KCityWarning, match=r"is 21, the map shows 2 .* lack 90% of them"):
        assert counted(with_counts(model, primary_schools=21.0))["school"].missing == 19.0
    with collected() as notes:
        assert counted(with_counts(model, primary_schools=20.0))["school"].missing == 18.0
        assert counted(with_counts(city(), primary_schools=0.0))["school"].mapped_share == 1.0
    assert notes == []


def test_a_contradicted_count_is_told_in_every_report_of_the_gaps():
    model = with_counts(city(school=schools((500, 500), (3500, 500))), primary_schools=0.0)
    rows = assess(model)
    for _ in range(2):
        with muted(), collected() as notes:
            assess_gaps(model, rows, draws=20)
        assert any("official.primary_schools is 0" in note for note in notes)


def test_counts_close_the_range_or_open_it():
    """All known: only a street that the map may lack brings them nearer. Many missing: they may be near."""
    places = {"school": schools((500, 500)), "health": clinics((3500, 500))}
    model = city(**places)
    indicators = assess(model)

    def told(**counts):
        with muted():  # forty are far more than the one that is mapped
            rows = assess_gaps(with_counts(model, **counts), indicators, draws=20).indicators
        return rows[(rows["indicator"] == "T9_school") & (rows["unit_id"] == "city")].iloc[0]

    plain, all_known, many = told(), told(primary_schools=1), told(primary_schools=40)
    assert plain["gap_raw"] == all_known["gap_raw"] == many["gap_raw"]
    assert all_known["gap_hi"] - all_known["gap_lo"] < plain["gap_hi"] - plain["gap_lo"]
    assert all_known["gap_lo"] > plain["gap_lo"]
    assert many["gap"] < all_known["gap"]
