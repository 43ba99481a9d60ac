"""Downloads against a server that misbehaves: every row of tests/support/faults.toml and more."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo import errors
from kcity_geo.errors import (
    LimitError,
    OfflineError,
    OutputError,
    SourceError,
    SourceTimeoutError,
)
from kcity_geo.sources.web.addresses import is_public
from kcity_geo.sources.web.download import Fetcher, Progress, safe_name

if TYPE_CHECKING:
    from conftest import Server

    from kcity_geo.config import Config

TABLE = Path(__file__).parents[2] / "support" / "faults.toml"
ROWS = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]


def zip_bytes(size: int = 60_000) -> bytes:
    """A zip whose content does not compress, the same each time."""
    noise = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(size // 32))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), noise)
    return stream.getvalue()


def no_broken_entry(config: Config, expected: bytes | None = None) -> None:
    """Whatever lies in the cache under a final name is whole."""
    finals = [
        p
        for p in (config.cache_dir / "files").rglob("*")
        if p.is_file() and p.suffix not in {".part", ".lock", ".json", ".new"}
    ]
    for path in finals:
        assert path.read_bytes() == expected


@pytest.mark.parametrize("row", ROWS, ids=[r["name"] for r in ROWS])
def test_fault_that_stays_gives_typed_error_in_time(
    row: dict, calm: Server, config: Config
) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    limits = {k: row[k] for k in ("deadline_s", "read_timeout_s") if k in row}
    patient = replace(config, **limits)
    calm.fault("a.zip", times=999, **row["send"])
    started = time.monotonic()
    with pytest.raises(getattr(errors, row["error"]), match=row["match"]):
        Fetcher(patient).file(url, kind="zip", what="test file")
    assert time.monotonic() - started < patient.deadline_s + 10.0
    no_broken_entry(config)
    assert not Fetcher(config).cache.path(url).exists()
    if "requests" in row:
        assert len(calm.log("a.zip")) == row["requests"]
    calm.reset()
    assert Fetcher(config).file(url, kind="zip").path.read_bytes() == data


@pytest.mark.parametrize("row", [r for r in ROWS if r["once"]], ids=lambda r: r["name"])
def test_fault_that_passes_is_got_over(row: dict, calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    calm.fault("a.zip", times=1, **row["send"])
    limits = {k: row[k] for k in ("read_timeout_s",) if k in row}
    got = Fetcher(replace(config, **limits)).file(url, kind="zip")
    assert got.path.read_bytes() == data
    assert got.sha256 == hashlib.sha256(data).hexdigest()


def test_versions_are_never_stitched_together(calm: Server, config: Config) -> None:
    old, new = zip_bytes(60_000), zip_bytes(90_000)
    url = calm.put("host.example/a.zip", old)
    calm.fault("a.zip", "cut", times=9, share=0.5)
    with pytest.raises(SourceError):
        Fetcher(replace(config, attempts=1)).file(url, kind="zip")
    calm.reset()
    calm.put("host.example/a.zip", new)
    assert Fetcher(config).file(url, kind="zip").path.read_bytes() == new


def test_server_that_lies_about_ranges_is_found_out(calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    calm.fault("a.zip", "cut", times=1)
    calm.fault("a.zip", "changing_etag", times=1)  # answers the range although If-Range differs
    assert Fetcher(config).file(url, kind="zip").path.read_bytes() == data
    methods = [r["headers"].get("range") for r in calm.log("a.zip")]
    assert methods[0] is None
    assert methods[1] is not None
    assert methods[2] is None, "after a changed etag the download starts from the beginning"


def test_resume_asks_only_for_the_rest(calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    calm.fault("a.zip", "cut", times=1, share=0.75)
    Fetcher(config).file(url, kind="zip")
    second = calm.log("a.zip")[1]["headers"]
    assert second["range"] == f"bytes={int(len(data) * 0.75)}-"
    assert second["if-range"].startswith('"')


def test_second_run_and_offline_run_use_the_cache(calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.zip", zip_bytes())
    first = Fetcher(config).file(url, kind="zip")
    again = Fetcher(config).file(url, kind="zip")
    offline = Fetcher(replace(config, offline=True)).file(url, kind="zip", max_age_days=0)
    assert first == again == offline
    assert len(calm.log("a.zip")) == 1


def test_offline_names_what_is_missing_and_how_to_get_it(config: Config) -> None:
    with pytest.raises(OfflineError, match=r"elevation tile.*http://h.example/a\.tif.*kcity fetch"):
        Fetcher(replace(config, offline=True)).file(
            "http://h.example/a.tif", kind="tiff", what="elevation tile"
        )
    assert not config.cache_dir.exists()


def test_old_copies_are_renewed(calm: Server, config: Config) -> None:
    url = calm.put("host.example/list.json", '{"v": 1}')
    assert Fetcher(config).json(url, max_age_days=1) == {"v": 1}
    calm.put("host.example/list.json", '{"v": 2}')
    assert Fetcher(config).json(url, max_age_days=1) == {"v": 1}
    assert Fetcher(config).json(url, max_age_days=0) == {"v": 2}


def test_flipped_byte_in_the_cache_is_fetched_again(calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    path = Fetcher(config).file(url, kind="zip").path
    path.write_bytes(data[:500] + bytes([data[500] ^ 1]) + data[501:])
    assert Fetcher(config).file(url, kind="zip").path.read_bytes() == data
    assert len(calm.log("a.zip")) == 2


@pytest.mark.parametrize("name", ["md5", "sha256"])
def test_checksum_is_believed_over_the_server(name: str, calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    right = hashlib.new(name, data).hexdigest()
    wrong = "0" * len(right)
    with pytest.raises(SourceError, match=f"its {name} is {right}, not {wrong}"):
        Fetcher(config).file(url, kind="zip", **{name: wrong})
    no_broken_entry(config)
    assert Fetcher(config).file(url, kind="zip", **{name: right.upper()}).bytes == len(data)


def test_size_limit_by_header_and_by_body(calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.zip", zip_bytes())
    small = replace(config, max_file_bytes=10_000)
    with pytest.raises(LimitError, match=r"60,\d+ bytes; the limit is 10,000"):
        Fetcher(small).file(url, kind="zip")
    calm.fault("a.zip", "no_length", times=9, share=1.0)
    with pytest.raises(LimitError, match="the limit is 10,000"):
        Fetcher(small).file(url, kind="zip")
    no_broken_entry(config)


def test_zip_bomb_is_refused(calm: Server, config: Config) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(60_000_000))
    url = calm.put("host.example/bomb.zip", stream.getvalue())
    with pytest.raises(LimitError, match="-fold"):
        Fetcher(config).file(url, kind="zip")
    no_broken_entry(config)


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "a/../../b", "c:\\x", "C:/x"])
def test_zip_with_names_that_lead_outside(name: str, calm: Server, config: Config) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "x")
    url = calm.put("host.example/slip.zip", stream.getvalue())
    with pytest.raises(SourceError, match="leads outside"):
        Fetcher(config).file(url, kind="zip")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/vsicurl/http://h/a.tif",
        "ftp://h/a.zip",
        "http://user:pw@h/a",
        "http:///a",
        "gopher://127.0.0.1/x",
    ],
)
def test_only_plain_web_addresses(url: str, config: Config) -> None:
    with pytest.raises(SourceError, match="not a plain http"):
        Fetcher(config).file(url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "[::1]", "169.254.169.254", "localhost", "0.0.0.0"],  # noqa: S104
)
def test_private_addresses_need_permission(host: str, config: Config) -> None:
    strict = replace(config, allow_private_hosts=False)
    with pytest.raises(SourceError, match="private address"):
        Fetcher(strict).file(f"http://{host}:9/a.zip")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),  # NAT64 of the first
        ("64:ff9b::7f00:1", False),  # of 127.0.0.1
        ("64:ff9b::a9fe:a9fe", False),  # of 169.254.169.254
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("::ffff:127.0.0.1", False),
        ("224.0.0.1", False),
        ("239.1.2.3", False),
        ("ff02::1", False),
        ("ff0e::1", False),
        ("fe80::1%eth0", False),
        ("100.64.0.1", False),
    ],
)
def test_addresses_of_the_open_internet(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_address_is_checked_when_the_connection_is_made(calm: Server, config: Config) -> None:
    """A name that changes its address between look-up and connection does not get through."""
    strict = Fetcher(replace(config, allow_private_hosts=False))
    url = calm.put("host.example/a.zip", zip_bytes())
    strict.transport.check_address = lambda *args, **kwargs: None  # type: ignore[method-assign]
    with pytest.raises(SourceError, match=r"private address 127\.0\.0\.1"):
        strict.file(url)
    assert calm.log("a.zip") == []


def test_encrypted_never_turns_plain(config: Config) -> None:
    with pytest.raises(SourceError, match="not encrypted"):
        Fetcher(config).transport.check_address("http://h.example/a", first="https://h.example/a")


def test_pause_between_requests_to_one_host(calm: Server, config: Config) -> None:
    urls = [calm.put(f"host.example/{i}.json", "{}") for i in range(3)]
    pauses = {calm.base.removeprefix("http://"): 0.3}
    for url in urls:
        Fetcher(config, pauses=pauses).json(url)  # a new fetcher each: the pause is the machine's
    times = [r["time"] for r in calm.log("host.example")]
    assert min(b - a for a, b in zip(times, times[1:], strict=False)) > 0.28


def test_contact_is_sent(calm: Server, config: Config) -> None:
    Fetcher(config).json(calm.put("host.example/x.json", "{}"))
    assert "tests@example.org" in calm.log("x.json")[0]["headers"]["user-agent"]


def test_progress_tells_size_and_speed(calm: Server, config: Config) -> None:
    data, seen = zip_bytes(), list[Progress]()
    Fetcher(config, progress=seen.append).file(
        calm.put("host.example/a.zip", data), kind="zip", what="population"
    )
    assert seen[-1].what == "population"
    assert seen[-1].done_bytes == seen[-1].total_bytes == len(data)
    assert seen[-1].bytes_per_s > 0


def test_two_processes_fetch_once(calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.zip", zip_bytes())
    calm.fault("a.zip", "pause", seconds=5.0, times=1)
    words = [sys.executable, "-c", program(config, url)]
    part = Fetcher(config).cache.path(url)
    part = part.with_name(part.name + ".part")
    first = subprocess.Popen(words)
    until = time.monotonic() + 60
    while not part.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    second = subprocess.Popen(words)
    assert [p.wait(timeout=60) for p in (first, second)] == [0, 0]
    assert len(calm.log("a.zip")) == 1


def program(config: Config, url: str, **changes: object) -> str:
    """Python text that fetches one address with a given cache."""
    fields = {"allow_private_hosts": True, "attempts": 3, "backoff_s": 0.05, "deadline_s": 20.0}
    fields |= changes
    return (
        "from pathlib import Path\n"
        "from kcity_geo.config import Config\n"
        "from kcity_geo.sources.web.download import Fetcher\n"
        f"c = Config(cache_dir=Path({str(config.cache_dir)!r}), **{fields!r})\n"
        f"print(Fetcher(c).file({url!r}, kind='zip').sha256)\n"
    )


def test_kill_half_way_leaves_nothing_broken_and_resumes(calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    calm.fault("a.zip", "pause", seconds=30, times=1)
    running = subprocess.Popen([sys.executable, "-c", program(config, url)])
    part = Fetcher(config).cache.path(url)
    part = part.with_name(part.name + ".part")
    try:
        until = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size > 0):
            assert time.monotonic() < until, "the download never began"
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    no_broken_entry(config)
    got = Fetcher(config).file(url, kind="zip")
    assert got.path.read_bytes() == data
    ranges = [r["headers"].get("range") for r in calm.log("a.zip")]
    assert ranges[0] is None
    assert ranges[1] is not None, "the second run goes on where the killed one stopped"


@pytest.mark.parametrize("after", ["part", "side"])
def test_kill_between_the_last_steps(after: str, calm: Server, config: Config) -> None:
    """A file without its witness, or a witness without its file, is not believed."""
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    path = Fetcher(config).file(url, kind="zip").path
    (path if after == "part" else path.with_name(path.name + ".json")).unlink()
    assert Fetcher(config).file(url, kind="zip").path.read_bytes() == data


def test_full_disk(calm: Server, config: Config, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)],
        check=False,
        capture_output=True,
    )
    if made.returncode != 0:
        pytest.skip("no small file system can be mounted here")
    try:
        url = calm.put("host.example/big.zip", zip_bytes(600_000))
        tight = replace(config, cache_dir=small / "cache")
        with pytest.raises(OutputError, match="disk is full"):
            Fetcher(tight).file(url, kind="zip")
        no_broken_entry(tight)
        assert not list(small.rglob("*.part")), "what cannot be finished gives its room back"
        less = calm.put("host.example/small.zip", zip_bytes(60_000))
        assert Fetcher(tight).file(less, kind="zip").bytes > 60_000
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_folder_that_cannot_be_written(calm: Server, config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    blocked = replace(config, cache_dir=tmp_path / "file")
    with pytest.raises(OutputError, match="KCITY_CACHE"):
        Fetcher(blocked).file(calm.put("host.example/a.zip", zip_bytes()), kind="zip")


def test_nobody_listens(config: Config) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match="refused"):
        Fetcher(config).file(f"http://127.0.0.1:{port}/a.zip")


def test_ranges_read_like_a_file(calm: Server, config: Config) -> None:
    data = zip_bytes()
    url = calm.put("host.example/a.zip", data)
    with Fetcher(config).ranges(url) as stream, zipfile.ZipFile(stream) as archive:
        assert len(archive.read("a.txt")) == 60_000
    with Fetcher(config).ranges(url) as stream:
        stream.seek(-100, io.SEEK_END)
        calm.fault("a.zip", "changing_etag", times=9)
        with pytest.raises(SourceError, match="changed while it was read"):
            stream.read(50)


@given(st.text(max_size=200))
def test_safe_name_is_always_a_plain_name(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name) <= 90
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert not name.startswith((".", "-"))
    assert Path(name).name == name
    assert name not in {"con", "nul", "prn", "aux", "com1", "lpt9"}
    assert safe_name(name) == name


@given(
    st.text(
        alphabet="東京大阪МоскваКиївالقاهرة",
        min_size=1,
        max_size=8,
    ).map(str.casefold),
    st.text(alphabet="東京大阪МоскваКиївالقاهرة", min_size=1, max_size=8),
)
def test_safe_names_of_other_scripts_differ(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "name"),
    [("São Paulo", "sao-paulo"), ("Kraków", "krakow"), ("København, Denmark", "kbenhavn-denmark")],
)
def test_latin_names_stay_readable(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_retry_after_may_be_a_date(calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.zip", zip_bytes())
    calm.fault("a.zip", "status", status=503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT", times=1)
    assert Fetcher(config).file(url, kind="zip").bytes


def test_fault_table_of_the_docs_is_this_one() -> None:
    """docs/faults.md prints the rows that ran here."""
    text = (Path(__file__).parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")
    for row in ROWS:
        outcome = row["once"] or ("not tried again" if row.get("requests") == 1 else "-")
        assert f"| {row['name']} | {row['does']} | `{row['error']}` | {outcome} |" in text, row[
            "name"
        ]


def test_cache_note_tells_origin(calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.zip", zip_bytes())
    got = Fetcher(config).file(url, kind="zip")
    note = json.loads(got.path.with_name(got.path.name + ".json").read_text())
    assert note["url"] == url
    assert note["sha256"] == got.sha256
    assert note["etag"].startswith('"')
    assert note["retrieved"].startswith("20")


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:99999999/a",
        "http://127.0.0.1:abc/a",
        "http://" + "a" * 70 + ".x/",
        "http://[::g]/",
    ],
)
def test_addresses_that_are_none(url: str, calm: Server, config: Config) -> None:
    fetcher = Fetcher(replace(config, attempts=1))
    for ask in (fetcher.file, fetcher.head, fetcher.ranges):
        with pytest.raises(SourceError):
            ask(url)
    start = calm.put("host.example/a.json", "{}")
    calm.fault("a.json", "redirect", to=url, times=9)
    with pytest.raises(SourceError):
        fetcher.file(start)


def test_location_that_is_no_text(calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.json", "{}")
    calm.fault("a.json", "redirect", to="http://\xff/", times=9)
    with pytest.raises(SourceError):
        Fetcher(replace(config, attempts=1)).file(url)


@pytest.mark.parametrize("value", ["\xb2", "-3", "soon", "1.5", "9" * 400])
def test_retry_after_that_is_none(value: str, calm: Server, config: Config) -> None:
    url = calm.put("host.example/a.zip", zip_bytes())
    calm.fault("a.zip", "status", status=503, retry_after=value, times=9)
    with pytest.raises(SourceError, match="503"):
        Fetcher(config).file(url, kind="zip")


def test_too_slow_is_a_timeout_error_of_both_kinds() -> None:
    assert issubclass(SourceTimeoutError, TimeoutError)
    assert issubclass(SourceTimeoutError, SourceError)


def test_file_put_into_the_cache_by_hand(config: Config) -> None:
    """What the message of an offline run proposes does work, for a whole file only."""
    offline = Fetcher(replace(config, offline=True))
    url = "http://h.example/a.zip"
    with pytest.raises(OfflineError) as caught:
        offline.file(url, kind="zip")
    path = Path(str(caught.value).rsplit(": ", 1)[1])
    path.parent.mkdir(parents=True)
    path.write_bytes(zip_bytes()[:-100])
    with pytest.raises(SourceError, match="put the whole file there"):
        offline.file(url, kind="zip")
    path.write_bytes(zip_bytes())
    got = offline.file(url, kind="zip")
    assert got.path == path
    assert got.sha256 == hashlib.sha256(zip_bytes()).hexdigest()
    assert offline.file(url, kind="zip") == got
