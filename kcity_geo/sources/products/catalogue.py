"""
Catalogue: what can be fetched, from where, under which licence.

Reads ``tables/sources.toml`` and ``tables/licences.toml`` and lays a user's own file over them.
A catalogue is data from outside: only plain web addresses pass. It opens no connection.
"""

from __future__ import annotations

import contextlib
import math
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from kcity_geo.config import read_table
from kcity_geo.errors import LicenceError, SourceError, StudyError
from kcity_geo.licensing import Licence

__all__ = [
    "Catalogue",
    "Product",
    "load_catalogue",
    "require_licence",
]


def _day(value: object) -> object:
    """Take a bare date of TOML for its text."""
    return value.isoformat() if isinstance(value, date) else value


Day = Annotated[str, BeforeValidator(_day), Field(pattern=r"^\d{4}-\d\d-\d\d$")]
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_FIELDS = {"tile", "id", "iso3", "ISO3", "level", "key", "lat", "lon"}


class Product(BaseModel):
    """One remote product; see ``tables/sources.toml`` for what each key means."""

    model_config = _STRICT
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    theme: str
    access: Literal[
        "overpass",
        "pbf_index",
        "nominatim",
        "gazetteer",
        "geoboundaries",
        "cog_tiles",
        "cog_country",
        "cog_listing",
        "zip_tiles",
        "zip_global",
        "pvgis",
        "gtfs_csv",
        "overture",
    ]
    title: str
    version: str
    url: str
    index_url: str = ""
    probe_url: str = ""
    tiling: Literal["none", "country", "copernicus", "worldcover", "gsw", "ghsl"] = "none"
    key_pattern: str = ""
    member_pattern: str = r"\.tif$"
    levels: tuple[str, ...] = ()
    crs: str
    unit: str
    scale: float = 1.0
    resampling: Literal["sum", "mean", "class", "none"]
    nodata: float | None = None
    outside: float | None = None
    pad_px: int = 1
    tile_pad_deg: float = 0.0
    licence: str
    licence_of: Literal["product", "layer"] = "product"
    attribution: str
    citation: str
    homepage: str
    max_area_km2: float | None = None
    timeout_s: float = 180.0
    retry_after_s: float = 0.0
    max_age_days: float | None = None
    default: bool = False
    example: dict[str, str] = Field(default_factory=dict)
    checked: Day | Literal[""] = ""
    mark: str = ""

    @field_validator("key_pattern", "member_pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression ({error})") from error
        return value

    @field_validator("url", "index_url", "probe_url", "homepage")
    @classmethod
    def _plain_web_address(cls, value: str) -> str:
        if value:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
                raise ValueError(f"{value!r} is not a plain http(s) address")
            if any(c in value for c in " \n\r\t\\") or "/vsi" in value or "/../" in value:
                raise ValueError(f"{value!r} holds what no catalogue address may hold")
            unknown = {f for _, f, _, _ in Formatter().parse(value) if f is not None} - _FIELDS
            if unknown:
                raise ValueError(
                    f"{value!r}: unknown placeholder {sorted(unknown)}; known are {sorted(_FIELDS)}"
                )
        return value

    def address(self, **parts: str) -> str:
        """
        Fill the URL template.

        Parameters
        ----------
        **parts : values of the placeholders, for example ``tile="N00E006"``.

        Returns
        -------
        The address.
        """
        return self.url.format(**parts)


class Catalogue(BaseModel):
    """All products and licences of a run, and the pause each host asks for."""

    model_config = _STRICT
    products: dict[str, Product]
    licences: dict[str, Licence]
    pause_s: dict[str, Annotated[float, Field(ge=0)]]
    study_area: dict[str, Any]
    same_name: dict[str, Any]
    checked: Day

    @field_validator("study_area", "same_name")
    @classmethod
    def _positive(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key, number in value.items():
            right = isinstance(number, int | float) and math.isfinite(number) and number > 0
            if key != "mark" and not right:
                raise ValueError(f"{key} must be a number above 0, not {number!r}")
        return value

    def product(self, product_id: str) -> Product:
        """
        Give one product.

        Parameters
        ----------
        product_id : its id.

        Returns
        -------
        The row.

        Raises
        ------
        StudyError
            If there is none of that name.
        """
        if product_id not in self.products:
            raise StudyError(
                f"product {product_id!r}: not in the catalogue; known are {', '.join(self.products)}"
            )
        return self.products[product_id]

    def by_access(self, access: str) -> Product:
        """
        Give the first product read in a certain way.

        Parameters
        ----------
        access : for example ``"overpass"``.

        Returns
        -------
        The row.

        Raises
        ------
        StudyError
            If the catalogue has none.
        """
        for product in self.products.values():
            if product.access == access:
                return product
        raise StudyError(f"catalogue: no product with access {access!r}")

    def licence(self, licence_id: str) -> Licence:
        """
        Give a licence; one that nobody has read yet counts as ``unknown``.

        Parameters
        ----------
        licence_id : id of ``tables/licences.toml``.

        Returns
        -------
        The licence.
        """
        if licence_id in self.licences:
            return self.licences[licence_id]
        rules = self.licences["unknown"].model_dump() | {"id": licence_id, "title": licence_id}
        return Licence(**rules)


def _overlaid(base: list[dict[str, Any]], extra: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any TOML
    if not isinstance(extra, list):
        raise ValueError("product: must be tables, each under [[product]]")  # noqa: TRY004 - told as one
    rows = {row["id"]: dict(row) for row in base}
    for row in extra:
        found = _table(row, "product").get("id")
        if not isinstance(found, str):
            raise ValueError(f"product: a row has no id that is text: {found!r}")  # noqa: TRY004 - told as one
        moved = {"url", "index_url", "probe_url"} & row.keys()
        rows[found] = rows.get(found, {}) | ({"checked": ""} if moved else {}) | row
    return list(rows.values())


def _table(found: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - any TOML
    if not isinstance(found, dict):
        raise ValueError(f"{name}: must be a table, not {found!r}")  # noqa: TRY004 - told as one
    return found


@contextlib.contextmanager
def _saying(where: str) -> Iterator[None]:
    """Name file and row in what is wrong with it."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        told = first["type"] in {"extra_forbidden", "missing", "value_error"}
        found = "" if told else f", not {str(first['input'])[:80]!r}"
        raise StudyError(f"{where}{key}: {first['msg']}{found}") from error
    except ValueError as error:
        raise StudyError(f"{where}{error}") from error


def load_catalogue(path: Path | None = None) -> Catalogue:
    """
    Read the catalogue, with a user's file laid over it.

    Parameters
    ----------
    path : TOML of the shape of ``tables/sources.toml``; a product of the same id overrides the
        keys it names, a new id adds a product; ``[licence.X]`` adds licences.

    Returns
    -------
    The catalogue.

    Raises
    ------
    SourceError
        If the file cannot be read.
    StudyError
        If a row is wrong; the message names product and key.

    Examples
    --------
    >>> load_catalogue().product("worldcover").licence
    'CC-BY-4.0'
    """
    table = read_table("sources")
    user: dict[str, Any] = {}
    if path is not None:
        try:
            user = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"catalogue {path}: cannot be read ({error})") from error
        except (ValueError, RecursionError) as error:
            raise StudyError(f"catalogue {path}: is not TOML: {error}") from error
    unknown = set(user) - {"product", "licence", "pause_s", "study_area", "same_name", "checked"}
    if unknown:
        raise StudyError(f"catalogue {path}: unknown table {sorted(unknown)}")
    name = f"catalogue {path or 'sources.toml'}: "
    products, licences = {}, {}
    with _saying(name):
        rows = _overlaid(table["product"], user.get("product", []))
        terms = read_table("licences")["licence"] | _table(user.get("licence", {}), "licence")
        pauses = table["pause_s"] | _table(user.get("pause_s", {}), "pause_s")
        study_area = table["study_area"] | _table(user.get("study_area", {}), "study_area")
        same_name = table["same_name"] | _table(user.get("same_name", {}), "same_name")
    for row in rows:
        with _saying(f"{name}product {row['id']}: "):
            products[row["id"]] = Product(**row)
    for key, about in terms.items():
        with _saying(f"{name}licence {key}: "):
            licences[key] = Licence(**(_table(about, "row") | {"id": key}))
    with _saying(name):
        return Catalogue(
            products=products,
            licences=licences,
            pause_s=pauses,
            study_area=study_area,
            same_name=same_name,
            checked=user.get("checked", table["checked"]),
        )


def require_licence(licence: Licence, *, what: str, commercial: bool) -> None:
    """
    Refuse data that may not be used for the purpose, and say why.

    Parameters
    ----------
    licence : of the data.
    what : the data, for the message.
    commercial : the study is paid work.

    Raises
    ------
    LicenceError
        If the licence forbids it, or nobody has read it yet.

    Examples
    --------
    >>> require_licence(Licence(id="CC0", title="CC0"), what="x", commercial=True)
    """
    if commercial and licence.non_commercial:
        reason = (
            "forbids commercial use"
            if licence.checked
            else f"is not known to allow commercial use; read {licence.url or 'its page'} first"
        )
        raise LicenceError(
            f"{what}: its licence ({licence.title}) {reason}; leave the product out, bring a file "
            "that you may use, or run without --commercial"
        )
