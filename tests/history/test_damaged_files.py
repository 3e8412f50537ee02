"""Whatever is done to a file, reading it gives a history or says what is wrong with it."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsm_jepsen.history import HistoryError, _recorded
from dsm_jepsen.history.files import read_history

EXAMPLES = int(os.environ.get("DSM_JEPSEN_FUZZ", "100"))
FILES = [
    b'{:process 0, :type :invoke, :f :write, :value {:a #{1 2} "b" [1.5 2/3 \\a nil true]} :time 12 :x 1}\n'
    b'{:process 0 :type :info :f :write :value nil :error [:timeout "\xc3\xa4"] :foo/bar "\\u0041\\n"}\n',
    b"[{:process 3 :type :invoke :f :cas :value [1 2]} {:process 3 :type :fail :f :cas :value [1 2]}]",
    b'{:process 0, :type :invoke, :f :append, :key "0", :value "x 0 0 y"}\n'
    b'{:process 0, :type :ok, :f :append, :key "0", :value nil}\n',
    b"INFO jepsen.util - 0\t:invoke\t:read\tnil\nINFO jepsen.util - 0\t:ok\t:read\t3\n",
    b'{"index":0,"time":0,"type":"invoke","process":0,"f":"w","value":[1,{"a":null}]}\n'
    b'{"index":1,"time":1,"type":"ok","process":0,"f":"w","value":1.5}\n',
]
PIECES = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"(",
        b")",
        b'"',
        b"\\",
        b"#",
        b"#_",
        b"#{",
        b";",
        b"^",
        b":",
        b"::",
        b"nil",
        b"-",
    ),
    *(b"1/0", b"1e999", b"##NaN", b":type", b"\n", b"\t", b"+", b" "),
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"\\ud800"', b":process 70000"),
    *(b"9" * 30, b"-9223372036854775808", b"2147483648", b"[" * 5000, b"{:a " * 3000, b"#a " * 2000),
]
BLOWS = st.tuples(st.integers(0, 250), st.integers(0, 20), st.sampled_from([*PIECES, *[b""] * 20]))
"""Where, how many bytes go, and what comes instead."""


def read(content: bytes) -> list[Any] | str:
    try:
        return [repr(op) for op in read_history(content)]
    except HistoryError as error:
        return str(error)


def as_without_the_kernel(content: bytes) -> bool:
    """Whether a file is read, or refused, as the reader in Python does it."""
    found = read(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recorded, "_native", None)
        return found == read(content)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.sampled_from(FILES), blows=st.lists(BLOWS, min_size=1, max_size=6), length=st.integers(1, 400)
)
def test_a_damaged_file_is_read_as_without_the_kernel_or_refused(
    content: bytes, blows: list[tuple[int, int, bytes]], length: int
) -> None:
    for at, gone, piece in blows:
        content = content[:at] + piece + content[at + gone :]
    content = content[:length] if length < 200 else content
    assert as_without_the_kernel(content)


@pytest.mark.parametrize(
    "ending",
    [
        b":fail\tcas\t[1 2]",
        b':fail\t"cas"\t[1 2]',
        b":fail\t:cas\t[1 2]\tnil",
        b":fail\t:cas\t[1 2]\t:unequal",
        b":fail\t:cas\t:timed-out",
        b':fail\t:cas\t"timed-out"',
        b":info\t:cas\ttimed-out",
    ],
    ids=str,
)
def test_what_a_log_leaves_unsaid_is_understood_as_without_the_kernel(ending: bytes) -> None:
    f = ending.split(b"\t")[1]
    assert as_without_the_kernel(b"INFO jepsen.util - 1\t:invoke\t%s\t[1 2]\n1\t%s\n" % (f, ending))


@pytest.mark.parametrize("where", [b";%s\n", b"{:f %s}", b'{:f "%s"}', b"{:%s 1}"])
def test_a_file_is_refused_that_is_no_text(where: bytes) -> None:
    content = (where % b"\xff") + b"{:process 0, :type :invoke, :f :read}"
    with pytest.raises(HistoryError, match="not text in UTF-8"):
        read_history(content)
