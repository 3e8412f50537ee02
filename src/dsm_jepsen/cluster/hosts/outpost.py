"""What the harness has on a host: a folder with a script of verbs, its daemons, and a dead man's watch."""

import asyncio
import io
import itertools
import shlex
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dsm_jepsen.cluster import damage, disk
from dsm_jepsen.cluster.hosts.host import Answer, Host, HostError
from dsm_jepsen.cluster.hosts.rules import MARK, QUEUE
from dsm_jepsen.cluster.skew import SOURCE, UNSKEWED, environment
from dsm_jepsen.env import Capability, ProcessState, RefusedError, Role

_HERE = Path(__file__).parent
_PATH = "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
SILENCE_S = 15
"""After how long without a heartbeat a host takes the harness for gone, if nothing else is said."""

SMALL_DISK = "/var/lib/dsm-jepsen-disk"
"""Where a host may have a small file system for a member's data, of ``disk.SIZE_MB`` at most."""

_LAST_WORDS = 20
_COMMANDS_MAX = 6


class Outpost:
    """A run's folder on one host.

    Args:
        host: the host.
        folder: its absolute path there; each host has its own, also where hosts share their files.
        silence_s: after how long without a heartbeat the host undoes faults by itself.
    """

    def __init__(self, host: Host, folder: str, *, silence_s: int) -> None:
        self.host = host
        self.folder = folder
        self._silence_s = silence_s
        self._made = False
        self._library: str | None = None
        self._beats = itertools.count()
        # An SSH server refuses more than some ten sessions at once.
        self._at_once = asyncio.Semaphore(_COMMANDS_MAX)

    async def make(self) -> Sequence[str]:
        """Make the folder, and remove what killed runs left on the host.

        Returns:
            The runs that were removed.

        Raises:
            RefusedError: a run that lives is on the host.
        """
        self._made = True
        await self.sh("making the run's folder", begin(self.folder))
        settings = f"silence_s={self._silence_s}\nqueue={QUEUE}\nmark={MARK:#x}\nsmall_disk={SMALL_DISK}\n"
        await self.host.put(f"{self.folder}/settings", settings.encode())
        programs = (_HERE / "on_host.sh", _HERE / "delayer.py", Path(damage.__file__), Path(disk.__file__))
        for file in (*programs, SOURCE):
            await self.host.put(f"{self.folder}/{file.name}", file.read_bytes())
        await self.put("delayer.command", f"exec python3 delayer.py {QUEUE}\n")
        await self.beat()
        said = (await self.verb("others", step="looking for other runs")).out.splitlines()
        for what, run, *age_s in map(str.split, said):
            if what == "alive":
                # Without the verb, which would undo that run's faults.
                folder = shlex.quote(self.folder)
                script = f"rm -rf {folder}; rmdir $(dirname {folder}) 2>/dev/null || true"
                await self.sh("removing our folder", script)
                self._made = False
                raise RefusedError(
                    f"{self.host.name} is in use by the run {run}, last heard of {age_s[0]} s ago: "
                    "wait until that has ended"
                )
        return [line.split()[1] for line in said]

    async def finish(self) -> None:
        """End the daemons and undo all faults; harmless when there are none."""
        if self._made:
            await self._verb_if_there("finish", step="ending its daemons")

    async def remove(self) -> None:
        """End what runs, undo all faults and remove the folder; harmless when there is none."""
        if self._made:
            await self._verb_if_there("remove", step="removing what the run made")
            self._made = False

    async def watch(self) -> None:
        """Begin the dead man's watch."""
        await self.put("watch.command", f"exec sh {shlex.quote(self.folder)}/on_host.sh watch\n")
        await self.verb("start", "watch", step="starting the dead man's watch")

    async def beat(self) -> Mapping[str, str]:
        """Tell the host that the harness lives; ask what its daemons do.

        Returns:
            A state by ``store`` and ``node``; and by ``undone`` since when, if the host undid faults.
        """
        said = (await self.verb("beat", str(next(self._beats)), step="a heartbeat")).out
        return dict(line.split(" ", 1) for line in said.splitlines())

    async def put(self, name: str, text: str) -> None:
        """Write a file of the folder."""
        await self.host.put(f"{self.folder}/{name}", text.encode())

    async def sh(self, step: str, script: str, *, stdin: str = "", allowed: Sequence[int] = (0,)) -> Answer:
        """Run a script with root's commands on its PATH."""
        async with self._at_once:
            return await self.host.run(step, _PATH + script, stdin=stdin.encode(), allowed=allowed)

    async def verb(self, *words: str, step: str, allowed: Sequence[int] = (0,)) -> Answer:
        """Let the host's own script do something."""
        return await self.sh(step, shlex.join(("sh", f"{self.folder}/on_host.sh", *words)), allowed=allowed)

    async def _verb_if_there(self, word: str, *, step: str) -> None:
        """A verb that is harmless when the folder is half made, or was removed by the next run."""
        script = shlex.quote(f"{self.folder}/on_host.sh")
        await self.sh(step, f"[ ! -e {script} ] || sh {script} {word}")

    async def find_library(self, built: bytes | None) -> str | None:
        """Have the host find, compile or take over the library that skews clocks; why not, if it cannot.

        Args:
            built: one that was compiled elsewhere, for hosts without a compiler; it may not fit.
        """
        if built is not None:
            await self.host.put(f"{self.folder}/built.so", built)
        said = await self.verb("library", step="making the library that skews clocks", allowed=range(256))
        self._library = said.out.strip() if said.code == 0 else None
        return None if self._library else f"{self.host.name} says {' '.join(said.err.split())[:200]!r}"

    async def own_disk(self) -> Mapping[Capability, str]:
        """Have the member's data lie on a disk of its own; before anything is put there.

        Returns:
            Why what is done to disks cannot be done to this one, or to none on this host.
        """
        said = await self.verb("own_disk", step="trying whether a member can have a disk of its own")
        why = f"{self.host.name} gives a member no disk of its own: {' '.join(said.err.split())[:300]}"
        lacks = {"image": (), "mounted": (Capability.POWER,)}
        return dict.fromkeys(lacks.get(said.out.strip(), (Capability.POWER, Capability.SPACE)), why)

    async def settle(self) -> None:
        """Sync what the member wrote at its set-up; see ``local.disks``."""
        await self.verb("settle", step="syncing the member's disk")

    async def daemon(self, role: Role, argv: Sequence[str], *, user: str, title: str, skewable: bool) -> None:
        """Start the daemon of this role, with an environment of its own.

        Args:
            role: which; its log is the folder's ``ROLE.log``.
            argv: the program and its arguments.
            user: whom it runs as, where the host has this user; else as root.
            title: what it is called in messages.
            skewable: whether its clock can be skewed, if the library was found.
        """
        clock = ""
        if skewable and self._library is not None:
            file = f"{self.folder}/{role}.clock"
            name, path = shlex.quote(user), shlex.quote(file)
            await self.sh(
                "giving it a clock",
                f"head -c {len(UNSKEWED)} /dev/zero >{path} || exit\n"
                f"if id {name} >/dev/null 2>&1; then chown {name} {path}; fi",
            )
            words = (f"{name}={value}" for name, value in environment(self._library, file).items())
            clock = shlex.join(words)
        # Debian's etcd refuses some processors unless this is set, which is for who made the host to do.
        arm = "${ETCD_UNSUPPORTED_ARCH:+ETCD_UNSUPPORTED_ARCH=$ETCD_UNSUPPORTED_ARCH}"
        isolated = f'env -i PATH="$PATH" PYTHONUNBUFFERED=1 {clock} {arm}'
        # Who mounts it is root.
        disk = 'on_disk sh "$here/on_host.sh" ' if role is Role.STORE else ""
        command = f"{disk}unprivileged {shlex.quote(user)} {isolated} {shlex.join(argv)}\n"
        await self.put(f"{role}.command", command)
        await self.verb("start", role, step=f"starting {title}")

    async def state(self, role: Role) -> ProcessState:
        """What the host's kernel says of a daemon."""
        said = (await self.verb("state", role, step=f"asking for the state of the {role}")).out
        return ProcessState(said.split()[1])

    async def last_words(self, role: Role) -> str:
        """The end of a daemon's log, or why it cannot be had."""
        log = shlex.quote(f"{self.folder}/{role}.log")
        try:
            said = (await self.sh("reading a log", f"tail -n {_LAST_WORDS} {log}")).out
        except HostError as error:
            return str(error)
        return said.rstrip("\n") or "(its log is empty)"

    async def collect(self, into: Path, *, logs: Mapping[str, str], data: bool) -> None:
        """Fetch what the daemons wrote, as far as it is there.

        Args:
            into: a folder here, which is made.
            logs: what logs are called here, by what they are called on the host.
            data: whether to fetch the folder ``data``, too, as ``data.tar.gz``.
        """
        _unpack(await self._pack(logs), into, logs)
        if data:
            of_disk = f"sh {shlex.quote(self.folder)}/on_host.sh on_disk "
            (into / "data.tar.gz").write_bytes(await self._pack(["data"], prefix=of_disk))

    async def _pack(self, names: Iterable[str], *, prefix: str = "") -> bytes:
        pack = f"{self.folder}/packed.tar.gz"
        await self.sh(
            "packing what the daemons wrote",
            f"cd {shlex.quote(self.folder)} && touch {shlex.join(names)} && "
            f"{prefix}tar -chzf {shlex.quote(pack)} {shlex.join(names)}",
        )
        return await self.host.get(pack)


def begin(folder: str) -> str:
    """The script that makes a run's folder; from the first moment on it tells other runs how old it is."""
    path = shlex.quote(folder)
    return f'mkdir -p {path} && read -r up _ </proc/uptime && echo "begun ${{up%.*}}" >{path}/heard'


def _unpack(packed: bytes, into: Path, names: Mapping[str, str]) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            if member.name in names and (file := archive.extractfile(member)) is not None:
                (into / names[member.name]).write_bytes(file.read())
