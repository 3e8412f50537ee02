"""A node started by hand and driven over HTTP, as a person would with curl, also in its error state."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.etcd, pytest.mark.slow]

Ask = Callable[..., tuple[int, Any]]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def ask(
    etcd: tuple[subprocess.Popen[bytes], int], tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[Ask]:
    listen = f"127.0.0.1:{free_port()}"
    arguments = ["--name", "n1", "--store-url", f"etcd://127.0.0.1:{etcd[1]}", "--listen", listen]
    with (tmp_path / "node.log").open("wb") as log:
        node = subprocess.Popen([sys.executable, "-m", "dsm_jepsen", "node", *arguments], stderr=log)

    def call(method: str, path: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://{listen}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            with error:
                text, status = error.read(), error.code
        except OSError:
            return 0, None
        return status, text.decode() if path == "/metrics" else json.loads(text)

    wait_until(lambda: call("GET", "/states")[0] == 200, "the node never became healthy")
    yield call
    node.terminate()
    assert node.wait(timeout=20) == 130


def test_the_rest_table_by_hand(ask: Ask) -> None:
    assert ask("GET", "/states") == (200, ["S0", "S1", "S11"])
    status, accepted = ask("POST", "/event?id=C")
    assert (status, accepted["outcome"], accepted["version"]) == (200, "accepted", 1)
    status, refused = ask("POST", "/event?id=C")
    assert (status, refused["outcome"]) == (409, "not-applicable")
    status, late = ask("POST", "/event?id=K&expect=0")
    assert (status, late["outcome"]) == (409, "lost-race")
    assert ask("POST", "/event?id=Z")[0] == 400
    assert ask("GET", "/event?id=C")[0] == 405
    status, shown = ask("GET", "/status?read=strong")
    assert (status, shown["version"], shown["hasStateMachineError"]) == (200, 1, False)
    assert 'dsm_events_total{outcome="accepted"} 1' in ask("GET", "/metrics")[1]


def test_leaving_and_joining_by_hand(ask: Ask) -> None:
    assert ask("POST", "/leave")[0] == 200
    wait_until(lambda: ask("GET", "/status")[1]["session"] is None, "the node never left")
    assert ask("POST", "/event?id=C")[0] == 503
    assert ask("POST", "/join")[0] == 200
    wait_until(lambda: ask("GET", "/states")[0] == 200, "the node never joined again")


def test_without_its_store_the_node_is_in_error_and_says_so(
    ask: Ask, etcd: tuple[subprocess.Popen[bytes], int]
) -> None:
    etcd[0].kill()
    wait_until(lambda: bool(ask("GET", "/status")[1]["hasStateMachineError"]), "the node never noticed")
    assert ask("GET", "/states")[0] == 503
    status, refused = ask("POST", "/event?id=C")
    assert (status, refused["outcome"]) == (503, "unavailable")
    assert ask("GET", "/status?read=strong")[0] == 503
    status, shown = ask("GET", "/status")
    assert (status, shown["states"]) == (200, ["S0", "S1", "S11"])
