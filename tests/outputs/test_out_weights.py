"""Live weights: the page scores, ranks and draws as Python does, and what it saves is replayed to the same numbers."""

from __future__ import annotations

import dataclasses
import re
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from kcity_geo.analysis.sites.areas import areas_of
from kcity_geo.analysis.sites.scenario import differing
from kcity_geo.analysis.sites.worth import criterion_means, low_decile, total_score
from kcity_geo.analysis.suitability.combination import wlc
from kcity_geo.analysis.suitability.robustness import flip_distance
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.weights_page import weights_payload
from kcity_geo.suitability_keys import ScenarioSection

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from hand_plan import hand_plan
from weighing import WEIGHTS, judged, ranked

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning"),
]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def study(build):
    """A study with nine areas of six criteria, two of them with unknown cells, and a slope limit."""
    made = build(cell_m=50.0)
    score = judged(made.data.inside)
    return dataclasses.replace(
        made, score=score, sites=ranked(score, made.data), plan=hand_plan(made.data)
    )


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    path = tmp_path_factory.mktemp("live") / "map.html"
    path.write_text(build_map(study), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page(viewport={"width": 1366, "height": 768}, accept_downloads=True)
        opened.wrong = []
        opened.on("console", lambda m: m.type == "error" and opened.wrong.append(m.text))
        opened.on("pageerror", lambda e: opened.wrong.append(str(e)))
        opened.on(
            "request",
            lambda r: r.url.startswith(("data:", "file:", "blob:")) or opened.wrong.append(r.url),
        )
        opened.goto(path.as_uri())
        opened.wait_for_selector(".kc-north", state="attached", timeout=20_000)
        opened.locator("#kc-weights > summary").click()
        opened.wait_for_selector("#kc-weights[data-ready]", timeout=20_000)
        yield opened
        assert opened.wrong == []
        browser.close()


class Reference:
    """The order of areas in Python, from the functions of the ranking."""

    def __init__(self, study) -> None:
        self.criteria = study.score.criteria
        self.areas = areas_of(study.sites.attrs["areas"])
        self.worth = np.stack([c.utility.ravel() for c in self.criteria], axis=-1)
        self.slope = study.score.constraints[0].limited.values.ravel()
        rest = study.sites.set_index("site_id").loc[[a.site_id for a in self.areas]]
        self.rest = rest[["connection_score", "compactness"]].reset_index(drop=True)
        self.ha = [a.polygon.area / 1e4 for a in self.areas]
        self.place = [a.polygon.bounds[:2] for a in self.areas]

    def order(self, weights, steep: float) -> list[tuple[str, float]]:
        w = np.asarray(weights) / np.sum(weights)
        used = [
            dataclasses.replace(c, weight_used=x)
            for c, x in zip(self.criteria, w, strict=True)
            if x > 0
        ]
        cells = [a.cells[~(self.slope[a.cells] > steep)] for a in self.areas]
        table, _ = criterion_means(used, cells)
        share = np.array([c.weight_used for c in used])
        low = [low_decile(wlc(self.worth[c], w, known_min=0.5 / 0.9)) for c in cells]
        frame = self.rest.assign(mean_score=table @ share / share.sum(), low_decile_score=low)
        total = total_score(frame)[0]
        small = [
            ha * len(c) / len(a.cells) < 20 * 0.97
            for ha, c, a in zip(self.ha, cells, self.areas, strict=True)
        ]
        by = sorted(
            range(len(total)), key=lambda i: (small[i], -round(total[i], 12), self.place[i])
        )
        return [(self.areas[i].site_id, total[i]) for i in by]


@needs_chromium
def test_for_a_thousand_weightings_the_order_of_sites_is_that_of_python(study, page) -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(len(WEIGHTS)), 1000)
    weights[::10, 3] = 0.0  # a criterion may lose all its weight
    weights[5::50] = np.eye(len(WEIGHTS))[np.arange(20) % len(WEIGHTS)]  # or take it all
    steps = page.evaluate("KC.weights.limits[0].steps")
    places = rng.integers(8, len(steps), 1000).tolist()
    found = page.evaluate(
        "([ws, places]) => ws.map((w, i) => KC.live.rank({ weights: w, limits: [places[i]] })"
        ".map((row) => [KC.weights.areas[row.at].id, row.score]))",
        [weights.tolist(), places],
    )
    reference = Reference(study)
    for w, place, shown in zip(weights, places, found, strict=True):
        told = reference.order(w, steps[place])
        assert [i for i, _ in shown] == [i for i, _ in told], (w, steps[place])
        numbers = np.array(
            [[s if s is not None else np.nan for _, s in shown], [s for _, s in told]], float
        )
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=0, atol=1e-12)


@needs_chromium
@pytest.mark.parametrize(
    ("weights", "steep"),
    [(WEIGHTS, 15.0), ((1, 1, 1, 5, 1, 1), 8.0), ((0, 2, 1, 0, 1, 1), 26.5), ((1, 0, 0, 0, 0, 0), 3.5)],
)  # fmt: skip
def test_a_saved_scenario_is_replayed_to_the_same_numbers(study, page, weights, steep) -> None:
    page.evaluate(
        "([w, x]) => KC.live.set({ weights: w, limits: [KC.weights.limits[0].steps.indexOf(x)] })",
        [(np.array(weights) / np.sum(weights)).tolist(), steep],
    )
    hostile = 'a "b" \\ \x7f 한 😀 \ud800'
    with page.expect_download() as waiting:
        page.locator(".kc-acts input").fill("a name")
        page.locator("[data-act=save]").click()
    assert tomllib.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))["name"] == "a name"
    saved = page.evaluate("(name) => KC.live.scenario(name)", hostile)
    asked = ScenarioSection(**tomllib.loads(saved))
    assert asked.name.startswith('a "b" \\ \x7f 한 😀 ')
    assert asked.constraints == ({} if steep == 15.0 else {"slope_pct_max": steep})
    assert sum(asked.weights.values()) == pytest.approx(1)
    own = [v for k, v in asked.weights.items() if k != "flood"]
    replayed = judged(study.data.inside, weights=own, limit=steep)
    if max(weights) < sum(weights):
        sites = ranked(replayed, study.data, kept=study.sites)
        assert differing(sites, asked) == []
        first = page.evaluate(
            "(() => { const s = KC.live.state(), o = KC.live.rank(s); KC.live.robustness(s, o);"
            " return o.map((r) => [KC.weights.areas[r.at].id, r.first]); })()"
        )
        shares = dict(first)
        for _, row in sites[sites["fits"]].iterrows():
            assert shares[row["site_id"]] == pytest.approx(row["first_share"], abs=1e-9)


@needs_chromium
def test_colours_are_those_of_the_score(study, page) -> None:
    """Each class of the picture at the weights of the study is the class of the score, but for its steps of 1/254."""
    page.evaluate("KC.live.set(KC.live.base)")
    classes = np.array(page.evaluate("Array.from(KC.live.classes())")).reshape(
        study.score.score.shape
    )
    score, feasible = study.score.score, study.score.feasible
    assert ((classes == 5) == (study.data.inside & ~feasible)).all()
    assert ((classes == 255) == (~study.data.inside | (feasible & np.isnan(score)))).all()
    known = np.isfinite(score)
    near = np.abs(score[known][:, None] - np.array([0.2, 0.4, 0.6, 0.8])).min(axis=1) < 1 / 254
    assert ((classes[known] == np.digitize(score[known], [0.2, 0.4, 0.6, 0.8])) | near).all()
    assert near.mean() < 0.1


@needs_chromium
def test_a_theme_of_the_plan_goes_to_its_site(page) -> None:
    page.evaluate("KC.show('plan_use')")
    told = page.evaluate(
        "(() => { const map = KC.map, site = L.latLngBounds(kcTheme('plan_use').bounds);"
        " return [map.getBounds().contains(site), map.getBoundsZoom(site) - map.getZoom(),"
        " document.querySelector('.kc-legend').innerText]; })()"
    )
    assert told[0]
    assert told[1] < 2.5
    assert "Homes" in told[2]
    assert "20\u00a0ha" in told[2]
    page.evaluate("KC.home(); KC.show('suitability')")


@needs_chromium
def test_draws_and_flip_distance_are_those_of_numpy(page) -> None:
    drawn = page.evaluate("Array.from(KC.live.factors(6).slice(0, 600))")
    told = 1 + np.random.default_rng(7).uniform(-0.25, 0.25, (1000, 6)).ravel()[:600]
    assert drawn == told.tolist()
    gain = [0.5, 0.3, 0.9]
    assert page.evaluate(
        "kcFlip([0.5, 0.5, 0.5], [0, 0.3, 0.9], [0.1, 0.8, 0.1])"
    ) == pytest.approx(0.466667, abs=1e-6)
    x = np.array([[0.7, 0.6, 0.2], gain])
    assert page.evaluate(
        "kcFlip([0.7, 0.6, 0.2], [0.5, 0.3, 0.9], [0.5, 0.3, 0.2])"
    ) == pytest.approx(flip_distance(x, [0.5, 0.3, 0.2], leader=0, rival=1))


def _drawn(page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@needs_chromium
def test_keyboard_lock_reset_and_kept_state(page) -> None:
    page.locator("[data-act=reset]").click()
    number = page.locator(".kc-slide input[type=number]")
    page.locator(".kc-lock input").nth(1).check()
    number.nth(0).fill("60")
    page.keyboard.press("Enter")
    _drawn(page)
    shown = [float(number.nth(i).input_value()) for i in range(6)]
    assert shown[:2] == [60.0, 22.0]  # 22 is locked, the other four share 18 as 18 : 14 : 10 : 6
    assert shown[2:] == pytest.approx([18 * v / 48 for v in (18, 14, 10, 6)], abs=0.06)
    page.locator("[data-act=keep]").click()
    slope = page.locator(".kc-slide input[type=range]").last
    slope.focus()
    before = float(number.last.input_value())
    for _ in range(14):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.kc-ranks').innerText.includes('now excluded')")
    _drawn(page)
    assert float(number.last.input_value()) == before - 14 * 0.5
    assert "Kept" in page.locator(".kc-ranks").inner_text()
    page.locator("[data-act=swap]").click()
    assert float(number.last.input_value()) == before
    page.locator("[data-act=reset]").click()
    assert [float(number.nth(i).input_value()) for i in range(6)] == [30, 22, 18, 14, 10, 6]
    number.nth(0).fill("")
    page.keyboard.press("Enter")
    number.nth(0).fill("1000")
    page.keyboard.press("Enter")
    _drawn(page)
    assert [float(number.nth(i).input_value()) for i in range(6)] == [100, 0, 0, 0, 0, 0]
    page.locator("[data-act=reset]").click()
    chosen = page.locator(".leaflet-control-layers-base input:checked")
    assert "Suitability" in chosen.evaluate("e => e.closest('label').innerText")
    assert page.locator("canvas.kc-live-picture").count() == 1


@needs_chromium
def test_the_legend_tells_no_share_of_land_that_is_no_longer_shown(page) -> None:
    page.locator("[data-act=reset]").click()
    shares = page.locator(".kc-legend .kc-key b")
    of_study = shares.all_inner_texts()
    assert any("%" in one for one in of_study)
    page.locator(".kc-slide input[type=number]").nth(0).fill("60")
    page.keyboard.press("Enter")
    _drawn(page)
    assert shares.count() == 0
    assert "not counted" in page.locator(".kc-legend").inner_text()
    page.locator("[data-act=reset]").click()
    assert shares.all_inner_texts() == of_study
    assert "not counted" not in page.locator(".kc-legend").inner_text()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"no_ranking": "No ranking possible: slope unknown"}, "no_ranking"),
        ({"criteria": ()}, "no_criteria"),
        ({"method": {"combination": "owa"}}, "method"),
    ],
)
def test_without_a_weighted_sum_nothing_can_be_moved_and_the_page_says_why(
    study, changes, key
) -> None:
    score = dataclasses.replace(study.score, **changes)
    made = weights_payload(dataclasses.replace(study, score=score))
    assert made["off"] == key
    assert made["texts"]["en"][f"off_{key}"]
    assert made["texts"]["ko"][f"off_{key}"]
    assert "utilities" not in made


def test_both_languages_say_each_text_with_the_same_places() -> None:
    from kcity_geo.config import read_table

    for key, row in read_table("texts/weights")["text"].items():
        assert set(re.findall(r"\{(\w+)\}", row["en"])) == set(
            re.findall(r"\{(\w+)\}", row["ko"])
        ), key
        used = "".join(
            p.read_text(encoding="utf-8")
            for p in (Path(weights_payload.__code__.co_filename).parent / "assets/map").glob(
                "weights*.js"
            )
        )
        assert f'"{key}"' in used, key
