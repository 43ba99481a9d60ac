"""Every page that leaves the house, on a desk, a laptop, a phone and paper: nothing cut, pale, overprinted or too wide."""

from __future__ import annotations

import base64
import dataclasses
import io
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from kcity_geo.analysis.comparison.compare import compare_cities
from kcity_geo.analysis.comparison.numbers import CityNumbers, LevelNumbers, MeasuredNumbers
from kcity_geo.outputs.citiespage import CityRow, cities_page
from kcity_geo.outputs.comparison import save_comparison
from kcity_geo.outputs.dossier import paper_html
from kcity_geo.outputs.host_map import save_host_map
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.plan_page import build_plan_page
from kcity_geo.outputs.report import build_report
from kcity_geo.programme.blocks import Picture
from kcity_geo.programme.hosts import known_hosts
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.report_keys import ReportSection

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from applications import changed, make_facts
from hand_plan import hand_plan
from layout import FAULTS, MAP_FAULTS
from weighing import judged, ranked

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
#: Width, height and medium; paper is A4 less its margins, at 96 dots an inch.
VIEWS = [(1920, 1080, "screen"), (1366, 768, "screen"), (390, 844, "screen"), (688, 994, "print")]
LONG = "Upper Łódź-on-the-Wide-River Resettlement Quarter No. 12"


def _picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (1400, 900), "#dddddd").save(stream, "PNG")
    return stream.getvalue()


PICTURE = _picture()


def _reports(result, monkeypatch) -> dict[str, str]:
    uri = "data:image/png;base64," + base64.b64encode(PICTURE).decode("ascii")
    monkeypatch.setattr("kcity_geo.outputs.report.theme_figure", lambda *_, **__: uri)
    pages = {}
    for code in ("en", "ko"):
        study = result.study.model_copy(update={"report": ReportSection(language=code)})
        own = type(result)(**{**vars(result), "study": study})
        pages[f"report {code}"] = build_report(own)
        pages[f"report {code}, open"] = build_report(own, printed=True)
    return pages


def _compared(folder: Path) -> str:
    def city(name: str, short: float) -> CityNumbers:
        level = LevelNumbers(gap=short, people_short=5000 * short, people_open=500)
        return CityNumbers(
            key=name, name=name, study=name, project="new_town", lat=10.0, lon=20.0, area_km2=12.0, population=5000.0,
            population_evidence="observed", osm_date="2025-01-01", cell_m=100.0,
            levels=dict.fromkeys(("transport", "water", "energy", "flood"), level),
            indicators={"E5": MeasuredNumbers(value=2.5)}, open_land_share=0.1,
        )  # fmt: skip

    found = compare_cities([city("Alpha", 0.2), city(LONG, 0.4), city("한빛", 0.3)], draws=20)
    return (save_comparison(found, folder / "compared") / "compare.html").read_text(
        encoding="utf-8"
    )


def _papers() -> dict[str, str]:
    about = Subject(application=changed(), facts=make_facts(), sha256="0" * 64)
    pages = {}
    for name in ("project_summary", "evidence_annex", "cover_letter"):
        for code in ("en", "ko"):
            paper = make_paper(name, about, code)
            drawn = {b.sheet: PICTURE for b in paper.blocks if isinstance(b, Picture)}
            pages[f"{name} {code}"] = paper_html(paper, drawn)
    return pages


@pytest.fixture(scope="module")
def pages(result, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    save_host_map(known_hosts(), folder / "hosts.html")
    rows = [
        CityRow(
            id="a", status="done", name=LONG, people=61_000.0, headline="Some fall short. " * 9
        ),
        CityRow(id="b", status="waiting", name="B"),
        CityRow(id="c", status="failed", name="C", error="/a/path/without/a/blank/" * 6),
    ]
    with pytest.MonkeyPatch.context() as patch:
        written = {
            **_reports(result, patch),
            **_papers(),
            "compare": _compared(folder),
            "cities": cities_page(rows),
            "plan": build_plan_page(hand_plan(result.data)),
            "hosts": (folder / "hosts.html").read_text(encoding="utf-8"),
        }
    found = {}
    for number, (name, html) in enumerate(written.items()):
        found[name] = folder / f"{number}.html"
        found[name].write_text(html.replace('http-equiv="refresh"', ""), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


def test_no_page_has_a_fault_of_layout_on_any_screen_or_paper(pages, browser) -> None:
    found = {}
    tab = browser.new_page()
    for name, path in pages.items():
        tab.goto(path.as_uri())
        for width, height, medium in VIEWS:
            tab.set_viewport_size({"width": width, "height": height})
            tab.emulate_media(media=medium)
            if faults := tab.evaluate(FAULTS):
                found[f"{name} at {width}, {medium}"] = faults
    tab.close()
    assert found == {}, found
    assert len(pages) > 12


def test_no_state_of_the_map_has_a_fault_of_layout(build, tmp_path, browser) -> None:
    made = build(cell_m=200.0)
    score = judged(made.data.inside)
    study = dataclasses.replace(
        made, score=score, sites=ranked(score, made.data), plan=hand_plan(made.data)
    )
    found = {}
    for language in ("en", "ko"):
        path = tmp_path / f"{language}.html"
        path.write_text(build_map(study, language=language), encoding="utf-8")
        for width, height, medium in VIEWS:
            if medium == "print":
                continue
            tab = browser.new_page(viewport={"width": width, "height": height})
            tab.goto(path.as_uri())
            tab.wait_for_selector("html[data-kc-ready]", state="attached", timeout=30_000)
            if faults := tab.evaluate(MAP_FAULTS):
                found[f"{language} at {width}"] = faults
            tab.close()
    assert found == {}, found


def test_the_look_for_faults_finds_each_kind(tmp_path, browser) -> None:
    path = tmp_path / "bad.html"
    path.write_text(
        '<body style="margin:0"><p style="color:#aaa">pale</p><img src="data:," width="20" height="20">'
        '<p style="position:absolute;top:200px">one text here</p><p style="position:absolute;top:204px">another</p>'
        '<p tabindex="0">a key reaches it; give sources.osm</p>'
        '<svg viewBox="0 0 200 20" width="100"><text y="12" font-size="10">tiny</text></svg>'
        '<div style="width:3000px">wide</div><p style="width:20px;overflow:hidden;white-space:nowrap">cut short</p>',
        encoding="utf-8",
    )
    tab = browser.new_page(viewport={"width": 1366, "height": 768})
    tab.goto(path.as_uri())
    told = " ".join(str(one) for one in tab.evaluate(FAULTS))
    tab.close()
    for words in (
        "pale",
        "no text for",
        "printed over each other",
        "page is too wide",
        "cut short",
        "no role for",
        "letters too small",
        "not for readers",
    ):
        assert words in told, words
