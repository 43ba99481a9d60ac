"""The map of the demo town in Korean: the language of the report, the same numbers, originals set apart."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil

import pytest

from kcity_geo.outputs.explain import unit_rows
from kcity_geo.outputs.languages import for_script, language_of, speaking
from kcity_geo.outputs.maps import build_map, save_map
from kcity_geo.report_keys import ReportSection

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
#: Three words of Latin letters in a row are a sentence; names, units and codes are shorter.
SENTENCE = re.compile(r"[A-Za-z]{2,}(?:,? [A-Za-z]{2,}){2,}")
MILL = "by the old mill that nobody knows"

_SHOWN = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!parent.closest("script, style, [lang=en], [translate=no]")) { found.push(walk.currentNode.data); }
  }
  for (const element of document.querySelectorAll("[title], [aria-label], [placeholder], [alt]")) {
    for (const key of ["title", "aria-label", "placeholder", "alt"]) { found.push(element.getAttribute(key) || ""); }
  }
  return found;
}"""


def asked(result, language: str):
    study = result.study.model_copy(update={"report": ReportSection(language=language)})
    return dataclasses.replace(result, study=study)


@pytest.fixture(scope="module")
def town(town_run):
    """The town with one reason of a site that no row of a table has made."""
    result = town_run[0]
    sites = result.sites.assign(reasons=result.sites["reasons"] + f"; {MILL}")
    sites.attrs = result.sites.attrs
    return asked(dataclasses.replace(result, sites=sites), "ko")


@pytest.fixture(scope="module")
def page(town, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    file = tmp_path_factory.mktemp("ko") / "map.html"
    save_map(town, file)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], env=dict(os.environ)
        )
        found = browser.new_page(viewport={"width": 1366, "height": 768})
        wrong: list[str] = []
        found.on(
            "request",
            lambda r: None if r.url[:5] in {"data:", "file:", "blob:"} else wrong.append(r.url),
        )
        found.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        found.on("pageerror", lambda e: wrong.append(str(e)))
        found.goto(file.as_uri())
        found.wait_for_selector("html[data-kc-ready]", state="attached", timeout=20_000)
        found.wait_for_selector(".kc-north", state="attached")
        yield found
        browser.close()
    assert wrong == []


def _english(page, names: set[str]) -> set[str]:
    """Sentences in Latin letters on the page, but for names and what is marked as the original."""
    texts = set()
    known = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    for text in page.evaluate(_SHOWN):
        if SENTENCE.search(known.sub("", text)):
            texts.add(text)
    return texts


@in_browser
@pytest.mark.browser
def test_no_english_sentence_stands_in_panel_layers_legends_story_and_cards(page, town) -> None:
    assert page.evaluate("document.documentElement.lang") == "ko"
    names = page.evaluate("KC.facilities.flatMap(k => k.text.filter((_, i) => k.named[i]))")
    names = {re.sub(r"\(.*", "", name) for name in names}
    names |= set(town.data.city.districts["name"]) | {"kcity run study.toml"}
    found = _english(page, names)
    shown = 0
    for call in (
        *(f"KC.show({key!r})" for key in page.evaluate("KC.themes.map(t => t.key)")),
        *(f"KC.tell({step})" for step in range(5)),
        "KC.tell()",
        *(f"KC.goDistrict({number})" for number in range(len(town.data.city.districts))),
        *(f"KC.goSite(KC.sites[{number}])" for number in range(len(town.sites))),
        "KC.goFacility('school', 0)",
        "KC.pickPlace(L.latLng(KC.districts[0].lat, KC.districts[0].lon))",
        "kcAsText()",
        "kcKeys()",
    ):
        page.evaluate(call)
        found |= _english(page, names)
        shown += 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert shown > 30
    assert found == set()
    tasks = page.evaluate("KC.tasks.flatMap(t => [t.title, ...t.lines])")
    assert [text for text in tasks if not re.search("[가-힣]", text)] == []


@in_browser
@pytest.mark.browser
def test_what_has_no_korean_stays_and_says_that_it_is_english(page) -> None:
    page.evaluate("KC.goSite(KC.sites[0])")
    mill = page.locator(".kc-hover li [lang=en]")
    assert mill.all_inner_texts() == [MILL]
    text = page.locator("body").inner_text()
    assert not re.search("[\ue000-\ue003]", text)
    assert "undefined" not in text


@in_browser
@pytest.mark.browser
def test_the_picture_and_the_search_know_no_marks(page) -> None:
    assert page.evaluate("kcBare('\\ue002left\\ue003 so')") == "left so"
    assert page.evaluate("kcFolded('\\ue002Left\\ue003')") == "left"


def test_cards_tell_the_same_numbers_in_both_languages(town) -> None:
    number = re.compile(r"\d[\d.,]*\d|\d")
    for place in ("city", str(town.gaps.districts["district_id"].iloc[0])):
        english = list(unit_rows(town.gaps, place))
        with speaking(language_of("ko")):
            korean = list(unit_rows(town.gaps, place))
        assert [row[2] for row in english] == [row[2] for row in korean]
        for (_, one, _), (_, other, _) in zip(english, korean, strict=True):
            assert sorted(number.findall(one)) == sorted(number.findall(other)), (one, other)


def test_the_map_speaks_the_language_of_the_report_or_the_one_that_is_asked_for(
    result,
) -> None:
    korean = build_map(asked(result, "ko"))
    assert '<html lang="ko">' in korean
    assert "기준 미달" in korean
    english = build_map(result)
    assert '<html lang="en">' in english
    assert english == build_map(asked(result, "ko"), language="en")


def test_marks_of_names_leave_no_trace_in_the_data_of_the_page() -> None:
    assert for_script('"\ue000A\ue001 \ue002b\ue003"') == '"A \\ue002b\\ue003"'
