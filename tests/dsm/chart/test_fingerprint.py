"""A chart's fingerprint tells charts apart that would send replicas to different states."""

from dsm_jepsen.dsm.machines.web import web


def test_two_builds_of_one_definition_have_one_fingerprint() -> None:
    assert web().fingerprint == web().fingerprint
    assert len(web().fingerprint) == 16


def test_other_semantics_have_another_fingerprint() -> None:
    assert web(semantics="spring").fingerprint != web().fingerprint
