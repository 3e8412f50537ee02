"""The image of a host holds what a host needs, and is built again only when its inputs changed."""

import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from dsm_jepsen import __version__
from dsm_jepsen.cluster import ClusterError
from dsm_jepsen.cluster.docker import image
from dsm_jepsen.cluster.docker.image import LABEL, Image, build_image, find_image
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

PACKAGE = Path(image.__file__).parents[2]
ROOT = PACKAGE.parents[1]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, which a test may change."""
    copied = tmp_path / "dsm_jepsen"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    monkeypatch.setattr(image, "_PACKAGE", copied)
    return copied


def test_each_library_of_the_node_program_is_pinned_as_the_package_asks() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = (PACKAGE / "cluster/docker/image/tools/requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    reporting_only = {"jinja2", "matplotlib"}
    for text in [*project["dependencies"], *extras["etcd"], *extras["zookeeper"]]:
        asked = Requirement(text)
        if asked.name not in reporting_only:
            assert asked.specifier.contains(pins[asked.name]), text


class Engine:
    """An engine that tells its machine, and has no image."""

    def __init__(self, machine: str) -> None:
        self._machine = machine

    def info(self) -> dict[str, str]:
        return {"Architecture": self._machine}


def test_a_machine_without_wheels_is_refused_by_name() -> None:
    with pytest.raises(RefusedError, match=r"'riscv64': .* for aarch64 and x86_64 only"):
        find_image(Engine("riscv64"))  # type: ignore[arg-type]


def test_what_is_removed_is_old_and_bears_our_names_or_none() -> None:
    def found(*tags: str, created: float = 0) -> dict[str, Any]:
        return {"Id": f"sha256:of-{tags}", "RepoTags": list(tags), "Created": created}

    untagged = found("<none>:<none>")
    client = Mock()
    client.api.images.return_value = [
        found("dsm-jepsen-tools:old"),
        found("dsm-jepsen-tools:kept"),
        found("dsm-jepsen-node:old"),
        found("dsm-jepsen-node:young", created=time.time()),
        found("dsm-jepsen-node:kept", "dsm-jepsen-node:latest"),
        found("somebody-elses:image"),
        untagged,
    ]
    removed = image._remove_superseded(client, "dsm-jepsen-node:kept", "dsm-jepsen-tools:kept")
    assert removed == ["dsm-jepsen-node:old", "dsm-jepsen-tools:old", untagged["Id"]]
    assert [call.args[0] for call in client.api.remove_image.call_args_list] == removed


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lonely = tmp_path / "python"
    lonely.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    lonely.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(lonely))
    with pytest.raises(RefusedError, match="-m ensurepip"):
        image._fetch_wheels(tmp_path, "x86_64")


@pytest.mark.docker
class TestBuilt:
    """With a real engine."""

    def run(self, built: Image, command: str, *options: str) -> str:
        ended = subprocess.run(
            ["docker", "run", "--rm", *options, built.tag, "sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout + ended.stderr

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("dsm-jepsen --version", __version__),
            ("python3 -m dsm_jepsen node --help", "--store-url"),
            ("python3 -c 'import aetcd, aiohttp, kazoo.client'", ""),
            ("etcd --version", "etcd Version: 3.4"),
            ("etcdctl version", "etcdctl version: 3.4"),
            ("java -version", "21.0"),
            (
                "java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar "
                "org.apache.zookeeper.version.VersionInfoMain",
                "version 3.8",
            ),
            ("nft --version", "nftables"),
            ("ss -V && tc -V && ip -V", "iproute2"),
            ("ssh-keygen -A && /usr/sbin/sshd -t", "ssh-keygen"),
        ],
        ids=lambda value: value.split()[0] if value else "nothing",
    )
    def test_it_holds(self, node_image: Image, command: str, words: str) -> None:
        assert words in self.run(node_image, command)

    def test_it_holds_no_host_keys(self, node_image: Image) -> None:
        assert self.run(node_image, "ls /etc/ssh | grep -c host_key || true").strip() == "0"

    def test_members_and_node_programs_have_users_of_their_own(self, node_image: Image) -> None:
        said = self.run(node_image, "for user in store node; do setpriv --reuid=$user id -u; done")
        uids = [int(line) for line in said.split()]
        assert 0 not in uids
        assert len(set(uids)) == 2

    def test_it_cuts_links_with_one_capability_more_than_usual(self, node_image: Image) -> None:
        self.run(node_image, "nft add table inet cut && nft list ruleset", "--cap-add", "NET_ADMIN")

    def test_it_tells_its_version(self, docker_engine: "docker.DockerClient", node_image: Image) -> None:
        found = docker_engine.images.get(node_image.tag)
        assert found.labels[LABEL] == __version__
        assert docker_engine.images.get(image.NAME + ":latest").id == found.id

    def test_it_is_found_and_not_built_while_nothing_changed(
        self, docker_engine: "docker.DockerClient", package: Path
    ) -> None:
        steps: list[str] = []
        first = build_image(docker_engine, steps.append)
        steps.clear()
        assert build_image(docker_engine, steps.append) == first
        assert find_image(docker_engine) == first
        assert steps == []

    def test_a_change_of_our_own_package_leaves_the_tools_as_they_are(
        self,
        docker_engine: "docker.DockerClient",
        node_image: Image,
        package: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(image, "_fetch_wheels", None)  # not called
        (package / "__init__.py").write_text('__version__ = "9.9.9"\n')
        changed = build_image(docker_engine, print)
        try:
            assert changed.id != node_image.id
            assert "9.9.9" in self.run(changed, "dsm-jepsen --version")
        finally:
            docker_engine.images.remove(changed.tag)
            docker_engine.api.tag(node_image.id, image.NAME, "latest")

    def test_those_that_came_before_are_removed_unless_they_are_young_or_in_use(
        self,
        docker_engine: "docker.DockerClient",
        node_image: Image,
        package: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def build(version: str, young_s: float) -> tuple[str, str]:
            """The new image, and what was said last."""
            monkeypatch.setattr(image, "_YOUNG_S", young_s)
            (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
            said: list[str] = []
            made.append(build_image(docker_engine, said.append).tag)
            return made[-1], said[-1]

        def there(tag: str) -> bool:
            return bool(docker_engine.api.images(tag))

        # Others' images are older than this test, and no business of it.
        listed: Callable[..., list[dict[str, Any]]] = docker_engine.api.images

        def ours(*words: str, **options: Any) -> list[dict[str, Any]]:
            found = listed(*words, **options)
            return [one for one in found if words or set(one["RepoTags"] or ()) & set(made)]

        monkeypatch.setattr(docker_engine.api, "images", ours)
        made: list[str] = []
        container = None
        try:
            first, _ = build("9.0.1", -60)
            container = docker_engine.containers.create(first)
            second, said = build("9.0.2", -60)
            assert there(first)
            assert "removed" not in said
            third, said = build("9.0.3", 3600)
            assert there(second)
            fourth, said = build("9.0.4", -60)
            assert said == f"removed images of other versions: {', '.join(sorted([second, third]))}"
            assert there(first)
            assert not there(second)
            assert not there(third)
            assert there(fourth)
        finally:
            if container is not None:
                container.remove()
            for tag in filter(there, made):
                docker_engine.images.remove(tag)
            docker_engine.api.tag(node_image.id, image.NAME, "latest")

    @pytest.mark.parametrize("name", ["env/rng.py", "cluster/docker/image/tools/requirements.txt"])
    def test_a_change_of_an_input_asks_for_another(
        self, docker_engine: "docker.DockerClient", node_image: Image, package: Path, name: str
    ) -> None:
        with (package / name).open("a") as file:
            file.write("# changed\n")
        assert find_image(docker_engine) is None

    def test_what_tools_leave_behind_is_no_input(
        self, docker_engine: "docker.DockerClient", package: Path
    ) -> None:
        before = build_image(docker_engine, print)
        for folder in ("__pycache__", ".mypy_cache"):
            (package / "env" / folder).mkdir()
            (package / "env" / folder / "rng.pyc").write_bytes(b"x")
        assert find_image(docker_engine) == before

    def test_a_step_that_fails_says_its_last_words(
        self, docker_engine: "docker.DockerClient", package: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(image, "_fetch_wheels", lambda target, machine: None)
        dockerfile = package / "cluster/docker/image/tools/Dockerfile"
        base = re.findall(r"^ARG BASE=(.*)$", dockerfile.read_text(), re.MULTILINE)[0]
        dockerfile.write_text(f"FROM {base}\nRUN echo no such luck && false\n")
        with pytest.raises(ClusterError, match="no such luck"):
            build_image(docker_engine, print)

    def test_a_base_that_cannot_be_had_is_told(
        self, docker_engine: "docker.DockerClient", package: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(image, "_fetch_wheels", lambda target, machine: None)
        (package / "cluster/docker/image/tools/Dockerfile").write_text("FROM localhost:9/nobody/has:this\n")
        with pytest.raises(ClusterError, match="scripts/docker-base"):
            build_image(docker_engine, print)
