"""Every notebook is executed from top to bottom."""

from __future__ import annotations

import asyncio
import gc
import warnings
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.md"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_notebook_runs(path, tmp_path, monkeypatch) -> None:
    import jupytext
    from nbclient import NotebookClient
    from pytest_socket import enable_socket

    enable_socket()  # the kernel talks over local sockets
    monkeypatch.setenv("PYTHONPATH", str(path.parents[1]))
    notebook = jupytext.read(path)
    client = NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": str(path.parent)}}
    )
    with asyncio.Runner() as runner:  # closes its loop, which `execute` leaves open
        runner.run(client.async_execute())
    with warnings.catch_warnings():  # what the client leaves open is not for a later test to find
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert len(outputs) >= 5
