"""The answer of a study: as JSON, and in the words and with the rounding of the map and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kcity_geo.cli.console import shown
from kcity_geo.clock import peak_memory_gb


def summary_of(result: Any, out: Path) -> dict[str, Any]:  # noqa: ANN401 - Result, imported lazily
    """Give the answer of a study as JSON holds it: numbers rounded once, nothing known as null."""
    from kcity_geo.analysis.findings import residents
    from kcity_geo.outputs.summary import summarise

    gaps = result.gaps
    city: dict[str, Any] = {}
    for sector, row in gaps.city.iterrows():
        city[str(sector)] = {
            "gap": _number(row["gap"], digits=6),
            "gap_lo": _number(row["gap_lo"], digits=6),
            "gap_hi": _number(row["gap_hi"], digits=6),
            "gap_raw": _number(row["gap_raw"], digits=6),
            "p_short": _number(row["p_short"], digits=6),
            "evidence": _number(row["evidence"], digits=6),
            "data": row["data"],
            "reading": row["reading"],
            **{
                str(key): _number(row[key], digits=0)
                for key in row.index
                if str(key).startswith("people_")
            },
        }
    sites = [
        {
            "label": str(row.get("label", row["rank"])),
            "rank": None if row["rank"] != row["rank"] else int(row["rank"]),
            "score": _number(row["score"]),
            "area_ha": _number(row["area_ha"], digits=1),
            "reasons": row["reasons"],
        }
        for _, row in result.sites.iterrows()
    ]
    memory = [round(gb, 2) for gb in peak_memory_gb()]
    return {
        "city": result.data.city.name,
        "project": result.score.project,
        "out": str(out),
        "synthetic": result.data.synthetic,
        "population": _number(residents(result.gaps), digits=0),
        "gaps": city,
        "sites": sites,
        "no_ranking": result.score.no_ranking,
        "no_sites": "" if sites else summarise(result).no_sites,
        "not_assessed": {i.id: i.not_assessed for i in gaps.assessed if i.not_assessed},
        "timings_s": {k: round(v, 2) for k, v in result.timings.items()},
        "peak_memory_gb": max(memory),
        "peak_memory_own_gb": memory[0],
        "peak_memory_of_copy_gb": memory[1],
    }


def _number(value: Any, digits: int = 3) -> float | None:  # noqa: ANN401 - numpy or Python number
    number = float(value)
    if number != number:  # noqa: PLR0124 - NaN
        return None
    return round(number, digits) if digits else float(round(number))


def print_summary(result: Any, summary: dict[str, Any], *, timings: bool) -> None:  # noqa: ANN401
    """Print the answer in the words and with the rounding of the map and the report."""
    from rich.console import Console

    from kcity_geo.outputs.summary import summarise

    console, told = Console(), summarise(result)
    for line in told.headline:
        console.print(shown(line), soft_wrap=True, highlight=False)
    console.print(_gap_table(told))
    if summary["not_assessed"]:
        console.print("\nNot assessed, and what data would help:")
        for key, reason in summary["not_assessed"].items():
            console.print(f"  {shown(key)}: {shown(reason)}", soft_wrap=True)
    if told.sites:
        ranked = bool(told.sites[0].score)
        comma = "," if "," in told.sites_title else ""
        console.print(f"\n{told.sites_title}{comma} for {shown(told.project)}:")
        for site in told.short_list[:5] if ranked else told.sites:
            first = f": {shown(site.reasons[0])}" if site.reasons else ""
            score = f", {site.score} of 100" if ranked else ""
            given = f"{shown(site.candidate)}, " if site.candidate else ""
            console.print(f"  {site.label}. {given}{site.area}{score}{first}")
    else:
        console.print(f"\n{shown(told.no_sites)}")
        console.print(_without_sites(result), soft_wrap=True, end="")
    if timings:
        console.print("\nTimings")
        for name, seconds in summary["timings_s"].items():
            console.print(f"  {name:<32}{seconds:8.2f} s")
        console.print(f"  {'total':<32}{sum(summary['timings_s'].values()):8.2f} s")
        console.print(f"  {'peak memory':<32}{summary['peak_memory_own_gb']:8.2f} GB")
        if summary["peak_memory_of_copy_gb"]:
            name = "of its largest copy"
            console.print(
                f"  {name:<32}{summary['peak_memory_of_copy_gb']:8.2f} GB, partly the same"
            )
    console.print(f"\nOpen {shown(summary['out'])}/map.html and report.html")


def _without_sites(result: Any) -> str:  # noqa: ANN401 - Result, imported lazily
    """Say what would give a site; nothing where no lower limit would."""
    if result.study.suitability.sites.candidates is not None:
        return "Candidates must lie on land that the constraints of the project leave open.\n"
    if result.score.no_ranking or not result.score.feasible.any():
        return ""
    return "For smaller or weaker sites lower suitability.constraints.min_area_ha or suitability.threshold.\n"


def _gap_table(told: Any) -> Any:  # noqa: ANN401 - Summary in, rich table out, both imported lazily
    from rich import box
    from rich.table import Table as Grid

    title = f"{told.city}: people short of each, and the gap (0 %: the standard is met)"
    table = Grid(title=shown(title), title_justify="left", box=box.SIMPLE)
    # Numbers are not torn where the console is narrow; words are.
    for name, side in (
        ("sector", "left"),
        ("people short", "right"),
        ("as\nmapped", "right"),
        ("with what\nmay be\nmissing", "right"),
        ("on average", "left"),
        ("data", "left"),
    ):
        table.add_column(name, justify=side, no_wrap=side == "right")  # type: ignore[arg-type]
    for row in told.sectors:
        people = (
            (f"{row.short} ({row.percent})" if row.percent else row.short) if row.segments else "-"
        )
        known = (people, row.raw, row.range_words or row.gap) if row.assessed else ("-",) * 3
        table.add_row(row.title, *known, row.reading, row.data or "-")
    return table
