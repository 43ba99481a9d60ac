"""Numbers as papers show them: which have an id of the ledger, and do they read as its value?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

#: Kinds of numbers of the report that are no results -> where they stand, as XPath from an element with such a text.
NO_RESULTS = {
    "numbers of chapters, figures and tables": (
        "self::h2 | ancestor::nav | ancestor-or-self::b[parent::figcaption or parent::caption]"
    ),
    "numbers in an order": "self::td[@class='num'][not(preceding-sibling::*)]",
    "scale of a legend": "ancestor-or-self::ul[@class='legend'] | self::figcaption",
    "names of indicators, criteria, layers and sites": (
        "ancestor-or-self::b | self::h3 | self::summary[contains(., 'Dossier')]"
        " | self::small[parent::td and not(contains(., ' '))]"
        " | self::td[not(@class='num')][ancestor::details]"
    ),
    "sources with their year": "self::small[starts-with(normalize-space(.), 'Source')]",
    "inputs: files, dates, licences": (
        "ancestor::table[contains(@class, 'inputs')] | ancestor-or-self::section[.//h2[@id='sources']]"
    ),
    "limits that words stand for": "ancestor::section[.//h2[@id='method']]",
    "how many rows are folded away": "self::summary",
    "keys, units and sources of assumptions": "ancestor::table[contains(@class, 'assumed')]",
}
#: Parts of sentences that hold a number which is no result.
PHRASES = {
    "date": r"\d{4}-\d\d-\d\d",
    "chapter": r"[Cc]hapters? \d+",
    "scale of scores": r"of 100|gap 100 % at|0 % meets it, 100 %|0 to 100|\(1 = circle\)",
    "name of a site": r"[Ss]ite \d+\w?|number \d+\w?",
    "name of the CRS": r"UTM zone \d+\w|EPSG:\d+|WGS 84",
    "question with its number": r"within \d+ minutes",
    "example of an id": r"(?:T1|site\.1)\.\w+",
}


def texts(element: Any) -> Iterator[tuple[Any, str]]:
    """Give each text outside of elements with an id, with the element that it stands in."""
    if not isinstance(element.tag, str) or element.tag in {"style", "script", "svg", "head"}:
        return
    if element.get("data-id"):
        return
    yield element, element.text or ""
    for child in element:
        yield from texts(child)
        yield element, child.tail or ""


def without_id(page: Any) -> list[str]:
    """Texts with a number that has no id and is of no kind that is no result."""
    found = []
    for element, text in texts(page.body):
        bare = re.sub("|".join(PHRASES.values()), "", " ".join(text.split()))
        if re.search(r"\d", bare) and not any(map(element.xpath, NO_RESULTS.values())):
            found.append(f"{element.getroottree().getpath(element)}: {text.strip()}")
    return found


def numbers_in(text: str) -> list[float]:
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def reads(shown: str, value: float, unit: str) -> bool:
    """Whether a text shows a value, rounded as people write it."""
    scale = 100 if unit in {"share", "index"} else 1
    if "million" in shown or "billion" in shown:
        value /= 1e6 if "million" in shown else 1e9
    if re.search(r"(?:under|over|less than|more than) \d", shown):
        return True
    near = max(0.006 * abs(value * scale), 0.5 if scale > 1 or unit == "persons" else 0.0005)
    least = min(near, 0.06) if unit == "min" else near
    for written in re.findall(r"\d[\d,]*(?:\.\d+)?", shown):
        # Not less exact than the last digit that stands there.
        last = 0.5 * 10.0 ** -len(written.partition(".")[2])
        number = float(written.replace(",", ""))
        if any(abs(number - abs(v)) <= max(least, last) + 1e-9 for v in (value, value * scale)):
            return True
    return False


#: Columns of numbers of the workbook of a study that are no results -> why.
NO_RESULT_COLUMNS = {
    "rank": "an order",
    "label": "a name",
    "rows": "how many rows a rule holds for",
    "quantity": "the length beside it, in the unit of its price",
    "price": "a price with its source beside it",
    "price_low": "a price with its source beside it",
    "price_high": "a price with its source beside it",
}


def cells_without_id(book: Any, rules: dict[str, set[str]]) -> list[str]:
    """
    Cells with a number that no rule of the workbook gives an id, but for formulas and `NO_RESULT_COLUMNS`.

    `book` is read with its formulas; `rules` are the columns (letters) with a rule, by sheet.
    """
    found = []
    for page in book.worksheets:
        heads = {cell.column_letter: str(cell.value) for cell in page[3] if cell.value is not None}
        for row in page.iter_rows(min_row=4):
            for cell in row:
                number = isinstance(cell.value, int | float) and not isinstance(cell.value, bool)
                name = heads.get(cell.column_letter, "") if number else ""
                bare = name.partition(" (")[0]
                known = {bare, "_".join(reversed(bare.split()))}
                ruled = not number or cell.column_letter in rules.get(page.title, ())
                if not ruled and not known & set(NO_RESULT_COLUMNS):
                    found.append(f"{page.title}!{cell.coordinate} ({name})")
    return found
