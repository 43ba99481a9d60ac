from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import zlib
from itertools import combinations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image
from pyproj import Transformer

from kcity_geo.analysis.gaps.words import READINGS, reading_codes
from kcity_geo.analysis.settlement.habitation import OPEN_WATER, habitation
from kcity_geo.analysis.suitability.constraints import _RULES
from kcity_geo.city import make_city
from kcity_geo.config import read_table
from kcity_geo.cube import bin_points, cell_centres, cell_size, study_grid
from kcity_geo.errors import OutputError
from kcity_geo.outputs.backdrop import encode, make_backdrop
from kcity_geo.outputs.colours import rgb
from kcity_geo.outputs.headline import first_sector
from kcity_geo.outputs.hover import hover_data
from kcity_geo.outputs.maps import build_map, script_json
from kcity_geo.outputs.overlay import fit_lookup, mercator_picture, png_uri
from kcity_geo.outputs.pages import seal
from kcity_geo.outputs.stripes import painted, rgba_table
from kcity_geo.outputs.themes import EMPTY, make_themes
from kcity_geo.result import LEVELS

_R = 6378137.0

PLACES = {
    "utm at 45 N": shapely.box(9.0, 45.0, 9.3, 45.2),
    "two zones, 60 N": shapely.box(5.8, 60.0, 6.3, 60.25),
    "southern": shapely.box(27.4, -29.5, 27.7, -29.2),
    "equator, 100 km": shapely.box(101.0, -0.4, 101.9, 0.5),
}


def _mercator(lon: float, lat: float) -> tuple[float, float]:
    return _R * np.radians(lon), _R * np.log(np.tan(np.pi / 4 + np.radians(lat) / 2))


@pytest.fixture(scope="module", params=list(PLACES))
def grid(request):
    return study_grid(make_city("x", PLACES[request.param]), cell_m=250)


def test_corners_of_cells_are_within_a_pixel(grid) -> None:
    """traps.md row 17: a raster that is not warped to EPSG:3857 lands beside its place."""
    picture = mercator_picture(grid)
    (south, west), (north, east) = picture.bounds
    left, top = _mercator(west, north)
    right, bottom = _mercator(east, south)
    height, width = picture.cell.shape
    pixel = (right - left) / width
    assert (top - bottom) / height == pytest.approx(pixel, rel=1e-6)  # square pixels
    rows, columns = grid.shape
    to_degrees = Transformer.from_crs(grid.crs, 4326, always_xy=True)
    centre_x, centre_y = cell_centres(grid)
    for row, column in [(0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)]:
        cell = row * columns + column
        mx, my = _mercator(*to_degrees.transform(centre_x[cell], centre_y[cell]))
        where = np.argwhere(picture.cell == cell)
        assert len(where), "every corner cell is in the picture"
        y, x = where.mean(axis=0)
        assert abs(left + (x + 0.5) * pixel - mx) < pixel
        assert abs(top - (y + 0.5) * pixel - my) < pixel


def test_every_pixel_belongs_to_the_cell_that_holds_its_centre(grid) -> None:
    """Places between knots of a row are put between them; projected one by one they lie in the same cells."""
    picture = mercator_picture(grid)
    (south, west), (north, east) = picture.bounds
    height, width = picture.cell.shape
    px, top = _mercator(west + (east - west) * (np.arange(width) + 0.5) / width, north)
    py = top - (np.arange(height) + 0.5) * picture.pixel_m
    back = Transformer.from_crs(3857, grid.crs, always_xy=True)
    x, y = back.transform(*np.meshgrid(px, py))
    exact = bin_points(x.ravel(), y.ravel(), grid=grid).reshape(picture.cell.shape)
    assert (exact != picture.cell).mean() < 1e-5


def test_a_picture_in_degrees_would_be_misplaced() -> None:
    """The test above can fail: equal steps of latitude are off by more than a pixel at 60 N."""
    tall = make_city("x", shapely.box(5.5, 59.5, 6.3, 60.5))
    picture = mercator_picture(study_grid(tall, cell_m=250))
    (south, _), (north, _) = picture.bounds
    height = picture.cell.shape[0]
    middle_lat = (south + north) / 2
    _, y_mid = _mercator(0, middle_lat)
    _, y_top = _mercator(0, north)
    assert abs((y_top - y_mid) / picture.pixel_m - height / 2) > 1


def test_the_overlay_ends_at_the_boundary(grid) -> None:
    """Whole cells hung over the line; now a pixel is drawn when its centre lies inside."""
    left, bottom, right, top = tuple(grid.boundingbox)
    middle = shapely.Point((left + right) / 2, (bottom + top) / 2)
    ring = middle.buffer(0.4 * min(right - left, top - bottom), quad_segs=3)
    hole = middle.buffer(0.1 * min(right - left, top - bottom))
    outline = ring.difference(hole)
    whole, cut = mercator_picture(grid), mercator_picture(grid, outline=outline)
    assert cut.bounds == whole.bounds
    (south, west), (north, east) = cut.bounds
    west_m, north_m = _mercator(west, north)
    height, width = cut.cell.shape
    mx = west_m + (np.arange(width) + 0.5) * cut.pixel_m
    my = north_m - (np.arange(height) + 0.5) * cut.pixel_m
    back = Transformer.from_crs(3857, grid.crs, always_xy=True)
    x, y = back.transform(*np.meshgrid(mx, my))
    inside = shapely.contains_xy(outline, x, y)
    np.testing.assert_array_equal(cut.cell[inside], whole.cell[inside])
    wrong = (cut.cell >= 0) != inside
    metres = shapely.distance(shapely.boundary(outline), shapely.points(x[wrong], y[wrong]))
    assert metres.max(initial=0) < 0.1 * cut.pixel_m
    # the corners of the outline are corners of the drawing, to a pixel
    corners = shapely.get_coordinates(shapely.Polygon(outline.exterior))
    there = np.argwhere(cut.cell >= 0)
    to_mercator = Transformer.from_crs(grid.crs, 3857, always_xy=True)
    for cx, cy in zip(*to_mercator.transform(*corners.T), strict=True):
        column, row = (cx - west_m) / cut.pixel_m - 0.5, (north_m - cy) / cut.pixel_m - 0.5
        assert np.hypot(there[:, 0] - row, there[:, 1] - column).min() < 1.5


def test_the_pointer_finds_its_cell(grid) -> None:
    lookup = fit_lookup(grid)
    assert lookup.error_cells < 0.02
    rows, columns = grid.shape
    x, y = cell_centres(grid)
    lon, lat = Transformer.from_crs(grid.crs, 4326, always_xy=True).transform(x, y)
    mx, my = _mercator(np.asarray(lon), np.asarray(lat))
    u = (mx - lookup.centre[0]) / lookup.half[0]
    v = (my - lookup.centre[1]) / lookup.half[1]
    column = sum(c * u**i * v**j for c, (i, j) in zip(lookup.column, lookup.powers, strict=True))
    row = sum(c * u**i * v**j for c, (i, j) in zip(lookup.row, lookup.powers, strict=True))
    found = np.floor(row).astype(int) * columns + np.floor(column).astype(int)
    np.testing.assert_array_equal(found, np.arange(rows * columns))


def _decode(text: str) -> list[list[tuple[float, float]]]:
    """The decoder of drawing.js, written again."""
    raw, at = base64.b64decode(text), 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def signed() -> int:
        value = number()
        return -(value + 1) // 2 if value % 2 else value // 2

    sizes = [number() for _ in range(number())]
    lat = lon = 0
    lines = []
    for size in sizes:
        line = []
        for _ in range(size):
            lat, lon = lat + signed(), lon + signed()
            line.append((lon / 1e5, lat / 1e5))
        lines.append(line)
    assert at == len(raw)
    return lines


def test_lines_survive_the_packing() -> None:
    same = Transformer.from_crs(4326, 4326, always_xy=True)
    lines = [
        shapely.LineString([(-179.99999, -85.0), (179.99999, 85.0), (0, 0)]),
        shapely.LineString([(127.00001, 37.5), (127.00002, 37.5)]),
    ]
    decoded = _decode(encode(np.array(lines, dtype=object), same))
    for line, back in zip(lines, decoded, strict=True):
        np.testing.assert_allclose(line.coords, back, atol=1e-9)
    square = shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2))
    assert [len(r) for r in _decode(encode(np.array([square], dtype=object), same))] == [5, 5]


def test_backdrop_keeps_to_its_budget_and_drops_the_least(result) -> None:
    full = {d.key: d.points for d in make_backdrop(result)}
    assert {"motorways", "main", "local", "rivers", "lakes"} - set(full) == {"motorways"}
    few = {
        d.key
        for d in make_backdrop(result, max_points=full["lakes"] + full["rivers"] + full["main"])
    }
    assert "main" in few
    assert "local" not in few


def test_backdrop_of_a_city_without_any_layer(build) -> None:
    bare = build()
    data = dataclasses.replace(bare.data, layers={})
    assert make_backdrop(dataclasses.replace(bare, data=data)) == []
    assert "kc-data" in build_map(dataclasses.replace(bare, data=data))


def test_themes_tell_missing_from_zero(result) -> None:
    themes = {t.key: t for t in make_themes(result)}
    water = themes["water_gap"]
    inside = result.data.inside
    assert not water.assessed
    assert "not assessed" in water.title
    transport = themes["transport_gap"]
    lived = inside & (result.data.array("population") >= 1)  # elsewhere nobody feels a gap
    assert (water.codes[lived] == 5).all()
    assert water.hatched[lived].all()
    gap = result.gaps.cells["transport_gap"].to_numpy()
    for low, high, code in [
        (0, 0.2, 0),
        (0.2, 0.4, 1),
        (0.4, 0.6, 2),
        (0.6, 0.8, 3),
        (0.8, 1.1, 4),
    ]:
        chosen = lived & (gap >= low) & (gap < high)
        assert chosen.any()
        assert (transport.codes[chosen] == code).all()
    weak = result.gaps.cells["transport_reading"].to_numpy() == READINGS.index("cannot_tell")
    np.testing.assert_array_equal(transport.hatched, lived & weak)
    assert (themes["suitability"].codes[~inside] == EMPTY).all()


def _theme(study, key):
    return next(t for t in make_themes(study) if t.key == key)


def test_land_without_residents_is_not_painted_by_a_gap(result) -> None:
    """Most of a map was dark for a gap that nobody feels: forest, farmland and harbours."""
    inside, people = result.data.inside, result.data.array("population")
    nobody = inside & (people < 1)
    assert nobody.any()
    for key in ("composite_reading", "transport_gap", "transport_reading"):
        theme = _theme(result, key)
        words = {theme.colours[c] for c in np.unique(theme.codes[nobody])}
        assert words <= {
            read_table("display")["residents"]["nobody"],
            read_table("display")["residents"]["water"],
        }
        assert not theme.hatched[nobody].any()
        assert (theme.codes[inside & ~nobody] < len(theme.colours) - 2).all()
        assert "Nobody lives here" in [w for _, _, w in theme.legend]
    assert "Nobody lives here" not in str(_theme(result, "suitability").legend)
    # the word and the numbers stay under the pointer and in the files
    fields = [(f["title"], f["kind"]) for f in hover_data(result)["fields"]]
    field = fields.index(("Transport", "gap"))
    raw = np.frombuffer(zlib.decompress(base64.b64decode(hover_data(result)["bytes"][field])), "u1")
    assert (raw.reshape(inside.shape)[nobody] < 255).all()


def test_open_water_is_told_from_land_where_nobody_lives(build) -> None:
    study = build()
    data = study.data
    left, bottom, right, top = tuple(data.grid.boundingbox)
    lake = shapely.box(left, bottom, left + 1000, top)
    marsh = shapely.box(right - 800, bottom, right, top)
    water = data.layers["water_body"].iloc[[0, 0]].copy()
    water["natural"] = ["water", "wetland"]
    water = water.set_geometry(gpd.GeoSeries([lake, marsh], index=water.index, crs=water.crs))
    study = dataclasses.replace(
        study, data=dataclasses.replace(data, layers={**data.layers, "water_body": water})
    )
    people, codes = data.array("population"), habitation(study.data)
    x = np.tile(data.cube["x"].to_numpy(), (data.grid.shape[0], 1))
    wet = data.inside & (x < left + 1000)
    assert set(np.unique(codes[wet & (people < 1)])) == {OPEN_WATER}
    assert (codes[data.inside & (people >= 1)] == 0).all(), "whoever lives on a boat lives there"
    assert OPEN_WATER not in codes[x > right - 700], "a marsh is land"
    assert "Open water, nobody lives there" in [
        w for _, _, w in _theme(study, "transport_reading").legend
    ]


def test_without_people_known_every_cell_keeps_its_gap(build) -> None:
    study = build()
    cube = study.data.cube.drop_vars("population")
    cells = study.gaps.cells.drop_vars("population")
    for sector in LEVELS:
        told = reading_codes(*(cells[f"{sector}_{k}"] for k in ("p_short", "gap", "evidence")))
        cells[f"{sector}_reading"] = cells[f"{sector}_reading"].copy(data=told)
    study = dataclasses.replace(
        study,
        data=dataclasses.replace(study.data, cube=cube),
        gaps=dataclasses.replace(study.gaps, cells=cells),
    )
    assert "Nobody lives here" not in str(_theme(study, "transport_gap").legend)
    assert (habitation(study.data) == 0).all()


def test_png_holds_the_colours(result) -> None:
    theme = _theme(result, "transport_gap")
    uri = png_uri(painted(theme, theme.codes, theme.hatched), rgba_table(theme, alpha=200))
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA")
    pixels = np.asarray(image)
    assert pixels.shape[:2] == theme.codes.shape
    assert (pixels[theme.codes == EMPTY][:, 3] == 0).all()
    plain = (theme.codes == 0) & ~theme.hatched
    assert {tuple(p) for p in pixels[plain]} == {(255, 243, 176, 200)}


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (40, 3), (33, 65)])
def test_png_gives_back_each_code(shape) -> None:
    codes = np.random.default_rng(1).integers(0, 200, shape, dtype=np.uint8)
    uri = png_uri(codes, [(code, 255 - code, 7, code + 50) for code in range(200)])
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert (np.asarray(image) == codes).all()
    expected = np.stack([codes, 255 - codes, np.full(shape, 7), codes + 50], axis=-1)
    assert (np.asarray(image.convert("RGBA")) == expected).all()


@pytest.fixture(scope="module")
def page(result) -> str:
    return build_map(result)


def test_the_page_loads_nothing(page) -> None:
    assert "Content-Security-Policy" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?(?!data:)", page)
    assert (
        "cdn." not in page
    )  # without the point, three letters that packed fonts may hold by chance
    assert not re.search(r"_[0-9a-f]{32}\b", page), "no random id of folium is left"


def test_the_page_says_what_it_must(page, result) -> None:
    for words in (
        "Synthetic city",
        "not for procurement or land acquisition",
        "OpenStreetMap contributors",
        "Site 1",
        "Not assessed",
        "no water point is mapped; a table of taps would help",
    ):
        assert words in page
    data = json.loads(re.search(r'id="kc-data">(.*?)</script>', page, re.DOTALL)[1])
    shown = [t["key"] for t in data["themes"]]
    assert len(set(shown)) == len(shown)
    assert set(shown) == {t.key for t in make_themes(result)} | {"T1", "none"}
    assert shown[0] == f"{first_sector(result.gaps)}_reading"
    assert len(data["tasks"]) == len(result.gaps.survey_tasks)
    assert data["hover"]["rows"], data["hover"]["columns"] == result.data.grid.shape


def test_a_name_is_never_run_by_jinja(build, monkeypatch) -> None:
    import os

    monkeypatch.delenv("KCITY_CANARY", raising=False)
    code = "cycler.__init__.__globals__.os.environ.setdefault('KCITY_CANARY', 'sang')"
    hostile = build(name="{{ " + code + " }}{# {%", cell_m=400.0)
    html = build_map(hostile)
    assert "KCITY_CANARY" not in os.environ
    assert "cycler.__init__" in html


def test_a_real_city_is_not_called_synthetic(build) -> None:
    assert "Synthetic" not in build_map(build(synthetic=False))


def test_size_stays_small_for_many_cells(build) -> None:
    """A hundred thousand cells; a GeoJSON of them would be 37 MB (traps.md row 18)."""
    big = build(cell_m=12.0)
    assert np.prod(big.data.grid.shape) > 100_000
    assert cell_size(big.data.grid) == 12.0
    assert len(build_map(big)) < 3_000_000


@pytest.mark.parametrize(
    "bad",
    [
        '<script src="https://cdn.example/x.js"></script>',
        "<script src=x.js></script>",
        '<link rel="stylesheet" href="x.css">',
        "<img src='x' onerror='alert(1)'>",
        "<p onclick='x()'>",
        "<style>@import 'x.css'</style>",
        "<iframe src='//evil'></iframe>",
    ],
)
def test_a_page_that_would_load_something_is_refused(bad) -> None:
    with pytest.raises(OutputError, match="load"):
        seal(f"<html><head><!--policy--></head><body>{bad}</body></html>")


def _with_rules(build, *names: str):
    """A study whose constraints are `names`, each on the left fifth and overlapping the next."""
    study = build(synthetic=False)
    rows, columns = study.data.grid.shape
    column = np.tile(np.arange(columns), (rows, 1))
    constraints = tuple(
        dataclasses.replace(
            study.score.constraints[0],
            id=name,
            title=name,
            excluded=(column >= i * columns // 6) & (column < (i + 2) * columns // 6),
        )
        for i, name in enumerate(names)
    )
    feasible = study.data.inside & ~np.any([c.excluded for c in constraints], axis=0)
    score = dataclasses.replace(study.score, constraints=constraints, feasible=feasible)
    return dataclasses.replace(study, score=score)


def _excluded(study):
    return next(t for t in make_themes(study) if t.key == "excluded")


def test_a_constraint_has_the_same_colour_in_every_city(build) -> None:
    one = _excluded(_with_rules(build, "slope_pct_max", "built_max", "water_body"))
    other = _excluded(_with_rules(build, "water_body", "built_max"))
    colours = read_table("display")["excluded"]
    for theme in (one, other):
        for colour, _, words in theme.legend[1:]:
            assert colour == colours[words.partition(":")[0]]
    made_up = _excluded(_with_rules(build, "a rule of the study"))
    assert made_up.legend[1][0] == colours["other"]
    assert set(_RULES) <= set(colours), "a new constraint needs a colour in tables/display.toml"


def test_shares_of_excluded_land_are_of_what_is_drawn(build) -> None:
    """Constraints overlap: counted one by one they added up to far more than the whole city."""
    study = _with_rules(build, "slope_pct_max", "built_max", "water_body")
    theme = _excluded(study)
    inside = study.data.inside
    overlapping = sum(int((c.excluded & inside).sum()) for c in study.score.constraints)
    assert overlapping > (~study.score.feasible & inside).sum()
    for code, (_, _, words) in enumerate(theme.legend):
        share = round(100 * (theme.codes == code).sum() / inside.sum())
        assert words.endswith(f": {share} %")
    assert (theme.codes[inside] != EMPTY).all()


_MACHADO = {  # Machado, Oliveira and Fernandes (2009), severity 1
    "full": np.eye(3),
    "deutan": np.array([[.367322, .860646, -.227968], [.280085, .672501, .047413], [-.011820, .042940, .968881]]),
    "protan": np.array([[.152286, 1.052583, -.204868], [.114503, .786281, .099216], [-.003882, -.048116, 1.051998]]),
}  # fmt: skip


def _lab(colour: str, sight: np.ndarray) -> np.ndarray:
    srgb = np.array(rgb(colour)) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(sight @ linear, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_colours_of_excluded_land_are_told_apart_by_colour_blind_readers() -> None:
    colours = read_table("display")["excluded"]
    for (a, first), (b, second) in combinations(colours.items(), 2):
        for sight, matrix in _MACHADO.items():
            apart = np.linalg.norm(_lab(first, matrix) - _lab(second, matrix))
            assert apart > 12, (a, b, sight, apart)


@pytest.mark.parametrize(
    "name",
    ["A </script><script>x()</script>", "<!--<script>", "]]> & <b>", "A\u2028Z", "</SCRIPT >"],
)
def test_no_name_ends_or_opens_a_tag_inside_the_script_of_the_map(build, name) -> None:
    text = script_json({name: [name]})
    assert not set("<>&\u2028") & set(text), "inside a script tag a browser reads these as HTML"
    assert json.loads(text) == {name: [name]}
    page = build_map(build(name=name))
    data = re.search(r'id="kc-data">(.*?)</script>', page, re.DOTALL)[1]
    assert not set("<>&") & set(data)
    json.loads(data)


def _hover(study, title: str) -> tuple[dict, np.ndarray]:
    found = hover_data(study)
    number = [f["title"] for f in found["fields"]].index(title)
    raw = zlib.decompress(base64.b64decode(found["bytes"][number]))
    shape = study.data.inside.shape
    kind = "<u2" if len(raw) == 2 * np.prod(shape) else "u1"
    return found["fields"][number], np.frombuffer(raw, kind).reshape(shape)


def test_the_pointer_names_an_exclusion_where_a_cell_is_excluded_and_nowhere_else(build) -> None:
    study = build()
    field, codes = _hover(study, "Excluded")
    free = study.data.inside & study.score.feasible
    steep = study.data.inside & study.score.constraints[0].excluded
    assert free.any()
    assert steep.any()
    assert (codes[free] == 255).all(), "a free cell has no exclusion"
    assert {field["words"][i] for i in codes[steep]} == {study.score.constraints[0].title}
    assert (codes[~study.data.inside] == 255).all()


def test_the_numbers_under_the_pointer_are_those_of_the_cells(build) -> None:
    study = build()
    true = study.data.array("population").copy()
    true[5, 5:9] = np.nan
    layer = study.data.cube["population"].copy(data=true)
    cube = study.data.cube.assign(population=layer)
    study = dataclasses.replace(study, data=dataclasses.replace(study.data, cube=cube))
    field, people = _hover(study, "People")
    known = study.data.inside & np.isfinite(true)
    np.testing.assert_allclose(people[known] * field["scale"], true[known], atol=field["scale"])
    assert (people[5, 5:9] == 65_535).all(), "not known is not nobody"
    known = study.data.inside
    _, score = _hover(study, "Suitability")
    told = np.isfinite(study.score.score) & known
    np.testing.assert_allclose(score[told] / 250, study.score.score[told], atol=0.0021)
    assert (score[~told] == 255).all()
