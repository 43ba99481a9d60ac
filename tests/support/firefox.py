"""A Firefox without a window, driven over WebDriver BiDi, which it speaks itself: no driver is needed."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornado.websocket import websocket_connect

__all__ = ["Firefox", "opened_firefox"]

_PATIENCE_S = 60
#: Nothing but what a page asks for may go out.
_QUIET = """
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("services.settings.server", "data:,");
"""


class Firefox:
    """One tab: what a page asked for, what it complained of, and what its scripts answer."""

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._number = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        try:
            self._socket = self._loop.run_until_complete(
                asyncio.wait_for(_connect(f"{address}/session"), _PATIENCE_S)
            )
            self._send("session.new", capabilities={})
            self._send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
            self._tab = self._send("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self._loop.close()
            raise

    def open(self, page: Path, *, width: int, height: int) -> None:
        """Show a page and wait until its map is there."""
        self.requests, self.errors = [], []
        size = {"width": width, "height": height}
        self._send("browsingContext.setViewport", context=self._tab, viewport=size)
        # The address of another page first: the same one again would only move to its hash.
        self._send(
            "browsingContext.navigate", context=self._tab, url="about:blank", wait="complete"
        )
        self._send(
            "browsingContext.navigate", context=self._tab, url=page.as_uri(), wait="complete"
        )

    def ask(self, script: str) -> Any:
        """Run a script that may be awaited; gives its value as JSON holds it."""
        found = self._send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({script})))()",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if found["type"] != "success":
            raise AssertionError(found["exceptionDetails"]["text"])
        return json.loads(found["result"].get("value", "null"))

    def close(self) -> None:
        """End the session."""
        self._socket.close()
        self._loop.close()

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        text = json.dumps({"id": self._number, "method": method, "params": params})
        return self._loop.run_until_complete(asyncio.wait_for(self._answer(text), _PATIENCE_S))

    async def _answer(self, text: str) -> dict[str, Any]:
        number = self._number
        await self._socket.write_message(text)
        while True:
            told = json.loads(await self._socket.read_message())
            if told.get("id") == number:
                if told["type"] == "error":
                    raise AssertionError(f"{told['error']}: {told['message']}")
                return dict(told["result"])
            self._note(told.get("method"), told.get("params", {}))

    def _note(self, event: str, about: dict[str, Any]) -> None:
        if event == "log.entryAdded" and about["level"] == "error":
            self.errors.append(str(about["text"]))
        if event == "network.beforeRequestSent":
            url = about["request"]["url"]
            if not url.startswith(("data:", "file:", "blob:", "about:")):
                self.requests.append(url)


async def _connect(address: str) -> Any:
    return await websocket_connect(address, max_message_size=100_000_000)


@contextmanager
def opened_firefox(program: str, home: Path) -> Iterator[Firefox]:
    """Start Firefox with an empty profile, and end it."""
    profile = home / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(_QUIET)
    process = subprocess.Popen(
        [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
    )  # fmt: skip
    try:
        address = ""
        for line in process.stderr or ():
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
                address = found[1]
                break
        assert address, "Firefox did not start"
        tab = Firefox(address)
        try:
            yield tab
        finally:
            tab.close()
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE_S)
        if process.stderr:
            process.stderr.close()
