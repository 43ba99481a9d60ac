"""Rules of the gap model: in a study file under a key, in a range, and read where they should be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import kcity_geo as kc
from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.energy.lighting import street_lighting
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.cli import app
from kcity_geo.config import read_table
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import StudyError
from kcity_geo.indicators import indicator_rows
from kcity_geo.notes import muted
from kcity_geo.result import Indicator
from kcity_geo.rules import RULE_SECTIONS, all_rules, check_rules, rules_table
from kcity_geo.standards import EVIDENCE_MARKS
from kcity_geo.studyfile import check_study, study_schema

RULES = all_rules()


def test_every_rule_has_a_section_a_range_and_says_where_it_comes_from() -> None:
    for key, rule in RULES.items():
        assert key.partition(".")[0] in RULE_SECTIONS
        assert rule.mark in EVIDENCE_MARKS
        assert rule.citation
        assert rule.note
        assert rule.min <= rule.value <= rule.max
    assert {key.partition(".")[0] for key in RULES} == set(RULE_SECTIONS)


def test_every_number_of_the_priors_can_be_set() -> None:
    """What the README promises: priors, sector weights, completeness norms."""
    for name, row in read_table("priors")["prior"].items():
        for place in ("urban_centre", "urban_cluster", "rural"):
            assert RULES[f"priors.{name}.{place}"].value == row[place]
    for row in read_table("evidence")["evidence"]:
        assert RULES[f"completeness.{row['id']}.expected"].value == row["expected"]
    for name in read_table("evidence")["missing"]["facility"]:
        assert f"completeness.{name}.persons_each" in RULES


def test_every_prior_is_drawn_by_an_indicator() -> None:
    """A prior that no draw reads could be set, and would change nothing."""
    kinds, rows = read_table("evidence")["draw"], indicator_rows().values()
    drawn = {row.prior for row in rows if row.prior and kinds.get(row.id, "prior") == "prior"}
    assert drawn == set(read_table("priors")["prior"])
    assert {row.prior for row in rows} == {*drawn, ""}
    groups = {row.group for row in rows}
    assert set(read_table("priors")["group"]) <= groups | {"tables"}


@pytest.mark.parametrize("key", RULES)
def test_a_change_reaches_its_place_and_no_other(key) -> None:
    rule = RULES[key]
    value = rule.min if rule.value != rule.min else rule.max
    changed, plain = rules_table(rule.table, {key: value}), read_table(rule.table)
    before, after = (json.dumps(t, default=str).split(",") for t in (plain, changed))
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert rules_table(rule.table) is plain


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"priors": {"street": {"rurl": 0.4}}}, "priors.street.rurl: no such key; did you mean"),
        ({"priors": {"street": 0.4}}, "priors.street: no such key"),
        ({"priors": {"street": {"rural": 40}}}, "priors.street.rural: 40 is out of range; give 0 to 1"),
        ({"priors": {"street": {"rural": "low"}}}, "priors.street.rural: needs a number"),
        ({"sector_weights": {"water": -1}}, "sector_weights.water: -1 is out of range"),
        ({"sector_weights": {"water": 0, "energy": 0, "transport": 0}}, "all weights are 0"),
        ({"sector_weights": {"wather": 1}}, "did you mean 'sector_weights.water'"),
        ({"completeness": {"streets": {"expected": 0}}}, "completeness.streets.expected: 0 is out"),
        ({"readings": {"short": 0.1}}, "readings.partly = 0.2 and readings.short = 0.1"),
        ({"readings": {"evidence_fair": 0.8}}, "readings.evidence_fair = 0.8"),
        ({"readings": {"falls_short": 0.5}}, "readings.falls_short: no such key"),
    ],
)  # fmt: skip
def test_a_wrong_rule_stops_before_work_starts(tables, said, tmp_path) -> None:
    with pytest.raises(StudyError) as caught:
        check_study(tables, folder=tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_schema_knows_every_rule() -> None:
    schema = study_schema()["properties"]
    for key, rule in RULES.items():
        section, *tables, name = key.split(".")
        place = schema[section]["properties"]
        for table in tables:
            place = place[table]["properties"]
        assert (place[name]["minimum"], place[name]["maximum"]) == (rule.min, rule.max)


def scored(city, **gaps):
    """One indicator of each sector with a gap that is the same everywhere."""
    shape = city.grid.shape
    return [
        Indicator(id=key, value=gap, units="share", gap=np.full(shape, gap), evidence="user")
        for key, gap in gaps.items()
    ]


def test_sector_weights_and_power_by_hand() -> None:
    data = make_toy(arrays={"population": 10.0})
    gaps = {"T1": 0.6, "W1": 0.3, "E2": 0.9}
    rows = {row.sector: row for row in indicator_rows().values() if row.id in gaps}
    assert set(rows) == {"transport", "water", "energy"}

    def composite(**rules) -> float:
        model = CityModel(data).changed(rules={"gap_model.assessed_weight_min": 0, **rules})
        with muted():
            found = assess_gaps(model, scored(model, **gaps), draws=20)
        return float(found.cells["composite_gap_raw"][0, 0])

    assert composite() == pytest.approx(np.sqrt((0.36 + 0.09 + 0.81) / 3))
    plain = {"gap_model.power": 1}
    assert composite(**plain) == pytest.approx(0.6)
    assert composite(**plain, **{"sector_weights.water": 4}) == pytest.approx((0.6 + 1.2 + 0.9) / 6)


def test_a_limit_of_the_readings_changes_word_number_and_text(tmp_path) -> None:
    study = check_study({"readings": {"short": 0.7, "evidence_fair": 0}}, folder=tmp_path)
    data = replace(make_toy(arrays={"population": 10.0}), study=study)
    model = CityModel(data).changed(rules={"gap_model.assessed_weight_min": 0})
    with muted():
        found = assess_gaps(model, scored(model, T1=0.6, W1=0.6, E2=0.6), draws=20)
    assert found.limits.short == 0.7
    assert found.city.loc["transport", "p_short"] == 0
    assert found.city.loc["transport", "reading"] == "Partly short"
    assert "70" in found.explain()


def test_a_rule_recomputes_its_readers_and_nobody_else() -> None:
    city = CityModel(make_toy(arrays={"population": 10.0}))
    before = city.once(mapped_share), city.once(street_lighting)
    other = city.changed(rules={"priors.street.rural": 0.1, "evidence.proxy_cap": 0.2})
    assert (other.once(mapped_share), other.once(street_lighting)) == before
    sparse = city.changed(rules={"completeness.streets.expected": 1.0})
    assert sparse.once(mapped_share).mean.max() <= before[0].mean.max()
    assert sparse.once(mapped_share) is not before[0]
    assert sparse.people is city.people
    with pytest.raises(StudyError, match="out of range"):
        city.changed(rules={"priors.street.rural": 2})


def test_the_command_lists_what_a_study_sets(tmp_path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        "[priors.street]\nrural = 0.4\n[water]\nlpcd = 150\n[standards]\nT4.target = 20\n"
    )
    run = CliRunner().invoke
    rows = {
        r["key"]: r
        for r in json.loads(run(app, ["list", "parameters", str(file), "--json"]).output)
    }
    assert (rows["priors.street.rural"]["value"], rows["priors.street.rural"]["mark"]) == (0.4, "U")
    assert (rows["water.lpcd"]["value"], rows["water.lpcd"]["mark"]) == (150, "U")
    assert rows["priors.street.urban_centre"]["mark"] == "D"
    told = json.loads(run(app, ["list", "standards", str(file), "--json"]).output)
    assert next(r["mark"] for r in told if r["indicator"] == "T4") == "U"
    assert run(app, ["list", "layers", str(file)]).exit_code == 2


def test_what_a_study_sets_is_read_from_it(tmp_path) -> None:
    study = check_study({"evidence": {"E2_no_lights": 0.1, "W4": {"most": 0.2}}}, folder=tmp_path)
    assert study.rules == {"evidence.E2_no_lights": 0.1, "evidence.W4.most": 0.2}
    assert check_rules({}) == {}
    assert kc.Study(priors={"power": {"rural": 0.2}}).rules == {"priors.power.rural": 0.2}
