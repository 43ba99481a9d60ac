"""What a GeoPackage carries beside its layers: styles, words for columns, credits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

import pandas as pd

from kcity_geo.outputs.qml import vector_qml, vector_sld
from kcity_geo.outputs.styles import LayerStyle, alias_of
from kcity_geo.outputs.text import plain_text

__all__ = ["dress_geopackage", "kind_of_layers", "without_boxes"]

#: The table in which QGIS looks for styles (QGIS 3, GDAL knows it too).
_STYLES = """CREATE TABLE layer_styles (
id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)"""
#: GeoPackage 1.3, annex F.9 (schema) and F.8 (metadata).
_COLUMNS = """CREATE TABLE gpkg_data_columns (
table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
CONSTRAINT gdc_tn UNIQUE (table_name, name))"""
_CONSTRAINTS = """CREATE TABLE gpkg_data_column_constraints (
constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value))"""
_METADATA = """CREATE TABLE gpkg_metadata (
id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT 'dataset',
md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '')"""
_REFERENCE = """CREATE TABLE gpkg_metadata_reference (
reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER, timestamp DATETIME NOT NULL,
md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id))"""
_EXTENSIONS = """CREATE TABLE IF NOT EXISTS gpkg_extensions (
table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))"""
_SCHEMA_AT = "http://www.geopackage.org/spec121/#extension_schema"
_METADATA_AT = "http://www.geopackage.org/spec121/#extension_metadata"
#: Header of a geometry: position of its flags, the bits that tell the kind of box, length without a box.
_FLAGS, _BOX_BITS, _HEADER = 3, 0b1110, 8
#: What the text of the credits is.
_STANDARD = "http://www.geopackage.org/spec121/#_metadata_table"


def kind_of_layers(path: Path) -> dict[str, int]:
    """
    Tell of each layer of a GeoPackage whether it holds points, lines or areas.

    Parameters
    ----------
    path : the file.

    Returns
    -------
    Layer -> 0 points, 1 lines, 2 areas; in the order of the file.
    """
    with closing(sqlite3.connect(path)) as base:
        rows = base.execute(
            "SELECT g.table_name, g.geometry_type_name FROM gpkg_geometry_columns g "
            "JOIN gpkg_contents c USING (table_name) ORDER BY c.rowid"
        ).fetchall()
    kinds = (("POINT", 0), ("LINE", 1))
    return {
        str(name): next((dim for word, dim in kinds if word in str(kind)), 2) for name, kind in rows
    }


def without_boxes(path: Path, layer: str) -> None:
    """
    Take the bounding box off each geometry of a layer that has no spatial index.

    Parameters
    ----------
    path : the file, closed.
    layer : its table; a square says its box itself.
    """
    with closing(sqlite3.connect(path)) as base:
        base.create_function("without_box", 1, _without_box, deterministic=True)
        base.execute(f"UPDATE {_quoted(layer)} SET geom = without_box(geom)")  # noqa: S608 - quoted
        base.commit()


def _without_box(blob: bytes | None) -> bytes | None:
    """Cut the envelope out of the header of a geometry (GeoPackage 2.1.3.1.1)."""
    if blob is None or not blob[_FLAGS] & _BOX_BITS:
        return blob
    box_bytes = (0, 32, 48, 48, 64)[(blob[_FLAGS] & _BOX_BITS) >> 1]
    flags = blob[_FLAGS] & ~_BOX_BITS
    return blob[:_FLAGS] + bytes([flags]) + blob[4:_HEADER] + blob[_HEADER + box_bytes :]


def dress_geopackage(
    path: Path,
    *,
    styles: Iterable[LayerStyle] = (),
    columns: pd.DataFrame | None = None,
    credits_of: Mapping[str, str] | None = None,
    as_of: str = "",
) -> None:
    """
    Add styles, words for columns and credits to a finished GeoPackage.

    Parameters
    ----------
    path : the file, closed.
    styles : of its layers; the first of a layer is the one it opens with.
    columns : ``table, column, meaning, unit`` of its tables.
    credits_of : what the file says of itself, see `kcity_geo.outputs.attribution.credits_of_file`.
    as_of : date of the data, ISO, or empty; the bytes depend on what is written alone.
    """
    day = as_of[:10] if len(as_of) >= len("2025-01-01") else "2000-01-01"
    moment = f"{day}T00:00:00.000Z"
    with closing(sqlite3.connect(path)) as base:
        base.execute(_EXTENSIONS)
        _write_styles(base, list(styles), moment)
        if columns is not None:
            _write_columns(base, columns)
        if credits_of:
            _write_credits(base, dict(credits_of), moment)
        base.commit()
        base.execute("VACUUM")


def _write_styles(base: sqlite3.Connection, styles: list[LayerStyle], moment: str) -> None:
    shapes = dict(base.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
    rows, seen = [], set()
    for style in styles:
        if style.layer not in shapes:
            continue
        first = style.layer not in seen
        seen.add(style.layer)
        told = (style.layer, shapes[style.layer], style.name, vector_qml(style), vector_sld(style))
        rows.append((*told, int(first), style.title, moment))
    if not rows:
        return
    base.execute(_STYLES)
    base.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
        "styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
        "VALUES ('', '', ?, ?, ?, ?, ?, ?, ?, '', '', ?)",
        rows,
    )
    base.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles for QGIS (QML) and other programs (SLD)', ?)",
        (moment,),
    )


def _write_columns(base: sqlite3.Connection, columns: pd.DataFrame) -> None:
    tables = [str(row[0]) for row in base.execute("SELECT table_name FROM gpkg_contents")]
    known = {
        (str(row["table"]), str(row["column"])): (str(row["meaning"]), str(row["unit"]))
        for row in columns.to_dict("records")
    }
    rows = []
    for table in tables:
        said: set[str] = set()
        for _, name, *_rest in base.execute(f"PRAGMA table_info({_quoted(table)})"):
            if (table, name) not in known:
                continue
            meaning, unit = known[table, name]
            words = alias_of(name, unit)
            words = name if words in said else words
            said.add(words)
            rows.append((table, name, words, words, plain_text(meaning, max_chars=1000)))
    if not rows:
        return
    base.execute(_COLUMNS)
    base.execute(_CONSTRAINTS)
    base.executemany(
        "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description) VALUES (?, ?, ?, ?, ?)",
        rows,
    )
    _extension(base, ("gpkg_data_columns", "gpkg_data_column_constraints"), "gpkg_schema", _SCHEMA_AT)  # fmt: skip


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _write_credits(base: sqlite3.Connection, told: dict[str, str], moment: str) -> None:
    base.execute(_METADATA)
    base.execute(_REFERENCE)
    text = json.dumps(told, ensure_ascii=False)
    base.execute(
        "INSERT INTO gpkg_metadata (id, md_scope, md_standard_uri, mime_type, metadata) "
        "VALUES (1, 'dataset', ?, 'application/json', ?)",
        (_STANDARD, text),
    )
    base.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, timestamp, md_file_id) VALUES ('geopackage', ?, 1)",
        (moment,),
    )
    _extension(base, ("gpkg_metadata", "gpkg_metadata_reference"), "gpkg_metadata", _METADATA_AT)


def _extension(base: sqlite3.Connection, tables: Iterable[str], name: str, where: str) -> None:
    base.executemany(
        "INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) "
        "VALUES (?, NULL, ?, ?, 'read-write')",
        [(table, name, where) for table in tables],
    )
