"""The image that a container of the cluster starts from: built when its inputs changed, else found.

It is made in two steps: the tools, which seldom change, and upon them our own package. The tag of either is a
hash of all that goes into it. Python's wheels are fetched by this Python's pip, with its settings, so the
build itself needs no index. Takes a minute the first time, seconds after a change of our own package. Blocks.

Whoever builds one removes those that came before it, if no container uses them and they are an hour old:
another process may have found a younger one, and not yet made its containers.
"""

import hashlib
import io
import tarfile
import tempfile
import textwrap
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from dsm_jepsen import __version__
from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.docker.engine import speaking
from dsm_jepsen.cluster.hosts.wheels import PINS, fetch_wheels
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

TOOLS_NAME = "dsm-jepsen-tools"
NAME = "dsm-jepsen-node"
"""The image's name; ``:latest`` is the one built last."""
LABEL = "dsm-jepsen.version"
"""The label that tells our images; its value is the version of this package."""

_PACKAGE = Path(__file__).parents[2]
_TOOLS = "cluster/docker/image/tools/"
_HOST = "cluster/docker/image/host/"
_PYTHON = "3.11"
"""The image's, which the Dockerfile gets from Debian."""
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_YOUNG_S = 3600
_BUILD_SILENCE_S = 900
_LAST_WORDS = 15
_STEP_LENGTH = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that is there.

    Attributes:
        tag: name and hash of its inputs, such as ``dsm-jepsen-node:0123456789ab``.
        id: what the engine calls it, ``sha256:...``: names its content exactly.
        size: of all its layers, in bytes.
    """

    tag: str
    id: str
    size: int


class _File(NamedTuple):
    content: bytes
    program: bool


def find_image(client: "docker.DockerClient") -> Image | None:
    """The image of this version of the package, if it was built.

    Raises:
        RefusedError: the engine's machine is of a kind without wheels.
    """
    return _find(client, _tag(NAME, _machine(client), _package()))


def build_image(client: "docker.DockerClient", say: Callable[[str], None]) -> Image:
    """Build the image of this version of the package, and remove older ones; do nothing if it is there.

    Args:
        client: the engine's.
        say: is told each step, as a line.

    Raises:
        RefusedError: the engine's machine is of a kind without wheels, or this Python has no pip.
        ClusterError: a step failed; the message ends with its last words.
    """
    # Read once: what is hashed is what is built, also while somebody edits.
    machine, package = _machine(client), _package()
    tag, tools = _tag(NAME, machine, package), _tag(TOOLS_NAME, machine, _below(_TOOLS, package))
    found = _find(client, tag)
    if not found:
        if not _find(client, tools):
            say(f"fetching the image's Python packages for {machine}")
            _build(client, tools, _below(_TOOLS, package) | _wheels(machine), {}, say)
        ours = {f"dsm_jepsen/{name}": file for name, file in package.items()}
        _build(client, tag, _below(_HOST, package) | ours, {"TOOLS": tools}, say)
    built = _find(client, tag)
    if built is None:
        raise ClusterError(f"{tag} was built, and is gone: was it removed meanwhile?")
    with speaking("name the image, or remove older ones"):
        client.api.tag(built.id, NAME, "latest")
        if not found and (removed := _remove_superseded(client, tag, tools)):
            say(f"removed images of other versions: {', '.join(removed)}")
    return built


def _remove_superseded(client: "docker.DockerClient", *keep: str) -> list[str]:
    """Remove images of ours that nobody uses, but for these tags and young ones; gives their names."""
    from docker.errors import APIError

    old = [
        tag
        for found in client.api.images(filters={"label": LABEL})
        if found["Created"] < time.time() - _YOUNG_S
        # One that was built by two at once has lost its tag to the other.
        for tag in set(found["RepoTags"] or ()) - {"<none>:<none>"} or {found["Id"]}
        if tag.partition(":")[0] in {NAME, TOOLS_NAME, "sha256"} and tag not in {*keep, f"{NAME}:latest"}
    ]
    removed = []
    for tag in sorted(old):  # those of hosts come before the tools on which they stand
        try:
            client.api.remove_image(tag)
        except APIError as error:
            # A container uses it, or somebody else removed it at this moment.
            if error.status_code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
        else:
            removed.append(tag)
    return removed


def _find(client: "docker.DockerClient", tag: str) -> Image | None:
    from docker.errors import ImageNotFound

    with speaking("find the image"):
        try:
            found = client.images.get(tag)
        except ImageNotFound:
            return None
    return Image(tag=tag, id=str(found.id), size=found.attrs["Size"])


def _machine(client: "docker.DockerClient") -> str:
    with speaking("tell its machine"):
        said = str(client.info()["Architecture"])
    if said not in _MACHINES:
        raise RefusedError(
            f"the Docker Engine's machine is {said!r}: etcd and Java for the image are fetched "
            f"for {' and '.join(sorted(set(_MACHINES.values())))} only"
        )
    return _MACHINES[said]


def _package() -> dict[str, _File]:
    """Our own package; without the kernel, which hosts do not need, and which every build makes anew."""
    return {name: file for name, file in _read(_PACKAGE).items() if not name.startswith("_native.")}


def _read(folder: Path) -> dict[str, _File]:
    """All files below, by name; without what Python and tools leave there."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in name.parts):
            files[name.as_posix()] = _File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return files


def _below(folder: str, package: Mapping[str, _File]) -> dict[str, _File]:
    return {name.removeprefix(folder): file for name, file in package.items() if name.startswith(folder)}


def _tag(image: str, machine: str, files: Mapping[str, _File]) -> str:
    inputs = hashlib.sha256(machine.encode())
    for name, file in files.items():
        inputs.update(f"\n{name} {file.program} ".encode() + hashlib.sha256(file.content).digest())
    return f"{image}:{inputs.hexdigest()[:12]}"


def _wheels(machine: str) -> dict[str, _File]:
    with tempfile.TemporaryDirectory() as folder:
        _fetch_wheels(Path(folder), machine)
        # Their scripts, in bin, name this machine's Python.
        return {f"wheels/{name}": file for name, file in _read(Path(folder)).items() if name[:4] != "bin/"}


def _fetch_wheels(target: Path, machine: str) -> None:
    fetch_wheels(target, _PACKAGE / _TOOLS / PINS.name, python=_PYTHON, machine=machine)


def _pack(context: IO[bytes], files: Mapping[str, _File]) -> None:
    """Write what the Dockerfile finds beside it; equal for equal files, so that layers are found again."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, file in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(file.content)
            entry.mode = 0o755 if file.program else 0o644
            archive.addfile(entry, io.BytesIO(file.content))
    context.seek(0)


def _build(
    client: "docker.DockerClient",
    tag: str,
    files: Mapping[str, _File],
    arguments: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    from docker.errors import DockerException

    words: deque[str] = deque(maxlen=_LAST_WORDS)
    with tempfile.TemporaryFile() as context:
        _pack(context, files)
        try:
            for chunk in client.api.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                buildargs={"VERSION": __version__, **arguments},
                timeout=_BUILD_SILENCE_S,
            ):
                if "error" in chunk:
                    raise ClusterError(_failed(str(chunk["error"]), words))
                for line in str(chunk.get("stream", "")).splitlines():
                    if line.startswith("Step "):
                        say(textwrap.shorten(line, _STEP_LENGTH, placeholder=" ..."))
                    if line.strip():
                        words.append(line)
        except (DockerException, OSError) as error:
            raise ClusterError(f"the image could not be built: {error}") from error


def _failed(error: str, words: deque[str]) -> str:
    text = "\n".join([f"the image could not be built: {error}", *words])
    if len(words) <= 2:
        # Nothing ran yet: the image to start from could not be had.
        text += (
            "\nWhere no registry can be reached, scripts/docker-base of the repository makes the base image."
        )
    return text
