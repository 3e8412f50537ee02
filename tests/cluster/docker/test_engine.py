"""An engine that cannot be used is refused with one message that says what to do."""

import errno
import gc
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cli import run_command
from dsm_jepsen.cluster import ClusterError
from dsm_jepsen.cluster.docker import by_hand
from dsm_jepsen.cluster.docker.engine import connect
from dsm_jepsen.cluster.docker.image import find_image
from dsm_jepsen.cluster.docker.leftovers import clean_engine
from dsm_jepsen.env import RefusedError

# The library leaves sockets that could not connect to the garbage collector, which complains here.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@contextmanager
def engine_saying(path: Path, body: bytes) -> Iterator[None]:
    """A socket that answers one request with this body, and is gone."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


def refusal() -> str:
    with pytest.raises(RefusedError) as refused:
        connect()
    return str(refused.value)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    pytest.importorskip("docker")
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    yield path
    gc.collect()


def test_a_missing_client_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    assert "pip install 'dsm-jepsen[docker]'" in refusal()


def test_where_no_engine_is_installed_it_says_how_to_get_one(path: Path) -> None:
    said = refusal()
    assert f"no Docker Engine answers at unix://{path}" in said
    assert "docker.io" in said


def test_an_engine_that_was_stopped_is_no_engine(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert "no Docker Engine answers" in refusal()


def test_a_forbidden_engine_names_the_group(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(self: socket.socket, address: Any) -> None:
        raise PermissionError(13, "Permission denied")

    # Root, who may be running this, is forbidden nothing.
    monkeypatch.setattr(socket.socket, "connect", forbid)
    said = refusal()
    assert "may not be used by this user" in said
    assert "usermod -aG docker" in said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'{"ApiVersion": "1.40"}', "it speaks API 1.40, not 1.41", id="too old for us"),
        pytest.param(b'{"ApiVersion": "1.12"}', "20.10 or newer is needed", id="too old for the library"),
        pytest.param(b'{"hello": 1}', "does `docker version` work?", id="something else"),
        pytest.param(b"", "does `docker version` work?", id="nothing"),
    ],
)
def test_an_engine_that_does_not_fit_is_refused(path: Path, body: bytes, words: str) -> None:
    with engine_saying(path, body):
        assert words in refusal()


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("ssh://admin@server", True),
        ("tcp://192.0.2.1:2375", True),
        ("http://192.0.2.1:2375", True),
        ("tcp://127.0.0.1:1", False),
        ("tcp://localhost:1", False),
        ("tcp://no-such-name.invalid:2375", False),
        ("unix:///nonexistent", False),
    ],
)
def test_an_engine_of_another_machine_is_refused_before_it_is_asked(
    path: Path, monkeypatch: pytest.MonkeyPatch, url: str, elsewhere: bool
) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    said = refusal()
    assert (f"the Docker Engine at {url} is on another machine" in said) is elsewhere
    assert url in said


class EngineThatWasStopped:
    """A client whose engine answers nothing any more."""

    def __getattr__(self, name: str) -> "EngineThatWasStopped":
        return self

    def __call__(self, *_: object, **__: object) -> None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


@pytest.mark.parametrize(
    "act",
    [
        lambda client: by_hand.status(client, "a"),
        lambda client: list(by_hand.logs(client, "a", "n1")),
        lambda client: by_hand.execute(client, "a", "n1", ["true"], hear=print),
        lambda client: by_hand.down(client, "a"),
        find_image,
    ],
)
def test_an_engine_that_was_stopped_meanwhile_is_told_whatever_it_was_asked(
    act: Callable[[Any], object],
) -> None:
    with pytest.raises(ClusterError, match=r"Docker Engine could not .*: it does not answer any more"):
        act(EngineThatWasStopped())


def test_where_there_is_no_engine_there_is_nothing_to_clean(path: Path) -> None:
    assert clean_engine(pytest.fail) == []


@pytest.mark.parametrize("words", ["build", "up", "status", "logs n1", "exec n1 true", "down"])
def test_the_command_ends_with_the_message_and_the_code_of_a_refusal(
    path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert run_command(["cluster", *words.split()]) == 254
    assert capsys.readouterr().err.startswith("dsm-jepsen: no Docker Engine answers")
