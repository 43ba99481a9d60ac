"""The map in Firefox: every part works, nothing is asked of a network, nothing of the data runs."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

import pytest

from kcity_geo.outputs.maps import build_map

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from firefox import opened_firefox
from hand_plan import hand_plan
from weighing import judged, ranked

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning"),
    pytest.mark.skipif(FIREFOX is None, reason="Firefox is not installed"),
]
HOSTILE = "A {{7*7}} ${1} </script><img src=x onerror=window.__pwned=1> \" onclick='y' Z"
READY = """new Promise((done, late) => {
  const end = Date.now() + 30000, look = () => {
    if (document.documentElement.dataset.kcReady !== undefined) { done(true); }
    else if (Date.now() > end) { late(new Error("the map is not ready")); } else { setTimeout(look, 50); }
  };
  look();
})"""
#: Each part of the page is used once, as a reader would; gives what is seen of it.
USED = """(async () => {
  const told = { themes: [], steps: [] }, rest = () => new Promise((r) => setTimeout(r, 30));
  for (const theme of KC.themes) {
    KC.show(theme.key);
    await rest();
    if (document.querySelector(".kc-legend summary").textContent.includes(theme.title) || !theme.rows.length) {
      told.themes.push(theme.key);
    }
  }
  const field = document.querySelector(".kc-search input");
  field.value = KC.sites[0].title.slice(0, 6);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await rest();
  told.found = document.querySelectorAll(".kc-search li").length;
  KC.pickSite(KC.sites[0]);
  told.card = document.querySelector(".kc-pinned").textContent;
  for (let i = 0; i < KC.story.length; i++) {
    KC.tell(i);
    await rest();
    told.steps.push(document.querySelector(".kc-sentence").textContent.length > 0);
  }
  KC.tell();
  KC.swipe(KC.themes[1].key);
  await rest();
  told.swiped = document.querySelectorAll(".kc-swipe").length;
  KC.swipe();
  document.querySelector("#kc-weights").open = true;
  for (let i = 0; i < 400 && !document.querySelector("#kc-weights[data-ready]"); i++) { await rest(); }
  told.order = KC.live.rank(KC.live.base).map((row) => KC.weights.areas[row.at].id);
  told.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  told.pwned = String(window.__pwned);
  told.all = KC.themes.map((theme) => theme.key);
  return told;
})()"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with opened_firefox(FIREFOX, tmp_path_factory.mktemp("firefox")) as found:
        yield found


@pytest.fixture(scope="module")
def study(build):
    made = build(name=HOSTILE, cell_m=100.0)
    score = judged(made.data.inside)
    return dataclasses.replace(
        made, score=score, sites=ranked(score, made.data), plan=hand_plan(made.data, name=HOSTILE)
    )


@pytest.mark.parametrize(
    ("language", "width", "height"), [("en", 1920, 1080), ("ko", 1366, 768), ("en", 390, 844)]
)
def test_every_part_of_the_map_works(tab, study, tmp_path, language, width, height) -> None:
    page = tmp_path / "map.html"
    page.write_text(build_map(study, language=language), encoding="utf-8")
    tab.open(page, width=width, height=height)
    assert tab.ask(READY)
    told = tab.ask(USED)
    assert told["themes"] == told["all"]
    assert told["found"] >= 1
    assert "1" in told["card"]
    assert told["steps"] == [True] * 5
    assert told["swiped"] == 1
    listed = study.sites.loc[study.sites["rank"].notna(), "site_id"].tolist()
    assert told["order"][: len(listed)] == listed
    assert told["wide"] <= 0
    assert told["pwned"] == "undefined"
    assert tab.requests == []
    assert tab.errors == []
