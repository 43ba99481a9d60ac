"""The pages in a real browser, without network, with hostile strings in every place."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from kcity_geo.analysis.gaps.words import reading_title
from kcity_geo.citydata import Provenance
from kcity_geo.cube import cell_ids
from kcity_geo.outputs import fonts
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.report_docx import save_report_docx
from kcity_geo.report_keys import ReportSection
from kcity_geo.study_keys import Official

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

HOSTILE = {
    "jinja and template literal": "A {{7*7}} ${window.__pwned=1} {% raw %} {#1} `${alert(1)}` {{ cycler.__init__ }} Z",
    "img and attribute": 'A <img src=x onerror="window.__pwned=1"> " onmouseover="window.__pwned=1" x=\' Z',
    "script": "A </script><script>window.__pwned=1</script> Z",
    "formula and backslash": '=HYPERLINK("http://evil.example";"x") \\u003cb\\u003e \\ Z',
    "rtl, emoji and nul": "A 🏭\x00🚰 שלום \u202e مرحبا Z",
    "long": "A" + "x" * 10_000,
}
MIXED = "A {{7*7}} ${1} </script><img src=x onerror=x=1> \" onclick='y' Z"


FONTS = Path(fonts.__file__).parent / "assets" / "fonts"


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium


def _launch(chromium, **changes):
    """Open a browser with a home of its own."""
    return chromium.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        env={**os.environ, **changes},
    )


@pytest.fixture(scope="module")
def machine(chromium):
    """Open a browser with the fonts that this machine has."""
    opened = _launch(chromium)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    """Open a browser that knows one font only: a machine's own fonts change no result here."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(FONTS / "NotoSans-Bold.ttf", home)
    config = home / "fonts.conf"
    config.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>{home}</dir><cachedir>{home / 'cache'}</cachedir></fontconfig>"
    )
    opened = _launch(chromium, FONTCONFIG_FILE=str(config), HOME=str(home))
    yield opened
    opened.close()


class Opened:
    """A page that keeps what went wrong in it."""

    def __init__(self, browser, path: Path, *, width: int = 1280, height: int = 800) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda r: self._request(r.url))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.goto(path.as_uri())
        if self.page.query_selector("#kc-data"):  # a map starts when its fonts are there
            self.page.wait_for_selector(".kc-north", state="attached", timeout=20_000)

    def _request(self, url: str) -> None:
        if not url.startswith(("data:", "file:", "blob:")):
            self.requests.append(url)

    def settle(self) -> None:
        self.page.wait_for_selector("html[data-kc-ready]", state="attached", timeout=20_000)


def _poisoned(build, text: str):
    """A study in which every string that a user or a mapper can write is `text`."""
    study = build(name=text, cell_m=200.0)
    data = study.data
    layers = {
        name: frame.assign(name=[text] * len(frame), tags=[text] * len(frame))
        for name, frame in data.layers.items()
    }
    provenance = tuple(
        Provenance(
            id=f"p{i}", title=text, path=text, licence=text, attribution=text, as_of=text, note=text
        )
        for i in range(2)
    )
    data = dataclasses.replace(
        data, layers=layers, provenance=provenance, warnings=(text,), osm_date=text
    )
    districts = study.gaps.districts.assign(name=text)
    city = dataclasses.replace(data.city, districts=data.city.districts.assign(name=text))
    data = dataclasses.replace(data, city=city)
    gaps = dataclasses.replace(
        study.gaps,
        districts=districts,
        warnings=(text + " again",),
        assessed=tuple(
            dataclasses.replace(i, not_assessed=text, note=text, source=text)
            for i in study.gaps.assessed
        ),
        indicators=study.gaps.indicators.assign(
            title=text, units=text, reading=text, evidence=text, note=text, source=text, mark=text
        ),
        survey_tasks=study.gaps.survey_tasks.assign(district=text, look_for=text),
    )
    score = dataclasses.replace(
        study.score,
        title=text,
        criteria=tuple(
            dataclasses.replace(c, title=text, units=text, note=text, value_function=text)
            for c in study.score.criteria
        ),
        constraints=tuple(
            dataclasses.replace(c, title=text, limit=text, note=text)
            for c in study.score.constraints
        ),
        missing={text: text},
        parameters={text: text},
        warnings=(text,),
    )
    sites = study.sites.assign(reasons=text, concerns=text, district=text, site_id=text)
    return dataclasses.replace(study, data=data, gaps=gaps, score=score, sites=sites)


def _open_saved(browser, folder: Path, html: str) -> Opened:
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    return Opened(browser, path)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f]", " ", text.replace("\u202e", "")))


def _unfold(page) -> None:
    """Open all groups of the list of layers."""
    page.evaluate("document.querySelectorAll('.kc-group').forEach(g => { g.open = true; })")
    page.wait_for_timeout(200)


def _nothing_ran(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate("typeof window.__pwned") == "undefined"
    assert (
        page.evaluate("document.querySelectorAll('[onerror], [onmouseover], [onclick]').length")
        == 0
    )
    assert opened.requests == []
    assert opened.errors == []
    page.close()


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_strings_on_the_map_are_shown_and_never_run(build, browser, tmp_path, kind) -> None:
    shown = _one_line(HOSTILE[kind])
    opened = _open_saved(browser, tmp_path, build_map(_poisoned(build, HOSTILE[kind])))
    opened.settle()
    page = opened.page
    _unfold(page)
    for box in page.locator(".leaflet-control-layers-overlays input").all():
        box.check(force=True)
    page.mouse.move(760, 420)
    page.locator(".kc-rank").first.hover(force=True)
    tip = _one_line(page.locator(".leaflet-tooltip").first.inner_text())
    assert tip.startswith("Site ")
    assert shown[:30] in tip
    page.evaluate("KC.show('suitability')")
    assert shown[:30] in _one_line(page.locator(".kc-legend").inner_text())
    assert shown[:40] in _one_line(page.locator("aside").inner_text())
    _nothing_ran(opened)


@pytest.mark.usefixtures("no_pictures")
def test_hostile_strings_in_the_report_are_shown_and_never_run(build, browser, tmp_path) -> None:
    html = build_report(_poisoned(build, MIXED))
    opened = _open_saved(browser, tmp_path, html)
    body = _one_line(opened.page.locator("body").inner_text())
    assert body.count(_one_line(MIXED)[:50]) > 20
    _nothing_ran(opened)
    _docx_holds_text_and_nothing_more(html, tmp_path / "report.docx")


@pytest.mark.usefixtures("no_pictures")
def test_hostile_texts_of_a_language_file_a_source_and_a_context_never_run(
    build, browser, tmp_path
) -> None:
    """Further places in which a study file brings text: each is shown, none is run."""
    odd = MIXED.replace("{", "(").replace("}", ")")  # a text may not ask for values that it has not
    told, plain = json.dumps(odd + " {title}"), json.dumps(odd)
    (tmp_path / "xx.toml").write_text(
        f'code = "xx"\n[text]\ntheme_gap = {told}\nnext_step = {plain}\n'
        f'[said]\n"Search districts, sites, places" = {plain}\n"Transport" = {plain}\n',
        encoding="utf-8",
    )
    study = build(folder=tmp_path, cell_m=500.0)
    asked = study.study.model_copy(
        update={
            "report": ReportSection(
                language="xx.toml", context=f'[{MIXED}](https://a.example/"x) {MIXED}'
            ),
            "official": Official(source=MIXED, population=5.0),
        }
    )
    study = dataclasses.replace(study, study=asked)
    opened = _open_saved(browser, tmp_path, build_map(study))
    opened.settle()
    _unfold(opened.page)
    assert _one_line(odd)[:40] in _one_line(opened.page.locator("aside").inner_text())
    assert odd[:40] in opened.page.locator(".kc-search input").get_attribute("placeholder")
    opened.page.evaluate("KC.themes.forEach(t => KC.show(t.key))")
    _nothing_ran(opened)
    opened = _open_saved(browser, tmp_path, build_report(study))
    assert _one_line(opened.page.locator("body").inner_text()).count(_one_line(MIXED)[:40]) > 2
    links = opened.page.evaluate(
        "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
    )
    assert [link for link in links if not link.startswith("#")] == ["https://a.example/%22x"]
    _nothing_ran(opened)


def _docx_holds_text_and_nothing_more(html: str, path: Path) -> None:
    """No field but those of contents, captions and page numbers, no link, no part from outside."""
    docx = pytest.importorskip("docx")
    save_report_docx(html, path)
    document = docx.Document(str(path))
    words = "".join(e.text or "" for e in document.element.body.iter() if e.tag.endswith("}t"))
    assert words.count(_one_line(MIXED)[:50]) > 20
    fields = {e.text.split()[0] for e in document.element.iter() if e.tag.endswith("}instrText")}
    assert fields == {"TOC", "SEQ"}
    assert [r for r in document.part.rels.values() if r.is_external] == []


@pytest.fixture(scope="module")
def map_file(result, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("m") / "map.html"
    path.write_text(build_map(result), encoding="utf-8")
    return path


def test_map_shows_layers_and_the_numbers_under_the_pointer(result, browser, map_file) -> None:
    opened = Opened(browser, map_file)
    opened.settle()
    page = opened.page
    assert page.locator(".leaflet-control-layers-base input").count() == 14
    assert page.locator(".kc-rank").count() == 3
    assert page.locator("img.leaflet-image-layer").count() == 1
    # put the pointer on a known cell and compare with the array
    rows, columns = result.data.grid.shape
    row, column = rows // 3, columns // 4
    x = float(result.data.cube["x"][column])
    y = float(result.data.cube["y"][row])
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(result.data.city.crs, 4326, always_xy=True).transform(x, y)
    name = re.search(r"kcStartWithFonts\((map_\w+)\)", map_file.read_text(encoding="utf-8"))[1]
    point = page.evaluate(
        f"(() => {{ const p = {name}.latLngToContainerPoint([{lat}, {lon}]);"
        f" const b = {name}.getContainer().getBoundingClientRect();"
        " return [p.x + b.left, p.y + b.top]; })()"
    )
    page.mouse.move(point[0] - 1, point[1] - 1)
    page.mouse.move(*point)
    box = page.locator(".kc-hover").inner_text().replace("\u00a0", " ")
    gaps = result.gaps.cells
    word = reading_title(int(gaps["transport_reading"].to_numpy()[row, column]))
    assert re.search(rf"Transport\s+{word}", box), box
    if word != "Nobody lives here":
        expected = round(100 * float(gaps["transport_gap"].to_numpy()[row, column]))
        assert f"gap {expected} %" in box
    people = result.data.array("population")[row, column]
    assert re.search(rf"People in this cell\s+{people:.0f}\b", box), box
    # a click gives the reasons, word for word those of Python
    page.mouse.click(*point)
    shown = page.locator(".kc-hover div.kc-why > p").all_inner_texts()
    cell = cell_ids(result.data.grid)[row * columns + column]
    told = [line.strip() for line in result.gaps.explain(cell).splitlines()]
    assert [re.sub(r"\s+", " ", line) for line in shown] == told
    assert len(told) > 6
    page.keyboard.press("Escape")
    assert opened.requests == []
    assert opened.errors == []
    page.close()


def test_map_themes_change_the_legend(browser, map_file) -> None:
    opened = Opened(browser, map_file)
    opened.settle()
    _unfold(opened.page)
    labels = opened.page.locator(".leaflet-control-layers-base label")
    seen = []
    for number in range(labels.count()):
        labels.nth(number).click()
        title = opened.page.locator(".kc-legend summary")
        seen.append(title.inner_text() if title.count() and title.is_visible() else "")
    assert len(set(seen)) == labels.count()
    assert seen[-1] == ""  # streets only has no legend
    assert any("not assessed" in s for s in seen)
    opened.page.close()


SIZES = [(1440, 900), (1280, 800), (1024, 700), (800, 600), (390, 800)]


def _apart(p: dict, q: dict) -> bool:
    return (
        p["x"] + p["width"] <= q["x"]
        or q["x"] + q["width"] <= p["x"]
        or p["y"] + p["height"] <= q["y"]
        or q["y"] + q["height"] <= p["y"]
    )


_AREA = """(() => {
  const map = MAP, b = L.latLngBounds(KC.bounds), f = map.getContainer().getBoundingClientRect();
  const p = map.latLngToContainerPoint(b.getNorthWest()), q = map.latLngToContainerPoint(b.getSouthEast());
  return { x: p.x + f.left, y: p.y + f.top, width: q.x - p.x, height: q.y - p.y,
           frame: f.toJSON(), pages: document.documentElement.className };
})()"""


def _area(opened: Opened) -> dict:
    """Where on the screen the study area lies."""
    name = re.search(r"kcStartWithFonts\((map_\w+)\)", opened.page.content())[1]
    return opened.page.evaluate(_AREA.replace("MAP", name))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_panels_hide_neither_each_other_nor_the_study_area_nor_a_site(
    browser, map_file, width, height
) -> None:
    opened = Opened(browser, map_file, width=width, height=height)
    opened.settle()
    _boxes_lie_apart(opened)
    _study_area_is_in_sight(opened, every_theme=width > 1400)
    opened.page.evaluate("KC.show(KC.themes[0].key)")
    _box_of_a_site_leaves_it_in_sight(opened)
    opened.page.close()


def _boxes_lie_apart(opened: Opened) -> None:
    boxes = []
    for name in (".leaflet-control-layers", ".kc-legend", ".kc-where", ".leaflet-control-zoom"):
        rect = opened.page.locator(name).bounding_box()
        assert rect is not None, name
        boxes.append((name, rect))
    for i, (a, p) in enumerate(boxes):
        for b, q in boxes[i + 1 :]:
            assert _apart(p, q), (a, b, p, q)


def _study_area_is_in_sight(opened: Opened, *, every_theme: bool) -> None:
    area = _area(opened)
    frame = area["frame"]
    assert area["x"] >= frame["x"] - 1
    assert area["y"] >= frame["y"] - 1
    assert area["x"] + area["width"] <= frame["x"] + frame["width"] + 1
    assert area["y"] + area["height"] <= frame["y"] + frame["height"] + 1
    assert max(area["width"] / frame["width"], area["height"] / frame["height"]) > 0.4
    for name in (".leaflet-control-layers", ".kc-legend"):
        assert _apart(area, opened.page.locator(name).bounding_box()), name
    themes = opened.page.evaluate("KC.themes.map(t => t.key)")
    for number, key in enumerate(themes[:-1] if every_theme else ()):
        opened.page.evaluate(f"KC.show('{key}')")
        assert _apart(area, opened.page.locator(".kc-legend").bounding_box()), number
        assert _area(opened) == area, "the map stays when the theme changes"


def _box_of_a_site_leaves_it_in_sight(opened: Opened) -> None:
    for rank in (1, 2, 3):
        opened.page.mouse.click(*_middle_of_site(opened, rank))
        box = opened.page.locator(".kc-hover")
        assert f"Site {rank}" in box.inner_text()
        marker = opened.page.locator(".kc-rank").nth(rank - 1).bounding_box()
        assert _apart(box.bounding_box(), marker)
        legend = opened.page.locator(".kc-legend")
        assert _apart(box.bounding_box(), legend.bounding_box())
        opened.page.keyboard.press("Escape")
        assert legend.locator(".kc-key").first.is_visible()


def test_the_card_of_a_place_is_whole_wherever_it_is_chosen(browser, map_file) -> None:
    """In the middle of a low window it began below the buttons and ended below the window, over the scale."""
    opened = Opened(browser, map_file, width=1366, height=768)
    opened.settle()
    area = _area(opened)
    frame, box = area["frame"], opened.page.locator(".kc-pinned")
    for across in (0.1, 0.4, 0.9):
        for down in (0.1, 0.6, 0.95):
            x, y = area["x"] + across * area["width"], area["y"] + down * area["height"]
            opened.page.mouse.click(x, y)
            if not box.count():  # over a control, or outside the cells
                continue
            rect = box.bounding_box()
            assert rect["y"] >= frame["y"], (across, down)
            assert rect["y"] + rect["height"] <= frame["y"] + frame["height"], (across, down)
            for name in (".kc-where", ".leaflet-control-scale"):
                assert _apart(rect, opened.page.locator(name).bounding_box()), (across, down)
            place = opened.page.evaluate(
                "(() => { const p = KC.map.latLngToContainerPoint(KC.card.latlng),"
                " f = KC.map.getContainer().getBoundingClientRect(); return [p.x + f.left, p.y + f.top]; })()"
            )
            point = {"x": place[0], "y": place[1], "width": 0, "height": 0}
            assert _apart(rect, point), (across, down)
            opened.page.keyboard.press("Escape")
            opened.page.keyboard.press("h")
    opened.page.close()


def test_a_small_map_folds_the_layers_and_opens_them_over_nothing(browser, map_file) -> None:
    opened = Opened(browser, map_file, width=800, height=600)
    opened.settle()
    page = opened.page
    assert not page.locator(".leaflet-control-layers-list").is_visible()
    page.locator(".kc-fold").click()
    labels = page.locator(".leaflet-control-layers-list label")
    assert labels.count() > 12
    layers, legend = (
        page.locator(n).bounding_box() for n in (".leaflet-control-layers", ".kc-legend")
    )
    assert _apart(layers, legend)
    page.locator(".kc-fold").click()
    assert page.locator(".kc-legend .kc-key").first.is_visible()
    opened.page.close()


def test_the_hint_covers_no_corner_and_goes_away_by_itself(browser, map_file) -> None:
    """One line beside the scale; the box of the numbers comes with the first place."""
    opened = Opened(browser, map_file)
    opened.settle()
    assert not opened.page.locator(".kc-hover").is_visible()
    hint = opened.page.locator(".kc-where")
    assert "for the numbers of a place" in hint.inner_text()
    assert hint.bounding_box()["height"] < 25
    opened.page.wait_for_selector(".kc-where:empty", state="attached", timeout=9_000)
    opened.page.close()


def _middle_of_site(opened: Opened, rank: int) -> tuple[float, float]:
    box = opened.page.locator(".kc-rank").nth(rank - 1).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_click_on_a_site_shows_the_site(browser, map_file) -> None:
    opened = Opened(browser, map_file, width=1440, height=900)
    opened.settle()
    page, box = opened.page, opened.page.locator(".kc-hover")
    x, y = _middle_of_site(opened, 2)
    for where in ((x, y), (x + 16, y + 12)):  # the number, and the outline beside it
        page.mouse.move(*where)
        page.mouse.click(*where)
        text = box.inner_text().replace("\u00a0", " ")
        for words in ("Site 2, Hanbit", "35 ha, 81 of 100", "For it", "near a main road", "Against it",
                      "far from water", "mean slope"):  # fmt: skip
            assert words in text, words
        page.mouse.move(x - 200, y - 100)
        assert "Site 2" in box.inner_text(), "the site stays until another place is clicked"
        page.mouse.click(x - 200, y - 100)
        page.mouse.move(x - 190, y - 90)
        assert "People in this cell" in box.inner_text()
    page.locator(".kc-sites li").nth(0).click()
    assert "Site 1, Hanbit" in box.inner_text()
    page.locator(".kc-close").click()
    assert not box.is_visible()
    assert opened.errors == []
    page.close()


def test_the_map_prints_whole_on_one_sheet(browser, map_file) -> None:
    """The map was laid out for the window, so site 1 was cut off and a second page came out."""
    opened = Opened(browser, map_file, width=1280, height=800)
    opened.settle()
    before = _area(opened)
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    area = _area(opened)
    frame = area["frame"]
    assert area["pages"] == "kc-print"
    assert area["x"] >= frame["x"]
    assert area["x"] + area["width"] <= frame["x"] + frame["width"]
    assert area["y"] + area["height"] <= frame["y"] + frame["height"]
    assert _apart(area, opened.page.locator(".kc-legend").bounding_box())
    assert opened.page.locator("img.kc-paper").count() == 1
    assert not opened.page.locator(".leaflet-pane canvas").first.is_visible()
    assert opened.page.locator(".kc-rank").first.is_visible()
    assert (
        opened.page.evaluate(
            "(() => { const a = document.querySelector('aside'); return a.scrollHeight - a.clientHeight; })()"
        )
        <= 1
    )
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert opened.page.locator("img.kc-paper").count() == 0
    after = _area(opened)
    assert after["width"] == pytest.approx(before["width"], abs=2)
    assert after["x"] == pytest.approx(before["x"], abs=2)
    opened.page.emulate_media(
        media="print"
    )  # as a program does that sends no event before it prints
    opened.page.wait_for_selector("img.kc-paper", state="attached")
    opened.page.emulate_media(media="screen")
    opened.page.wait_for_selector("img.kc-paper", state="detached")
    opened.page.emulate_media(media=None)
    pypdf = pytest.importorskip("pypdf")
    (sheet,) = pypdf.PdfReader(io.BytesIO(opened.page.pdf(prefer_css_page_size=True))).pages
    # The sheet holds the map as a picture: some programs show nothing of a canvas but white ground.
    shown = max((image.image.convert("RGB") for image in sheet.images), key=lambda i: i.width)
    of = {c: n / shown.width / shown.height for n, c in shown.getcolors(1 << 20)}
    assert shown.width > 1_000
    assert max(of.values()) < 0.8
    assert sum(share > 0.01 for share in of.values()) >= 4
    assert opened.errors == []
    opened.page.close()


def test_the_policy_stops_an_injected_script(browser, map_file, tmp_path) -> None:
    """If escaping failed one day, the page would still not run what was injected."""
    broken = tmp_path / "broken.html"
    html = map_file.read_text(encoding="utf-8")
    broken.write_text(
        html.replace("</main>", "<script>window.__pwned=1</script></main>"), encoding="utf-8"
    )
    opened = Opened(browser, broken)
    assert opened.page.evaluate("typeof window.__pwned") == "undefined"
    assert any("Content Security Policy" in e for e in opened.errors)
    opened.page.close()


def test_report_prints_to_pdf(result, browser, tmp_path) -> None:
    path = tmp_path / "report.html"
    path.write_text(build_report(result), encoding="utf-8")
    opened = Opened(browser, path)
    pdf = opened.page.pdf(format="A4", prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 6 <= pages <= 16
    wide = opened.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert np.isfinite(wide)
    assert opened.requests == []
    assert opened.errors == []
    opened.page.close()


_BOXES = """[...document.querySelectorAll('body *')].map(e => {
  const b = e.getBoundingClientRect(); return [e.tagName, b.x, b.y, b.width, b.height]; })"""


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("name", ["Hanbit", "한빛시 Їжак Ɛŋɔ Đà Nẵng"])
@pytest.mark.parametrize("make", [build_map, build_report])
def test_a_machine_with_one_font_and_one_with_many_lay_out_the_same(
    machine, browser, build, tmp_path, make, name
) -> None:
    path = tmp_path / "page.html"
    path.write_text(make(build(name=name, cell_m=200.0)), encoding="utf-8")
    boxes = []
    for one in (machine, browser):
        opened = Opened(one, path)
        if make is build_map:
            opened.settle()
        states = opened.page.evaluate(
            "document.fonts.ready.then(() => [...document.fonts].map(f => f.status))"
        )
        if one is machine and "error" in states:
            pytest.skip(
                "this machine has not a single font: Chromium then loads no web font either"
            )
        assert set(states) <= {"loaded", "unloaded"}
        boxes.append(opened.page.evaluate(_BOXES))
        opened.page.close()
    assert len(boxes[0]) > 100
    assert boxes[0] == boxes[1]


@pytest.mark.usefixtures("no_pictures")
def test_every_word_of_the_report_is_drawn_with_a_font_of_the_page(
    browser, build, tmp_path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(build_report(build(name="한빛시 Zürich Київ Ɛŋɔ")), encoding="utf-8")
    opened = Opened(browser, path)
    opened.page.evaluate("document.fonts.ready.then(() => 0)")
    session = opened.page.context.new_cdp_session(opened.page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    ids = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "body *"})["nodeIds"]
    used = {
        (font["familyName"], font["isCustomFont"])
        for node in ids
        for font in session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    }
    assert used
    assert all(custom for _, custom in used), used
    opened.page.close()


@pytest.mark.parametrize("wordy", [False, True])
def test_page_1_of_the_report_holds_the_answer_with_its_map(
    browser, result, tmp_path, wordy
) -> None:
    """The text stood alone on a half-empty page; now gaps, map and sites fill one sheet, whatever the sites."""
    if wordy:
        long = "; ".join(["3.4 km on average from the trunk road that leads to the port"] * 4)
        names = [f"A parcel beside the old mill of the lower town {n}" for n in "abc"]
        sites = result.sites.assign(reasons=long, concerns=long, district=names)
        result = dataclasses.replace(result, sites=sites)
    path = tmp_path / "report.html"
    path.write_text(build_report(result), encoding="utf-8")
    opened = Opened(browser, path, width=688, height=994)  # A4 less its margins, at 96 dpi
    opened.page.emulate_media(media="print")
    end = opened.page.evaluate("document.querySelector('.first').getBoundingClientRect().bottom")
    image = opened.page.locator(".first img").bounding_box()
    assert image["height"] > 200
    assert end <= 994
    assert opened.errors == []
    opened.page.close()
