"""Outputs write down what analysis found: no sums, means or choices of their own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kcity_geo.outputs

FOLDER = Path(kcity_geo.outputs.__file__).parent
#: What outputs may take from analysis: findings, and the words and codes in which they are given.
FROM_ANALYSIS = {
    "kcity_geo.analysis.comparison.compare": {"Comparison", "Difference"},
    "kcity_geo.analysis.comparison.rows": {"AXES", "ComparedCriterion", "reweighted"},
    "kcity_geo.analysis.findings": None,
    "kcity_geo.analysis.gaps.assessed": {"of_towns"},
    "kcity_geo.analysis.gaps.draws": {"STREET_FORM"},
    "kcity_geo.analysis.gaps.reading": {"reason_apart"},
    "kcity_geo.analysis.gaps.words": {
        "EVIDENCE_WORDS",
        "READINGS",
        "evidence_numbers",
        "evidence_word",
        "limit_words",
        "nobody_can_tell",
        "open_is_told",
        "reading_title",
        "reading_words",
    },
    "kcity_geo.analysis.location.located": {"Located"},
    "kcity_geo.analysis.recommend": {"Recommendation", "recommendations"},
    "kcity_geo.analysis.settlement.blocks": {"blocks_of"},
    "kcity_geo.analysis.settlement.habitation": {"LIVED_IN", "NOBODY", "OPEN_WATER"},
    "kcity_geo.analysis.sites.contents": {"CONTENT_COLUMNS"},
    "kcity_geo.analysis.sites.live": {"Live", "TriedLimit", "live_weights", "why_not_live"},
    "kcity_geo.analysis.suitability.constraints": {"SITE_KEYS"},
    "kcity_geo.analysis.suitability.exclusion": {"NO_DATA", "OPEN"},
}
#: Calls that make one number out of many, or choose among them.
REDUCES = {
    "sum", "nansum", "mean", "nanmean", "average", "median", "nanmedian", "quantile", "percentile",
    "nanquantile", "nanpercentile", "std", "var", "bincount", "argmax", "argmin", "nanargmax",
    "nanargmin", "groupby", "value_counts", "cumsum", "dot", "einsum", "matmul", "resample",
}  # fmt: skip
#: File and function where such a call draws a picture or a sentence, and what it is for.
DRAWS = {
    ("backdrop.py", "_closer"): "ink of the streets on a picture, in pixels",
    ("map_names.py", "_named_pieces"): "pieces of one road, by its name",
    ("headline.py", "_names"): "whether two districts hold most of those already counted",
}


def _calls(path: Path) -> list[tuple[str, str, int]]:
    """Function, name and line of each call of a method or function."""
    found = []
    for outer in ast.parse(path.read_text(encoding="utf-8")).body:
        for node in ast.walk(outer):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                found.append((getattr(outer, "name", ""), node.func.attr, node.lineno))
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_outputs_take_findings_and_words_from_analysis_and_sum_nothing(path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "kcity_geo.analysis"
        ):
            assert node.module in FROM_ANALYSIS, f"{path.name} imports {node.module}"
            allowed = FROM_ANALYSIS[node.module]
            names = {alias.name for alias in node.names}
            assert allowed is None or names <= allowed, f"{path.name} imports {names - allowed}"
    for function, name, line in _calls(path):
        assert name not in REDUCES or (path.name, function) in DRAWS, (
            f"{path.name}:{line}: {function} calls {name}; results come from kcity_geo.analysis.findings"
        )


def test_a_sum_that_is_planted_is_found(tmp_path) -> None:
    (tmp_path / "planted.py").write_text("def total(values):\n    return values.sum()\n")
    assert _calls(tmp_path / "planted.py") == [("total", "sum", 2)]


def test_every_exception_is_still_needed() -> None:
    used = {(p.name, f) for p in FOLDER.glob("*.py") for f, name, _ in _calls(p) if name in REDUCES}
    assert used == set(DRAWS)
