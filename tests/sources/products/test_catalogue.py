"""The catalogue: complete rows, a user's file over it, and (by hand) every address alive."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kcity_geo.errors import LicenceError, SourceError, StudyError
from kcity_geo.licensing import Licence
from kcity_geo.sources.products.catalogue import Catalogue, load_catalogue, require_licence
from kcity_geo.studyfile import Sources

if TYPE_CHECKING:
    from kcity_geo.config import Config

CATALOGUE = load_catalogue()
PRODUCTS = list(CATALOGUE.products.values())
WANTED = {
    "overpass",
    "geofabrik",
    "bbbike",
    "nominatim",
    "geoboundaries",
    "copernicus_glo30",
    "worldcover",
    "gsw_occurrence",
    "ghs_pop",
    "ghs_built_s",
    "worldpop",
    "viirs_len",
    "global_solar_atlas",
    "pvgis",
    "mobility_database",
    "overture_buildings",
}


def test_every_product_is_there() -> None:
    assert set(CATALOGUE.products) >= WANTED


def addresses_of(product: Any) -> list[str]:
    """Every address of a row that can be asked for, filled with the row's example."""
    found = [product.index_url, product.probe_url]
    if product.access not in {"overpass", "nominatim"}:
        found.append(product.url.format(**product.example) if product.url else "")
    return [u for u in dict.fromkeys(found) if u]


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.id)
def test_rows_are_complete(product: Any) -> None:
    for key in ("title", "version", "crs", "unit", "attribution", "citation", "homepage", "mark"):
        assert getattr(product, key), key
    assert product.mark in {"V", "M", "K"}
    assert product.licence in CATALOGUE.licences
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", CATALOGUE.checked)
    if product.theme not in {"boundary", "districts", "surface_water", "buildings"}:
        assert product.theme in Sources.model_fields
    assert all(u.startswith("https://") for u in addresses_of(product))


def test_every_product_has_an_entry_in_the_data_guide() -> None:
    text = (Path(__file__).parents[3] / "docs" / "data-guide.md").read_text(encoding="utf-8")
    for product in PRODUCTS:
        section = re.search(
            rf"^### [^\n]*\(`{product.id}`\)[^\n]*\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE
        )
        assert section, product.id
        for words in ("**What it is.**", "**Unit.**", "**Licence.**", "**What it cannot tell.**"):
            assert words in section[1], f"{product.id}: {words}"
        assert product.licence in section[1] or product.licence_of == "layer", product.id


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_users_file_changes_one_key_and_adds_a_product(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [[product]]
        id = "worldcover"
        url = "https://mirror.example/{tile}.tif"
        [[product]]
        id = "own_dem"
        theme = "elevation"
        access = "zip_global"
        title = "Own DEM"
        version = "1"
        url = "https://mirror.example/dem.zip"
        crs = "EPSG:4326"
        unit = "m"
        resampling = "mean"
        licence = "House-1"
        attribution = "us"
        citation = "us"
        homepage = "https://mirror.example"
        [licence."House-1"]
        title = "House licence"
        no_redistribution = true
        checked = true
        [pause_s]
        "mirror.example" = 5.0
        """,
    )
    mine = load_catalogue(path)
    assert (
        mine.product("worldcover").address(tile="N00E006") == "https://mirror.example/N00E006.tif"
    )
    assert mine.product("worldcover").nodata == CATALOGUE.product("worldcover").nodata
    assert mine.product("own_dem").theme == "elevation"
    assert mine.licence("House-1").no_redistribution
    assert mine.pause_s["mirror.example"] == 5.0
    assert mine.pause_s["nominatim.openstreetmap.org"] >= 1.0
    assert load_catalogue().product("worldcover") == CATALOGUE.product("worldcover")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/vsicurl/https://h/x.tif",
        "ftp://h/x",
        "https://user:pw@h/x",
        "s3://bucket/x",
        "https://h/x y.tif",
        "https://h/{__class__}.tif",
        "https://h/{tile.__init__}",
        "//h/x",
        "https:///x",
        "https://h/../../x/../etc",
        "https://h/vsizip/vsicurl/{secret}",
        "https://h/\\x",
    ],
)
def test_addresses_that_no_catalogue_may_hold(url: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"[[product]]\nid = 'worldcover'\nurl = '{url}'\n")
    with pytest.raises(StudyError, match=r"worldcover: url"):
        load_catalogue(path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[[product]]\nid = 'worldcover'\ncolour = 'red'", "worldcover: colour"),
        ("[[product]]\nid = 'new'", "new: theme"),
        ("[[product]]\nurl = 'https://h/x'", "has no id"),
        ("[[product]]\nid = 'worldcover'\nnodata = nan", "worldcover: nodata"),
        ("[extra]\na = 1", "unknown table"),
        ("not toml", "is not TOML"),
    ],
)
def test_broken_files_name_the_key(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=match):
        load_catalogue(write(tmp_path, text))


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        load_catalogue(tmp_path / "none.toml")


def test_unknown_product_names_the_known() -> None:
    with pytest.raises(
        StudyError, match="'dem': not in the catalogue; known are .*copernicus_glo30"
    ):
        CATALOGUE.product("dem")


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ({}, False),
        ({"share_alike": True}, False),
        ({"non_commercial": True}, True),
        ({"non_commercial": True, "checked": True}, True),
    ],
)
def test_licence_rules(rules: dict[str, bool], refused: bool) -> None:
    licence = Licence(id="x", title="X", **rules)
    require_licence(licence, what="x", commercial=False)
    if refused:
        reason = "forbids" if rules.get("checked") else "not known to allow"
        with pytest.raises(LicenceError, match=reason):
            require_licence(licence, what="x", commercial=True)
    else:
        require_licence(licence, what="x", commercial=True)


def test_licence_nobody_has_read_counts_as_unknown() -> None:
    licence = CATALOGUE.licence("Surprise-9")
    assert licence.non_commercial
    assert licence.no_redistribution
    assert not licence.checked
    assert licence.title == "Surprise-9"


def test_catalogue_is_frozen() -> None:
    assert isinstance(CATALOGUE, Catalogue)
    with pytest.raises(ValueError, match="frozen"):
        CATALOGUE.checked = "never"  # type: ignore[misc]


@pytest.mark.network
@pytest.mark.parametrize(
    "url",
    [pytest.param(u, id=f"{p.id}:{i}") for p in PRODUCTS for i, u in enumerate(addresses_of(p))],
)
def test_address_is_alive(url: str, config: Config) -> None:
    """Run by hand: ``pytest -m network tests/sources/test_catalogue.py``."""
    from dataclasses import replace

    from kcity_geo.sources.web.download import Fetcher

    polite = replace(
        config, allow_private_hosts=False, deadline_s=60, read_timeout_s=30, backoff_s=1.0
    )
    assert Fetcher(polite, pauses=CATALOGUE.pause_s).head(url).status == 200


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[licence.X]\ntitle = 'x'\nwrong = 1", "licence X: wrong: Extra inputs"),
        ("[licence.X]\nattribution = true", "licence X: title: Field required"),
        ("[licence.X]\ntitle = 3", "licence X: title: .*not '3'"),
        ('[licence]\nX = "a"', "licence X: row: must be a table"),
        ('[pause_s]\nx = "a"', r"pause_s\.x: .*not 'a'"),
        ("[pause_s]\nx = -1", r"pause_s\.x: .*greater than or equal to 0"),
        ("pause_s = 3", "pause_s: must be a table"),
        ('product = "x"', r"each under \[\[product\]\]"),
        ('product = ["x"]', "product: must be a table, not 'x'"),
        ('[product]\nid = "x"', r"each under \[\[product\]\]"),
        ("[[product]]\nid = 3", "has no id that is text: 3"),
        ("[[product]]\ntheme = 'x'", "has no id that is text: None"),
        ("checked = 3", "checked: .*not '3'"),
        ("checked = 'soon'", "checked: .*not 'soon'"),
        (
            '[study_area]\npersons_per_km2 = "x"',
            "persons_per_km2 must be a number above 0, not 'x'",
        ),
        (
            "[[product]]\nid = 'viirs_len'\nkey_pattern = '('",
            "viirs_len: key_pattern: .*no regular",
        ),
    ],
)
def test_what_is_wrong_in_a_users_file_is_named(text: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(StudyError, match=f"catalogue .*mine.toml: .*{match}"):
        load_catalogue(path)


def test_bare_date_of_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("checked = 2026-01-01")
    assert load_catalogue(path).checked == "2026-01-01"


def test_every_row_says_when_it_was_checked(tmp_path: Path) -> None:
    days = {p.id: p.checked for p in load_catalogue().products.values()}
    assert all(date(2026, 1, 1) <= date.fromisoformat(day) for day in days.values())
    path = tmp_path / "mine.toml"
    path.write_text(
        "[[product]]\nid = 'worldcover'\nurl = 'https://mirror.example.org/{tile}.tif'\n"
        "[[product]]\nid = 'ghs_pop'\nurl = 'https://mirror.example.org/{tile}.zip'\nchecked = 2026-12-01\n"
        "[[product]]\nid = 'viirs_len'\nnodata = 0\n"
    )
    mine = load_catalogue(path).products
    assert mine["worldcover"].checked == "", "nobody has looked at that address"
    assert mine["ghs_pop"].checked == "2026-12-01"
    assert mine["viirs_len"].checked == days["viirs_len"]
