"""Real stores that were told not to sync lose with their power what they had acknowledged, or all."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.local.etcd import Binary
from dsm_jepsen.cluster.members.etcd import etcd_arguments
from dsm_jepsen.cluster.members.zookeeper import zookeeper_arguments
from dsm_jepsen.scenarios import Options, find_scenario
from dsm_jepsen.scenarios.runner import run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_disks")]

LOCAL = "dsm_jepsen.cluster.local"
FLAG = "--unsafe-no-fsync"


@pytest.fixture
def unsynced_etcd(monkeypatch: pytest.MonkeyPatch, etcd_binary: Path) -> None:
    """Have etcd started without syncing: one that knows the flag, which etcd before 3.5 does not."""
    beside = Path(sys.executable).with_name("etcd")
    able = next((path for path in (etcd_binary, beside) if path.exists() and _knows(path)), None)
    if able is None:
        because = f"neither {etcd_binary} nor {beside} knows {FLAG}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have it: {because}")
        pytest.skip(because)
    monkeypatch.setattr(f"{LOCAL}.etcd.find_etcd", lambda: Binary(str(able), "of this test"))
    monkeypatch.setattr(f"{LOCAL}.etcd.etcd_arguments", lambda **told: [*etcd_arguments(**told), FLAG])


def _knows(binary: Path) -> bool:
    said = subprocess.run([binary, "--help"], capture_output=True, text=True, check=False)
    return FLAG.removeprefix("--") in said.stdout + said.stderr


@pytest.fixture
def unsynced_zookeeper(monkeypatch: pytest.MonkeyPatch, zookeeper: Any) -> None:
    """Have ZooKeeper started without syncing."""
    setting = "-Dzookeeper.forceSync=no"
    monkeypatch.setattr(
        f"{LOCAL}.zookeeper.zookeeper_arguments", lambda **told: [setting, *zookeeper_arguments(**told)]
    )


@pytest.mark.parametrize(
    "store",
    [pytest.param("etcd", marks=pytest.mark.etcd), pytest.param("zookeeper", marks=pytest.mark.zookeeper)],
)
def test_a_power_cut_shows_a_store_that_does_not_sync(
    store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    request.getfixturevalue(f"unsynced_{store}")
    options = Options(seed=1, cluster="local", store=store, out=tmp_path)
    found = run(find_scenario("power-cut"), options, phase=print).verdicts
    # A log that is empty, since not even its beginning was synced, keeps ZooKeeper from starting.
    assert False in {found[name].valid for name in ("no-lost-acknowledgement", "come-back")}
