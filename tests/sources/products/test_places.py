"""Names to places: the gazetteer alone, Nominatim in its own format, districts of geoBoundaries."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from kcity_geo.errors import CityNotFoundError, KCityWarning, SourceError
from kcity_geo.licensing import recognise_licence
from kcity_geo.sources.products.admin_areas import fetch_districts
from kcity_geo.sources.products.catalogue import load_catalogue
from kcity_geo.sources.products.gazetteer import search_gazetteer
from kcity_geo.sources.products.places import circle, default_radius_km, look_up, place_of_boundary
from kcity_geo.sources.web.download import Fetcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Server

    from kcity_geo.config import Config
    from kcity_geo.sources.products.catalogue import Catalogue

RING = [[7.409, 43.724], [7.439, 43.724], [7.439, 43.752], [7.409, 43.752], [7.409, 43.724]]


def nominatim(name: str = "Monaco", **changes: Any) -> dict[str, Any]:
    """One row as Nominatim writes it: numbers as text, box as south, north, west, east."""
    row = {
        "place_id": 100,
        "licence": "Data © OpenStreetMap contributors, ODbL 1.0. http://osm.org/copyright",
        "osm_type": "relation",
        "osm_id": 1124039,
        "lat": "43.7323492",
        "lon": "7.4276832",
        "class": "boundary",
        "type": "administrative",
        "place_rank": 4,
        "importance": 0.78,
        "addresstype": "country",
        "name": name,
        "display_name": f"{name}, Monaco",
        "boundingbox": ["43.724", "43.752", "7.409", "7.439"],
        "geojson": {"type": "Polygon", "coordinates": [RING]},
    }
    return row | changes


def put_answer(server: Server, query: str, rows: list[dict[str, Any]]) -> None:
    server.put(f"nominatim.openstreetmap.org/search-{query}.json", json.dumps(rows))


@pytest.fixture
def offline(config: Config) -> Config:
    return replace(config, offline=True)


# -- gazetteer ---------------------------------------------------------------------------------


def test_offline_gives_point_radius_and_population(offline: Config) -> None:
    place = look_up("Kota Kinabalu, Malaysia", config=offline)
    assert (place.country, place.iso3, place.source) == ("MY", "MYS", "gazetteer")
    assert place.lat == pytest.approx(5.97, abs=0.02)
    assert place.lon == pytest.approx(116.07, abs=0.02)
    assert place.population is not None
    assert 400_000 < place.population < 700_000
    # by hand: 1.5 * sqrt(P / (pi * 4000)) km
    expected = 1.5 * math.sqrt(place.population / (math.pi * 4000))
    assert place.radius_km == pytest.approx(expected)
    assert place.boundary.contains(shapely.Point(place.lon, place.lat))


def test_a_name_that_many_bear_stops_with_the_list(offline: Config) -> None:
    with pytest.raises(CityNotFoundError) as caught:
        look_up("Springfield", config=offline)
    text = str(caught.value)
    assert '"Springfield, MO, United States"' in text
    assert '"Springfield, IL, United States"' in text
    assert "people" in text
    found = look_up("Springfield, MO, United States", config=offline)
    assert found.lon == pytest.approx(-93.3, abs=0.1)


@pytest.mark.parametrize(
    ("query", "country"),
    [
        ("Monaco", "MC"),
        ("monaco, monaco", "MC"),
        ("Wien, Austria", "AT"),
        ("Kraków, Poland", "PL"),
        ("krakow, PL", "PL"),
        ("Maseru, LSO", "LS"),
        ("Busan, South Korea", "KR"),
        ("Springfield, Missouri", "US"),
        ("София, Bulgaria", "BG"),
        ("東京, Japan", "JP"),
        ("Hanoi, Viet Nam", "VN"),
        ("Vientiane, Lao PDR", "LA"),
        ("Seoul, Republic of Korea", "KR"),
        ("Kinshasa, DR Congo", "CD"),
        ("Rotterdam, Netherlands", "NL"),
        ("Abidjan, Côte d'Ivoire", "CI"),
        ("Kota Kinabalu, Sabah, Malaysia", "MY"),
    ],
)
def test_spellings(query: str, country: str, offline: Config) -> None:
    assert look_up(query, config=offline).country == country


@pytest.mark.parametrize(
    "query", ["", "   ", "?!", "x" * 400, "Kota Kinabaluuu", "Paris, Atlantis"]
)
def test_names_of_nothing(query: str, offline: Config) -> None:
    with pytest.raises(CityNotFoundError):
        look_up(query, config=offline)


def test_near_miss_gets_a_hint(offline: Config) -> None:
    with pytest.raises(CityNotFoundError, match="did you mean 'Kota Kinabalu, 16, Malaysia'"):
        look_up("Kota Kinabaluu", config=offline)


def test_unknown_country_is_blamed_and_not_the_city(offline: Config) -> None:
    with pytest.raises(
        CityNotFoundError, match="'Malaisia' is no country.*did you mean 'Malaysia'"
    ):
        look_up("Kota Kinabalu, Malaisia", config=offline)
    with pytest.raises(CityNotFoundError, match="'Atlantis' is no country.*ISO code"):
        look_up("Paris, Atlantis", config=offline)


def test_a_region_that_is_known_is_believed(offline: Config) -> None:
    with pytest.raises(CityNotFoundError, match="no city above"):
        look_up("Miami, Texas, United States", config=offline)
    with pytest.raises(CityNotFoundError, match="4 cities bear this name"):
        look_up("Santa Cruz, Laguna, Philippines", config=offline)


def test_other_names_of_countries_are_ofcountries() -> None:
    from kcity_geo.config import read_table
    from kcity_geo.sources.products.gazetteer import countries

    assert set(read_table("countries")["other_name"].values()) <= set(countries())


@given(st.text(max_size=60))
def test_any_text_is_found_or_refused(text: str) -> None:
    for row in search_gazetteer(text):
        assert {"name", "label", "country", "lon", "lat", "population"} <= row.keys()


@given(lon=st.floats(-179, 179), lat=st.floats(-80, 80), radius=st.floats(1, 30))
def test_circle_is_round_on_the_ground(lon: float, lat: float, radius: float) -> None:
    ring = circle(lon, lat, radius)
    geod = Geod(ellps="WGS84")
    far = [geod.inv(lon, lat, x, y)[2] / 1000 for x, y in ring.exterior.coords]
    assert max(abs(d - radius) for d in far) < 0.001 * radius + 0.001


def test_radius_limits() -> None:
    rules = load_catalogue().study_area
    assert default_radius_km(0, rules) == rules["min_radius_km"]
    assert default_radius_km(40_000_000, rules) == rules["max_radius_km"]


# -- Nominatim -----------------------------------------------------------------------------------


def test_online_gives_the_outline_once_a_second_and_cached(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    put_answer(calm, "monaco-monaco", [nominatim()])
    catalogue = local_catalogue()
    place = look_up("Monaco, Monaco", config=config, catalogue=catalogue)
    assert place.source == "nominatim"
    assert place.boundary.equals(shapely.Polygon(RING))
    assert (place.country, place.iso3) == ("MC", "MCO")
    assert place.population == 32_965
    asked = calm.log("/search")
    assert len(asked) == 1
    assert "tests@example.org" in asked[0]["headers"]["user-agent"]
    assert look_up("Monaco, Monaco", config=config, catalogue=catalogue) == place
    kept = look_up("Monaco, Monaco", config=replace(config, offline=True), catalogue=catalogue)
    assert kept == place, "a place found once is known offline"
    assert len(calm.log("/search")) == 1


def test_two_names_two_requests_a_second_apart(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    put_answer(calm, "monaco-monaco", [nominatim()])
    put_answer(calm, "larvotto-monaco", [nominatim("Larvotto")])
    catalogue = local_catalogue()
    host = calm.base.removeprefix("http://")
    slow = catalogue.model_copy(update={"pause_s": {host: 1.0}})
    for name in ("Monaco, Monaco", "Larvotto, Monaco"):
        look_up(name, config=config, catalogue=slow)
    first, second = (r["time"] for r in calm.log("/search"))
    assert second - first >= 0.98, "the stamp of a file is coarser than a clock"


def test_first_polygon_of_several_answers(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    point = nominatim(importance=0.99, geojson={"type": "Point", "coordinates": [7.4, 43.7]})
    put_answer(calm, "monaco-monaco", [point, nominatim()])
    place = look_up("Monaco, Monaco", config=config, catalogue=local_catalogue())
    assert place.boundary.geom_type == "Polygon"


def test_known_but_without_outline_is_a_circle_with_a_warning(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    point = nominatim(geojson={"type": "Point", "coordinates": [7.4, 43.7]})
    put_answer(calm, "monaco-monaco", [point])
    with pytest.warns(KCityWarning, match="no outline.*circle of 3.0 km"):
        place = look_up("Monaco, Monaco", config=config, catalogue=local_catalogue())
    assert place.source == "gazetteer"


def test_unknown_to_nominatim(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    calm.put("nominatim.openstreetmap.org/search-nothing.json", "[]")
    with pytest.raises(CityNotFoundError, match="no place by that name"):
        look_up("Xyzzy, Malaysia", config=config, catalogue=local_catalogue())


def test_ambiguous_name_stops_before_anybody_is_asked(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    with pytest.raises(CityNotFoundError, match="8 cities|cities bear this name"):
        look_up("Springfield", config=config, catalogue=local_catalogue())
    assert calm.log("/search") == []


def test_a_country_does_not_make_a_name_clear(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    put_answer(calm, "springfield-united-states", [nominatim("Springfield")])
    with pytest.raises(CityNotFoundError, match=r"8 cities bear this name.*Springfield, MO"):
        look_up("Springfield, United States", config=config, catalogue=local_catalogue())
    assert calm.log("/search") == []


def town(at: float, **changes: Any) -> dict[str, Any]:
    """A place called Foo Town at a longitude."""
    ring = [[x + at - 7.42, y] for x, y in RING]
    about = {
        "display_name": f"Foo Town, Department {at:.0f}, France",
        "lon": str(at),
        "importance": 0.4,
        "addresstype": "town",
        "geojson": {"type": "Polygon", "coordinates": [ring]},
    }
    return nominatim("Foo Town") | about | changes


def test_a_region_makes_a_name_clear_online(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    """The gazetteer has four of the name and no region of that name; Nominatim has one."""
    box = json.loads(shapely.to_geojson(shapely.box(121.38, 14.25, 121.44, 14.30)))
    row = nominatim("Santa Cruz", lon="121.41", lat="14.28", geojson=box)
    put_answer(calm, "santa-cruz-laguna-philippines", [row])
    place = look_up("Santa Cruz, Laguna, Philippines", config=config, catalogue=local_catalogue())
    assert place.source == "nominatim"


def test_several_places_of_one_name_far_apart_stop(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    point = {"type": "Point", "coordinates": [9.42, 43.73]}
    rows = [town(7.42), town(8.42, importance=0.35), town(9.42, geojson=point)]
    put_answer(calm, "foo-town-france", [*rows, town(10.42, **{"class": "shop"})])
    catalogue = local_catalogue()
    for _ in range(2):
        with pytest.raises(CityNotFoundError) as caught:
            look_up("Foo Town, France", config=config, catalogue=catalogue)
        text = str(caught.value)
        assert "3 places bear this name; say which" in text
        assert '"Foo Town, Department 8, France" (43.73, 8.42)' in text
        assert "Department 10" not in text, "a shop is no place"
    put_answer(calm, "foo-town-department-8-france", [rows[1]])
    found = look_up("Foo Town, Department 8, France", config=config, catalogue=catalogue)
    assert found.lon == pytest.approx(8.42)


STATE = shapely.box(5, 40, 14, 46)


@pytest.mark.parametrize(
    "others",
    [
        [{"lon": "9.42", "importance": 0.15}],
        [{"lon": "7.43", "importance": 0.4, "addresstype": "suburb"}],
        [{"lon": "7.60", "importance": 0.4}],
        [{"lon": "9.42", "importance": 0.4, "name": "New Foo Town"}],
        [{"lon": "9.42", "importance": 0.4, "geojson": json.loads(shapely.to_geojson(STATE))}],
    ],
    ids=["far less important", "a part of it", "next to it", "another name", "its state"],
)
def test_a_clear_winner_does_not_stop(
    others: list[dict[str, Any]],
    calm: Server,
    config: Config,
    local_catalogue: Callable[..., Catalogue],
) -> None:
    rows = [town(7.42), *(town(float(o["lon"]), **o) for o in others)]
    put_answer(calm, "foo-town-france", rows)
    place = look_up("Foo Town, France", config=config, catalogue=local_catalogue())
    assert place.boundary.equals_exact(shapely.Polygon(RING), tolerance=1e-9)


def test_entries_of_one_city_side_by_side_are_one_city(
    calm: Server,
    config: Config,
    local_catalogue: Callable[..., Catalogue],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import kcity_geo.sources.products.places as module

    rows = module.search_gazetteer("Monaco, Monaco")
    beside = {**rows[0], "lon": rows[0]["lon"] + 0.02, "population": 20_000}
    monkeypatch.setattr(module, "search_gazetteer", lambda *_, **__: [*rows, beside])
    put_answer(calm, "monaco-monaco", [nominatim()])
    assert (
        look_up("Monaco, Monaco", config=config, catalogue=local_catalogue()).source == "nominatim"
    )


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ({"fault": "status", "status": 429}, "429"),
        ({"fault": "status", "status": 504}, "504"),
        ({"fault": "html"}, "web page"),
        ({"fault": "cut"}, "bytes|broke"),
    ],
    ids=["429", "504", "html", "cut"],
)
def test_nominatim_out_of_order(
    fault: dict[str, Any],
    match: str,
    calm: Server,
    config: Config,
    local_catalogue: Callable[..., Catalogue],
) -> None:
    put_answer(calm, "monaco-monaco", [nominatim()])
    calm.fault("/search", times=999, **fault)
    started = time.monotonic()
    with pytest.raises(SourceError, match=match):
        look_up("Monaco, Monaco", config=replace(config, attempts=2), catalogue=local_catalogue())
    assert time.monotonic() - started < 20
    assert len(calm.log("/search")) == 2
    calm.reset()
    assert (
        look_up("Monaco, Monaco", config=config, catalogue=local_catalogue()).source == "nominatim"
    )


NONSENSE: dict[str, Any] = {
    "a table": {"a": 1},
    "a number": 5,
    "texts": ["x"],
    "no lat": [{k: v for k, v in nominatim().items() if k != "lat"}],
    "no importance": [{k: v for k, v in nominatim().items() if k != "importance"}],
    "no box": [{k: v for k, v in nominatim().items() if k != "boundingbox"}],
    "no names": [
        {k: v for k, v in nominatim().items() if k not in {"name", "display_name"}},
    ],
    "empty outline": [nominatim(geojson={"type": "Polygon", "coordinates": []})],
    "no number": [nominatim(lat="north")],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_of_nominatim_is_a_typed_error_and_never_kept(
    name: str, calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    calm.put("nominatim.openstreetmap.org/search-monaco-monaco.json", json.dumps(NONSENSE[name]))
    hasty, catalogue = replace(config, attempts=1), local_catalogue()
    with pytest.raises(SourceError, match="Nominatim, Monaco, Monaco: .*JSON that is no answer"):
        look_up("Monaco, Monaco", config=hasty, catalogue=catalogue)
    put_answer(calm, "monaco-monaco", [nominatim()])
    assert look_up("Monaco, Monaco", config=hasty, catalogue=catalogue).source == "nominatim"


def test_place_of_a_drawn_boundary() -> None:
    place = place_of_boundary("Monaco", shapely.Polygon(RING))
    assert (place.country, place.population, place.source) == ("MC", 32_965, "file")
    nowhere = place_of_boundary("Hanbit", shapely.box(-40, 45, -39.9, 45.1))
    assert nowhere.country == ""
    assert nowhere.population is None


# -- districts -----------------------------------------------------------------------------------

GB = "www.geoboundaries.org/api/current/gbOpen/MCO"


def put_level(
    server: Server, level: str, boxes: dict[str, tuple[float, float, float, float]], licence: str
) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"shapeName": name, "shapeID": f"{name}-1", "shapeISO": ""},
            "geometry": json.loads(shapely.to_geojson(shapely.box(*box))),
        }
        for name, box in boxes.items()
    ]
    url = server.put(
        f"github.com/gb/{level}.geojson",
        json.dumps({"type": "FeatureCollection", "features": features}),
    )
    server.put(
        f"{GB}/{level}/index",
        json.dumps(
            {
                "boundaryID": f"MCO-{level}-1",
                "boundaryISO": "MCO",
                "boundaryType": level,
                "gjDownloadURL": url,
                "boundaryLicense": licence,
                "boundarySource": "OpenStreetMap, Wambacher",
                "boundaryYearRepresented": "2021",
            }
        ),
    )


def test_finest_level_that_divides_the_city(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    area = shapely.Polygon(RING)
    put_level(calm, "ADM1", {"all": (7.3, 43.6, 7.6, 43.9)}, "CC BY 4.0")
    put_level(
        calm,
        "ADM2",
        {"west": (7.3, 43.6, 7.42, 43.9), "east": (7.42, 43.6, 7.6, 43.9), "far": (8, 44, 9, 45)},
        "Open Data Commons Open Database License 1.0",
    )
    product = local_catalogue().product("geoboundaries")
    found = fetch_districts(product, iso3="MCO", area=area, fetcher=Fetcher(config))
    assert found is not None
    assert found.level == "ADM2"
    assert found.licence == "ODbL-1.0"
    assert list(found.frame["name"]) == ["east", "west"]
    assert found.frame.geometry.union_all().equals(area)
    assert "Wambacher" in found.attribution
    assert found.as_of == "2021"
    assert fetch_districts(product, iso3="", area=area, fetcher=Fetcher(config)) is None


def test_country_without_districts(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    product = local_catalogue().product("geoboundaries")
    assert (
        fetch_districts(product, iso3="ATA", area=shapely.Polygon(RING), fetcher=Fetcher(config))
        is None
    )


def test_download_address_of_a_district_file_must_be_plain(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    about = {"gjDownloadURL": "file:///etc/passwd", "boundaryLicense": "CC BY 4.0"}
    calm.put("www.geoboundaries.org/api/current/gbOpen/FRA/ADM3/index", json.dumps(about))
    product = local_catalogue().product("geoboundaries")
    with pytest.raises(SourceError, match="not a plain http"):
        fetch_districts(product, iso3="FRA", area=shapely.Polygon(RING), fetcher=Fetcher(config))


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        ("Creative Commons Attribution 4.0 International (CC BY 4.0)", "CC-BY-4.0"),
        (
            "Creative Commons Attribution 3.0 Intergovernmental Organisations (CC BY 3.0 IGO)",
            "CC-BY-3.0-IGO",
        ),
        ("Open Data Commons Open Database License 1.0", "ODbL-1.0"),
        ("https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0"),
        ("Creative Commons Attribution-NonCommercial 4.0", "CC-BY-NC-4.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-4.0"),
        ("CC-BY-SA 4.0", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("Public Domain", "public-domain"),
        ("https://www.cityofx.gov/terms", "unknown"),
        ("", "unknown"),
    ],
)
def test_licences_by_their_own_words(words: str, licence: str) -> None:
    assert recognise_licence(words) == licence
