"""
Opening a vector file: by the driver of its ending only, and never another file or the network.

GDAL chooses a driver by what a file holds, so that a file named ``districts.geojson`` may be a list of
addresses. Here the first bytes are looked at before GDAL gets the file, archives are unpacked by
Python into a folder of our own, and GDAL's way to the network is shut while it reads.
"""

from __future__ import annotations

import codecs
import json
import re
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import geopandas as gpd

from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.views import endless_views
from kcity_geo.sources.web.wellformed import require_whole_list

__all__ = ["VectorLayer", "opened", "without_network"]

VECTOR_ENDINGS: Final = (
    ".geojson",
    ".json",
    ".gpkg",
    ".shp",
    ".fgb",
    ".kml",
    ".kmz",
    ".parquet",
    ".geoparquet",
    ".zip",
)
#: An archive that unpacks to more is refused.
MAX_UNPACKED_BYTES: Final = 4 * 1024**3
_MAX_MEMBERS: Final = 10_000
_HEAD_BYTES: Final = 1024 * 1024
_MAGIC: Final = {
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb\x03fgb",
    ".parquet": b"PAR1",
    ".geoparquet": b"PAR1",
}
_ELSEWHERE: Final = re.compile(rb"<\s*OGR\w*DataSource|<\s*VRTDataset|<\s*GDAL_W", re.IGNORECASE)
_SHAPEFILE_PARTS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
#: Names of encodings, as a .cpg writes them, of which a field may cut a letter in two.
_LETTERS_OF_SEVERAL_BYTES: Final = ("utf-8", "utf8", "cp949", "euc-kr")
#: No address passes: GDAL reads local files only.
_SHUT: Final = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none",
    "GDAL_HTTP_PROXY": "http://127.0.0.1:1",
    "GDAL_HTTPS_PROXY": "http://127.0.0.1:1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
}


@dataclass(frozen=True, kw_only=True)
class VectorLayer:
    """
    One layer of a vector file.

    Parameters
    ----------
    name : of the layer.
    geometry : declared kind of its geometries, ``"Unknown"`` when they may differ, ``""`` for none.
    address : what is opened.
    encoding : of its texts, None when the file says so itself.
    """

    name: str
    geometry: str
    address: str
    encoding: str | None = None

    def read(self) -> gpd.GeoDataFrame:
        """Read all features of the layer; the geometry column is called ``geometry``."""
        if self.address.endswith((".parquet", ".geoparquet")):
            frame = gpd.read_parquet(self.address).set_geometry(self.name)
            others = [c for c in frame.columns[frame.dtypes == "geometry"] if c != self.name]
            frame = frame.drop(columns=[*others, *({"geometry"} & set(frame) - {self.name})])
            return frame if self.name == "geometry" else frame.rename_geometry("geometry")
        import pyogrio

        with without_network(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = pyogrio.read_dataframe(
                self.address, layer=self.name, encoding=self.encoding, on_invalid="ignore"
            )
        if not isinstance(frame, gpd.GeoDataFrame):
            return gpd.GeoDataFrame(frame, geometry=[None] * len(frame))
        return frame


@contextmanager
def without_network() -> Iterator[None]:
    """
    Shut GDAL's way to the network, that of vectors and that of rasters, while local files are read.

    Yields
    ------
    Nothing; what was configured before is configured again afterwards.
    """
    import pyogrio
    import rasterio

    before = {name: pyogrio.get_gdal_config_option(name) for name in _SHUT}
    pyogrio.set_gdal_config_options(_SHUT)
    try:
        with rasterio.Env(**_SHUT):
            yield
    finally:
        pyogrio.set_gdal_config_options(before)


@contextmanager
def opened(path: Path, *, key: str) -> Iterator[list[VectorLayer]]:
    """
    Open a vector file and list its layers.

    Parameters
    ----------
    path : file whose ending is one of `VECTOR_ENDINGS`; an archive may hold several files.
    key : key of the study file, for messages.

    Yields
    ------
    The layers, in the order of the file; read them before the block ends.

    Raises
    ------
    SourceError
        If the file does not hold what its ending says.
    LimitError
        If an archive unpacks to more than `MAX_UNPACKED_BYTES`.
    """
    with tempfile.TemporaryDirectory(prefix="kcity-vector-") as folder:
        files = [path]
        if path.suffix.lower() in {".zip", ".kmz"}:
            files = _unpacked(path, Path(folder), key=key)
        yield [
            found for file in files for found in _layers(file, Path(folder), f"{key}: {path.name}")
        ]


def _layers(path: Path, folder: Path, what: str) -> list[VectorLayer]:
    import pyogrio

    address, encoding = _address(path, folder, what)
    if path.suffix.lower() in {".parquet", ".geoparquet"}:
        return _parquet_columns(path, what)
    with without_network(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        listed = pyogrio.list_layers(address)
    if path.suffix.lower() == ".gpkg" and (endless := endless_views(path)):
        listed = [row for row in listed if row[0] not in endless]
        if not listed:
            raise SourceError(
                f"{what} holds the view {endless[0]!r} only, which does not end or cannot be computed here; save it "
                "as a table"
            )
        tell(
            f"{what}: the view {endless[0]!r} does not end or cannot be computed here, and was left out; save it "
            "as a table"
        )
    return [
        VectorLayer(
            name=str(name),
            geometry="" if geometry is None else str(geometry),
            address=address,
            encoding=encoding,
        )
        for name, geometry in listed
    ]


def _address(path: Path, folder: Path, what: str) -> tuple[str, str | None]:
    """Look at the first bytes; give what GDAL opens with one driver only, and the encoding."""
    ending = path.suffix.lower()
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if _ELSEWHERE.search(head):
        raise SourceError(
            f"{what} points to other files or addresses (a GDAL virtual file); give the data itself"
        )
    if ending in {".geojson", ".json"}:
        return f"{_json_driver(head, what)}:{path}", None
    if ending == ".kml":
        return str(_plain_kml(path, folder, what)), None
    if not head.startswith(_MAGIC[ending]):
        raise SourceError(f"{what} is no {ending} file, whatever its name says; save it again")
    if ending != ".shp":
        return str(path), None
    siblings = _siblings(path)
    if ".shx" not in siblings:
        raise SourceError(
            f"{what} is a shapefile without its index; copy {path.stem}.shx (and .dbf, .prj) beside it too"
        )
    if ".dbf" not in siblings:
        tell(
            f"{what} is a shapefile without its table: names, ids and every other column are not there; "
            f"copy {path.stem}.dbf beside it too"
        )
    encoding = _shapefile_encoding(path, what)
    declared = siblings.get(".cpg")
    said = encoding or (declared.read_text("latin-1").strip() if declared else "")
    return str(_with_whole_letters(path, folder, siblings, said)), encoding


def _with_whole_letters(path: Path, folder: Path, siblings: dict[str, Path], encoding: str) -> Path:
    """Copy a shapefile whose texts end within a letter, cut by the width of their field, without these bytes."""
    table = siblings.get(".dbf")
    if table is None or encoding.casefold() not in _LETTERS_OF_SEVERAL_BYTES:
        return path
    raw = bytearray(table.read_bytes())
    rows = raw[int.from_bytes(raw[8:10], "little") :]
    if rows.isascii() or ("utf" in encoding.casefold() and _decoded(rows, "utf-8", cut=False)):
        return path  # soon seen; what follows looks at each cell
    decoder = codecs.getincrementaldecoder(encoding)
    changed = False
    for at, text, full in _foreign_cells(bytes(raw)):
        if not full or _decoded(text, encoding, cut=False) is not None:
            continue
        reading = decoder(errors="ignore")
        reading.decode(text, final=False)
        if rest := reading.getstate()[0]:
            end = at + len(text)
            raw[end - len(rest) : end] = b" " * len(rest)
            changed = True
    if not changed:
        return path
    inner = Path(tempfile.mkdtemp(dir=folder))
    for ending, file in siblings.items():
        if ending in _SHAPEFILE_PARTS:
            shutil.copyfile(file, inner / f"{path.stem}{ending}")
    (inner / f"{path.stem}.dbf").write_bytes(raw)
    return inner / f"{path.stem}.shp"


def _siblings(path: Path) -> dict[str, Path]:
    """Find the files of a shapefile by their endings, however these are written."""
    return {p.suffix.lower(): p for p in path.parent.glob("*") if p.stem == path.stem}


def _json_driver(head: bytes, what: str) -> str:
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text.startswith((b"{", b"\x1e")):
        raise SourceError(f"{what} is no GeoJSON, whatever its name says; save it again")
    if re.search(rb'"type"\s*:\s*"Topology"', text):
        return "TopoJSON"
    if re.search(rb'"(esriGeometry\w+|geometryType"\s*:\s*"esri\w+)"', text):
        return "ESRIJSON"
    line = text.removeprefix(b"\x1e").split(b"\n", 1)
    if text.startswith(b"\x1e") or (len(line) > 1 and line[1].strip() and _whole(line[0])):
        return "GeoJSONSeq"
    return "GeoJSON"


def _whole(line: bytes) -> bool:
    """Tell whether a line is an object by itself."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _plain_kml(path: Path, folder: Path, what: str) -> Path:
    """Write the KML again with nothing before its root, so that no other driver takes it."""
    root = ET.parse(path).getroot()  # noqa: S314 - expat of today bounds entities itself
    for item in root.iter():
        space, sign, local = str(item.tag).rpartition("}")
        item.tag = f"gx:{local}" if sign and "google.com/kml/ext" in space else local
        item.attrib = {k: v for k, v in item.attrib.items() if not k.startswith("{")}
    if root.tag != "kml":
        raise SourceError(f"{what} is no KML, whatever its name says; save it again")
    for item in root.iter():
        for link in [child for child in item if child.tag == "NetworkLink"]:
            item.remove(link)
    root.attrib = {
        "xmlns": "http://www.opengis.net/kml/2.2",
        "xmlns:gx": "http://www.google.com/kml/ext/2.2",
    }
    root.text = " " * 4096
    inner = Path(tempfile.mkdtemp(dir=folder)) / (path.stem + ".kml")
    ET.ElementTree(root).write(inner, encoding="UTF-8", xml_declaration=True)
    return inner


def _unpacked(path: Path, folder: Path, *, key: str) -> list[Path]:
    """Unpack what is a vector file, tested by its checksums, under names of our own making."""
    known = {*VECTOR_ENDINGS, *_SHAPEFILE_PARTS} - {".zip", ".kmz"}
    with zipfile.ZipFile(path) as archive:
        require_whole_list(archive, path)
        members = [m for m in archive.infolist() if not m.is_dir()]
        wanted = [m for m in members if Path(m.filename).suffix.lower() in known]
        wanted = [m for m in wanted if not Path(m.filename).name.startswith("._")]
        total = sum(m.file_size for m in wanted)
        if len(members) > _MAX_MEMBERS or total > MAX_UNPACKED_BYTES:
            raise LimitError(
                f"{key}: {path.name} unpacks to {total:,} bytes in {len(members):,} files; the limits are "
                f"{MAX_UNPACKED_BYTES:,} and {_MAX_MEMBERS:,}; give the one file that is meant"
            )
        places = {
            parent: i
            for i, parent in enumerate(sorted({str(Path(m.filename).parent) for m in wanted}))
        }
        found = []
        for member in wanted:
            source = Path(member.filename)
            target = (
                folder / str(places[str(source.parent)]) / (source.stem + source.suffix.lower())
            )
            target.parent.mkdir(exist_ok=True)
            with archive.open(member) as one, target.open("wb") as other:
                shutil.copyfileobj(one, other)
            if target.suffix not in {".shx", ".dbf", ".prj", ".cpg"}:
                found.append(target)
    if not found:
        raise SourceError(
            f"{key}: {path.name} holds no vector file ({', '.join(m.filename for m in members[:3])}); "
            f"put one of {', '.join(VECTOR_ENDINGS)} into it"
        )
    return sorted(found)


def _parquet_columns(path: Path, what: str) -> list[VectorLayer]:
    """List the geometry columns of a GeoParquet file, the primary one first."""
    from pyarrow import parquet

    said = (parquet.read_schema(path).metadata or {}).get(b"geo")
    if said is None:
        raise SourceError(
            f"{what} is Parquet without a geometry (no key geo in it); save it as GeoParquet"
        )
    about = json.loads(said)
    first = about["primary_column"]
    names = sorted(about["columns"], key=lambda name: name != first)
    kinds = [" ".join(about["columns"][name].get("geometry_types", [])) for name in names]
    return [
        VectorLayer(name=name, geometry=kind or "Unknown", address=str(path))
        for name, kind in zip(names, kinds, strict=True)
    ]


def _shapefile_encoding(path: Path, what: str) -> str | None:
    """Find the encoding of a shapefile that does not declare one; None when it does."""
    siblings = _siblings(path)
    table = siblings.get(".dbf")
    if table is None or ".cpg" in siblings:
        return None
    raw = table.read_bytes()
    # 0x57 is "ANSI, whatever this computer uses", written by tools that do not know either
    if len(raw) < 32 or raw[29] not in {0, 0x57}:  # noqa: PLR2004 - header of dBase III
        return None
    values = _foreign_values(raw)
    if not values or _may_be(values, "utf-8"):
        return "utf-8"
    if _korean(values):
        tell(f"{what} does not declare the encoding of its names; they were read as Korean (cp949)")
        return "cp949"
    tell(
        f"{what} does not declare the encoding of its names; they were read as ISO-8859-1; put a file "
        f"{path.stem}.cpg with the name of the encoding beside it"
    )
    return "ISO-8859-1"


def _korean(values: dict[bytes, bool]) -> bool:
    """Tell whether texts are Korean: all of them cp949, and most letters in its everyday part."""
    if not _may_be(values, "cp949"):
        return False
    letters = "".join(v.decode("cp949", errors="ignore") for v in values)
    hangul = [c for c in letters if "가" <= c <= "힣"]
    everyday = [c for c in hangul if _decoded(c.encode("cp949"), "euc_kr", cut=False)]
    foreign = [c for c in letters if not c.isascii()]
    return 2 * len(everyday) > len(foreign)


def _foreign_values(raw: bytes) -> dict[bytes, bool]:
    """Texts of a dBase table that hold more than ASCII, and whether one fills its field (and may be cut)."""
    found: dict[bytes, bool] = {}
    for _, text, full in _foreign_cells(raw):
        found[text] = found.get(text, False) or full
    return found


def _foreign_cells(raw: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Give place and text of each cell that holds more than ASCII, and whether it fills its field."""
    start, width = int.from_bytes(raw[8:10], "little"), int.from_bytes(raw[10:12], "little")
    fields, offset = [], 1
    for at in range(32, start - 1, 32):
        if raw[at : at + 1] in {b"\r", b""}:
            break
        length = raw[at + 16]
        if raw[at + 11 : at + 12] == b"C":
            fields.append((offset, offset + length))
        offset += length
    for at in range(start, len(raw) - width + 1, max(width, 1)):
        for first, last in fields:
            text = raw[at + first : at + last].rstrip(b" \0")
            if not text.isascii():
                yield at + first, text, len(text) == last - first


def _may_be(values: dict[bytes, bool], encoding: str) -> bool:
    """Tell whether texts may be of an encoding: all decode, and one holds a whole letter that is no ASCII."""
    texts = [_decoded(value, encoding, cut=full) for value, full in values.items()]
    return None not in texts and any(not text.isascii() for text in texts if text)


def _decoded(text: bytes | bytearray, encoding: str, *, cut: bool) -> str | None:
    """Decode a text; a letter cut off at the end of its field is forgiven. None when it is of another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(text, final=not cut)
    except UnicodeDecodeError:
        return None
