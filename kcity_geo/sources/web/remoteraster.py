"""Remote rasters: windows of a GeoTIFF on a server, read by GDAL within our limits."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import requests

from kcity_geo.errors import (
    SourceError,
    StudyError,
)
from kcity_geo.sources.web.cachefiles import (
    Head,
)
from kcity_geo.sources.web.ratelimit import RateLimit
from kcity_geo.sources.web.retries import Retries
from kcity_geo.sources.web.transport import Again, Transport, parts_of

__all__ = ["RemoteRasters"]


class RemoteRasters:
    """
    GeoTIFFs on servers.

    Parameters
    ----------
    transport : name, limits and checks.
    retries : deadline and second tries.
    rate_limit : pauses.
    head : asks for an address without fetching it.
    """

    def __init__(
        self,
        transport: Transport,
        retries: Retries,
        rate_limit: RateLimit,
        head: Callable[..., Head],
    ) -> None:
        self.transport = transport
        self.retries = retries
        self.rate_limit = rate_limit
        self.head = head
        self.config = transport.config

    @contextlib.contextmanager
    def opened(self, url: str, *, what: str = "") -> Iterator[tuple[Any, Head]]:
        """
        Open a remote GeoTIFF through ``/vsicurl``, to read windows of it.

        Parameters
        ----------
        url : ends in ``.tif``; nothing else is opened, no folder listed, no sidecar asked for.
        what : said in messages.

        Yields
        ------
        tuple
            Open rasterio dataset, and the `Head` of the file. Leaving the block raises when the
            file changed meanwhile.
        """
        import rasterio
        from rasterio.errors import RasterioError

        if not parts_of(url).path.lower().endswith((".tif", ".tiff")):
            raise StudyError(f"{url}: only .tif addresses are read remotely")
        before = self.head(url, what=what)
        if before.status != requests.codes.ok:
            raise SourceError(f"{what or url}: the server answers {before.status} for {url}")
        final, etag = self._where_read(url, what=what or url)
        if etag != before.etag:
            raise Again("the file changed on the server while it was read")
        where = f"/vsicurl/{final}"
        try:
            with rasterio.Env(**self.gdal_options(where)), self._whole_header(where) as data:
                rasterio.env.setenv(**self.gdal_options(where))  # less time is left
                yield data, before
        except (RasterioError, MemoryError) as error:
            cause = error.__cause__ or error
            raise Again(f"the raster cannot be read ({str(cause)[:200]})") from error
        after = self.head(url, what=what)
        if (after.etag, after.length) != (before.etag, before.length):
            raise Again("the file changed on the server while it was read")

    @staticmethod
    @contextlib.contextmanager
    def _whole_header(where: str) -> Iterator[Any]:
        """Open a GeoTIFF; libtiff passes over the tags that a broken connection did not bring."""
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", NotGeoreferencedWarning)
                opened = rasterio.open(where, driver="GTiff")
        except NotGeoreferencedWarning as error:
            raise Again(
                "the raster has no place on Earth, or its header did not come whole"
            ) from error
        with opened as data:
            if data.crs is None:
                raise Again("the raster has no CRS, or its header did not come whole")
            yield data

    def _where_read(self, url: str, *, what: str) -> tuple[str, str]:
        """Follow the redirects of a read ourselves: GDAL would follow them into a private network."""
        deadline = self.retries.deadline()

        def ask() -> tuple[str, str]:
            headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
            with (
                self.rate_limit.limited(url, deadline),
                self.transport.open("GET", url, headers, deadline) as response,
            ):
                self.transport.require_ok(response)
                return response.url, response.headers.get("ETag", "")

        return self.retries.run(ask, what=what, url=url, deadline=deadline)

    def gdal_options(self, where: str) -> dict[str, Any]:
        """Give the settings of GDAL for one address and the time that is left."""
        left_s = max(0.1, self.retries.deadline() - time.monotonic())
        return {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.tiff",
            "CPL_VSIL_CURL_NON_CACHED": where,  # a failure must not be remembered
            "GDAL_HTTP_MAX_RETRY": 1,  # `patiently` tries again, too
            "GDAL_HTTP_RETRY_DELAY": min(self.config.backoff_s, left_s) / 4,
            "GDAL_HTTP_TIMEOUT": left_s / 2,  # a request and its second try
            "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(min(self.config.read_timeout_s, left_s))),
            "GDAL_HTTP_LOW_SPEED_LIMIT": 1000,  # bytes a second
            "GDAL_HTTP_CONNECTTIMEOUT": min(self.config.connect_timeout_s, left_s),
            "GDAL_HTTP_USERAGENT": self.transport.user_agent,
            "GDAL_HTTP_NETRC": "NO",
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "VSI_CACHE": "TRUE",
        }
