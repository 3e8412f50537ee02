"""The five hosts of compose.yaml serve, with either store."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.docker.image import Image

FILE = Path(__file__).parents[3] / "compose.yaml"


@pytest.fixture(scope="module")
def compose_command() -> list[str]:
    """Docker's plug-in, or the program of old. Without either the test is skipped; in CI it fails."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if os.environ.get("CI") == "true":
        pytest.fail("CI must have docker compose or docker-compose")
    pytest.skip("neither docker compose nor docker-compose is installed")


@contextmanager
def composed(command: list[str], store: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where the REST APIs of the five are, on free ports instead of the file's."""
    file = tmp_path / "compose.yaml"
    file.write_text(re.sub(r"127\.0\.0\.1:808\d:8080", "127.0.0.1::8080", FILE.read_text()))
    command = [*command, "-p", f"dsm-jepsen-test-{os.getpid()}", "-f", str(file)]
    environment = {**os.environ, "STORE": store}

    def compose(*words: str) -> str:
        ended = subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    try:
        compose("up", "-d")
        yield {node: compose("port", node, "8080") for node in ("n1", "n2", "n3", "n4", "n5")}
    finally:
        compose("down", "-t", "1")


def ask(address: str, path: str, method: str = "GET") -> dict[str, Any]:
    """The answer, once there is one: a host needs some seconds until it serves."""
    deadline = time.monotonic() + 90
    while True:
        try:
            request = urllib.request.Request(f"http://{address}{path}", method=method)
            with urllib.request.urlopen(request, timeout=10) as answer:
                said = json.load(answer)
                assert isinstance(said, dict)
                return said
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("store", ["etcd", "zookeeper"])
def test_an_event_at_one_host_is_seen_at_another(
    compose_command: list[str], store: str, node_image: Image, tmp_path: Path
) -> None:
    with composed(compose_command, store, tmp_path) as apis:
        for address in apis.values():
            ask(address, "/status")
        assert ask(apis["n1"], "/event?id=I", "POST")["outcome"] == "accepted"
        taken = ask(apis["n1"], "/status")["states"]
        assert taken
        deadline = time.monotonic() + 30
        while ask(apis["n5"], "/status")["states"] != taken:
            assert time.monotonic() < deadline, "n5 does not come to know of n1's event"
            time.sleep(0.2)
