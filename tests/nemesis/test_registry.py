"""The registry of nemeses, and what it tells people."""

import importlib
from pathlib import Path

import pytest

from dsm_jepsen import nemesis
from dsm_jepsen.env import Capability
from dsm_jepsen.nemesis import NEMESES, Nemesis, describe


def test_every_file_is_one_nemesis_of_the_same_name() -> None:
    files = [file.stem for file in Path(str(nemesis.__file__)).parent.glob("[!_]*.py")]
    assert sorted(file.replace("_", "-") for file in files) == sorted(NEMESES)
    assert all(cls.__module__.endswith(name.replace("-", "_")) for name, cls in NEMESES.items())


def test_every_nemesis_is_described() -> None:
    assert [one.name for one in describe()] == sorted(NEMESES)
    for one in describe():
        assert one.title.endswith(".")
        assert one.finds.endswith(".")
        assert set(one.needs) <= set(Capability)
        assert one.needs


def test_a_description_is_what_the_docstring_says() -> None:
    kill = next(one for one in describe() if one.name == "kill-node")
    assert kill.title == "Kill one node's process as by SIGKILL, later start it again."
    assert kill.finds.startswith("state kept only in memory, joins")
    assert kill.needs == ("kill",)


@pytest.mark.parametrize("name", sorted(NEMESES))
def test_the_docstring_names_the_capabilities_that_are_needed(name: str) -> None:
    docstring = importlib.import_module(NEMESES[name].__module__).__doc__
    needs = str(docstring).partition("Needs:")[2].strip().rstrip(".")
    assert set(needs.lower().split(", ")) == NEMESES[name].needs


def test_two_nemeses_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two faults are called 'kill-node'"):

        class Again(Nemesis, name="kill-node", needs=Capability.KILL):
            """Another one."""


def test_a_base_without_a_name_is_no_fault() -> None:
    before = set(NEMESES)

    class Base(Nemesis, needs=Capability.KILL):
        """For others."""

    assert set(NEMESES) == before
