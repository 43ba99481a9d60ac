"""What a study folder says of itself to catalogues: ``datapackage.json`` (Data Package 2) and a STAC item."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from kcity_geo.fingerprint import sha256_of_file
from kcity_geo.licensing import licence_row
from kcity_geo.outputs.attribution import credits_of_file, terms_of
from kcity_geo.outputs.text import json_text, plain_text, slug
from kcity_geo.result import Result

__all__ = ["PACKAGE_FILE", "STAC_FILE", "save_package", "save_stac_item"]

PACKAGE_FILE = "datapackage.json"
STAC_FILE = "stac-item.json"
_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
#: Ending of a file -> its media type, and what STAC calls its part.
_TYPES = {
    ".html": ("text/html", "overview"),
    ".geojson": ("application/geo+json", "data"),
    ".gpkg": ("application/geopackage+sqlite3", "data"),
    ".parquet": ("application/vnd.apache.parquet", "data"),
    ".tif": ("image/tiff; application=geotiff; profile=cloud-optimized", "data"),
    ".csv": ("text/csv", "data"),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "data"),
    ".json": ("application/json", "metadata"),
    ".toml": ("application/toml", "metadata"),
    ".txt": ("text/plain", "metadata"),
    ".qgz": ("application/zip", "overview"),
    ".qml": ("application/xml", "metadata"),
    ".xml": ("application/xml", "metadata"),
    ".fgb": ("application/flatgeobuf", "data"),
}
_ANY = ("application/octet-stream", "data")
#: Simplified outline of the city in the item, degrees.
_OUTLINE_DEG = 0.0005
#: Name of a table in the data dictionary -> its CSV.
_TABLES = {
    "indicators": "indicators.csv",
    "indicator_details": "indicator_details.csv",
    "inventory": "inventory.csv",
}
_KINDS = {"text": "string", "as units": "any", "true or false": "boolean", "date": "string"}


#: Papers and pictures made from the layers, which a licence of databases leaves free.
_PICTURES = (".html", ".docx", ".pdf")


def _licences(result: Result, *, picture: bool = False) -> list[dict[str, str]]:
    terms = terms_of(result.data, picture=picture)
    rows = [licence_row(one) for one in (terms.inputs if terms.id == "conflict" else (terms.id,))]
    return [
        {
            "name": row.id,
            "title": row.title,
            **({"path": row.url} if row.url else {}),
        }
        for row in rows
    ]


def save_package(result: Result, folder: Path, *, columns: pd.DataFrame) -> None:
    """
    Write ``datapackage.json`` for the files of a folder, as the last but the ledger.

    Parameters
    ----------
    result : a finished study.
    folder : that holds its files.
    columns : as `kcity_geo.outputs.columns.column_table` gives them.
    """
    told = credits_of_file(result.data)
    fields = _fields_of_tables(columns)
    resources = [
        _resource(path, folder, fields.get(path.name))
        | ({"licenses": _licences(result, picture=True)} if path.suffix in _PICTURES else {})
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != PACKAGE_FILE
    ]
    package = {
        "$schema": _PROFILE,
        "name": slug(result.study.study.name) or "study",
        "title": plain_text(f"{result.data.city.name}: {result.score.title}"),
        "description": plain_text(
            f"{told['notice']} {told['terms']} Print beside what is made from it: {told['attribution']}",
            max_chars=2000,
        ),
        "licenses": _licences(result),
        "sources": [
            {"title": plain_text(p.title) or p.id, **({"path": p.url} if p.url else {})}
            for p in result.data.provenance
        ],
        "contributors": [{"title": told["attribution"], "roles": ["rights holder"]}],
        "resources": resources,
    }
    _write(folder / PACKAGE_FILE, package)


def _fields_of_tables(columns: pd.DataFrame) -> dict[str, list[dict[str, str]]]:
    return {file: _fields(columns[columns["table"] == table]) for table, file in _TABLES.items()}


def _fields(rows: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {
            "name": str(row["column"]),
            "type": _KINDS.get(str(row["unit"]), "number"),
            "description": plain_text(f"{row['meaning']} [{row['unit']}]", max_chars=600),
        }
        for row in rows.to_dict("records")
    ]


def _resource(path: Path, folder: Path, fields: list[dict[str, str]] | None) -> dict[str, Any]:
    place = path.relative_to(folder).as_posix()
    found: dict[str, Any] = {
        "name": re.sub(r"[^a-z0-9._-]+", "-", place.lower()),
        "path": place,
        "format": path.suffix.lstrip("."),
        "mediatype": _TYPES.get(path.suffix, _ANY)[0],
        "bytes": path.stat().st_size,
        "hash": f"sha256:{sha256_of_file(path)}",
    }
    if path.suffix == ".csv":
        found |= {"type": "table", "encoding": "utf-8"}
        if fields:
            found["schema"] = {"fields": fields, "fieldsMatch": ["superset"], "missingValues": [""]}
    return found


def save_stac_item(result: Result, folder: Path) -> None:
    """
    Write the STAC item of a study whose map has a date.

    Parameters
    ----------
    result : a finished study.
    folder : that holds its files.
    """
    city, told = result.data.city, credits_of_file(result.data)
    shape = city.boundary.simplify(_OUTLINE_DEG)
    day = result.data.osm_date[:10]
    address = told["licence_url"]
    open_kinds = ("ODbL", "CC")
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": slug(result.study.study.name) or "study",
        "geometry": json.loads(shapely.to_geojson(shapely.set_precision(shape, 1e-6))),
        "bbox": [round(float(v), 6) for v in shape.bounds],
        "properties": {
            "datetime": f"{day}T00:00:00Z",
            "title": plain_text(f"{city.name}: {result.score.title}"),
            "description": f"{told['notice']} {told['terms']}",
            "license": told["licence"] if told["licence"].startswith(open_kinds) else "other",
            "attribution": told["attribution"],
        },
        "links": [{"rel": "license", "href": address}] if address else [],
        "assets": {
            re.sub(r"[^A-Za-z0-9]+", "_", path.relative_to(folder).as_posix()): {
                "href": f"./{path.relative_to(folder).as_posix()}",
                "title": path.name,
                "type": _TYPES.get(path.suffix, _ANY)[0],
                "roles": [_TYPES.get(path.suffix, _ANY)[1]],
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and path.suffix in {".tif", ".gpkg", ".geojson", ".parquet", ".html", ".xlsx"}
        },
    }
    _write(folder / STAC_FILE, item)


def _write(path: Path, value: object) -> None:
    path.write_text(json_text(value) + "\n", encoding="utf-8", newline="\n")
