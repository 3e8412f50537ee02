"""A host over SSH: scripts run with the rights of root, by ``sudo`` if the user is another.

Files go the same way as commands, through ``cat``: it needs no further service of the host, and sudo's rights
hold for it as well.
"""

import asyncio
import functools
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from dsm_jepsen.cluster.hosts.host import TIMEOUT_S, Answer, HostError
from dsm_jepsen.cluster.ssh.connection import Connection, Output, SshError
from dsm_jepsen.cluster.ssh.login import Login
from dsm_jepsen.cluster.ssh.nodes_file import Target

SUDO_PASSWORD = "DSM_JEPSEN_SUDO_PASSWORD"  # noqa: S105 - the variable's name
"""The environment variable with the password for ``sudo``."""

_COMMANDS_MAX = 8
"""At once, on one host: sshd allows ten by default."""

_COPY_TIMEOUT_S = 120.0
_LAST_WORDS = 600

# Users that are not root mostly have no folder of administrators on their path.
_PREAMBLE = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH\n"


class SshHost:
    """A machine with an sshd.

    Args:
        name: as the cluster calls it.
        target: where it is.
        login: how to get in.
    """

    def __init__(self, *, name: str, target: Target, login: Login) -> None:
        self.name = name
        self._target = target
        self._login = login
        self._connection = Connection(target, login)
        self._threads = ThreadPoolExecutor(_COMMANDS_MAX, thread_name_prefix=f"ssh-{name}")
        self._sudo: tuple[str, ...] = ()
        self._password = b""

    @property
    def address(self) -> str:
        """Its IPv4 address as the other hosts see it."""
        return self._target.address or self._connection.address

    def reach(self, port: int) -> str:
        """Where the harness reaches one of its ports."""
        return f"{self._connection.address}:{port}"

    async def open(self) -> None:
        """Connect, and find out how to get the rights of root.

        Raises:
            HostError: no connection, or no such rights; the message says what to do.
        """
        step = f"connecting to {self._target}"
        said = await self._execute(step, "id -u", timeout_s=TIMEOUT_S)
        if said.code == 0 and said.out.strip() == b"0":
            return
        self._sudo = ("sudo", "-n")
        said = await self._execute("sudo", self._line("id -u", TIMEOUT_S), timeout_s=TIMEOUT_S)
        if said.code == 0:
            return
        password = self._login.sudo_password
        if password is None:
            raise HostError(
                host=self.name,
                step=f"getting the rights of root on {self._target}",
                words=f"{_last_words(said)}; expected sudo without a password, or the password in "
                f"{SUDO_PASSWORD} (or --ask-sudo-password), or to log in as root (--username root)",
            )
        # -k: ask always, so that the password never ends up in what the script reads.
        self._sudo, self._password = ("sudo", "-k", "-S", "-p", ""), f"{password}\n".encode()
        await self.run(f"sudo with the password on {self._target}", "id -u")

    async def run(
        self,
        step: str,
        script: str,
        *,
        stdin: bytes = b"",
        timeout_s: float = TIMEOUT_S,
        allowed: Sequence[int] = (0,),
    ) -> Answer:
        """Run a POSIX shell script as root; see ``Host.run``."""
        said = await self._run(step, script, stdin=stdin, timeout_s=timeout_s, allowed=allowed)
        assert said.code is not None
        return Answer(
            code=said.code, out=said.out.decode(errors="replace"), err=said.err.decode(errors="replace")
        )

    async def put(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, making its folder; nobody ever sees half of it."""
        script = (
            f"file={shlex.quote(path)}\n"
            f'mkdir -p {shlex.quote(str(PurePosixPath(path).parent))} && cat > "$file.part" || exit\n'
            # If the connection broke the file ends early.
            f'[ "$(wc -c < "$file.part")" -eq {len(data)} ] || {{ echo "only a part came" >&2; exit 1; }}\n'
            f'chmod {mode:o} "$file.part" && mv -f "$file.part" "$file"'
        )
        await self._run(f"writing {path}", script, stdin=data, timeout_s=_COPY_TIMEOUT_S)

    async def get(self, path: str) -> bytes:
        """Read a file."""
        script = f"cat {shlex.quote(path)}"
        return (await self._run(f"reading {path}", script, timeout_s=_COPY_TIMEOUT_S)).out

    async def close(self) -> None:
        """Let go of the connection; commands under way, and any later, fail."""
        await asyncio.get_running_loop().run_in_executor(None, self._connection.close)

    async def _run(
        self,
        step: str,
        script: str,
        *,
        stdin: bytes = b"",
        timeout_s: float,
        allowed: Sequence[int] = (0,),
    ) -> Output:
        said = await self._execute(
            step, self._line(script, timeout_s), stdin=self._password + stdin, timeout_s=timeout_s
        )
        if said.code in allowed:
            return said
        how = "it was ended by a signal" if said.code is None else f"exit code {said.code}"
        raise HostError(host=self.name, step=step, words=f"{how}: {_last_words(said)}")

    def _line(self, script: str, timeout_s: float) -> str:
        # The host's own clock ends what we no longer wait for; daemons in sessions of their own go on.
        limit = ("timeout", "-s", "KILL", f"{timeout_s + 1:g}")
        return shlex.join((*self._sudo, *limit, "sh", "-c", _PREAMBLE + script))

    async def _execute(self, step: str, line: str, *, stdin: bytes = b"", timeout_s: float) -> Output:
        act = functools.partial(self._connection.execute, line, stdin=stdin, timeout_s=timeout_s)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, act)
        except SshError as error:
            raise HostError(host=self.name, step=step, words=str(error)) from error


def _last_words(said: Output) -> str:
    text = (said.err.strip() or said.out.strip()).decode(errors="replace")
    return text[-_LAST_WORDS:] or "it said nothing"
