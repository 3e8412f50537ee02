"""What tests of several rooms share."""

import os
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local.etcd import find_etcd
from dsm_jepsen.env import RefusedError


@pytest.fixture(scope="session")
def etcd_binary() -> Path:
    """The etcd that a local cluster would use. Without one the test is skipped; in CI it fails."""
    try:
        return Path(find_etcd().path)
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have an etcd: {error}")
        pytest.skip(str(error))
