"""While a minority is cut off it refuses, and the majority carries on."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Checker, majority_available, minority_refuses
from dsm_jepsen.history import History

Read = Callable[[str], History]
NodeOf = Callable[[int], str]

CUT = "900-1000 nemesis start-halves = installed n4,n5 minority=n4,n5 majority=n1,n2,n3\n"
HEAL = "9000-9100 nemesis stop-halves = ended n4,n5\n"
COMMIT = "1500-1600 n1 event next = 1 B\n"
REFUSED = "4000-4001 n4 read ! in-error 0 A\n"


@pytest.fixture
def minority(node_of: NodeOf) -> Checker:
    """With a bound of 3 s."""
    return minority_refuses(node_of, bound_ms=3000)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CUT + COMMIT + REFUSED + HEAL, id="in error"),
        pytest.param(CUT + COMMIT + REFUSED, id="never healed"),
        pytest.param(CUT + COMMIT + "3900-3901 n4 read = 0 A\n" + HEAL, id="stale, but not for too long"),
        pytest.param(CUT + REFUSED + "5000-5001 n4 read = 0 A\n" + HEAL, id="old, but nothing is newer"),
        pytest.param(
            CUT + REFUSED + "5000-5009 n4 read = 0 A\n5001-5002 n1 event next = 1 B\n" + HEAL,
            id="what is newer came while it was read",
        ),
        pytest.param(
            CUT + COMMIT + "5000-5001 n4 event next ! unavailable\n" + HEAL, id="an event is refused"
        ),
        pytest.param(CUT + COMMIT + REFUSED + "2000-7000 n5 event next ?\n" + HEAL, id="an event is unknown"),
        pytest.param("950-1100 n5 event next = 1 B\n" + CUT + REFUSED + HEAL, id="sent before the cut"),
        pytest.param(CUT + REFUSED + HEAL + "8990-9010 n5 event next = 1 B", id="answered after the heal"),
        pytest.param(CUT + COMMIT + REFUSED + HEAL + "9500-9501 n5 read = 0 A", id="stale after the heal"),
        pytest.param(CUT + COMMIT + REFUSED + "5000-5001 n2 read = 0 A\n" + HEAL, id="stale in the majority"),
        pytest.param(
            CUT + "1500-1600 n1.6 event next ?\n" + REFUSED + "8000-8001 n4 read = 0 A\n" + HEAL, id="info"
        ),
    ],
)
def test_a_minority_that_refuses_is_valid(minority: Checker, history: Read, text: str) -> None:
    assert minority(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(
            CUT + "1500-1600 n4 event next = 1 B\n" + HEAL, "minority-commit", (3, 1), id="it commits"
        ),
        pytest.param(
            CUT + "1500-1600 n4.9 event next = 1 B\n",
            "minority-commit",
            (3, 1),
            id="by a later process, not healed",
        ),
        pytest.param(
            CUT + COMMIT + "4001-4002 n4 read = 0 A\n" + HEAL, "stale-read", (5, 3), id="stale too late"
        ),
        pytest.param(
            CUT + "1500-1600 n1 read-strong = 1 B\n4001-4002 n4 read = 0 A\n" + HEAL,
            "stale-read",
            (5, 3),
            id="behind what a read showed",
        ),
        pytest.param(
            CUT + COMMIT + REFUSED + "8000-8001 n4 read = 0 A\n" + HEAL,
            "stale-read",
            (7, 3),
            id="healthy again without reason",
        ),
        pytest.param(
            CUT
            + COMMIT
            + REFUSED
            + HEAL
            + "10000-10001 nemesis start-halves = installed minority=n1 majority=n2,n3,n4,n5\n"
            + "11000-11001 n1 event next = 2 C",
            "minority-commit",
            (11, 9),
            id="the second cut",
        ),
    ],
)
def test_a_minority_that_does_not_refuse_is_named(
    minority: Checker, history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = minority(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "no partition", id="nothing happened"),
        pytest.param(COMMIT, "no partition", id="no cut"),
        pytest.param(
            "900-1000 nemesis start-halves = skipped why=x\n" + REFUSED, "no partition", id="skipped"
        ),
        pytest.param(
            CUT.replace("installed", "indeterminate") + "1500-1600 n4 event next = 1 B",
            "no partition",
            id="nobody saw the cut",
        ),
        pytest.param(CUT + COMMIT + HEAL, "answered nothing", id="nobody asked it"),
        pytest.param(
            CUT + "2000-2500 n4 read ! connection-refused\n" + HEAL, "answered nothing", id="not reached"
        ),
        pytest.param(CUT + "2000-8000 n4 read ?\n" + HEAL, "answered nothing", id="no answer"),
    ],
)
def test_a_minority_that_was_not_tried_is_unknown(
    minority: Checker, history: Read, text: str, words: str
) -> None:
    verdict = minority(history(text))
    assert verdict.valid is None
    assert words in verdict.because


def test_how_late_each_node_noticed_is_measured(minority: Checker, history: Read) -> None:
    text = (
        "1500-1501 n4 read = 0 A\n1600-1601 n1 event next = 1 B\n2500-2501 n4 read = 0 A\n"
        "2000-3500 n4.9 event next ! unavailable\n4500-4501 n4 read ! in-error 0 A\n"
    )
    details = minority(history(CUT + text + HEAL)).details
    assert details["noticed_ms"] == {"0.5": 2500.0, "0.95": 2500.0, "1": 2500.0}
    (cut,) = details["cuts"]
    assert cut == {
        "fault": "halves",
        "cut_ms": 1000.0,
        "answers": 4,
        "noticed_ms": {"n4": 2500.0},
        "not_noticed": ["n5"],
        "stale_until_ms": {"n4": 1500.0},
    }


SEEN_LATER = CUT.rstrip().replace("900-1000", "900-2000") + " seen_after_ms=1000\n"


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        pytest.param("4001-4002 n4 read = 0 A\n", (7, 2), id="the bound counts from there"),
        pytest.param("1002-1003 n4 event next = 2 C\n", (4, 5), id="commits from there on are wrong"),
    ],
)
def test_a_cut_that_was_seen_later_acted_before(
    minority: Checker, history: Read, text: str, culprits: tuple[int, ...]
) -> None:
    verdict = minority(history("1000-1001 n1 event next = 1 B\n" + SEEN_LATER + REFUSED + text + HEAL))
    assert (verdict.valid, verdict.culprits) == (False, culprits)
    assert verdict.details["cuts"][0]["cut_ms"] == 1000.0


@pytest.fixture
def majority(node_of: NodeOf) -> Checker:
    """With a bound of 2 s."""
    return majority_available(node_of, within_ms=2000)


TIMEOUT = "1100-6000 n1 event next ?\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CUT + COMMIT + HEAL, id="at once"),
        pytest.param(CUT + TIMEOUT + "1200-3000 n2 event next = 1 B\n" + HEAL, id="after an election"),
        pytest.param(CUT + "5000-6000 n2 event next = 1 B\n" + HEAL, id="first sent late"),
        pytest.param(
            CUT + "1100-1101 n1 event stay ! not-applicable 0 A\n5000-6000 n2 event next = 1 B\n" + HEAL,
            id="what does not apply does not count",
        ),
        pytest.param(CUT + COMMIT, id="never healed"),
    ],
)
def test_a_majority_that_accepts_in_time_is_valid(majority: Checker, history: Read, text: str) -> None:
    assert majority(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        pytest.param(CUT + TIMEOUT + HEAL, (1, 2), id="none accepted"),
        pytest.param(CUT + "1100-1200 n1 event next ! unavailable\n" + HEAL, (1, 2), id="all refused"),
        pytest.param(CUT + TIMEOUT + "6000-6100 n2 event next = 1 B\n" + HEAL, (1, 2), id="too late"),
        pytest.param(CUT + TIMEOUT + HEAL + "8000-9500 n2 event next = 1 B", (1, 2), id="after the heal"),
        pytest.param(CUT + TIMEOUT + "1200-1300 n4 event next = 1 B\n" + HEAL, (1, 2), id="by the minority"),
        pytest.param(CUT + "1100- n1 event next\n" + HEAL, (1, 2), id="never answered"),
    ],
)
def test_a_majority_that_does_not_accept_is_named(
    majority: Checker, history: Read, text: str, culprits: tuple[int, ...]
) -> None:
    verdict = majority(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, "unavailable-majority", culprits)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "no partition", id="nothing happened"),
        pytest.param(CUT.replace("installed", "skipped") + TIMEOUT, "no partition", id="skipped"),
        pytest.param(
            CUT + "1500-1600 n4 event next ?\n" + HEAL, "no event that", id="only the minority was asked"
        ),
        pytest.param(CUT + "1500-1600 n1 read = 0 A\n" + HEAL, "no event that", id="only read"),
        pytest.param("950-951 n1 event next = 1 B\n" + CUT + HEAL, "no event that", id="sent before"),
        pytest.param(
            CUT + TIMEOUT + "3000-3001 nemesis stop-halves = ended n4",
            "had only 1900 ms",
            id="healed too soon",
        ),
    ],
)
def test_a_majority_that_was_not_tried_is_unknown(
    majority: Checker, history: Read, text: str, words: str
) -> None:
    verdict = majority(history(text))
    assert verdict.valid is None
    assert words in verdict.because


@pytest.mark.parametrize(
    ("when", "valid"),
    [
        pytest.param("1100-3100", True, id="just in time"),
        pytest.param("1100-3101", False, id="too late, though not after it was seen"),
    ],
)
def test_the_bound_counts_from_the_first_event_after_the_cut_seen_or_not_yet(
    majority: Checker, history: Read, when: str, valid: bool
) -> None:
    text = f"950-6000 n3 event next ?\n{SEEN_LATER}{when} n1 event next = 1 B\n"
    assert majority(history(text + HEAL)).valid is valid


def test_the_time_to_the_first_success_and_the_share_are_told(majority: Checker, history: Read) -> None:
    text = CUT + "1100-1200 n1 event next ! unavailable\n1300-2500 n2 event next = 1 B\n" + HEAL
    assert majority(history(text)).details["cuts"] == [
        {"fault": "halves", "cut_ms": 1000.0, "tried": 2, "accepted": 1, "share": 0.5, "first_ms": 1400.0}
    ]


def test_bounds_that_make_no_sense_are_refused(node_of: NodeOf) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        minority_refuses(node_of, bound_ms=-1)
    with pytest.raises(ValueError, match="more than 0"):
        majority_available(node_of, within_ms=0)
