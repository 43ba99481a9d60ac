"""Code blocks of the README and of docs/ run as written; every indicator has its page."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

import kcity_geo as kc
from kcity_geo.cli import app
from kcity_geo.indicators import indicator_rows
from kcity_geo.sources.products.catalogue import load_catalogue
from kcity_geo.studyfile import check_study
from kcity_geo.suitability_keys import ScenarioSection

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A block under this comment is not run, for the reason that it gives.
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<language>sh|python|toml)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One code block of a page."""

    page: str
    language: str
    code: str
    why_not: str


def blocks_of(page: str, text: str) -> list[Block]:
    """Code blocks of a page in order, with the reason why one is not run."""
    return [
        Block(page, m["language"], m["code"], (m["why"] or "").strip())
        for m in BLOCK.finditer(text)
    ]


BLOCKS = [
    b
    for path in PAGES
    for b in blocks_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
]


def of_language(language: str) -> list:
    return [
        pytest.param(b, id=f"{b.page}:{i}") for i, b in enumerate(BLOCKS) if b.language == language
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory, hanbit_town) -> Path:
    """A folder as a reader has it: a clone with data/hanbit, and a study of one's own (large cells)."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(hanbit_town, folder, dirs_exist_ok=True)
    shutil.copytree(hanbit_town, folder / "data" / "hanbit")
    for study, cell_m in (
        (folder / "study.toml", 420),
        (folder / "data" / "hanbit" / "study.toml", 400),
    ):
        text, changed = re.subn(
            r"^cell_m = .*$",
            f"cell_m = {cell_m}",
            study.read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
        assert changed == 1
        study.write_text(text, encoding="utf-8")
    return folder


def run(command: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    """Run something in a process of its own, in the folder of the reader, without a network."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "PATH": path}
    return subprocess.run(
        command,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("block", of_language("python"))
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("once", "no_pictures", "large_files_once")
def test_a_block_of_python_runs(block, place, monkeypatch) -> None:
    """In this process, which has the libraries loaded, with nothing but its own names."""
    if block.why_not:
        pytest.skip(block.why_not)
    monkeypatch.chdir(place)
    exec(compile(block.code, block.page, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("block", of_language("sh"))
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("once", "no_pictures", "large_files_once")
def test_a_block_of_commands_runs(block, place, monkeypatch) -> None:
    """Commands of ``kcity`` alone in this process, which has the libraries loaded; others in a shell."""
    if block.why_not:
        pytest.skip(block.why_not)
    lines = block.code.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if line.strip()]
    if all(one[0] == "kcity" for one in words) and not re.search("[|>&;$`*]", block.code):
        monkeypatch.chdir(place)
        for one in words:
            told = CliRunner().invoke(app, one[1:])
            assert told.exit_code == 0, (one, told.stderr[-3000:])
        return
    done = run(["bash", "-euc", block.code], place)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("block", of_language("toml"))
def test_a_block_of_toml_is_a_valid_study_or_catalogue(block, place, tmp_path) -> None:
    if block.why_not:
        pytest.skip(block.why_not)
    tables = tomllib.loads(block.code)
    if "product" in tables:
        mine = tmp_path / "mine.toml"
        mine.write_text(block.code, encoding="utf-8")
        assert load_catalogue(mine).products
        return
    if "study" in tables and isinstance(
        tables["study"], str
    ):  # of a scenario, the name of its study
        assert ScenarioSection(**tables).weights
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        assert check_study(tables, folder=place).study.cell_m > 0


def test_a_block_is_left_out_only_with_a_reason() -> None:
    text = "<!-- not run: no network -->\n```sh\ncurl x\n```\n\n```python\n1 / 0\n```\n"
    assert blocks_of("page", text) == [
        Block("page", "sh", "curl x\n", "no network"),
        Block("page", "python", "1 / 0\n", ""),
    ]
    fences = sum(
        len(re.findall(r"^```(?:sh|python|toml)$", p.read_text(encoding="utf-8"), re.MULTILINE))
        for p in PAGES
    )
    assert len(BLOCKS) == fences


@pytest.mark.parametrize("row", indicator_rows().values(), ids=lambda row: row.id)
def test_an_indicator_has_its_page(row) -> None:
    page = ROOT / "docs" / row.docs.partition("#")[0]
    text = page.read_text(encoding="utf-8")
    assert re.search(rf"\b{re.escape(row.id.partition('_')[0])}\b", text.splitlines()[0]), page


def test_a_page_of_an_indicator_belongs_to_a_row() -> None:
    pages = {p.name for p in (ROOT / "docs" / "indicators").glob("*.md")} - {"index.md"}
    rows = {Path(row.docs.partition("#")[0]).name for row in indicator_rows().values()}
    assert pages == rows


def test_the_facts_of_a_page_are_those_of_its_rows() -> None:
    spec = importlib.util.spec_from_file_location("docs_conf", ROOT / "docs" / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    assert "| T4 | km/km2 | 18 | 0 | 0.1, 0 | roads | V |" in conf.indicator_facts("indicators/t4")
    for row in indicator_rows().values():
        assert row.citation in conf.indicator_facts(row.docs.removesuffix(".md"))
    assert conf.indicator_facts("indicators/index") == ""


def test_each_of_thirty_questions_is_answered_in_at_most_ten_lines() -> None:
    text = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    asked = re.split(r"^\*\*(\d+)\. .+\?\*\*$", text, flags=re.MULTILINE)
    assert asked[1::2] == [str(number) for number in range(1, 31)]
    for number, answer in zip(asked[1::2], asked[2::2], strict=True):
        found = blocks_of("questions", answer)
        assert len(found) == 1, number
        assert len(found[0].code.splitlines()) <= 10, number


def test_pictures_of_the_docs_are_small_there_and_shown() -> None:
    shown = {
        (path.parent / m).resolve()
        for path in PAGES
        for m in re.findall(
            r"(?:!\[[^\]]+\]\(|```\{image\} )(\S+?\.png)", path.read_text(encoding="utf-8")
        )
    }
    there = set((ROOT / "docs" / "figures").glob("*.png"))
    assert shown <= there
    assert {p.name for p in there - shown} == set()
    assert [p.name for p in there if p.stat().st_size > 200_000] == []
