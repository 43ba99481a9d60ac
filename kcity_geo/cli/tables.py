"""What the package knows: `list`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kcity_geo.cli.console import plain_errors, print_rows, say_json
from kcity_geo.cli.opening import config_of, study_at
from kcity_geo.cli.options import AsJson, Offline
from kcity_geo.cli.root import app
from kcity_geo.config import Config, read_table
from kcity_geo.errors import StudyError

if TYPE_CHECKING:
    from kcity_geo.studyfile import Study

Row = dict[str, Any]


class Table(StrEnum):
    """A table of the package."""

    profiles = "profiles"
    standards = "standards"
    sources = "sources"
    indicators = "indicators"
    parameters = "parameters"
    layers = "layers"
    services = "services"
    criteria = "criteria"


def _study_of_list(table: Table, path: Path, config: Config) -> Study:
    """Read the study whose own values are listed."""
    if table not in {Table.parameters, Table.standards}:
        raise StudyError(
            f"list {table.value}: a study file is told of parameters, standards and criteria"
        )
    return study_at(path, config)


def _criteria(study: Path | None, config: Config) -> list[Row]:
    """Give all criteria of the package, or those of a study with what each needs."""
    if study is not None:
        from kcity_geo.siting import criteria_of_study
        from kcity_geo.study import load

        return criteria_of_study(load(study_at(study, config), config=config))
    content = read_table("suitability/criteria")["criterion"]
    return [
        {"criterion": k, **{n: row[n] for n in ("title", "units")}} for k, row in content.items()
    ]


def _profiles(_: Study | None) -> list[Row]:
    from kcity_geo.profiles import profiles

    return [
        {
            "profile": name,
            "title": profile["title"],
            "criterion": row["id"],
            "weight": row["weight"],
            "function": f"{row['function']} {row['parameters']}",
            "mark": row["mark"],
        }
        for name, profile in profiles().items()
        for row in profile["criteria"]
    ]


def _parameters(of_study: Study | None) -> list[Row]:
    from kcity_geo.outputs.assumptions import parameter_rows

    return parameter_rows(of_study)


def _standards(of_study: Study | None) -> list[Row]:
    from kcity_geo.standards import load_standards

    return [
        {
            "indicator": s.id,
            "title": s.title,
            "target": s.target if s.target is not None else "own formula",
            "worst": s.worst if s.worst is not None else "",
            "unit": s.unit,
            "weights": f"urban {s.urban_weight:g}, rural {s.rural_weight:g}",
            "mark": s.mark,
            "citation": s.citation,
        }
        for s in load_standards(of_study.standards if of_study else None).values()
    ]


def _indicators(_: Study | None) -> list[Row]:
    from kcity_geo.indicators import indicator_rows

    return [
        {key: value for key, value in asdict(row).items() if value is not None}
        for row in indicator_rows().values()
    ]


def _rows_of(name: str, key: str) -> Callable[[Study | None], list[Row]]:
    """Give what lists the rows of a table as they stand."""

    def rows(_: Study | None) -> list[Row]:
        content = read_table(name)[key]
        if isinstance(content, dict):
            return [{"id": k, **v} for k, v in content.items()]
        return list(content)

    return rows


_ROWS: dict[Table, Callable[[Study | None], list[Row]]] = {
    Table.profiles: _profiles,
    Table.standards: _standards,
    Table.sources: _rows_of("sources", "product"),
    Table.indicators: _indicators,
    Table.parameters: _parameters,
    Table.layers: _rows_of("osm", "layer"),
    Table.services: _rows_of("services", "service"),
}


@app.command(name="list")
def list_table(
    table: Annotated[Table, typer.Argument(help="Which table.")],
    study: Annotated[
        Path | None,
        typer.Argument(
            help="Study file: its parameters or standards, or which of its criteria can be computed."
        ),
    ] = None,
    *,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Print a table of the package with its citations and evidence marks."""
    with plain_errors():
        config = config_of(offline=offline)
        if table is Table.criteria:
            rows = _criteria(study, config)
        else:
            rows = _ROWS[table](_study_of_list(table, study, config) if study else None)
    if as_json:
        say_json(rows)
        return
    plain = [{k: v for k, v in row.items() if isinstance(v, str | int | float)} for row in rows]
    columns = tuple(dict.fromkeys(k for row in plain for k in row))
    told = tuple(c for c in ("licence", "mark", "citation") if c in columns)
    print_rows(plain, (*[c for c in columns if c not in told][:6], *told))
