"""Networks of a plan: they reach the site, keep their limits, and cost the sum of their parts."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.errors import StudyError
from kcity_geo.planning.concept import ConceptOptions, concept
from kcity_geo.planning.cost_table import cost_rows, price_basis
from kcity_geo.planning.layout.sketch import PARCELS
from kcity_geo.planning.networks.bill import Pricing
from kcity_geo.planning.networks.epanet import water_inp
from kcity_geo.planning.networks.fronts import past_fronts
from kcity_geo.planning.sheets import plan_sheets

pytestmark = pytest.mark.filterwarnings("ignore:economics")
SITE = shapely.box(WEST + 1500, SOUTH + 1500, WEST + 3000, SOUTH + 2500)  # 150 ha


def dem(height) -> xr.DataArray:
    x = WEST - 1975 + np.arange(160) * 50.0
    y = SOUTH + 5975 - np.arange(160) * 50.0
    gx, gy = np.meshgrid(x - WEST, y - SOUTH)
    found = xr.DataArray(height(gx, gy), dims=("y", "x"), coords={"y": y, "x": x})
    return found.rio.write_crs(UTM) if hasattr(found, "rio") else found


def town(**more):
    line = shapely.LineString
    layers = {
        "roads_drive": toy_layer(
            [{"highway": "primary"}, {"highway": "secondary"}],
            [line([(50, 550), (3950, 550)]), line([(550, 50), (550, 3950)])],
        ),
        "water_plant": toy_layer([{}], [shapely.Point(850, 3050)]),
        "sewage": toy_layer([{}], [shapely.Point(3550, 450)]),
        "substation": toy_layer([{}], [shapely.Point(350, 2050)]),
        "telecom": toy_layer([{}], [shapely.Point(650, 650)]),
        "drainage": toy_layer([{"waterway": "river"}], [line([(50, 150), (3950, 150)])]),
    }
    return make_toy(arrays={"population": 10.0}, layers={**layers, **more})


@pytest.fixture(scope="module")
def plan():
    return concept(SITE, town(), "new_town")


def test_every_network_hangs_together_and_reaches_the_whole_site(plan) -> None:
    lines = plan.networks.lines
    assert set(lines["utility"]) == {"road", "water", "sewer", "storm", "power", "fibre"}
    for utility, rows in lines.groupby("utility"):
        names = sorted({*rows["from"], *rows["to"]})
        number = {name: i for i, name in enumerate(names)}
        ends = (rows["from"].map(number).to_numpy(), rows["to"].map(number).to_numpy())
        graph = csr_array((np.ones(len(rows)), ends), shape=(len(names),) * 2)
        assert connected_components(graph, directed=False)[0] == 1, utility
        assert len(rows) == len(names) - 1, utility  # a tree
        np.testing.assert_allclose(rows.geometry.length, rows["length_m"], atol=1e-3)
        if utility != "road":
            spread = rows[~rows["outside"]].geometry.union_all().convex_hull.area
            assert spread >= 0.5 * SITE.area, utility


def test_networks_begin_where_they_are_mapped(plan) -> None:
    begins = plan.networks.points.query("kind == 'begins'").set_index("utility")
    assert begins["size"].to_dict() == {
        "road": "roads_drive", "water": "water_plant", "sewer": "sewage", "storm": "drainage",
        "power": "substation", "fibre": "telecom",
    }  # fmt: skip
    works = shapely.Point(WEST + 850, SOUTH + 3050)
    assert begins.geometry["water"].distance(works) <= 100  # its cell


def test_the_plan_has_one_cost_which_holds_its_networks_once(plan) -> None:
    found, lines = plan.networks, plan.cost.lines
    parts = found.lines["cost"].sum() + found.points["cost"].sum()
    routed = lines[lines["why"].str.startswith("routed")]
    assert parts == pytest.approx(routed["cost"].sum()) == pytest.approx(found.worth)
    assert plan.cost.total == pytest.approx(lines["cost"].sum())
    assert (found.lines["low"] <= found.lines["cost"]).all()
    assert (found.lines["cost"] <= found.lines["high"]).all()
    assert found.trench_saving >= 0
    off = found.lines[found.lines["outside"]]["cost"].sum()
    assert off + found.points[found.points["outside"]]["cost"].sum() == pytest.approx(
        routed.query("phase == 0")["cost"].sum()
    )
    # Nothing stands in the bill twice: a routed network replaces the one along every street.
    rows = set(lines["row"])
    along = {"water_network_m", "sewer_network_m", "storm_drain_m", "mv_line_33kv", "fibre_route_m"}
    assert not set(lines[~lines["why"].str.startswith("routed")]["row"]) & along
    assert {"street_area", "lv_line", "household_connection"} <= rows
    assert plan.phases["capital"].sum() == pytest.approx(plan.cost.total)
    assert not hasattr(found, "cost")


def test_a_pipe_passes_the_front_of_every_parcel(plan) -> None:
    lines, table = plan.cost.lines, plan.fronts.table.set_index("utility")
    past = lines[lines["why"].str.contains("past the fronts")]
    assert past["cost"].sum() == pytest.approx(table["cost"].sum())
    assert table["cost"].sum() > 0
    streets = plan.layout.streets
    for utility in ("water", "sewer"):
        mains = plan.networks.lines.query("utility == @utility").geometry.union_all()
        parcels = plan.layout.parcels[plan.layout.parcels["use"].isin(PARCELS)]
        far = parcels.distance(mains) > streets["width_m"].max() / 2 + 1
        assert table.loc[utility, "parcels"] == far.sum()
        # No more than what the streets have beside the mains.
        bare = streets.geometry.union_all().difference(mains.buffer(1)).length
        assert 0 < table.loc[utility, "length_m"] <= bare + 1e-6
    shown = plan_sheets(plan).tables["networks"].frame
    assert shown["Cost"].sum() == pytest.approx(plan.networks.worth + table["cost"].sum())
    listed = plan_sheets(plan).tables["assumptions"].frame.set_index("Assumption")
    assert (
        listed.loc["Homes: floor area over land", "Value"] == plan.budget.profile.far["residential"]
    )
    assert listed.loc["Commerce and offices: jobs a hectare", "Mark"] == "D"
    (told,) = (note for note in plan.notes if "the routed networks" in note)
    assert f"({shown['Cost'].sum() / 1e6:,.1f} M USD" in told  # one sum on the page
    # 100 m of street without a main, served from a main 50 m beyond its end: the whole of it is laid.
    street = gpd.GeoDataFrame(
        {"width_m": [10.0]}, geometry=[shapely.LineString([(0, 0), (100, 0)])], crs=UTM
    )
    homes = gpd.GeoDataFrame(
        {"use": ["residential", "parks"]},
        geometry=[shapely.box(0, 5, 50, 30), shapely.box(50, 5, 100, 30)],
        crs=UTM,
    )
    main = gpd.GeoDataFrame(
        {"utility": ["water"]}, geometry=[shapely.LineString([(150, -50), (150, 50)])], crs=UTM
    )
    pricing = Pricing(basis=price_basis(), rows=cost_rows())
    found = past_fronts(
        SimpleNamespace(lines=main, currency="USD"),
        SimpleNamespace(streets=street, parcels=homes), pricing, (0.25, 0.75),
    )  # fmt: skip
    assert found.table[["utility", "parcels", "of"]].to_numpy().tolist() == [["water", 1, 1]]
    assert found.table["length_m"].tolist() == [pytest.approx(100.0)]
    assert [w.amount for w in found.works] == pytest.approx([25.0, 75.0])


def test_what_is_not_routed_is_priced_along_every_street() -> None:
    bare = concept(SITE, town(), "new_town", options=ConceptOptions(networks=False))
    rows = bare.cost.lines
    along = {"water_network_m", "sewer_network_m", "storm_drain_m", "fibre_route_m"}
    assert along <= set(rows["row"])
    # One length of street, whatever lies in it; a dwelling pays for its drop alone.
    metres = rows[rows["row"].isin(along)].groupby("row")["amount"].sum()
    assert metres.tolist() == pytest.approx([metres.iloc[0]] * len(along))
    assert rows[rows["row"] == "fibre_drop"]["amount"].sum() == pytest.approx(
        bare.capacity.dwellings
    )
    assert not bare.cost.lines["why"].str.startswith("routed").any()
    assert any("connections outside it are not in it" in note for note in bare.notes)


@pytest.mark.parametrize(
    "height",
    [
        lambda x, y: 0.02 * y,  # towards the river
        lambda x, y: -0.03 * y,  # away from it: pumps
        lambda x, y: 40 * np.sin(x / 400) * np.cos(y / 300),
    ],
)
def test_no_limit_is_broken_on_sloping_ground(height) -> None:
    from dataclasses import replace

    data = replace(town(), dem=dem(height))
    found = concept(SITE, data, "new_town").networks
    assert found.checks["met"].all(), found.checks
    assert set(found.checks["utility"]) == {"water", "sewer", "storm", "power"}
    assert not any("level" in note for note in found.notes)


def test_what_is_not_mapped_is_said_and_begins_at_a_street() -> None:
    empty = toy_layer([], [])
    found = concept(SITE, town(water_plant=empty, telecom=empty), "new_town").networks
    notes = "\n".join(found.notes)
    assert "water main: none is mapped near the site; it begins at a street" in notes
    assert "fibre: none is mapped" in notes
    assert concept(SITE, make_toy(arrays={"population": 10.0}), "new_town").networks is None
    assert (
        concept(SITE, town(), "new_town", options=ConceptOptions(networks=False)).networks is None
    )


def test_what_the_basin_holds_back_does_not_leave_the_site(plan) -> None:
    """Q = C i A / 360: outside flows what ran off the open land before, inside what runs off now."""
    known, storm = plan.assumptions, plan.networks.lines.query("utility == 'storm'")
    before = known["runoff_before"] * known["rain_mm_h"] * plan.budget.site_ha / 360
    assert plan.demand.storm_water_m3_s > 1.5 * before
    assert storm["outside"].any()
    np.testing.assert_allclose(storm[storm["outside"]]["flow"], before, rtol=1e-6)
    assert storm[~storm["outside"]]["flow"].max() <= plan.demand.storm_water_m3_s + 1e-9


def test_pipes_side_by_side_are_told(plan) -> None:
    most = plan.networks.lines.query("utility == 'storm'")["count"].max()
    told = [note for note in plan.networks.notes if "side by side" in note]
    assert (f"up to {most} of" in " ".join(told)) == (most > 3)


def test_the_same_plan_twice_is_the_same_to_the_last_byte(plan) -> None:
    again = concept(SITE, town(), "new_town").networks
    assert again.lines.to_wkb().to_csv() == plan.networks.lines.to_wkb().to_csv()
    assert again.worth == plan.networks.worth


@pytest.mark.parametrize("relief", [0.0, 0.05])
def test_an_independent_solver_finds_the_same_pressures(relief, tmp_path) -> None:
    wntr = pytest.importorskip("wntr", reason="wntr is not installed: pip install wntr")
    from dataclasses import replace

    # Down to the site and up again beyond it: valves and boosters as well.
    data = replace(town(), dem=dem(lambda x, y: relief * np.abs(y - 2000.0)))
    networks = concept(SITE, data, "new_town").networks
    assert networks.water is not None
    route, sizes = networks.water
    file = tmp_path / "water.inp"
    file.write_text(water_inp(networks), encoding="utf-8")
    model = wntr.network.WaterNetworkModel(str(file))
    found = wntr.sim.EpanetSimulator(model).run_sim(file_prefix=str(tmp_path / "run"))
    pressure = found.node["pressure"].loc[0]
    theirs = np.array([pressure[f"n{at}"] for at in range(1, len(route))])
    np.testing.assert_allclose(theirs, sizes.pressure_m[1:], atol=0.15)
    # So do all joints right before and behind boosters and valves, but in the main that leaves the source.
    beside = [
        name
        for name in model.junction_name_list
        if name[0] in "ab" and route.parent[int(name[1:].split("_")[0])] > 0
    ]
    assert bool(beside) == (relief > 0)
    every = np.r_[theirs, [pressure[name] for name in beside]]
    assert every.min() >= 15 - 0.15
    assert every.max() <= 60 + 0.15
    speed = found.link["velocity"].loc[0]
    assert max(speed[name] for name in model.pipe_name_list) <= 1.5 + 1e-2


def test_no_mains_no_file(plan) -> None:
    from dataclasses import replace

    with pytest.raises(StudyError, match="no water mains"):
        water_inp(replace(plan.networks, water=None))
    text = water_inp(plan.networks)
    assert text.startswith("[TITLE]")
    assert text.endswith("[END]\n")


def test_the_folder_of_a_plan_holds_the_mains_and_the_checks(plan, tmp_path) -> None:
    import kcity_geo as kc

    folder = kc.save_plan(plan, tmp_path / "plan")
    assert (folder / "water.inp").read_text(encoding="utf-8") == water_inp(plan.networks)
    checks = pd.read_csv(folder / "network_checks.csv", comment="#")
    assert len(checks) == len(plan.networks.checks)
    assert (checks["Kept"] == "yes").all()
