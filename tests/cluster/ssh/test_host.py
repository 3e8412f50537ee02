"""A host over SSH, against a real sshd."""

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts.host import Host, HostError
from dsm_jepsen.cluster.ssh import connection
from dsm_jepsen.cluster.ssh.host import SshHost
from dsm_jepsen.cluster.ssh.login import Login
from dsm_jepsen.cluster.ssh.nodes_file import Target

pytestmark = pytest.mark.ssh


@asynccontextmanager
async def reached(target: Target, login: Login) -> AsyncIterator[SshHost]:
    host = SshHost(name="n1", target=target, login=login)
    try:
        await host.open()
        yield host
    finally:
        await host.close()


async def failure(host: Host, script: str, **options: Any) -> str:
    with pytest.raises(HostError) as caught:
        await host.run("trying", script, **options)
    assert caught.value.host == "n1"
    return str(caught.value)


async def test_a_script_reads_writes_and_ends_with_a_code(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        answer = await host.run("trying", "cat; echo err >&2; exit 3", stdin=b"in", allowed=(0, 3))
        assert (answer.code, answer.out, answer.err) == (3, "in", "err\n")


async def test_a_script_is_run_by_root_and_finds_the_programs_of_administrators(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        answer = await host.run("trying", "id -u; echo $PATH")
        assert answer.out.startswith("0\n")
        assert "/usr/sbin" in answer.out


async def test_a_failure_names_host_step_and_last_words(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        words = await failure(host, "echo first; echo no space left >&2; exit 7")
        assert words == "n1: trying failed: exit code 7: no space left"
        assert await failure(host, "exit 1") == "n1: trying failed: exit code 1: it said nothing"
        assert "by a signal" in await failure(host, "kill -9 $$; kill -9 $PPID")


async def test_much_output_on_both_streams_comes_whole(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        answer = await host.run(
            "trying", "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; head -c 9 /dev/zero"
        )
        assert (len(answer.out), len(answer.err)) == (5_000_009, 5_000_000)


async def test_a_script_need_not_read_what_it_is_given(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        assert (await host.run("trying", "echo done", stdin=bytes(8_000_000))).out == "done\n"


async def test_files_go_there_and_back_whole(sshd: Any, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    path = tmp_path / "a new folder" / "it's a file"
    async with reached(sshd.target, sshd.login) as host:
        await host.put(str(path), data, mode=0o600)
        assert await host.get(str(path)) == data
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(path.parent.iterdir()) == [path]
        with pytest.raises(HostError, match=r"n1: reading /no/where failed: .*No such file"):
            await host.get("/no/where")
        with pytest.raises(HostError, match="n1: writing /proc/x failed: "):
            await host.put("/proc/x", b"")


async def test_no_more_than_eight_commands_at_once(sshd: Any, tmp_path: Path) -> None:
    script = (
        f"cd {shlex.quote(str(tmp_path))}; mkdir now; touch now/$$; ls now | wc -l; sleep 0.05; rm now/$$"
    )
    async with reached(sshd.target, sshd.login) as host:
        answers = await asyncio.gather(*(host.run("trying", script) for _ in range(30)))
    assert 2 <= max(int(answer.out) for answer in answers) <= 8


async def test_a_command_that_does_not_end_is_given_up_and_ended(sshd: Any, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    async with reached(sshd.target, sshd.login) as host:
        words = await failure(host, f"echo $$ > {mark}; echo stuck; while sleep 0.1; do :; done", timeout_s=1)
        assert words == (
            "n1: trying failed: no end within 1 s; it may still go on there; its last words: stuck"
        )
        gone = (
            f"i=0; while kill -0 {mark.read_text().strip()} && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done"
        )
        await host.run("trying", f"{gone}; ! kill -0 {mark.read_text().strip()}")


async def test_a_frozen_host_is_given_up_in_time_and_reached_again_later(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        sshd.signal(signal.SIGSTOP)
        try:
            words = await failure(host, "true", timeout_s=1)
        finally:
            sshd.signal(signal.SIGCONT)
        assert "does not answer" in words
        assert (await host.run("trying", "echo back")).out == "back\n"


async def test_a_lost_connection_is_made_anew_for_the_next_command(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        sshd.signal(signal.SIGKILL, listener=False)
        assert (await host.run("trying", "echo back")).out == "back\n"


async def test_a_connection_lost_during_a_command_leaves_open_what_it_did(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        running = asyncio.create_task(failure(host, "echo on; exec sleep 30"))
        while len(sshd.family()) < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        sshd.signal(signal.SIGKILL, listener=False)
        assert "what it did is unknown" in await running
        assert (await host.run("trying", "echo back")).out == "back\n"


async def test_a_daemon_survives_the_end_of_the_connection(sshd: Any, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    daemon = f"echo $$ > {mark}; exec sleep 60"
    start = f"setsid sh -c {shlex.quote(daemon)} >/dev/null 2>&1 </dev/null &"
    async with reached(sshd.target, sshd.login) as host:
        await host.run("trying", f"{start}\nwhile ! [ -s {mark} ]; do sleep 0.01; done")
    async with reached(sshd.target, sshd.login) as host:
        await host.run("trying", f"kill {mark.read_text().strip()}")


async def test_nothing_is_asked_of_a_closed_host(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        pass
    with pytest.raises(HostError, match="closed"):
        await host.run("trying", "true")


async def test_an_sshd_that_starts_a_moment_later_is_reached(sshd: Any) -> None:
    sshd.stop()
    host = SshHost(name="n1", target=sshd.target, login=sshd.login)
    opening = asyncio.create_task(host.open())
    await asyncio.sleep(0.1)
    sshd.start()
    await opening
    await host.close()


async def test_it_is_found_by_others_where_the_nodes_file_says(sshd: Any) -> None:
    async with reached(sshd.target, sshd.login) as host:
        assert (host.address, host.reach(2379)) == ("127.0.0.1", "127.0.0.1:2379")
    async with reached(replace(sshd.target, address="10.1.2.3"), sshd.login) as host:
        assert (host.address, host.reach(2379)) == ("10.1.2.3", "127.0.0.1:2379")


class Refusals:
    """What is told when a host does not let us in."""

    @staticmethod
    async def words(target: Target, login: Login) -> str:
        with pytest.raises(HostError) as caught:
            async with reached(target, login):
                pass
        return str(caught.value)


class TestWhyNot(Refusals):
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "_RETRY_S", 0.01)

    async def test_nobody_listens(self, sshd: Any, free_port: int) -> None:
        words = await self.words(replace(sshd.target, port=free_port), sshd.login)
        assert words == (
            f"n1: connecting to root@127.0.0.1:{free_port} failed: 127.0.0.1:{free_port} refuses "
            "connections: is sshd running, and is the port right?"
        )

    async def test_no_such_host(self, sshd: Any) -> None:
        words = await self.words(replace(sshd.target, host="no-such-host.invalid"), sshd.login)
        assert "no-such-host.invalid has no IPv4 address here" in words

    async def test_it_does_not_speak_ssh(self, sshd: Any) -> None:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert f"127.0.0.1:{port}: " in await self.words(replace(sshd.target, port=port), sshd.login)

    async def test_the_key_is_not_let_in(
        self, sshd: Any, make_key: Callable[..., Path], tmp_path: Path
    ) -> None:
        wrong = make_key(tmp_path / "wrong")
        words = await self.words(sshd.target, replace(sshd.login, key=wrong))
        assert f"does not let root in with the key {wrong}" in words
        assert "authorized_keys" in words

    async def test_there_is_no_such_key(self, sshd: Any, tmp_path: Path) -> None:
        missing = tmp_path / "missing"
        words = await self.words(sshd.target, replace(sshd.login, key=missing))
        assert f"the key {missing} (--ssh-private-key): No such file" in words

    async def test_the_key_has_a_passphrase(
        self, sshd: Any, make_key: Callable[..., Path], tmp_path: Path
    ) -> None:
        locked = make_key(tmp_path / "locked", passphrase="secret")
        assert "ssh-add" in await self.words(sshd.target, replace(sshd.login, key=locked))

    async def test_the_file_is_no_key(self, sshd: Any, tmp_path: Path) -> None:
        text = tmp_path / "text"
        text.write_text("hello")
        assert str(text) in await self.words(sshd.target, replace(sshd.login, key=text))

    async def test_the_host_key_is_unknown(self, sshd: Any, tmp_path: Path) -> None:
        none = tmp_path / "none"
        words = await self.words(sshd.target, replace(sshd.login, known_hosts=none))
        assert f"the host key of [127.0.0.1]:{sshd.port} is not known (ssh-ed25519 SHA256:" in words
        assert f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {none}" in words
        assert "--insecure-host-keys" in words

    async def test_the_host_key_is_another(
        self, sshd: Any, make_key: Callable[..., Path], tmp_path: Path
    ) -> None:
        other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
        sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {other}")
        words = await self.words(sshd.target, sshd.login)
        assert "is not the one in" in words
        assert f"-R '[127.0.0.1]:{sshd.port}'" in words

    async def test_host_keys_are_not_checked_if_told_so(self, sshd: Any) -> None:
        async with reached(sshd.target, replace(sshd.login, known_hosts=None)) as host:
            await host.run("trying", "true")
