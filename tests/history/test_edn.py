"""EDN values: what is read, what is written, and that another reader agrees."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import edn_format
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.history import edn
from dsm_jepsen.history.edn import Char, EdnError, FrozenMap, Keyword, Symbol, Tagged

A, B = Keyword("a"), Keyword("b")

READ: dict[str, Any] = {
    "nil": None,
    "true": True,
    "-7": -7,
    "+7": 7,
    "42N": 42,
    "9223372036854775808N": 2**63,
    "1.5": 1.5,
    "1.": 1.0,
    "-1e-3": -0.001,
    "1.50M": Decimal("1.50"),
    "-1/2": Fraction(-1, 2),
    "##-Inf": float("-inf"),
    ":a": A,
    ":ns/a": Keyword("ns/a"),
    ":valid?": Keyword("valid?"),
    ":1": Keyword("1"),
    "cas!": Symbol("cas!"),
    "/": Symbol("/"),
    "-": Symbol("-"),
    "->x": Symbol("->x"),
    r"\a": Char("a"),
    r"\space": Char(" "),
    r"\u00e9": Char("é"),
    r"\(": Char("("),
    r"[\[\]]": [Char("["), Char("]")],
    '"a\\n\\"b\\u0041\\\\"': 'a\n"bA\\',
    '"two\nlines"': "two\nlines",
    '"\\ud83d\\ude00"': "\U0001f600",
    "()": [],
    "[1 (2), [3]]": [1, [2], [3]],
    "[1[2]3]": [1, [2], 3],
    "{:a 1, :b {:a 2}}": {A: 1, B: {A: 2}},
    "{[1 [2]] {}}": {(1, (2,)): {}},
    "#{{:a [1]}}": frozenset({FrozenMap({A: (1,)})}),
    '{:a 1 "a" 2 a 3 \\a 4}': {A: 1, "a": 2, Symbol("a"): 3, Char("a"): 4},
    '#inst "2024-01-01"': Tagged("inst", "2024-01-01"),
    "#jepsen.history.Op{:a 1}": Tagged("jepsen.history.Op", {A: 1}),
    "#a #b [1]": Tagged("a", Tagged("b", [1])),
    "#ns{:a 1}": Tagged("ns", {A: 1}),
    '#:ns{:a 1, :_/b 2, :other/c 3, d 4, "e" 5}': {
        Keyword("ns/a"): 1,
        B: 2,
        Keyword("other/c"): 3,
        Symbol("ns/d"): 4,
        "e": 5,
    },
    "^:dynamic ^{:doc 1} [1]": [1],
    "[1 #_ 2 #_ #_ 3 4 5 #_{:a 6}]": [1, 5],
    "; a comment\n,,1;another": 1,
}


@pytest.mark.parametrize(("text", "value"), READ.items(), ids=READ.keys())
def test_text_becomes_its_value(text: str, value: Any) -> None:
    read = edn.loads(text)
    assert read == value
    assert type(read) is type(value)
    assert edn.loads(edn.dumps(value)) == value


MALFORMED = {
    "": "line 1: 0 values, expected one",
    "1\n2": "line 2: 2 values, expected one",
    "[1\n2": "line 2: seen 'the end', expected ']'",
    "[1\n2)": "line 2: seen ')', expected ']'",
    "1 ]": "line 1: seen ']', expected 'a value'",
    "{:a}": "a map with a key without value",
    "{:a 1 :a 2}": "a map with a key twice",
    "{1 2 true 3}": "a map with a key twice (1, 1.0 and true are one in Python)",
    "#{1 1}": "a set with a member twice",
    '"a': 'a string without its closing "',
    r'"\x"': r"'\\x' is no escape in a string",
    "[#a]": "seen ']', expected a value",
    "#_": "seen 'the end', expected a value",
    "017": "'017' is no number, keyword or symbol",
    "1a": "'1a' is no number",
    "1/0": "'1/0' is no number",
    "9" * 5000: "is no number",
    "::a": "'::a' is no number, keyword or symbol",
    ":": "':' is no number, keyword or symbol",
    "##Huge": "'##Huge' begins no value",
    "@a": "'@' begins no value",
    r"\abc": "'abc' is no character",
    "[" * 1000: "forms inside each other more than 100 deep",
    "#_" * 1000: "forms inside each other more than 100 deep",
    "#a " * 1000: "forms inside each other more than 100 deep",
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.items(), ids=range(len(MALFORMED)))
def test_what_is_not_edn_is_refused_with_line_and_reason(text: str, message: str) -> None:
    with pytest.raises(EdnError) as refusal:
        edn.loads(text)
    assert message in str(refusal.value)


def test_what_is_written_is_what_clojure_prints() -> None:
    value = {A: [1, None, True, 1.5], "b\t": (Symbol("x"), Char("\n")), Keyword("n/s"): frozenset({3, 20, 1})}
    assert edn.dumps(value) == r'{:a [1 nil true 1.5], "b\t" [x \newline], :n/s #{1 3 20}}'


@pytest.mark.parametrize(
    ("kind", "text"), [(Keyword, "a b"), (Keyword, ""), (Symbol, "1a"), (Symbol, "nil"), (Char, "ab")]
)
def test_a_word_that_could_not_be_read_back_cannot_be_made(kind: Any, text: str) -> None:
    with pytest.raises(ValueError, match="could not be read back"):
        kind(text)


@pytest.mark.parametrize("value", [object(), Decimal("NaN"), b"bytes"])
def test_a_value_without_a_form_in_edn_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no form in EDN"):
        edn.dumps([value])


_NAMES = st.from_regex(r"[a-z*!?<=>_][a-z0-9*!?<=>_.-]{0,5}(/[a-z]{1,3})?", fullmatch=True).filter(
    lambda name: name not in {"nil", "true", "false"}
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.decimals(-1000, 1000, places=3)  # edn_format rounds longer ones
    | st.fractions().filter(lambda fraction: fraction.denominator > 1)
    | st.text()
    | st.builds(Keyword, _NAMES)
    | st.builds(Symbol, _NAMES)
    | st.builds(Char, st.sampled_from('aZ0(]\n\té,;\\"#'))
)
_HASHABLE = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=3)
_VALUES = st.recursive(
    _SCALARS | st.frozensets(_HASHABLE, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_HASHABLE, inner, max_size=3),
    max_leaves=8,
)


@given(value=_VALUES)
def test_any_value_survives_text(value: Any) -> None:
    text = edn.dumps(value)
    assert "\n" not in text
    assert edn.dumps(edn.loads(text)) == text
    assert edn.loads(text) == value


@given(name=_NAMES, value=_VALUES)
def test_any_tagged_value_survives_text(name: str, value: Any) -> None:
    assert edn.loads(edn.dumps(Tagged(f"t{name}", value))) == Tagged(f"t{name}", value)


@given(value=_VALUES)
def test_another_reader_reads_the_same_from_our_text(value: Any) -> None:
    assert _ours(edn_format.loads(edn.dumps(value))) == value


@given(value=_VALUES)
def test_another_writers_text_reads_the_same(value: Any) -> None:
    assert edn.loads(edn_format.dumps(_theirs(value))) == value


def _ours(value: Any) -> Any:
    """Translate what edn_format reads into what we read."""
    match value:
        case edn_format.Keyword():
            return Keyword(value.name)
        case edn_format.Symbol():
            return Symbol(value.name)
        case edn_format.Char():
            return Char(str(value))
        case edn_format.ImmutableDict():
            return {_hashable(_ours(key)): _ours(item) for key, item in value.items()}
        case edn_format.ImmutableList() | tuple():
            return [_ours(item) for item in value]
        case frozenset():
            return frozenset(_hashable(_ours(item)) for item in value)
    return value


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _theirs(value: Any) -> Any:
    """Translate a value of ours into what edn_format writes."""
    match value:
        case Keyword():
            return edn_format.Keyword(str(value))
        case Symbol():
            return edn_format.Symbol(str(value))
        case Char():
            return edn_format.Char(str(value))
        case dict():
            return {_theirs(key): _theirs(item) for key, item in value.items()}
        case list():
            return [_theirs(item) for item in value]
        case tuple():
            return tuple(map(_theirs, value))
        case frozenset():
            return frozenset(map(_theirs, value))
    return value
