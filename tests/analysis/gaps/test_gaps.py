"""The gap model: golden values, conservation of people, labels, and what missing data may do."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis import water
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.energy.electrification import electrified, official_rate
from kcity_geo.analysis.gaps import combine as model
from kcity_geo.analysis.gaps import tables
from kcity_geo.analysis.gaps.assessed import of_towns
from kcity_geo.analysis.gaps.mapped_share import MappedShare, mapped_share, share_rule
from kcity_geo.analysis.gaps.rules import (
    exists_unseen,
    gini,
    power_mean,
    scale_prior,
)
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.water.piped import piped_coverage
from kcity_geo.analysis.water.toilets import toilets
from kcity_geo.config import read_table
from kcity_geo.errors import CalibrationError, StudyError
from kcity_geo.indicators import indicator_rows, load_function
from kcity_geo.result import LEVELS, SECTORS, Indicator
from kcity_geo.settings import settings_of
from kcity_geo.standards import gap_from_standard, load_standards

STANDARDS = load_standards()
assess_gaps = partial(model.assess_gaps, draws=20)
shares = st.floats(0, 1)


# --- formulas -------------------------------------------------------------------------------------


def test_golden_normalisation():
    assert float(gap_from_standard(0.45, target=1, worst=0)) == pytest.approx(0.55)
    assert float(gap_from_standard(60, target=100, worst=0)) == pytest.approx(0.40)
    assert float(gap_from_standard(75, target=30, worst=120)) == pytest.approx(0.50)
    assert float(gap_from_standard(130, target=100, worst=0)) == 0
    assert float(gap_from_standard(500, target=30, worst=120)) == 1  # no gap is more than the whole
    assert np.isnan(gap_from_standard(np.nan, target=1, worst=0))
    with pytest.raises(StudyError, match="must differ"):
        gap_from_standard(1, target=1, worst=1)


@pytest.mark.parametrize(("power", "value"), [(1, 0.44), (2, 0.5119), (4, 0.6075)])
def test_golden_power_mean(power, value):
    g, w = np.array([0.2, 0.8, 0.5]), np.array([0.5, 0.3, 0.2])
    assert float(power_mean(g, w, power=power)[0]) == pytest.approx(value, abs=5e-5)


def test_golden_power_mean_with_a_gap_in_it():
    mean, known = power_mean(np.array([0.2, np.nan, 0.5]), np.array([0.5, 0.3, 0.2]))
    assert float(mean) == pytest.approx(0.3162, abs=5e-5)
    assert float(known) == pytest.approx(0.7)
    assert np.isnan(power_mean(np.array([np.nan]), np.array([1.0]))[0])
    with pytest.raises(StudyError, match="below 1"):
        power_mean(np.array([0.5]), np.array([1.0]), power=0.5)


@given(g=shares, w=st.lists(st.floats(0.01, 1), min_size=1, max_size=5), p=st.floats(1, 10))
def test_equal_gaps_give_that_gap_for_any_weights_and_power(g, w, p):
    mean, known = power_mean(np.full(len(w), g), np.array(w), power=p)
    assert float(mean) == pytest.approx(g, abs=1e-12)
    assert float(known) == pytest.approx(1)


@given(
    rows=st.lists(st.tuples(shares, st.floats(0.01, 1)), min_size=1, max_size=6),
    rise=shares,
    which=st.integers(0, 5),
)
def test_power_mean_lies_between_its_gaps_and_rises_with_each(rows, rise, which):
    g, w = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    mean = float(power_mean(g, w)[0])
    assert g.min() - 1e-9 <= mean <= g.max() + 1e-9
    more = g.copy()
    i = which % len(g)
    more[i] += (1 - more[i]) * rise
    assert float(power_mean(more, w)[0]) >= mean - 1e-12


def test_golden_chance_that_what_nobody_mapped_is_there():
    assert float(exists_unseen(0.6, 0.3)) == pytest.approx(0.5122, abs=5e-5)
    assert float(exists_unseen(0.6, 0.95)) == pytest.approx(0.0698, abs=5e-5)
    assert float(exists_unseen(1.0, 1.0)) == 0


@given(prior=shares, low=shares, more=shares)
def test_a_more_complete_map_leaves_less_doubt(prior, low, more):
    high = low + (1 - low) * more
    assert float(exists_unseen(prior, high)) <= float(exists_unseen(prior, low)) + 1e-12


@given(
    st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.1, 1000)), min_size=1, max_size=8), shares
)
def test_scaled_priors_reach_the_official_rate(rows, rate):
    prior, people = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    found = scale_prior(prior, people, rate=rate)
    assert (found * people).sum() / people.sum() == pytest.approx(rate, abs=1e-6)
    assert (np.diff(found[np.argsort(prior)]) >= -1e-9).all()


def test_an_impossible_rate_is_refused():
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        scale_prior(np.array([0.5]), np.array([1.0]), rate=1.2)


def test_gini_by_hand():
    assert gini([0.0, 1.0], [1, 1]) == pytest.approx(0.5)
    assert gini([0.3, 0.3, np.nan], [5, 1, 9]) == 0
    assert gini([0.0, 0.0], [1, 1]) == 0
    assert np.isnan(gini([np.nan], [1]))


# --- tables -----------------------------------------------------------------------------------------


def test_priors_speak_of_every_scored_indicator_and_weights_of_a_sector_add_to_one():
    priors = read_table("priors")
    for row in indicator_rows().values():
        assert row.group in priors["group"]
    for sector in SECTORS:
        rows = [s for s in STANDARDS.values() if s.sector == sector]
        assert sum(s.urban_weight for s in rows) == pytest.approx(1)


def test_every_indicator_has_a_full_row_and_the_scored_ones_agree_with_the_standards():
    rows = indicator_rows()
    needed = {f"T{i}" for i in range(1, 9)} | {f"W{i}" for i in range(1, 10)}
    needed |= {f"E{i}" for i in range(1, 12)} | {"T9_health", "T9_school", "T9_jobs"}
    assert needed <= set(rows)
    for key, row in rows.items():
        words = (row.title, row.question, row.formula, row.docs, row.mark, row.citation)
        assert all(words)
        assert row.mark in "VMD"
        assert row.scored == (key in STANDARDS)
        assert callable(load_function(row))


def test_a_standard_of_a_reported_indicator_is_refused_and_says_why():
    with pytest.raises(StudyError, match="T9_hospital: this indicator is reported and not scored"):
        load_standards({"T9_hospital": {"target": 20.0}})
    with pytest.raises(StudyError, match="T99: no such indicator"):
        load_standards({"T99": {"target": 20.0}})


# --- the model on a city ----------------------------------------------------------------------------


class _Sure(MappedShare):
    """Each cell shows a share that is known."""

    def cumulative(self, rows):
        below = [(self.mean[rows] <= one).astype(np.float32) for one in self.share]
        return np.stack(below)


def sure(data, *, share=1.0):
    """A map that shows the same share of everything in every cell; a number or an array."""
    shares = np.broadcast_to(np.asarray(share, dtype=float), tuple(data.grid.shape)).copy()
    rule = share_rule(model_of(data))
    return _Sure(share=np.unique(shares), mean=shares, observed={}, noise={}, rule=rule)


def all_known(data, *, share=1.0):
    """The model of a city whose facilities are known to be mapped as well as its streets, here whole."""
    city = model_of(data).changed(rules={"completeness.kind_share": 1.0})
    return city.given(mapped_share, sure(data, share=share))


def everything(shape, gap):
    """All scored indicators with the same gap in every cell."""
    return [
        Indicator(id=key, value=0.5, units=row.unit, cells=np.zeros(shape), gap=np.full(shape, gap))
        for key, row in STANDARDS.items()
    ]


def urban(**more):
    return {"population": 50.0, "urban_class": 3.0} | more


def test_a_perfect_city_has_no_gap_and_the_worst_one_gap_one(toy):
    data = toy(arrays=urban())
    for gap in (0.0, 1.0):
        found = assess_gaps(all_known(data), everything(data.grid.shape, gap))
        for level in LEVELS:
            assert (found.cells[f"{level}_gap"] == gap).all()
            assert found.city.loc[level, "gap"] == gap
            assert found.city.loc[level, "people_short"] == pytest.approx(gap * 80_000)
        word = "Adequate" if gap == 0 else "Falls short"
        told = found.city["reading"]
        assert set(told[found.city["evidence"] >= 0.4].drop("flood")) == {word}
        assert told["flood"] == ("Hardly flood-prone" if gap == 0 else "Flood-prone")


def test_an_empty_map_is_not_assessed_never_a_gap_of_one(toy):
    data = toy(arrays=urban())
    nothing = [
        Indicator(id=key, value=np.nan, units=row.unit, not_assessed="no features")
        for key, row in STANDARDS.items()
    ]
    for indicators in (nothing, []):
        found = assess_gaps(model_of(data), indicators)
        for level in LEVELS:
            assert np.isnan(found.cells[f"{level}_gap"]).all()
            assert (found.cells[f"{level}_reading"] == READINGS.index("not_assessed")).all()
            assert np.isnan(found.city.loc[level, "gap"])
            assert found.city.loc[level, "reading"] == "Not assessed"
            assert np.isnan(found.city.loc[level, "people_short"])
            assert found.city.loc[level, "people_not_assessed"] == pytest.approx(80_000)
        assert set(found.indicators["reading"]) <= {"Not assessed"}
        assert any("transport: not assessed" in text for text in found.warnings)


def test_golden_people_weighted_gap(toy):
    # Districts of 1,000, 20,000 and 5,000 people with gaps .9, .3 and .6; nobody lives in the fourth.
    people, gap = np.zeros((40, 40)), np.zeros((40, 40))
    for place, persons, value in (
        (np.s_[:20, 20:], 1000, 0.9), (np.s_[:20, :20], 20_000, 0.3), (np.s_[20:, 20:], 5000, 0.6),
    ):  # fmt: skip
        people[place], gap[place] = persons / 400, value
    data = toy(arrays={"population": people, "urban_class": 3.0})
    all_same = [
        Indicator(id=k, value=0.5, units=s.unit, cells=gap, gap=gap) for k, s in STANDARDS.items()
    ]
    found = assess_gaps(all_known(data), all_same)
    row = found.city.loc["composite"]
    assert row["gap"] == pytest.approx(0.3808, abs=2e-3)  # people are drawn as well
    assert row["gap_raw"] == pytest.approx(0.3808, abs=5e-5)
    short = row["people_short"] + row["people_cannot_tell"]
    assert short == pytest.approx(6000)  # gaps of .9 and .6
    by = found.districts.set_index("district_id")
    assert by.loc["NE", "water_gap"] == pytest.approx(0.9)
    assert by.loc["SW", "population"] == 0
    assert np.isnan(by.loc["SW", "water_gap"])
    assert by["water_gap"].mean() == pytest.approx(0.6)


def test_where_nobody_lives_nobody_is_short_of_anything(toy):
    """Means are over land then; square metres of land are no persons."""
    data = toy(arrays={"population": np.zeros((40, 40)), "urban_class": 3.0})
    found = assess_gaps(all_known(data), everything(data.grid.shape, 1.0))
    assert found.city.loc["composite", "gap"] == pytest.approx(1)
    assert found.city["people_short"].isna().all()
    assert found.districts["population"].tolist() == [0] * len(found.districts)
    assert found.districts["composite_people_short"].isna().all()


@pytest.mark.parametrize(
    ("silent", "city", "west"),
    [
        (np.s_[:, :0], 1.0, 1.0),
        (np.s_[:, :10], 0.75, 0.5),  # half of the west, a quarter of all
        (np.s_[:, :20], 0.5, 0.0),
        (np.s_[:20, :20], 0.75, 0.0),  # the north-west only: its own row
        (np.s_[:, 30:], 0.75, 1.0),
        (np.s_[::2, :], 0.5, 0.5),
    ],
)
def test_evidence_is_worth_the_land_whose_population_is_known(toy, silent, city, west):
    """The people of the rest are in no mean: what is said is said without them."""
    people = np.full((40, 40), 5.0)
    people[silent] = np.nan
    data = toy(arrays={"population": people, "urban_class": 3.0})
    gap = np.full((40, 40), 0.4)
    indicators = [
        Indicator(id=k, value=0.4, units=s.unit, cells=gap, gap=gap) for k, s in STANDARDS.items()
    ]
    whole = toy(arrays={"population": 5.0, "urban_class": 3.0})
    found, full = (assess_gaps(all_known(d), indicators) for d in (data, whole))
    share = found.city["evidence"] / full.city["evidence"]
    assert share.tolist() == pytest.approx([city] * len(LEVELS))
    by, at = (f.districts.set_index("district_id") for f in (found, full))
    told = by.loc["NW", "water_evidence"]
    if west:
        assert told / at.loc["NW", "water_evidence"] == pytest.approx(west)
    else:
        assert np.isnan(told)  # nothing is known of its people, nothing is said
    # By land, nobody's population is asked for.
    land = toy(arrays={"urban_class": 3.0})
    alone = assess_gaps(all_known(land), indicators)
    assert alone.city["evidence"].tolist() == pytest.approx(full.city["evidence"].tolist())


@pytest.mark.parametrize("split", [(0.5, 0.5), (0.3333, 0.6171), (0.013, 0.99)])
def test_people_of_cut_cells_are_divided_and_conserved(toy, split):
    rng = np.random.default_rng(4)
    people = rng.gamma(0.5, 60, (40, 40))
    data = toy(arrays={"population": people, "urban_class": 3.0}, split=split)
    gap = rng.random((40, 40))
    one = [Indicator(id=k, value=0.5, units=s.unit, gap=gap) for k, s in STANDARDS.items()]
    found = assess_gaps(all_known(data), one)
    assert found.districts["population"].sum() == pytest.approx(people.sum(), rel=1e-9)
    assert found.districts["area_km2"].sum() == pytest.approx(16, rel=1e-9)
    for level in LEVELS:
        names = [f"people_{key}" for key in READINGS if key != "nobody"]
        for name in names:
            total = found.districts[f"{level}_{name}"].sum()
            assert total == pytest.approx(found.city.loc[level, name], rel=1e-9, abs=1e-6)
        # Also those of cells with less than one resident, which read "nobody".
        assert found.city.loc[level, names].sum() == pytest.approx(people.sum(), rel=1e-6)


def test_other_cells_do_not_move_the_gap_of_a_cell(toy):
    """A fixed reference: what the rest of the city is like changes nothing (no min-max)."""
    data = toy(arrays=urban())
    minutes = np.full((40, 40), 50.0)
    worse = minutes.copy()
    worse[1:] = 119.0

    def gap(values):
        one = [
            Indicator(id=k, value=50, units="min", cells=values)
            for k in ("T9_health", "T9_school", "T9_jobs", "T3", "W1")
        ]
        found = assess_gaps(all_known(data), one)
        return found.cells["T9_health_gap"].to_numpy()

    assert gap(minutes)[0] == pytest.approx(np.full(40, 20 / 90))
    assert (gap(minutes)[0] == gap(worse)[0]).all()


def test_less_than_half_of_the_weight_is_not_a_sector(toy):
    data = toy(arrays=urban())
    gap = np.full((40, 40), 0.5)

    def water(*ids):
        one = [Indicator(id=i, value=0.5, units="share", gap=gap) for i in ids]
        return assess_gaps(all_known(data), one).city.loc["water"]

    # 0.48: without the way to water nothing is said of its supply.
    assert np.isnan(water("W4", "W6")["gap"])
    assert water("W4", "W6")["reading"] == "Not assessed"
    assert water("W1", "W4")["gap"] == pytest.approx(0.5)  # 0.76
    assert water("W1", "W4")["assessed_weight"] == pytest.approx(0.76)


def test_what_is_known_of_half_of_the_land_says_nothing_of_the_other_half(toy):
    """W1 and W4 in the west are 0.76 of the weight; in the east W4 alone is less than half."""
    data = toy(arrays=urban())
    gap = np.full((40, 40), 0.5)
    west = np.where(np.arange(40) < 20, gap, np.nan)
    rows = [
        Indicator(id=name, value=0.5, units="share", gap=values)
        for name, values in (("W1", west), ("W4", gap))
    ]
    found = assess_gaps(all_known(data), rows)
    cells = found.cells["water_gap"].to_numpy().reshape(40, 40)
    assert cells[:, :20] == pytest.approx(0.5)
    assert np.isnan(cells[:, 20:]).all()


def test_low_land_is_no_lack_of_water_supply(toy):
    data = toy(arrays=urban())
    full, none = np.ones((40, 40)), np.zeros((40, 40))

    def found(low):
        rows = [Indicator(id=i, value=0.0, units="share", gap=none) for i in ("W1", "W4", "W6")]
        rows.append(Indicator(id="W8", value=1.0, units="share", gap=low))
        return assess_gaps(all_known(data), rows).city

    for low in (none, full):
        city = found(low)
        assert city.loc["water", "gap"] == 0
        assert city.loc["water", "people_short"] == 0
        assert city.loc["flood", "people_short"] == pytest.approx(80_000 * low.mean())


def test_rural_cells_have_rural_weights(toy):
    classes = np.full((40, 40), 3.0)
    classes[:, 20:] = 1.0
    data = toy(arrays={"population": 50.0, "urban_class": classes})
    # T1 counts for urban people only, T3 for rural ones.
    one = everything((40, 40), 0.0)
    one = [
        i if i.id not in {"T1", "T3"}
        else Indicator(id=i.id, value=0, units="share", gap=np.full((40, 40), float(i.id == "T3")))
        for i in one
    ]  # fmt: skip
    found = assess_gaps(all_known(data), one).cells["transport_gap"]
    assert (found.to_numpy()[:, :20] == 0).all()
    assert found.to_numpy()[:, 20:] == pytest.approx(np.full((40, 20), 0.45**0.5))


def test_gap_lies_within_its_bounds_and_they_close_on_a_complete_map(toy):
    rng = np.random.default_rng(8)
    data = toy(arrays=urban(population=rng.gamma(1, 50, (40, 40))))
    gap = rng.random((40, 40))
    one = [
        Indicator(
            id=k, value=0.667, units=s.unit, gap=gap, bounds=(0.2, 0.9) if k == "E8" else None
        )
        for k, s in STANDARDS.items()
    ]
    for c in (0.0, 0.3, 0.8, 1.0):
        found = assess_gaps(all_known(data, share=c), one)
        for level in LEVELS:
            lo, mid, hi = (found.cells[f"{level}_gap{e}"].to_numpy() for e in ("_lo", "", "_hi"))
            assert (lo <= mid).all()
            assert (mid <= hi).all()
            if c == 1.0 and level in {"transport", "water"}:
                assert lo == pytest.approx(hi, abs=1e-6)
        row = found.indicators.query("indicator == 'E8' and unit_id == 'city'").iloc[0]
        assert row["gap_hi"] - row["gap_lo"] > 0.4


def test_user_tables_are_not_adjusted_and_an_official_rate_moves_the_prior(toy):
    data = toy(arrays=urban())
    gap = np.full((40, 40), 0.6)

    def energy(evidence, official=None):
        one = [
            Indicator(id=k, value=0.4, units="share", gap=gap, evidence=evidence)
            for k in ("E2", "E5")
        ]
        city = toy(arrays=urban(), official=official)
        return assess_gaps(model_of(city).given(mapped_share, sure(data, share=0.3)), one)

    assert energy("user").city.loc["energy", "gap_lo"] == pytest.approx(0.6)
    low = energy("observed", {"electricity_access": 0.2}).city.loc["energy", "gap_lo"]
    high = energy("observed", {"electricity_access": 0.99}).city.loc["energy", "gap_lo"]
    assert high < low < 0.6


def test_a_gap_from_a_timetable_is_not_lowered_by_stops_that_osm_may_lack(toy):
    gap = np.full((40, 40), 0.6)

    def lowest(source):
        one = [Indicator(id="T1", value=0.4, units="share", gap=gap, source=source)]
        city = toy(arrays=urban())
        rows = assess_gaps(
            model_of(city).given(mapped_share, sure(city, share=0.3)), one
        ).indicators
        return rows.query("indicator == 'T1' and unit_id == 'city'").iloc[0]["gap_lo"]

    assert lowest("GTFS timetable") == pytest.approx(0.6)
    assert lowest("OpenStreetMap") < 0.6


def test_proxies_never_reach_medium_confidence_beyond_their_cap(toy):
    data = toy(arrays=urban())
    one = [Indicator(id="W1", value=40, units="min", gap=np.full((40, 40), 0.5), evidence="proxy")]
    found = assess_gaps(all_known(data), one).indicators
    assert set(found["data"]) <= {"fair", "poor"}


def test_of_an_unmapped_district_nobody_can_tell(toy, features):
    """The quadrants of the specification: SE is built and lived in, but nobody mapped it."""

    def mapped(x, y):
        return not (x > 2000 and y < 2000)

    spots = [(x, y) for x in range(50, 4000, 100) for y in range(50, 4000, 100) if mapped(x, y)]
    roads, stops = [], []
    for x, y in spots:
        roads += [
            shapely.LineString([(x - 50, y), (x + 50, y)]),
            shapely.LineString([(x, y - 50), (x, y + 50)]),
        ]
        stops.append(shapely.Point(x, y))
    tags = {"highway": "residential", "surface": "asphalt", "lit": "yes", "edited": "2024-06-01"}
    named = {"name": "x", "edited": "2024-06-01"}
    layers = {
        "roads_drive": features([tags] * len(roads), roads),
        "building": features(
            [{"building": "yes"}] * len(spots),
            [shapely.box(x - 20, y - 20, x + 20, y + 20) for x, y in spots],
        ),
        **{
            name: features([named] * len(stops), stops)
            for name in ("transit_low", "health", "school")
        },
    }
    data = toy(arrays=urban(built_m2=1600.0), layers=layers)
    row, column = np.mgrid[:40, :40]
    south_east = (row >= 20) & (column >= 20)
    gap = np.where(south_east, 1.0, 0.0)
    one = [
        Indicator(id=k, value=0.5, units=s.unit, gap=gap)
        for k, s in STANDARDS.items()
        if s.sector == "transport"
    ]
    found = assess_gaps(model_of(data), one)
    by = found.districts.set_index("district_id")["transport_reading"]
    assert by["SE"] == "Cannot tell: survey first"
    assert by["NW"] == "Adequate"
    tasks = found.survey_tasks
    centre = tasks.geometry.iloc[0].centroid
    assert centre.x > 502_000
    assert centre.y < 5_002_000
    assert (tasks["priority"].diff().dropna() <= 1e-9).all()
    # The same gap, but every house there is mapped: somebody looked, and saw no street.
    everywhere = [(x, y) for x in range(50, 4000, 100) for y in range(50, 4000, 100)]
    houses = features(
        [{"building": "yes"}] * len(everywhere),
        [shapely.box(x - 20, y - 20, x + 20, y + 20) for x, y in everywhere],
    )
    seen = toy(arrays=urban(built_m2=1600.0), layers={**layers, "building": houses})
    again = assess_gaps(model_of(seen), one)
    t4: Any = again.indicators.query("indicator == 'T4'").set_index("unit_id")
    before: Any = found.indicators.query("indicator == 'T4'").set_index("unit_id")
    assert t4.loc["SE", "p_short"] >= before.loc["SE", "p_short"]
    assert t4.loc["SE", "gap_lo"] >= before.loc["SE", "gap_lo"]


def test_a_sector_speaks_for_a_place_only_when_most_of_its_people_are_known(toy):
    """Known in the west alone, where 30 of 100 people live: nothing is said of the city."""
    people = np.full((40, 40), 70.0)
    people[:, :20] = 30.0
    data = toy(arrays={"population": people, "urban_class": 3.0})
    known = np.full((40, 40), np.nan)
    known[:, :20] = 0.5
    some = [
        Indicator(id=key, value=0.5, units=row.unit, cells=np.zeros((40, 40)), gap=known)
        for key, row in STANDARDS.items()
    ]
    found = assess_gaps(all_known(data), some)
    for level in LEVELS:
        row = found.city.loc[level]
        assert np.isnan(row["gap"])
        assert row["reading"] == "Not assessed"
        districts = found.districts.set_index("district_id")
        assert districts.loc["NW", f"{level}_gap"] == pytest.approx(0.5)
        assert np.isnan(districts.loc["NE", f"{level}_gap"])
        assert districts.loc["NE", f"{level}_reading"] == "Not assessed"


def test_a_prior_of_one_stays_a_probability():
    share = exists_unseen(np.ones(500), np.linspace(0, 1, 500, endpoint=False))
    assert (share <= 1).all()


def test_people_are_sent_where_the_map_shows_little(toy):
    """Each task names its district, what to look for, and how many people nobody can tell of."""
    data = toy(arrays=urban())
    share = np.ones((40, 40))
    share[20:, 20:] = 0.05
    one = everything((40, 40), 0.5)
    tasks = assess_gaps(all_known(data, share=share), one).survey_tasks
    assert len(tasks)
    assert tasks["district"].iloc[0] == "SE"
    assert (tasks["people_open"] <= tasks["population"] + 1e-6).all()
    assert tasks["population"].sum() <= 0.15 * 80_000 * 1.0001
    assert tasks["look_for"].str.len().gt(0).all()


def test_dropping_an_indicator_never_raises_the_evidence(toy):
    data = toy(arrays=urban(), size_m=1000.0)
    one = everything((10, 10), 0.5)
    city = model_of(data).given(mapped_share, sure(data, share=0.6))
    full = assess_gaps(city, one, draws=1).city["evidence"]
    for dropped in STANDARDS:
        fewer = [i for i in one if i.id != dropped]
        found = assess_gaps(city, fewer, draws=1).city["evidence"]
        assert (found.dropna() <= full[found.dropna().index] + 1e-9).all(), dropped


@pytest.mark.parametrize("known", [0.01, 0.3])
def test_a_number_for_few_people_speaks_of_no_one_else(toy, known):
    """One district with a number: the others have none, and the city is hardly known."""
    people = np.full((40, 40), 10.0)
    table = pd.DataFrame(
        {"district_id": ["NE"], "electricity_access": [1.0], "piped_water_access": [1.0]}
    )
    data = toy(arrays={"population": people}, official={"table": table}, split=(1 - known, 0.0))
    settings_of("energy", None)
    rows = [
        official_rate(model_of(data)),
        electrified(model_of(data)),
        *water.assess(model_of(data)),
    ]
    found = assess_gaps(model_of(data), rows).indicators
    for key in ("E1", "E2", "W1", "W3"):
        row: Any = found[found["indicator"] == key].set_index("unit_id")
        assert np.isfinite(row.loc["NE", "value"]), key
        assert np.isnan(row.loc["NW", ["value", "gap", "p_short"]].astype(float)).all(), key
        if key in {"E2", "W1"}:
            assert row.loc["NE", "data"] == "good"
            assert row.loc["NE", "reading"] == "Adequate"
            assert row.loc["NW", "reading"] == "Not assessed"
            assert row.loc["city", "data"] == "poor"
            assert row.loc["city", "reading"] == "Cannot tell: survey first"
            assert "of the 1 of 4 districts with a number" in row.loc["city", "note"]
            assert (row.drop("city")["note"] == "").all()  # the note is of the whole city


def test_same_seed_same_numbers_whatever_the_order_of_the_indicators(toy):
    data = toy(arrays=urban())
    one = everything((40, 40), 0.5)
    first = assess_gaps(model_of(data).given(mapped_share, sure(data, share=0.4)), one, seed=3)
    second = assess_gaps(
        model_of(data).given(mapped_share, sure(data, share=0.4)), one[::-1], seed=3
    )
    assert first.districts.equals(second.districts)
    assert first.indicators.equals(second.indicators)
    xr.testing.assert_identical(first.cells, second.cells)
    for level in LEVELS:
        low, middle, high = (first.districts[f"{level}_gap{e}"] for e in ("_lo", "", "_hi"))
        assert (low <= middle).all()
        assert (middle <= high).all()


def test_without_people_no_persons_are_counted(toy):
    data = toy(arrays={"urban_class": 3.0})
    found = assess_gaps(all_known(data), everything((40, 40), 0.5))
    assert found.city.loc["composite", "gap"] == pytest.approx(0.5)
    assert found.districts["population"].isna().all()
    assert found.city["people_short"].isna().all()
    assert len(found.survey_tasks) == 0
    assert any("no population" in text for text in found.warnings)


def test_outside_the_city_nothing_is_said(toy):
    inside = np.ones((40, 40))
    inside[:, :3] = 0
    data = toy(arrays={**urban(), "inside_share": inside})
    found = assess_gaps(all_known(data), everything((40, 40), 0.5))
    assert np.isnan(found.cells["transport_gap"].to_numpy()[:, :3]).all()
    assert np.isfinite(found.cells["transport_gap"].to_numpy()[:, 3:]).all()


def test_every_variable_says_what_it_is(toy):
    data = toy(arrays=urban())
    found = assess_gaps(all_known(data), everything((40, 40), 0.5))
    for name, variable in found.cells.items():
        assert {"units", "long_name", "evidence"} <= set(variable.attrs), name
    columns = found.indicators.columns
    assert len(found.indicators) == 5 * len(STANDARDS)
    assert {"mark", "standard", "evidence", "note"} <= set(columns)


def test_a_city_of_which_most_is_open_is_not_read_by_its_mean(toy):
    """Six in ten live where the evidence is too weak, the mean of the evidence is fair."""
    data = toy(arrays=urban())
    trust = np.where(np.arange(40)[:, None] < 24, 0.35, 0.9) * np.ones((40, 40))
    ones = [
        Indicator(id="W8", value=0.0, units="share", gap=np.zeros((40, 40)), trust=trust),
    ]
    found = assess_gaps(all_known(data), ones).city.loc["flood"]
    assert found["evidence"] == pytest.approx(0.6 * 0.35 + 0.4 * 0.8)
    assert found["people_cannot_tell"] == pytest.approx(0.6 * 80_000)
    assert (found["reading"], found["data"]) == ("Cannot tell: survey first", "poor")


def test_official_rates_of_districts_stay_what_they_are_though_borders_cut_cells(toy, features):
    # The border runs through the middle of a column of cells.
    rates = {"NE": 0.3, "NW": 0.95, "SE": 0.4, "SW": 0.8}
    keys = ["electricity_access", "piped_water_access", "sanitation_access"]
    table = pd.DataFrame({"district_id": list(rates), **{k: list(rates.values()) for k in keys}})
    data = toy(
        size_m=1000.0,
        arrays={"population": np.arange(1.0, 101.0).reshape(10, 10), "nightlights": 1.0},
        official={"table": table},
        split=(0.45, 0.5),
    )
    city = model_of(data).changed(settings={"energy": {"contradiction_share": 1.0}})
    found = [f(city) for f in (official_rate, electrified, piped_coverage, toilets)]
    rows = assess_gaps(city, found).indicators.set_index(["indicator", "unit_id"])
    people = city.districts.mean(data.array("population"), np.ones((10, 10)))["sum"]
    for key in ("E1", "E2", "W3", "W9"):
        assert rows.loc[key, "value"].drop("city").to_dict() == pytest.approx(rates)
        mean = sum(people[name] * rate for name, rate in rates.items()) / people.sum()
        assert rows.loc[(key, "city"), "value"] == pytest.approx(mean)
    for name, rate in rates.items():
        row = rows.loc[("E2", name)]
        assert row["gap_lo"] - 1e-6 <= 1 - rate <= row["gap_hi"] + 1e-6
        assert row["gap_raw"] == pytest.approx(1 - rate)
    _sides_are_the_cells_and_the_districts_the_city(city, found[1], people)


def _sides_are_the_cells_and_the_districts_the_city(city, electrified, people):
    """A sector of which the rate is one part: by hand on each side of the border, and people are conserved."""
    grid = Indicator(id="E5", value=2.2, units="km", gap=np.full((10, 10), 0.4), evidence="user")
    gaps = assess_gaps(city, [electrified, grid])
    parts, weights = city.districts, (STANDARDS["E2"], STANDARDS["E5"])
    urban = of_towns(gaps.cells["urban_class"].to_numpy()).ravel()
    e2, e5 = (np.where(urban, w.urban_weight, w.rural_weight) for w in weights)
    sides = np.sqrt(
        (e2[parts.cell] * (1 - electrified.of_sides) ** 2 + e5[parts.cell] * 0.4**2)
        / (e2 + e5)[parts.cell]
    )
    persons = city.array("population").ravel()[parts.cell] * parts.people_share
    rows = gaps.districts.set_index("district_id")
    by_cells = city.districts.mean(
        gaps.cells["energy_gap_raw"].to_numpy(), city.array("population")
    )["mean"]
    for number, name in enumerate(parts.ids):
        mine = parts.owner == number
        by_hand = float((sides * persons)[mine].sum() / persons[mine].sum())
        found = rows.loc[name, "energy_gap_raw"]
        assert found == pytest.approx(by_hand, abs=0.01)  # the slope is that of the cell
        assert abs(found - by_hand) < abs(by_cells[name] - by_hand) / 2
        assert rows.loc[name, "energy_gap_lo"] <= found + 1e-6
    total = sum(people[name] * rows.loc[name, "energy_gap_raw"] for name in parts.ids)
    assert total / people.sum() == pytest.approx(gaps.city.loc["energy", "gap_raw"])


@pytest.mark.parametrize(
    ("people", "covered", "right"),
    [(0.0, 0.9, True), (0.0, 0.999, False), (0.0, 1.0, False), (5.0, 0.5, False)],
)
def test_a_rim_without_data_does_not_make_an_empty_district_unknown(people, covered, right):
    units = SimpleNamespace(people=lambda: np.array([people]), covered=np.array([covered]))
    assert tables._uncounted(units).tolist() == [right]


def test_a_district_in_which_nobody_counted_has_no_number_of_people(toy):
    people = np.full((10, 10), 5.0)
    people[:5, 5:], people[5:, 5:] = np.nan, 0.0
    found = assess_gaps(model_of(toy(size_m=1000.0, arrays={"population": people})), [])
    counted = found.districts.set_index("district_id")
    assert np.isnan(
        counted.loc["NE", ["population", "energy_people_not_assessed"]].astype(float)
    ).all()
    assert counted["population"].drop("NE").to_dict() == {"NW": 125.0, "SE": 0.0, "SW": 125.0}
