"""What the command prints at the end says the same as the map and the report."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from kcity_geo.cli.answer import print_summary, summary_of
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.summary import summarise


def _printed(result, capsys, monkeypatch, *, width: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    print_summary(result, summary_of(result, Path("out")), timings=False)
    return capsys.readouterr().out


def test_numbers_are_rounded_once_and_as_on_the_map(build, capsys, monkeypatch) -> None:
    """0.3748 rounded to 0.375 and then again to 0.38 stood beside 37 % on the map."""
    study = build()
    study.gaps.city.loc["transport", "gap"] = 0.3748
    study.gaps.city.loc["transport", "gap_raw"] = 0.3748
    text = _printed(study, capsys, monkeypatch)
    assert re.search(r"Transport .* 37 % ", text)
    page = re.sub(r"<span data-id[^>]*>([^<]*)</span>", r"\1", build_map(study))
    assert "gap: 37 %" in page.replace("\u00a0", " ")
    assert summary_of(study, Path("out"))["gaps"]["transport"]["gap"] == pytest.approx(0.3748)
    assert summarise(study).headline[0] in text
    table = [line for line in text.splitlines() if line not in summarise(study).headline]
    assert max(len(line) for line in table) <= 80


@pytest.mark.usefixtures("no_pictures")
def test_the_reason_for_no_site_is_that_of_the_report(build, capsys, monkeypatch) -> None:
    study = build(sites=0)
    why = "no connected area of 100 ha scores 70 of 100 or more (smaller pieces that do have 10 ha together)"
    score = dataclasses.replace(study.score, warnings=(f"{study.score.title}: no site; {why}",))
    study = dataclasses.replace(study, score=score)
    text = re.sub(r"\s+", " ", _printed(study, capsys, monkeypatch))
    assert f"No site: {why}." in text
    assert f"No site: {why}." in build_report(study).replace("\u00a0", " ")
    assert f"No site: {why}." in build_map(study)
    assert "excludes most" not in text
    assert "lower suitability.constraints.min_area_ha or suitability.threshold" in text
    assert "suitability.threshold" not in build_report(study) + build_map(study)


@pytest.mark.usefixtures("no_pictures")
def test_a_number_of_people_and_its_share_stand_in_one_line(build, capsys, monkeypatch) -> None:
    """At 80 columns the share was torn: `(20` in one line, `%)` in the next."""
    study = build()
    study.gaps.city["people_short"] = 123_456.0
    text = _printed(study, capsys, monkeypatch)
    rows = [row for row in summarise(study).sectors if row.assessed and row.segments]
    assert rows
    for row in rows:
        assert f"{row.short} ({row.percent})" in text
    table = [line for line in text.splitlines() if line not in summarise(study).headline]
    assert max(len(line) for line in table) <= 80
    assert "…" not in text  # words are broken between words, none is cut


def test_given_land_that_does_not_fit_is_not_among_the_best(build, capsys, monkeypatch) -> None:
    found = build()
    sites = found.sites.assign(fits=[i == 0 for i in range(len(found.sites))])
    told = summarise(dataclasses.replace(found, sites=sites))
    assert len(told.sites) > len(told.short_list) == 1
    assert told.short_list[0].fits
    none = summarise(dataclasses.replace(found, sites=sites.assign(fits=False)))
    assert none.short_list == none.sites
