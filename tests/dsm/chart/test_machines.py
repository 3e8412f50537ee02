"""The registry of machines."""

import pytest

from dsm_jepsen.dsm.machines import MACHINES, machine


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_is_born_under_its_own_name(name: str) -> None:
    assert machine(name).name == name


def test_the_web_machine_reads_its_chart_as_uml_and_knows_the_events_a_to_k() -> None:
    chart = machine("web")

    assert chart.semantics == "uml"
    assert sorted(chart.events) == list("ABCDEFGHIJK")
    assert len(chart.transitions) == 19


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wbe", "no machine 'wbe'; did you mean 'web'? known machines: web"),
        ("quux", "no machine 'quux'; known machines: web"),
    ],
)
def test_an_unknown_name_suggests_one_like_it(name: str, message: str) -> None:
    with pytest.raises(ValueError, match="no machine") as caught:
        machine(name)

    assert str(caught.value) == message
