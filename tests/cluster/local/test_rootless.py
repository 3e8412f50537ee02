"""An ordinary user's local cluster: root of a namespace of its own, and outside of it nobody special.

The ordinary user is made by a user namespace that gives up root. It can do what an ordinary user of this
machine can, so that these tests run for root as well.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local import rootless
from dsm_jepsen.cluster.local.rootless import enter_user_namespace, why_no_user_namespace
from dsm_jepsen.env import RefusedError

ORDINARY = 1000
PROBE = "from dsm_jepsen.cluster.local.rootless import why_no_user_namespace as why; print(why() or '')"


def ordinary(*argv: str) -> list[str]:
    """The arguments that run a Python as an ordinary user; nothing changes for those who are ordinary."""
    lower = ("unshare", "--user", f"--map-user={ORDINARY}", f"--map-group={ORDINARY}")
    return [*(lower if os.geteuid() == 0 else ()), sys.executable, *argv]


@pytest.fixture(scope="session")
def user_namespaces() -> None:
    """See that an ordinary user may have them here. Where not, the test is skipped; in CI it fails."""
    done = subprocess.run(ordinary("-c", PROBE), capture_output=True, text=True, check=False)
    if because := (done.stdout + done.stderr).strip():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must be able to make user namespaces: {because}")
        pytest.skip(because)


def said(code: str) -> str:
    """What a program of an ordinary user prints."""
    argv = ordinary("-c", textwrap.dedent(code))
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.namespaces
@pytest.mark.usefixtures("user_namespaces")
class TestWhereItMayBe:
    """On a machine that lets ordinary users have user namespaces."""

    def test_the_process_is_root_inside_and_can_have_networks(self) -> None:
        code = """
            import os
            from dsm_jepsen.cluster.local import enter_user_namespace
            from dsm_jepsen.cluster.local.networks import why_no_namespaces
            before = os.getpid(), why_no_namespaces()
            enter_user_namespace()
            print(os.geteuid(), os.getpid() == before[0], before[1][:15], why_no_namespaces())
        """
        assert said(code) == "0 True they need root: None"

    def test_its_files_are_the_users(self, tmp_path: Path) -> None:
        code = f"""
            from pathlib import Path
            from dsm_jepsen.cluster.local import enter_user_namespace
            from dsm_jepsen.cluster.local.rootless import user
            before = user()
            enter_user_namespace()
            Path({str(tmp_path / "mine")!r}).touch()
            print(before == user())
        """
        assert said(code) == "True"
        assert (tmp_path / "mine").stat().st_uid == os.getuid()

    def test_it_sees_the_folder_run_as_before_but_no_networks_of_others(self) -> None:
        code = """
            import os
            from dsm_jepsen.cluster.local import enter_user_namespace
            before = {*os.listdir("/run")} - {"netns"}
            enter_user_namespace()
            print({*os.listdir("/run")} == before)
        """
        assert said(code) == "True"

    def test_a_process_with_several_threads_is_refused(self) -> None:
        code = """
            import threading
            from dsm_jepsen.cluster.local.rootless import why_no_user_namespace
            pause = threading.Event()
            threading.Thread(target=pause.wait).start()
            print(why_no_user_namespace())
            pause.set()
        """
        assert said(code).startswith("this process has 2 threads already, and only one with a single")

    @pytest.mark.etcd
    @pytest.mark.slow
    @pytest.mark.usefixtures("etcd_binary")
    @pytest.mark.parametrize(
        ("scenario", "end"),
        [("mixed-events", None), ("partition-half", signal.SIGINT), ("partition-half", signal.SIGKILL)],
    )
    def test_a_run_leaves_nothing_however_it_ends(
        self,
        tmp_path: Path,
        temporary: Path,
        processes_left: Callable[[], list[str]],
        scenario: str,
        end: signal.Signals | None,
    ) -> None:
        run = ["run", scenario, "--cluster", "local", "--seed", "1", "--network", "namespaces"]
        code, printed = run_until_cut(ordinary("-m", "dsm_jepsen", *run), tmp_path, end)
        assert code == {None: 0, signal.SIGINT: 130, signal.SIGKILL: -9}[end], printed
        assert json.loads((tmp_path / "store/latest/run.json").read_text())["versions"]["network"].startswith(
            "namespaces ("
        )
        assert {file.stat().st_uid for file in tmp_path.rglob("*")} == {os.getuid()}
        if end is signal.SIGKILL:
            assert processes_left()
            done = subprocess.run(
                ordinary("-m", "dsm_jepsen", "clean"), capture_output=True, text=True, check=True
            )
            assert "was killed: ended its processes (" in done.stderr
            assert done.stdout == "1 removed\n"
        assert processes_left() == []
        assert list(temporary.glob("*/*")) == []


def run_until_cut(argv: Sequence[str], cwd: Path, end: signal.Signals | None) -> tuple[int, str]:
    """Run a command; send it a signal, if one is given, once its links are cut."""
    with subprocess.Popen(
        argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        if end is not None:
            history = cwd / "store" / "latest" / "history.jsonl"
            while process.poll() is None and not (history.exists() and '"nemesis"' in history.read_text()):
                time.sleep(0.05)
            process.send_signal(end)
        printed = process.stdout.read()
    return process.returncode, printed


class TestWhereItMayNot:
    """Elsewhere, and for root."""

    @pytest.mark.namespaces
    @pytest.mark.usefixtures("user_namespaces", "etcd_binary")
    def test_the_kernels_refusal_is_told_with_its_reason_and_exit_code_254(self, tmp_path: Path) -> None:
        lower = ["unshare", "--user", f"--map-user={ORDINARY}", f"--map-group={ORDINARY}", "--keep-caps"]
        forbid = "echo 0 > /proc/sys/user/max_user_namespaces"
        no_caps = "exec setpriv --ambient-caps=-all --inh-caps=-all"
        run = [sys.executable, "-m", "dsm_jepsen", "run", "partition-half", "--cluster", "local"]
        done = subprocess.run(
            [*lower, "sh", "-c", f'{forbid}; {no_caps} "$@"', "sh", *run],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 254
        assert (
            "its network is loopback (no network namespaces: they need root or a user namespace, and this "
            "machine does not let an ordinary user make one: unshare: No space left on device "
            "(user.max_user_namespaces is 0): run as root)"
        ) in done.stderr
        assert [*tmp_path.iterdir()] == [tmp_path / "tmp"]

    def test_root_stays_what_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(rootless, "_enter", pytest.fail)
        enter_user_namespace()

    @pytest.mark.parametrize(
        ("setting", "because"),
        [
            ({}, r"a container may forbid it, too"),
            ({"kernel/unprivileged_userns_clone": "1\n"}, r"a container may forbid it, too"),
            ({"kernel/unprivileged_userns_clone": "0\n"}, r"kernel\.unprivileged_userns_clone is 0"),
            ({"user/max_user_namespaces": "0\n"}, r"user\.max_user_namespaces is 0"),
        ],
    )
    def test_it_is_said_why(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: dict[str, str], because: str
    ) -> None:
        def refuse() -> None:
            raise PermissionError(1, "unshare: Operation not permitted")

        for name, value in setting.items():
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(value)
        monkeypatch.setattr(os, "geteuid", lambda: ORDINARY)
        monkeypatch.setattr(rootless, "missing_tools", lambda: None)
        monkeypatch.setattr(rootless, "_threads", lambda: 1)
        monkeypatch.setattr(rootless, "_SETTINGS", tmp_path)
        monkeypatch.setattr(rootless, "_enter", refuse)
        words = rf"does not let an ordinary user make one: unshare: Operation not permitted \({because}\)"
        with pytest.raises(RefusedError, match=words):
            enter_user_namespace()

    def test_commands_that_are_missing_are_named_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rootless, "missing_tools", lambda: "there is no nft")
        assert why_no_user_namespace() == "there is no nft"
