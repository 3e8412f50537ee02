"""The file of hosts: what a line may hold, and what is told of one that is wrong."""

from pathlib import Path

import pytest

from dsm_jepsen.cluster.ssh.nodes_file import Target, read_nodes_file
from dsm_jepsen.env import RefusedError


def write(folder: Path, text: str) -> Path:
    path = folder / "hosts.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_hosts_are_numbered_in_their_order_and_comments_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "# my hosts\n\nalpha\nadmin@10.0.0.12:2222   # the second\nroot@gamma address=192.168.0.3\n",
    )
    assert read_nodes_file(path) == {
        "n1": Target(host="alpha"),
        "n2": Target(host="10.0.0.12", port=2222, user="admin"),
        "n3": Target(host="gamma", user="root", address="192.168.0.3"),
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("two@at@host", "'two@at@host' is not a host"),
        ("-oProxyCommand=x", "is not a host"),
        ("[::1]:22", "is not a host"),
        ("host:", "is not a host"),
        ("host:0", "port 0 of host: expected 1 to 65535"),
        ("host:65536", "port 65536 of host: expected 1 to 65535"),
        ("host 10.0.0.1", "'10.0.0.1' after the host; expected [user@]host[:port] [address=IPv4]"),
        ("host address=::1", "address '::1' is not an IPv4 address"),
        ("host address=10.0.0.1 address=10.0.0.2", "'address=10.0.0.2' after the host"),
        ("root@first", "first:22 stands in line 1 already"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_nodes_file(write(tmp_path, f"first\n#\n{line}\nlast\n"))
    assert f"{tmp_path / 'hosts.txt'}, line 3: " in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_there_must_be_an_odd_number_of_hosts_from_three_on(tmp_path: Path, count: int) -> None:
    path = write(tmp_path, "".join(f"host{number}\n" for number in range(count)))
    with pytest.raises(RefusedError, match=f"has {count} hosts; expected an odd number from 3 on"):
        read_nodes_file(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"nodes file .*/none: No such file or directory; expected a line"):
        read_nodes_file(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(RefusedError, match="it is not UTF-8 text"):
        read_nodes_file(tmp_path / "binary")
