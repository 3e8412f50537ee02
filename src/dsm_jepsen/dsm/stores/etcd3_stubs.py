"""Import etcd3 0.12.0 beside a protobuf of today, without pinning either.

The message classes that etcd3 ships were generated in 2020 and current protobuf refuses to load
them. The classes that aetcd ships are made from the same definitions and have the same names, so
they take their place before etcd3 looks for its own.
"""

import sys
from types import ModuleType


def load_etcd3() -> ModuleType:
    """Import etcd3 with aetcd's messages; one that is already imported stays as it is.

    Raises:
        ModuleNotFoundError: one of both is not installed.
    """
    if "etcd3" not in sys.modules:
        import aetcd.rpc

        sys.modules["etcd3.etcdrpc"] = aetcd.rpc
    import etcd3

    return etcd3  # type: ignore[no-any-return]
