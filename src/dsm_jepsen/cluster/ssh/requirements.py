"""What a host must have for a run, how to see whether it has, and how to install what it lacks.

Nothing is installed unless asked for: the hosts are somebody's. Programs come from Debian's packages, by
``apt-get``; Python's packages go to an environment of their own, which nothing else on the host uses.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

from dsm_jepsen.cluster.hosts.cluster import FOLDER
from dsm_jepsen.cluster.hosts.host import Host

VENV = f"{FOLDER}/venv"
"""Python's environment on a host, if there is one."""

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
    "python3": "python3-venv",
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
import importlib.util, sys
if sys.version_info < (3, 11):
    print("old", sys.version.split()[0])
    sys.exit(1)
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
        programs: names of missing programs.
        modules: names of modules that no Python there has.
        old_python: the version of one that is too old, if there is no other.
    """

    python: str | None
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

    async def look(self, host: Host) -> Findings:
        """See what a host has."""
        words = shlex.join((" ".join((*self._programs, "python3")), " ".join(self.modules)))
        said = await host.run("looking for what a run needs", f"set -- {words}\n{_LOOK}", timeout_s=60)
        found: dict[str, list[str]] = {"missing": [], "lacks": [], "old": [], "python": []}
        for line in said.out.splitlines():
            kind, _, name = line.partition(" ")
            found.setdefault(kind, []).append(name)
        return Findings(
            python=next(iter(found["python"]), None),
            programs=tuple(found["missing"]),
            modules=tuple(dict.fromkeys(found["lacks"])),
            old_python=next(iter(found["old"]), None) if not found["lacks"] else None,
        )

    async def install(self, host: Host, findings: Findings, say: Callable[[str], None]) -> None:
        """Install what a host lacks, and say so.

        Raises:
            HostError: it cannot be, as without apt-get.
        """
        packages = sorted({_PACKAGES[name] for name in findings.programs})
        if findings.python is None:
            packages = sorted({*packages, "python3-venv"})
        if packages:
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
        if findings.python is None:
            wanted = shlex.join(map(requirement, self.modules))
            script = f"umask 022; python3 -m venv {VENV} && {VENV}/bin/pip install -q {wanted}"
            step = f"pip install {wanted} in {VENV}"
            await host.run(step, script, timeout_s=_INSTALL_TIMEOUT_S)
            say(f"{host.name}: {step}")


def requirement(module: str) -> str:
    """What pip must install for a module: in the versions that our own package asks for."""
    name = module.replace("_", "-")
    for line in metadata.requires("dsm-jepsen") or ():
        if match := re.match(rf"{name}((?:[<>=!~]=?[\w.,<>=!~]+)?)\s*(;|$)", line):
            return name + match[1]
    return name
