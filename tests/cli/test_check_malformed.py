"""``dsm-jepsen check`` of what no run can have produced: no verdict, but file and line."""

from collections.abc import Callable

import pytest

Check = Callable[..., tuple[int, str, str]]

OPEN = "{:process 3 :type :invoke :f :write :value 1}"
DONE = "{:process 3 :type :ok :f :write :value 1}"
JSON_OPEN = '{"process": 3, "type": "invoke", "f": "write", "value": 1}'

MALFORMED: dict[str, tuple[str | bytes, str, str]] = {
    "two open in one process": (
        f"[{OPEN}\n{OPEN}]",
        "register",
        "history:2: event 1: process 3 invokes 'write' while",
    ),
    "two open, in JSON": (
        f"{JSON_OPEN}\n\n{JSON_OPEN}",
        "register",
        "history:3: event 1: process 3 invokes 'write' w",
    ),
    "two open, in a log": (
        "x\n1\t:invoke\t:read\tnil\n1\t:invoke\t:read\tnil",
        "register",
        "history:3: event 1: process 1 invokes 'read' while its 'read' of event 0 is open",
    ),
    "a completion of nothing": (
        f"[\n\n{DONE}]",
        "register",
        "history:3: event 0: process 3 completes 'write' but has",
    ),
    "a completion of something else": (
        f"[{OPEN}\n{DONE.replace('write', 'read')}]",
        "register",
        "history:2: event 1: process 3 completes 'read' but invoked 'write'",
    ),
    "unknown f": (
        f"[{OPEN}\n{DONE}\n\n{OPEN.replace('write', 'increment')}]",
        "cas-register",
        "history:4: event 2: process 3's operation 'increment' is unknown to the model CasRegister",
    ),
    "a value that is no pair": (
        f"[{OPEN}\n{DONE}\n{OPEN.replace('write', 'cas')}]",
        "cas-register",
        "history:3: event 2: the model CasRegister cannot take process 3's cas with the value 1: 1 is no ",
    ),
    "two letters are no pair": (
        "1\t:invoke\t:cas\t12\n1\t:fail\t:cas\t12\n",
        "cas-register",
        "history:1: event 0: the model CasRegister cannot take process 1's cas with the value 12",
    ),
    "null put in": (
        "1\t:invoke\t:enqueue\tnil\n1\t:ok\t:enqueue\tnil\n",
        "fifo-queue",
        "history:1: event 0: the model FifoQueue cannot take process 1's enqueue with the value null: null w",
    ),
    "a result of the wrong kind": (
        "1\t:invoke\t:read\tnil\n1\t:ok\t:read\t5\n",
        "set",
        "history:2: event 1: the model RemovableSet cannot take process 1's read with the result 5: 5 is no ",
    ),
    "no key": (
        f"[{OPEN}\n{DONE}]",
        "registers",
        "history:1: event 0: the model Registers cannot take process 3's wr",
    ),
    "a string is no number": (
        '1\t:invoke\t:add\t"5"\n1\t:ok\t:add\t"5"\n',
        "counter",
        "history:1: event 0: the model Counter cannot take process 1's add with the value \"5\": '5' is",
    ),
    "another type": (
        OPEN.replace("invoke", "begin"),
        "register",
        "history:1: event 0: type 'begin' is unknown",
    ),
    "another type, in a log": (
        "1\t:begin\t:read\tnil",
        "register",
        "history:1: event 0: '1\\t:begin\\t:read\\tnil', e",
    ),
    "a process that is no number": (
        OPEN.replace(" 3", " :a"),
        "register",
        "history:1: event 0: process is 'a'",
    ),
    "broken EDN in the middle": (f"[{OPEN}\n{{:process 3 :type]\n{DONE}]", "register", "history:2: seen ']'"),
    "an EDN file that is cut short": (
        f"[{OPEN}\n{DONE[:-9]}",
        "register",
        "history:2: seen 'the end', expected '}'",
    ),
    "broken JSON in the middle": (
        f"{JSON_OPEN}\n{JSON_OPEN[:-9]}\n{JSON_OPEN}",
        "register",
        "history:2: not a JSON object: ",
    ),
    "a missing comma": (JSON_OPEN.replace(", ", " ", 1), "register", "history:1: "),
    "a JSON file that is cut short": (
        f"{JSON_OPEN}\n{JSON_OPEN[:-9]}",
        "register",
        "history:2: the last line is cut",
    ),
    "a JSON array": (
        f"[{JSON_OPEN}]",
        "register",
        "history: a JSON array, expected JSON lines",
    ),
    "JSON that is no object": (
        f"{JSON_OPEN}\n[1]",
        "register",
        "history:2: event 1: [1], expected an object such as",
    ),
    "a log that is cut short": (
        "0\t:invoke\t:write\t1\n0\t:ok\t:write\t1\n1\t:invoke\t:read\tnil\n1\t:ok\t",
        "register",
        "history:4: event 3: '1\\t:ok\\t', expected process, type",
    ),
    "nothing": ("", "register", "history: nothing is in it"),
    "an empty vector": ("[]", "register", "history: no event is in it"),
    "something else": (
        "Dear diary,\n",
        "register",
        "history: no event is in it, expected op maps in EDN, JSON lines",
    ),
    "bytes": (b"a\n\x80\xff\x00", "register", "history:2: not text in UTF-8"),
}


@pytest.mark.parametrize(("content", "model", "words"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_gets_no_verdict_but_file_and_line(
    check: Check, content: str | bytes, model: str, words: str
) -> None:
    code, out, err = check(content, "--model", model)
    assert (code, out) == (254, "")
    assert err.startswith(f"dsm-jepsen: {words}")
