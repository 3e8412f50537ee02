"""Where a key lies on ZooKeeper: its znode, and the znodes below it or above.

| key | znode |
|---|---|
| ``NAME`` | ``/dsm-jepsen/kNAME``; below it the slots of its log, ``0``, ``1`` ..., and ``bound`` |
| ``FOLDER//NAME``, which is plain | ``/dsm-jepsen/fFOLDER/kNAME`` |

Names are percent-encoded, so that any text is a key, whatever slashes it has, and none is in another's way.
The letters before them keep ``.`` and the empty name from being special.
"""

from urllib.parse import quote, unquote

from dsm_jepsen.env import PLAIN

ROOT = "/dsm-jepsen"


def path_of(key: str) -> str:
    """A key's znode."""
    folder, plain, name = key.partition(PLAIN)
    return f"{folder_path(folder)}/k{quote(name, safe='')}" if plain else f"{ROOT}/k{quote(key, safe='')}"


def folder_path(folder: str) -> str:
    """The znode that plain keys of a folder are below."""
    return f"{ROOT}/f{quote(folder, safe='')}"


def bound_path(key: str) -> str:
    """The ephemeral znode of a key's value that belongs to a session, unless the key is plain."""
    return f"{path_of(key)}/bound"


def slot_path(key: str, slot: int) -> str:
    """A slot of a key's log."""
    return f"{path_of(key)}/{slot}"


def key_of(name: str, folder: str | None = None) -> str:
    """The key of a child of the root, or of a folder."""
    return unquote(name[1:]) if folder is None else f"{folder}{PLAIN}{unquote(name[1:])}"


def keys_of(names: list[str]) -> list[str]:
    """The keys whose znodes are children of the root."""
    return [key_of(name) for name in names if name.startswith("k")]


def folders_of(names: list[str]) -> list[str]:
    """The folders whose znodes are children of the root."""
    return [key_of(name) for name in names if name.startswith("f")]
