"""The stored forms, and what is refused on the way in."""

import msgspec
import pytest

from dsm_jepsen.dsm.chart import (
    Configuration,
    Event,
    configuration_from_json,
    configuration_to_json,
    variables_from_json,
    variables_to_json,
)


def test_a_configuration_is_stored_as_its_states_alone_when_there_is_nothing_more() -> None:
    assert configuration_to_json(Configuration(("S0", "S1"))) == {"states": ["S0", "S1"]}
    assert msgspec.json.encode(Configuration(("S0", "S1"))) == b'{"states":["S0","S1"]}'


def test_the_form_with_history_and_deferred_events_is_fixed_already() -> None:
    configuration = Configuration(("a",), (("h", ("b", "c")),), (Event("E", (("p", 1),)),))

    assert msgspec.json.encode(configuration) == (
        b'{"states":["a"],"history":[["h",["b","c"]]],"deferred":[{"name":"E","parameters":[["p",1]]}]}'
    )


def test_variables_are_stored_as_an_object_and_read_in_the_order_of_names() -> None:
    assert variables_to_json((("foo", 0), ("testVariable", "v1"))) == {"foo": 0, "testVariable": "v1"}
    assert variables_from_json({"testVariable": "v1", "foo": 0}) == (("foo", 0), ("testVariable", "v1"))


def test_events_with_the_same_parameters_are_equal_whatever_their_order() -> None:
    assert Event.of("E", {"b": 1, "a": 2}) == Event.of("E", {"a": 2, "b": 1})


def test_an_event_refuses_parameters_out_of_order() -> None:
    with pytest.raises(ValueError, match="parameters") as caught:
        Event("E", (("b", 1), ("a", 2)))

    assert str(caught.value) == (
        "event 'E': parameters ['b', 'a'] are not sorted by name, each once; "
        "build the event with Event.of(name, {...})"
    )


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x"])
def test_only_scalars_become_variables(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        variables_from_json({"x": value})


def test_a_configuration_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        configuration_from_json({"states": "S0"})
