"""What a reader does with the map: themes, search, cards, link, swipe, measure, story, picture, keys, phone."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image
from pyproj import Geod

from kcity_geo.analysis.findings import Findings
from kcity_geo.config import read_table
from kcity_geo.outputs.colours import GAP_COLOURS, rgb
from kcity_geo.outputs.ledger import claims
from kcity_geo.outputs.ledger_inputs import cell_rules
from kcity_geo.outputs.maps import build_map
from kcity_geo.studyfile import load_study

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
HOST = "https://tiles.example"


def _with_more(study):
    """The hand-made study with places in two scripts, inferred lines, and an online background."""
    data = study.data
    left, bottom, right, top = tuple(data.grid.boundingbox)
    middle = shapely.Point((left + right) / 2, (bottom + top) / 2)
    places = gpd.GeoDataFrame(
        {
            "osm_type": ["node", "node"],
            "osm_id": [7, 8],
            "place": ["town", "village"],
            "name": ["한빛읍", "Zürichberg <b>"],
            "tags": ['{"name:en": "Hanbit-eup"}', "{}"],
        },
        geometry=[middle, shapely.Point(left + 900, top - 900)],
        crs=data.city.crs,
    )
    lines = shapely.MultiLineString([[(left, bottom), (right, top)]])
    assessed = tuple(
        dataclasses.replace(one, id="E3", details={"geometry": lines}) if one.id == "W1" else one
        for one in study.gaps.assessed
    )
    tiles = study.study.map.model_copy(
        update={"tiles": HOST + "/{z}/{x}/{y}.png", "tiles_credit": "Tiles <i>&amp; Co"}
    )
    return dataclasses.replace(
        study,
        study=study.study.model_copy(update={"map": tiles}),
        data=dataclasses.replace(data, layers={**data.layers, "place": places}),
        gaps=dataclasses.replace(study.gaps, assessed=assessed),
        sites=study.sites.assign(label=[str(rank) for rank in study.sites["rank"]]),
    )


@pytest.fixture(scope="module")
def study(build):
    return _with_more(build())


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], env=dict(os.environ)
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(study, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("map") / "map.html"
    path.write_text(build_map(study), encoding="utf-8")
    return path


class Map:
    """One page, loaded anew for each state; it keeps what was asked of a network and what went wrong."""

    def __init__(self, browser, file: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1366, "height": 768}, accept_downloads=True)
        self.file, self.asked, self.wrong = file, [], []
        self.page.on("request", lambda r: self._request(r.url))
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.route(
            HOST + "/**", lambda route: route.fulfill(body=_TILE, content_type="image/png")
        )

    def _request(self, url: str) -> None:
        if not url.startswith(("data:", "file:", "blob:")):
            self.asked.append(url)

    def open(self, link: str = "", *, width: int = 1366, height: int = 768):
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.goto("about:blank")
        self.page.goto(self.file.as_uri() + link)
        self.page.wait_for_selector("html[data-kc-ready]", state="attached", timeout=20_000)
        _until(self.page, "document.querySelector('.kc-north') !== null")
        assert self.wrong == []
        return self.page


def _until(page, script: str) -> None:
    """Wait for something; the policy of the page lets nothing be evaluated inside it."""
    for _ in range(100):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    raise AssertionError(script)


def _png(colour: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (256, 256), colour).save(stream, "PNG")
    return stream.getvalue()


_TILE = _png((1, 200, 3))


@pytest.fixture(scope="module")
def opened(browser, file):
    found = Map(browser, file)
    yield found
    found.page.close()


@pytest.fixture(autouse=True)
def _quiet(opened):
    yield
    assert opened.asked == []
    assert opened.wrong == []


def test_every_theme_has_its_legend_and_shares_add_up_to_all_people(opened, study) -> None:
    page = opened.open()
    found = page.evaluate(
        "KC.themes.map(t => { KC.show(t.key); const box = document.querySelector('.kc-legend');"
        " return [t.key, t.group, t.of, box.checkVisibility() ? box.innerText : '', t.rows.map(r => r.share)]; })"
    )
    groups = [group for _, group, *_ in found]
    assert groups == sorted(
        groups, key=["sectors", "gaps", "land", "people", "indicators", ""].index
    )
    for key, _, of, text, shares in found:
        assert (text == "") == (key == "none"), key
        if of and key != "population":
            total = sum(float(s.removesuffix(" %").replace("under ", "")) for s in shares if s)
            assert 96 <= total <= 104, (key, shares)
    assert page.evaluate("kcTheme('transport_reading').rows.length") > 2


def test_shares_of_people_are_sums_over_the_cells(study) -> None:
    people, inside = study.data.array("population"), study.data.inside
    half = np.zeros(inside.shape, dtype=bool)
    half[: inside.shape[0] // 2] = True
    by_hand = people[half & inside].sum() / people[inside].sum()
    assert Findings(study).share_of_people(half) == pytest.approx(by_hand)
    land = study.data.cube["inside_share"].to_numpy()  # a cell on the boundary counts in part
    assert Findings(study).share_of_land(half) == pytest.approx(land[half].sum() / land.sum())


def test_an_indicator_is_painted_in_the_page_as_its_gap_is(opened, study) -> None:
    page = opened.open("#theme=T1")
    _until(page, "kcLayer(kcTheme('T1').layer)._url.startsWith('data:image/png')")
    seen = page.evaluate(
        """async () => {
          const image = new Image(); image.src = kcLayer(kcTheme('T1').layer)._url; await image.decode();
          const canvas = document.createElement('canvas'); canvas.width = image.width; canvas.height = image.height;
          const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
          const data = pen.getImageData(0, 0, image.width, image.height).data, cells = kcPixels(), found = {};
          for (let i = 0; i < cells.length; i++) {
            if (cells[i] >= 0 && data[4 * i + 3] > 150 && !(cells[i] in found)) {
              found[cells[i]] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]]; } }
          return found; }"""
    )
    gap = study.gaps.cells["T1_gap"].to_numpy().ravel()
    nobody = (study.data.array("population") < 1).ravel()
    breaks = read_table("display")["gap"]["breaks"]
    checked = 0
    for cell, colour in seen.items():
        value = gap[int(cell)]
        if (
            not np.isfinite(value)
            or nobody[int(cell)]
            or min(abs(value - b) for b in breaks) < 0.006
        ):
            continue
        expected = rgb(GAP_COLOURS[int(np.digitize(value, breaks))])
        assert np.abs(np.array(colour) - expected).max() <= 2, (cell, value)
        checked += 1
    assert checked > 200


def test_search_finds_without_accents_and_opens_a_card(opened) -> None:
    page = opened.open()
    page.keyboard.press("/")
    page.keyboard.type("zurich")
    assert page.locator("#kc-found li").all_inner_texts() == ["Zürichberg <b>\nPlace"]
    page.keyboard.press("Enter")
    assert page.evaluate("KC.card.pinned").startswith("cell:x")
    for asked, kind in (("site 2", "site:2"), ("eup", "cell:"), ("quarter", "district:d")):
        page.locator(".kc-search input").fill(asked)
        if page.locator("#kc-found .kc-none").count():
            continue
        page.locator("#kc-found li").first.click()
        assert page.evaluate("KC.card.pinned").startswith(kind), asked
    page.locator(".kc-search input").fill("nowhere at all")
    assert "Nothing found" in page.locator("#kc-found").inner_text()


def test_a_card_tells_place_reasons_and_where_its_numbers_stand(opened, study) -> None:
    page = opened.open()
    page.evaluate("KC.goDistrict(1)")
    box = page.locator(".kc-hover")
    district = page.evaluate("KC.districts[1]")
    assert district["name"] in box.inner_text()
    assert f"{district['lat']:.5f}, {district['lon']:.5f}" in box.inner_text()
    assert page.locator('[data-district="1"].kc-lit').count() in (0, 1)
    box.locator(".kc-ids summary").click()
    told = box.locator(".kc-ids p").inner_text().split(", ")
    known = {row["id"] for row in claims(study)}
    assert len(told) > 5
    assert set(told) <= known
    page.evaluate("KC.goSite(KC.sites[1])")
    box.locator(".kc-ids summary").click()
    assert set(box.locator(".kc-ids p").inner_text().split(", ")) <= known
    page.evaluate("KC.pickPlace(L.latLng(KC.districts[1].lat, KC.districts[1].lon))")
    cell = page.evaluate("KC.card.pinned").removeprefix("cell:")
    box.locator(".kc-ids summary").click()
    told = box.locator(".kc-ids p").inner_text().split(", ")
    rules = {row["id"].replace("[cell_id]", cell) for row in cell_rules(study)}
    assert {f"cell.{cell}.{name}" for name in ("population", "T1_gap", "suitability")} <= set(told)
    assert set(told) <= rules
    assert box.locator(f".kc-why [data-id~='cell.{cell}.T1_gap']").count() == 1
    box.locator(".kc-copy-ids").click()
    box.locator(".kc-copy-ids", has_text="Copied").wait_for()  # the clipboard answers later
    shares = page.locator(".kc-legend b[data-id]")
    assert shares.count() > 1
    assert shares.first.get_attribute("data-id") in known
    page.evaluate("KC.goFacility('health', 0)")
    assert re.search(r"OpenStreetMap object way/\d+", box.inner_text())
    assert page.evaluate(
        "map => KC.map.hasLayer(kcLayer(KC.overlays.find(o => o.key === 'health').layer))"
    )
    page.keyboard.press("Escape")
    assert not box.is_visible()


def test_a_link_opens_the_same_view_again(opened) -> None:
    page = opened.open()
    page.evaluate(
        "KC.show('suitability'); KC.goSite(KC.sites[1]); KC.strengthen(0.5); KC.swipe('evidence');"
    )
    page.evaluate("KC.map.removeLayer(kcLayer(KC.overlays.find(o => o.key === 'names').layer))")
    _until(page, "location.hash.includes('right=evidence') && !location.hash.includes('names')")
    link = page.evaluate("location.hash")
    state = "[KC.theme, KC.swiped, KC.strength, KC.card.pinned, KC.map.getZoom().toFixed(1)]"
    before = page.evaluate(state)
    page = opened.open(link)
    _until(page, "KC.card.pinned")
    assert page.evaluate(state) == before == ["suitability", "evidence", 0.5, "site:2", before[4]]
    page = opened.open(
        "#theme=__proto__&card=site:%E0%A4%A&map=0,0,99&on=x&step=77&right=no&strength=-3"
    )
    assert page.evaluate("[KC.theme, KC.card.pinned, KC.swiped]") == [
        page.evaluate("KC.themes[0].key"),
        "",
        "",
    ]


def test_swipe_shows_two_themes_and_its_line_moves_by_key(opened) -> None:
    page = opened.open()
    page.keyboard.press("v")
    line = page.locator(".kc-swipe")
    line.wait_for()
    _until(
        page,
        "document.querySelector('.leaflet-pane.leaflet-kc_swipe-pane img, [class*=kc_swipe] img')",
    )
    assert "Left:" in page.locator(".kc-legend").inner_text()
    assert "Right:" in page.locator(".kc-legend").inner_text()
    before = line.bounding_box()["x"]
    line.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    frame = page.locator(".folium-map").bounding_box()
    assert line.bounding_box()["x"] - before == pytest.approx(0.1 * frame["width"], abs=2)
    clips = page.evaluate("['kc_raster', 'kc_swipe'].map(p => KC.map.getPane(p).style.clipPath)")
    assert all(clip.startswith("polygon") for clip in clips)
    page.keyboard.press("v")
    assert line.count() == 0
    assert page.evaluate("KC.map.getPane('kc_raster').style.clipPath") == ""


def test_measured_lengths_and_areas_are_those_of_the_ellipsoid(opened) -> None:
    page = opened.open()
    corners = [(60.0, 24.9), (60.02, 24.9), (60.02, 24.95), (60.0, 24.95)]
    places = str([{"lat": lat, "lng": lon} for lat, lon in corners]).replace("'", "")
    geod = Geod(ellps="WGS84")
    lat, lon = zip(*corners, strict=True)
    area, _ = geod.polygon_area_perimeter(lon, lat)
    assert page.evaluate(f"kcLength({places})") == pytest.approx(
        geod.line_length(lon, lat), rel=2e-4
    )
    assert page.evaluate(f"kcArea({places})") == pytest.approx(abs(area), rel=5e-4)
    page.keyboard.press("m")
    frame = page.locator(".folium-map").bounding_box()
    for x, y in ((300, 250), (420, 250), (420, 380)):
        page.mouse.click(frame["x"] + x, frame["y"] + y)
    told = page.locator(".kc-bar").inner_text()
    assert re.search(r"Length [\d.]+ k?m\s+·\s+area [\d.]+ (ha|km²)", told), told
    assert page.evaluate("KC.card.pinned") == "", "a click measures and opens nothing"
    page.keyboard.press("Escape")
    assert page.locator(".kc-bar").count() == 0


def test_the_story_has_five_steps_each_with_one_sentence(opened) -> None:
    page = opened.open("#step=1")
    seen = []
    for _ in range(5):
        seen.append((page.locator(".kc-sentence").inner_text(), page.evaluate("KC.theme")))
        page.keyboard.press("ArrowRight")
    assert len({sentence for sentence, _ in seen}) == 5
    assert [theme for _, theme in seen][2:4] == ["evidence", "suitability"]
    assert page.evaluate("KC.card.pinned") == "site:1"
    # the card stands above the bar, and the legend gives way to it
    for other in (".kc-story", ".kc-legend[open]"):
        assert not page.evaluate(
            "(other) => { const one = document.querySelector(other);"
            " return Boolean(one) && kcOverlap(document.querySelector('.kc-pinned'), one); }",
            other,
        )
    _until(page, "location.hash.includes('step=5')")
    page.keyboard.press("Escape")
    assert page.locator(".kc-story").count() == 0


def test_the_saved_picture_shows_the_theme_with_its_legend(opened) -> None:
    page = opened.open("#theme=population")
    with page.expect_download() as saved:
        page.keyboard.press("p")
    assert re.fullmatch(r"[\w-]+-population\.png", saved.value.suggested_filename)
    image = Image.open(saved.value.path()).convert("RGB")
    frame = page.locator(".folium-map").bounding_box()
    assert image.width / 1.5 == pytest.approx(frame["width"] + 300, abs=2)
    colours = {colour for _, colour in image.getcolors(maxcolors=1 << 24)}
    land, dense = np.array(rgb("#f6f5f1")), np.array(rgb("#df65b0"))
    blended = np.round(dense * 205 / 255 + land * 50 / 255)
    assert min(np.abs(np.array(c) - blended).max() for c in colours) <= 4, (
        "true colours, alpha included"
    )


def test_keys_reach_the_text_the_list_of_keys_and_the_numbers_of_a_place(opened, study) -> None:
    page = opened.open()
    page.keyboard.press("t")
    text = page.locator("dialog").inner_text()
    for name in study.data.city.districts["name"]:
        assert str(name) in text
    assert page.evaluate("kcTheme(KC.theme).title") in text
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert "Measure length and area" in page.locator("dialog").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("dialog").count() == 0
    page.locator(".folium-map").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("KC.card.pinned").startswith("cell:")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, [role=slider]')].filter(e => e.checkVisibility() && !("
        "e.getAttribute('aria-label') || e.title || e.innerText.trim() || e.closest('label'))).map(e => e.outerHTML)"
    )
    assert unnamed == []


def test_on_a_phone_the_panel_is_a_sheet(opened) -> None:
    page = opened.open(width=390, height=800)
    sheet = page.locator("aside")
    low = sheet.bounding_box()["y"]
    assert low > 600
    page.locator(".kc-handle").click()
    assert sheet.bounding_box()["y"] < 250
    page.locator(".kc-sites li").first.click()
    assert sheet.bounding_box()["y"] == pytest.approx(low)
    assert "Site 1" in page.locator(".kc-hover").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_names_stand_in_both_scripts_and_inferred_lines_say_so(opened, study) -> None:
    page = opened.open()
    assert ["한빛읍", "Hanbit-eup"] in [p[2:4] for p in page.evaluate("KC.labels.places")]
    titles = {o["key"]: o["title"] for o in page.evaluate("KC.overlays")}
    assert "nobody mapped them" in titles["inferred"]
    page.evaluate("KC.map.addLayer(kcLayer(KC.overlays.find(o => o.key === 'inferred').layer))")
    ink = page.evaluate(
        "(() => { const c = document.querySelector('.kc-names'), d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; let n = 0;"
        " for (let i = 3; i < d.length; i += 4) { n += d[i] > 200; } return n; })()"
    )
    assert ink > 500


def test_an_online_background_asks_nothing_until_it_is_switched_on(opened) -> None:
    page = opened.open()
    page.evaluate("KC.map.setZoom(15)")
    assert opened.asked == []
    page.evaluate("KC.map.addLayer(kcLayer(KC.overlays.find(o => o.key === 'tiles').layer))")
    page.wait_for_selector("[class*=kc_tiles] img.leaflet-tile-loaded")
    assert opened.asked
    assert all(url.startswith(HOST + "/") for url in opened.asked)
    assert "Tiles <i>&amp; Co" in page.locator(".leaflet-control-attribution").inner_text()
    opened.asked.clear()


def test_without_tiles_the_policy_names_no_host(build, file) -> None:
    assert HOST in re.search(r"img-src [^;]*;", file.read_text(encoding="utf-8"))[0]
    assert "img-src data:;" in build_map(build())


@pytest.mark.parametrize(
    ("address", "credit"),
    [
        ("http://a.example/{z}/{x}/{y}.png", "A"),
        ("https://a.example/{z}/{x}.png", "A"),
        ("https://{s}.a.example/{z}/{x}/{y}.png", "A"),
        ("https://a.example; script-src *//{z}/{x}/{y}", "A"),
        ("https://a.example/{z}/{x}/{y}.png", " "),
    ],
)
def test_an_address_of_tiles_that_cannot_be_meant_is_refused(tmp_path, address, credit) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f'[map]\ntiles = "{address}"\ntiles_credit = "{credit}"\n', encoding="utf-8")
    with pytest.raises(Exception, match="tiles"):
        load_study(path)


def test_the_page_speaks_korean_with_the_same_things(opened, study, browser, tmp_path) -> None:
    path = tmp_path / "map.html"
    path.write_text(build_map(study, language="ko"), encoding="utf-8")
    korean = Map(browser, path)
    page = korean.open("#step=1")
    texts = page.evaluate("Object.values(KC.texts)")
    assert all(
        re.search("[가-힣]", text)
        for text in texts
        if re.search("[A-Za-z]{3}", re.sub(r"{\w+}", "", text))
    )
    page.evaluate("KC.pickPlace(KC.map.getCenter())")
    assert "undefined" not in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.lang") == "ko"
    assert korean.asked == []
    assert korean.wrong == []
    page.close()


def test_both_languages_fill_the_same_slots() -> None:
    for key, row in read_table("texts/map")["text"].items():
        assert set(row) == {"en", "ko"}, key
        slots = [
            sorted(re.findall(r"\{(\w+)(?::명)?\}", row[language])) for language in ("en", "ko")
        ]
        assert slots[0] == slots[1], key


def test_every_text_is_used_and_every_text_asked_for_is_there() -> None:
    import kcity_geo.outputs

    folder = Path(kcity_geo.outputs.__file__).parent
    scripts = [
        p.read_text(encoding="utf-8") for p in sorted((folder / "assets" / "map").glob("*.js"))
    ]
    code = "\n".join(scripts + [p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.py"))])
    known = set(read_table("texts/map")["text"])
    asked = set(re.findall(r'kcSay\("(\w+)"[,)]', code))
    assert asked <= known, asked - known
    made = ("group_", "tool_", "layer_", "step_", "share_of_", "key_")
    unused = {k for k in known if f'"{k}"' not in code and not k.startswith(made)}
    assert unused == set()


def test_no_two_functions_of_the_page_have_one_name() -> None:
    """All scripts of the page share one space of names: the later function would take the place of the other."""
    import kcity_geo.outputs

    folder = Path(kcity_geo.outputs.__file__).parent / "assets" / "map"
    code = "\n".join(p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.js")))
    names = re.findall(r"^(?:async )?function (\w+)", code, re.MULTILINE)
    assert len(names) > 100
    assert sorted(set(names)) == sorted(names)
