"""The last feature deleted: what nobody mapped any more leaves the range open and makes no reading surer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kcity_geo as kc
from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.config import read_table
from kcity_geo.notes import muted
from kcity_geo.result import Gaps

#: Layers that vanish together -> sector that reads them.
DELETED = {
    ("transit_low", "transit_high"): "transport",
    ("health",): "transport",
    ("school",): "transport",
    ("water_point",): "water",
    ("sewage",): "water",
    ("power_line", "substation", "transformer"): "energy",
    ("power_line",): "energy",
    ("lighting",): "energy",
}
#: What the root of a mean of squares takes of a city, see docs/gap-model.md.
LITTLE = 0.01


def gaps_of(model: CityModel, sector: str) -> Gaps:
    with muted():
        return assess_gaps(model, assess_rows(model, sector), draws=40)


@pytest.fixture(scope="module")
def town(hanbit_town) -> CityModel:
    """The demo town as far as its map goes: without its timetable and without a capacity of its plants."""
    with muted():
        city = model_of(kc.load(kc.load_study(hanbit_town / "study.toml")))
    return city.changed(official={"wastewater_capacity_m3_day": None}, transit=None)


@pytest.fixture(scope="module")
def mapped(town: CityModel) -> dict[str, Gaps]:
    return {sector: gaps_of(town, sector) for sector in ("transport", "water", "energy")}


@pytest.mark.parametrize(("layers", "sector"), DELETED.items(), ids=lambda x: str(x[0]))
def test_a_layer_deleted_never_narrows_the_range_of_the_city_nor_makes_a_reading_surer(
    town, mapped, layers, sector
):
    before = mapped[sector]
    nothing = {name: town.data.layers[name].iloc[:0] for name in layers if name in town.data.layers}
    assert sum(len(town.data.layers[name]) for name in nothing) > 0
    after = gaps_of(town.changed(layers=nothing), sector)
    first, then = before.city.loc[sector], after.city.loc[sector]
    assert then["gap_hi"] - then["gap_lo"] >= first["gap_hi"] - first["gap_lo"] - LITTLE
    assert then["evidence"] <= first["evidence"] + 1e-6
    assert abs(then["p_short"] - 0.5) <= abs(first["p_short"] - 0.5) + 0.1  # of 40 draws
    # Nobody can tell of a place: no deletion tells.
    words = [g.cells[f"{sector}_reading"].to_numpy() for g in (before, after)]
    told = np.isin(words[1], [READINGS.index(w) for w in ("falls_short", "adequate")])
    surer = (words[0] == READINGS.index("cannot_tell")) & told
    people = np.nan_to_num(town.array("population"))
    assert people[surer].sum() <= LITTLE * people.sum()


def test_the_last_plant_deleted_leaves_more_open_than_a_plant_of_unknown_size(town, mapped):
    """Its range was 0 wide without a plant, and 0.3 wide with one."""
    plants = town.data.layers["sewage"]
    unsized = plants.assign(geometry=plants.geometry.representative_point())
    for name in ("capacity_persons",):
        unsized[name] = np.nan
    width = []
    for layer in (unsized, plants.iloc[:0]):
        row: Any = gaps_of(town.changed(layers={"sewage": layer}), "water").city.loc["water"]
        width.append(row["gap_hi"] - row["gap_lo"])
    row = mapped["water"].city.loc["water"]
    assert width[1] >= width[0] - 1e-6
    assert width[1] > row["gap_hi"] - row["gap_lo"] + 0.1


def test_an_official_share_keeps_the_word_where_nobody_mapped_a_plant(town):
    """All have piped water: served, whatever becomes of the sewage; but nobody calls the data good."""
    served = town.changed(
        layers={"sewage": town.data.layers["sewage"].iloc[:0]},
        official={"piped_water_access": 1.0, "table": None},
    )
    row = gaps_of(served, "water").city.loc["water"]
    limits = read_table("readings")["limits"]
    assert row["reading"] == "Adequate"
    assert row["data"] != "good"
    assert limits["adequate_good"] < row["p_short"] <= limits["not_short"]
    assert row["gap_hi"] > limits["short"]


def test_where_nobody_knows_whether_people_live_nothing_is_assessed(town, mapped):
    """Such a place would pass as rural: with fewer people known more of them were well served."""
    persons = np.array(town.array("population"))
    unknown = town.inside & (np.arange(persons.shape[1]) < persons.shape[1] // 2)
    assert (persons[unknown] > 1).sum() > 100
    persons[unknown] = np.nan
    half = town.changed(cube={"population": persons})
    for sector, before in mapped.items():
        after = gaps_of(half, sector).cells
        assert (
            after[f"{sector}_reading"].to_numpy()[unknown] == READINGS.index("not_assessed")
        ).all()
        for name in ("gap", "gap_raw", "gap_lo", "gap_hi", "evidence"):
            assert np.isnan(after[f"{sector}_{name}"].to_numpy()[unknown]).all(), name
        known = town.inside & ~unknown
        assert (after[f"{sector}_reading"].to_numpy()[known] > 0).any()
        assert (before.cells[f"{sector}_reading"].to_numpy()[unknown] > 0).any()
