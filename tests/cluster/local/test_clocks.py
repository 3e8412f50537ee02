"""Clocks that cannot be skewed here, and the reason."""

import re
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local import LocalCluster, clocks
from dsm_jepsen.env import (
    Capability,
    Store,
)


async def no_store(url: str) -> Store:
    raise LookupError(url)


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (None, "there is no C compiler: install gcc"),
        ("#!/bin/sh\necho 'no space left' >&2; exit 1\n", "cannot compile .*skew.c: no space left"),
        ('#!/bin/sh\n: >"$5"\n', "does not shift the clock of"),
    ],
)
@pytest.mark.usefixtures("etcd_binary")
def test_where_nothing_can_be_preloaded_clocks_cannot_be_skewed_and_the_reason_is_told(
    tool: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = LocalCluster(run_folder=tmp_path, open_store=no_store, network="loopback")
    tools = tmp_path / "tools"
    tools.mkdir()
    if tool is not None:
        (tools / "cc").write_text(tool)
        (tools / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    clocks.library.cache_clear()
    assert Capability.CLOCK not in cluster.control.capabilities()
    assert re.search(words, cluster.control.reasons()[Capability.CLOCK])
