"""How root's rights are had through ``sudo``: a stand-in does what the real one does, as far as asked."""

from typing import Any

import pytest

from dsm_jepsen.cluster.hosts.host import HostError
from dsm_jepsen.cluster.ssh.host import SshHost
from dsm_jepsen.cluster.ssh.login import Login

pytestmark = pytest.mark.ssh

NOT_ROOT = """
[ "${ROOT:-}" ] && exec /usr/bin/id "$@"
echo 1000
"""

# Reads the password a byte at a time, as sudo does, and leaves the rest to the command.
SUDO = """
echo "$@" >> {log}
interactive=yes
while :; do
    case $1 in
        -n) interactive=no; shift ;;
        -k | -S) shift ;;
        -p) shift 2 ;;
        *) break ;;
    esac
done
if [ {password} != none ]; then
    [ $interactive = no ] && {{ echo "sudo: a password is required" >&2; exit 1; }}
    IFS= read -r said
    [ "$said" = {password} ] || {{ echo "sudo: 1 incorrect password attempt" >&2; exit 1; }}
fi
ROOT=1 exec "$@"
"""


def host(sshd: Any, *, asks_for: str, password: str | None) -> SshHost:
    sshd.program("id", NOT_ROOT)
    sshd.program("sudo", SUDO.format(log=sshd.folder / "sudo.log", password=asks_for))
    login = Login(key=sshd.key, known_hosts=sshd.known_hosts, sudo_password=password)
    return SshHost(name="n1", target=sshd.target, login=login)


@pytest.mark.parametrize(("asks_for", "password"), [("none", None), ("none", "unused"), ("s3cret", "s3cret")])
async def test_scripts_run_as_root_and_read_what_is_theirs(
    sshd: Any, asks_for: str, password: str | None
) -> None:
    it = host(sshd, asks_for=asks_for, password=password)
    try:
        await it.open()
        answer = await it.run("trying", "id -u; cat", stdin=b"mine\nall of it")
        assert answer.out == "0\nmine\nall of it"
        await it.put(f"{sshd.folder}/file", b"\0\xff\n")
        assert await it.get(f"{sshd.folder}/file") == b"\0\xff\n"
    finally:
        await it.close()


async def test_the_password_is_on_no_command_line(sshd: Any) -> None:
    it = host(sshd, asks_for="s3cret", password="s3cret")
    try:
        await it.open()
    finally:
        await it.close()
    assert "s3cret" not in (sshd.folder / "sudo.log").read_text()
    assert "s3cret" not in repr(it._login)


@pytest.mark.parametrize(
    ("password", "told"),
    [
        (
            None,
            "sudo: a password is required; expected sudo without a password, or the password in DSM_JEPSEN",
        ),
        ("wrong", "sudo: 1 incorrect password attempt"),
    ],
)
async def test_a_password_that_is_missing_or_wrong_is_told(
    sshd: Any, password: str | None, told: str
) -> None:
    it = host(sshd, asks_for="s3cret", password=password)
    with pytest.raises(HostError) as caught:
        await it.open()
    await it.close()
    assert told in str(caught.value)


async def test_a_host_without_sudo_is_told(sshd: Any) -> None:
    it = host(sshd, asks_for="none", password=None)
    sshd.program("sudo", "echo 'sh: 1: sudo: not found' >&2; exit 127")
    with pytest.raises(HostError, match="sudo: not found; expected sudo without a password"):
        await it.open()
    await it.close()
