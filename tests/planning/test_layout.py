"""A layout: it adds up, keeps its streets, drops nothing in silence, and turns with its site."""

from __future__ import annotations

import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.errors import LayoutError
from kcity_geo.planning.assumptions import assumptions_of, known_profiles, land_profile
from kcity_geo.planning.concept import ConceptOptions, concept
from kcity_geo.planning.layout.draw import draw_layout
from kcity_geo.planning.layout.ground import Ground
from kcity_geo.planning.layout.pattern import Pattern, local_width_m, pattern_for
from kcity_geo.planning.layout.phase_order import phases_of_blocks
from kcity_geo.planning.layout.sketch import KINDS, Layout
from kcity_geo.planning.phasing import take_up
from kcity_geo.planning.site_budget import Target, site_budget
from tests.planning.conftest import UTM, box

pytestmark = pytest.mark.filterwarnings("ignore:economics")
BENT = shapely.Polygon([(0, 0), (1000, 120), (1250, 700), (500, 980), (60, 500)])
SMALL = shapely.affinity.scale(BENT, 0.6, 0.6, origin=(0, 0))


def drawn(ground: Ground, profile: str = "new_town", **changes: float) -> Layout:
    free_ha = ground.free.area / 1e4
    assumptions = assumptions_of(changes)
    budget = site_budget(
        free_ha, Target(kind="hectares", amount=free_ha), land_profile(profile), assumptions
    )
    return draw_layout(ground, budget, assumptions, crs=UTM)


def flat(outline: shapely.Polygon, **more) -> Ground:
    return Ground(outline=outline, free=outline, **more)


# --- the grid in closed form: 800 m, one arterial of 32 m, one collector of 20 m, six locals


@pytest.mark.parametrize(
    ("width", "share"), [(10, 0.2604), (12, 0.2860), (13, 0.2986), (14, 0.3111)]
)
def test_share_of_an_endless_grid(width, share) -> None:
    pattern = Pattern(module_m=100.0, width_m=(32.0, 20.0, float(width)))
    assert pattern.share() == pytest.approx(share, abs=5e-5)


def test_width_that_gives_thirty_per_cent() -> None:
    width = local_width_m(0.30, module_m=100.0, arterial_m=32.0, collector_m=20.0)
    assert width == pytest.approx(13.112, abs=5e-4)


@given(share=st.floats(0.05, 0.45), land_ha=st.floats(2.0, 900.0))
def test_pattern_meets_its_share_for_every_land(share, land_ha) -> None:
    assert pattern_for(share, land_ha, assumptions_of()).share() == pytest.approx(share, abs=1e-9)


def test_a_rule_on_the_length_of_streets_makes_blocks_small_enough() -> None:
    # Two lines for each module: 2 / module km per km2, 18 km/km2 from 111 m on.
    assert pattern_for(0.15, 300.0, assumptions_of(), km_per_km2=18.0).module_m <= 2000 / 18


# --- what is drawn


@pytest.mark.parametrize("profile", known_profiles())
def test_a_layout_adds_up_and_keeps_its_streets(profile) -> None:
    hole = shapely.Polygon([(400, 300), (560, 330), (500, 470)])
    layout = drawn(Ground(outline=BENT, free=BENT.difference(hole)), profile)
    assert layout.land["area_m2"].sum() == pytest.approx(BENT.area, abs=1.0)
    assert shapely.coverage_is_valid(layout.land.geometry.to_numpy())
    assert set(layout.land["kind"]) <= set(KINDS)
    taken = shapely.intersection(shapely.union_all(layout.blocks.geometry.to_numpy()), hole)
    assert taken.area < 0.1
    streets = layout.areas.set_index("use").loc["streets"]
    assert abs(streets["difference_share"]) < 0.01
    assert layout.parcels["front_m"].min() >= assumptions_of()["parcel_front_least_m"] - 0.01
    assert layout.parcels["area_m2"].sum() == pytest.approx(
        layout.blocks["area_m2"].sum(), rel=1e-6
    )
    asked = layout.areas[layout.areas["asked_ha"] > 0]
    told = " ".join(layout.notes)
    for row in asked.itertuples():
        assert row.drawn_ha > 0 or f"{row.use}: none is drawn" in told
    assert "sketch, not a design" in layout.notes[0]
    assert "sketch, not a design" in repr(layout)


def test_a_turned_site_has_its_plan_turned() -> None:
    one = drawn(flat(SMALL))
    turned = shapely.affinity.rotate(SMALL, 37, origin=(0, 0))
    two = drawn(flat(turned))
    assert two.score["score"] == pytest.approx(one.score["score"], abs=1e-6)
    streets = [
        shapely.union_all(layout.land.loc[layout.land["kind"] == "street", "geometry"].to_numpy())
        for layout in (one, two)
    ]
    back = shapely.affinity.rotate(streets[1], -37, origin=(0, 0))
    assert shapely.symmetric_difference(streets[0], back).area < 0.001 * streets[0].area
    assert one.blocks["use"].value_counts().to_dict() == two.blocks["use"].value_counts().to_dict()


SCRIPT = """
import hashlib, shapely
from tests.planning.test_layout import SMALL, drawn, flat
layout = drawn(flat(SMALL))
parts = [shapely.to_wkb(f.geometry.to_numpy()).tolist() for f in (layout.streets, layout.blocks, layout.parcels, layout.land)]
print(hashlib.sha256(b"".join(sum(parts, []))).hexdigest())
"""


def test_two_processes_draw_the_same_bytes() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, env=None
        ).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def tilted(share: float):
    return lambda points: share * points[:, 0]


def test_streets_that_are_too_steep_are_named() -> None:
    layout = drawn(flat(BENT, heights=tilted(0.10)))
    arterials = layout.streets[layout.streets["class"] != "local"]
    steep = arterials[arterials["steep"]]
    assert not len(steep) or any("are steeper than" in note for note in layout.notes)
    assert layout.streets["grade"].max() <= 0.10 + 1e-9


def test_a_gentle_slope_has_no_steep_street() -> None:
    layout = drawn(flat(SMALL, heights=tilted(0.05)))
    assert not layout.streets["steep"].any()
    assert not any("steeper" in note for note in layout.notes)


def test_a_site_too_narrow_for_a_block_says_so() -> None:
    strip = shapely.box(0, 0, 2000, 50)
    with pytest.raises(LayoutError, match="60 m wide"):
        drawn(flat(strip))


def test_a_use_too_small_for_any_block_is_named_with_the_site_it_needs() -> None:
    layout = drawn(flat(shapely.box(0, 0, 250, 250)))
    told = [note for note in layout.notes if "utilities: none is drawn" in note]
    assert told
    assert "a site of 10 ha" in told[0]
    assert not any("block_least_m2" in note for note in layout.notes)
    # A use without any block is told once.
    assert sum(note.startswith("layout: utilities:") for note in layout.notes) == 1
    side = 10e4**0.5
    larger = drawn(flat(shapely.box(0, 0, side, side)))
    assert not any("utilities: none is drawn" in note for note in larger.notes)


def test_a_plan_has_its_layout_and_keeps_its_budget_without(city) -> None:
    plan = concept(box(500, 500, 1300, 1100), city, "new_town")
    assert plan.layout is not None
    assert set(plan.layout.notes) <= set(plan.notes)
    narrow = concept(box(500, 500, 2500, 550), city, "new_town")
    assert narrow.layout is None
    assert any("60 m wide" in note for note in narrow.notes)
    assert (
        concept(
            box(500, 500, 1300, 1100), city, "new_town", options=ConceptOptions(drawn=False)
        ).layout
        is None
    )


def test_phases_grow_from_the_roads_and_keep_their_shares() -> None:
    free_ha = BENT.area / 1e4
    budget = site_budget(
        free_ha,
        Target(kind="hectares", amount=free_ha),
        land_profile("new_town"),
        assumptions_of(),
    )
    ground = flat(BENT, road_ends=np.array([[0.0, 0.0]]))
    blocks = draw_layout(
        ground, budget, assumptions_of(), crs=UTM, phases=(0.25, 0.40, 0.35)
    ).blocks
    share = blocks.groupby("phase")["area_m2"].sum() / blocks["area_m2"].sum()
    assert share.to_numpy() == pytest.approx([0.25, 0.40, 0.35], abs=0.05)
    first = blocks[blocks["phase"] == 1].centroid.distance(shapely.Point(0, 0)).mean()
    assert first < blocks[blocks["phase"] == 3].centroid.distance(shapely.Point(0, 0)).mean()


def hangs_together(shapes, across_m: float) -> bool:
    """Whether one walks from each shape to each other over gaps of so many metres."""
    left = list(shapes)
    reached = [left.pop()]
    for at in reached:
        near = [one for one in left if one.distance(at) <= across_m]
        reached += near
        left = [one for one in left if one not in near]
    return not left


def test_each_phase_is_next_to_opened_land_and_the_table_opens_the_same(city) -> None:
    # 8,000 people on 150 ha leave much of the land in reserve.
    shares = (0.25, 0.40, 0.35)
    site = box(500, 500, 2000, 1500)
    plan = concept(
        site, city, "new_town", persons=8000, options=ConceptOptions(phases=shares, networks=False)
    )
    blocks = plan.layout.blocks
    reserve = blocks["use"] == "reserve"
    assert reserve.any()
    assert (blocks["phase"].isna() == reserve).all()
    # As long as all blocks together hang together, so does what is open at the end of each phase.
    across = max(plan.layout.pattern.width_m) + 1.0
    kept = blocks[~reserve]
    assert hangs_together(kept.geometry, across)
    for last in (1, 2, 3):
        assert hangs_together(kept[kept["phase"] <= last].geometry, across)
    # About a share of every use: half a block more or less than asked for where the way there allows it.
    drawn = kept.groupby("phase")["area_m2"].sum()
    assert (drawn / drawn.sum()).to_numpy() == pytest.approx(shares, abs=0.03)
    homes = kept[kept["use"] == "residential"].groupby("phase")["area_m2"].sum()
    assert (homes / homes.sum()).to_numpy() == pytest.approx(shares, abs=0.15)
    # The table opens the same land and the same homes, year by year.
    table = plan.phases
    opened = table["hectares_opened"].drop_duplicates()
    np.testing.assert_allclose(
        (opened[opened > 0] / opened.max()).to_numpy(), np.cumsum(drawn) / drawn.sum(), rtol=1e-9
    )
    first = int(table.index[table["hectares_opened"] > 0][0])
    whole = plan.demand.dwellings * float(homes.iloc[0] / homes.sum())
    filled = take_up(
        1,
        years_10_to_90=plan.assumptions["take_up_years"],
        final_share=plan.assumptions["take_up_final_share"],
    )
    assert table["dwellings"].loc[first + 1] == pytest.approx(whole * float(filled))
    # In the end all phases together are the whole plan.
    late = table.iloc[-1]
    assert late["dwellings"] / late["take_up"] == pytest.approx(plan.demand.dwellings, rel=0.01)
    lines = plan.cost.lines
    joined = lines[lines["row"] == "household_connection"].set_index("phase")["amount"]
    np.testing.assert_allclose(joined / joined.sum(), homes / homes.sum(), rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2, 7),
    st.integers(2, 7),
    st.integers(0, 10_000),
    st.sampled_from([(1.0,), (0.5, 0.5), (0.2, 0.5, 0.3)]),
)
def test_what_is_open_always_hangs_together(rows, columns, seed, shares) -> None:
    rng = np.random.default_rng(seed)
    shapes = [
        shapely.box(110 * i, 110 * j, 110 * i + 100, 110 * j + 100)
        for i in range(rows)
        for j in range(columns)
    ]
    uses = rng.choice(["residential", "parks", "industry"], len(shapes))
    frame = gpd.GeoDataFrame({"area_m2": 1e4, "use": uses}, geometry=shapes)
    phase = phases_of_blocks(frame, shares, shapely.Point(0, 0), widest_m=10.0)
    assert (phase > 0).all()
    for last, share in enumerate(np.cumsum(shares), start=1):
        assert hangs_together([s for s, p in zip(shapes, phase, strict=True) if p <= last], 11.0)
        assert abs((phase <= last).sum() - share * len(shapes)) <= 0.5 + 1e-9


def test_a_drawn_plan_is_priced_and_checked_by_its_drawn_streets(city) -> None:
    site = box(500, 500, 1300, 1100)
    drawn_plan = concept(site, city, "new_town", options=ConceptOptions(networks=False))
    length = drawn_plan.layout.streets["length_m"].sum()
    lines = drawn_plan.cost.lines
    assert lines.loc[lines["row"] == "water_network_m", "amount"].sum() == pytest.approx(length)
    report = drawn_plan.check().set_index("rule")
    found = report.loc[report["unit"] == "km/km2", "found"]
    assert found.tolist() == pytest.approx([length / 1000 / 0.48])


def test_a_part_of_the_site_is_drawn_beside_the_road_and_the_rest_kept_for_later(city) -> None:
    excluded = np.zeros(tuple(city.grid.shape), dtype=bool)
    excluded[28:30, 8:10] = True  # 200 by 200 m in the middle of the site
    site = box(500, 500, 1300, 1300)
    options = ConceptOptions(networks=False, excluded=excluded)
    plan = concept(site, city, "new_town", hectares=30.0, options=options)
    land = plan.layout.land.groupby("kind")["area_m2"].sum()
    assert land["constraint"] == pytest.approx(4e4, abs=1.0)
    assert land["later"] == pytest.approx((64 - 4 - 30) * 1e4, rel=0.01)
    assert land.sum() == pytest.approx(64e4, abs=1.0)
    closed = plan.site.outline.difference(plan.site.free)
    built = shapely.union_all(plan.layout.land.geometry[plan.layout.land["kind"] == "block"])
    assert shapely.intersection(built, closed).area < 0.1
    assert abs(plan.layout.areas.set_index("use").loc["streets", "difference_share"]) < 0.01
