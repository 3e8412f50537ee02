"""Grudges: which links each shape of a partition cuts, for any number of hosts."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.env import Link, Role
from dsm_jepsen.nemesis._grudges import Links, bridge, complete, majorities_ring, store_cut, touching

FIVE = ["n1", "n2", "n3", "n4", "n5"]


def hosts(least: int = 1, most: int = 9) -> st.SearchStrategy[list[str]]:
    """Hosts in any order."""
    return st.integers(least, most).flatmap(
        lambda count: st.permutations([f"n{number}" for number in range(1, count + 1)])
    )


def seen_by(host: str, order: list[str], links: Links) -> set[str]:
    """Whom a host still exchanges messages with, both ways, itself included."""
    cut = {(link.source_host, link.target_host) for link in links}
    return {other for other in order if (host, other) not in cut and (other, host) not in cut}


def whole_hosts(links: Links) -> bool:
    """Whether of two hosts either all links of a direction are cut or none."""
    pairs = {(link.source_host, link.target_host) for link in links}
    return set(links) == {Link(one, a, other, b) for one, other in pairs for a in Role for b in Role}


@given(hosts(), st.data())
def test_a_complete_grudge_leaves_everyone_the_own_side(order: list[str], data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(order)))
    one, other = order[:size], order[size:]
    links = complete(one, other)
    assert whole_hosts(links)
    for side in (one, other):
        for host in side:
            assert seen_by(host, order, links) == set(side)


@given(hosts())
def test_of_a_bridge_the_middle_sees_all_and_the_sides_never_each_other(order: list[str]) -> None:
    links = bridge(order)
    middle = len(order) // 2
    assert whole_hosts(links)
    assert seen_by(order[middle], order, links) == set(order)
    for host in order[:middle]:
        assert seen_by(host, order, links) == set(order[: middle + 1])
    for host in order[middle + 1 :]:
        assert seen_by(host, order, links) == set(order[middle:])


@given(hosts(least=4))
def test_on_a_ring_every_host_sees_a_majority_and_no_two_the_same(order: list[str]) -> None:
    links = majorities_ring(order)
    seen = {host: seen_by(host, order, links) for host in order}
    assert whole_hosts(links)
    assert all(host in of and 2 * len(of) > len(order) for host, of in seen.items())
    assert all(seen[one] != seen[other] for one, other in combinations(order, 2))


@given(hosts(least=4))
def test_on_a_ring_nobody_sees_more_than_both_neighbours_that_a_majority_takes(order: list[str]) -> None:
    links = majorities_ring(order)
    assert all(len(seen_by(host, order, links)) <= len(order) // 2 + 2 for host in order)


def test_on_a_ring_of_five_a_host_sees_its_two_neighbours() -> None:
    links = majorities_ring(FIVE)
    assert seen_by("n1", FIVE, links) == {"n5", "n1", "n2"}
    assert seen_by("n3", FIVE, links) == {"n2", "n3", "n4"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_ring_of_three_or_fewer_cuts_nothing(count: int) -> None:
    assert majorities_ring(FIVE[:count]) == ()


@given(hosts())
def test_a_store_cut_stays_inside_the_hosts(order: list[str]) -> None:
    links = store_cut(order[:2])
    assert {link.source_host for link in links} == {link.target_host for link in links} == set(order[:2])
    assert all(link.source_host == link.target_host for link in links)
    assert all(link.source_role is not link.target_role for link in links)
    assert len(set(links)) == 2 * len(order[:2])


@given(hosts(), st.data())
def test_links_touching_some_hosts_are_all_with_an_end_there(order: list[str], data: st.DataObject) -> None:
    some = order[: data.draw(st.integers(0, len(order)))]
    links = touching(some, order)
    assert whole_hosts(links)
    assert {(link.source_host, link.target_host) for link in links} == {
        (one, other) for one in order for other in order if one != other and {one, other} & set(some)
    }


@given(hosts(), st.data())
def test_no_grudge_names_a_link_twice(order: list[str], data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(order)))
    for links in (
        complete(order[:size], order[size:]),
        bridge(order),
        majorities_ring(order),
        store_cut(order),
        touching(order[:size], order),
    ):
        assert len(links) == len(set(links))
