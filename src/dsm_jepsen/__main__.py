"""The command ``dsm-jepsen``, also as ``python -m dsm_jepsen``: Ctrl-C ends it while it is imported, too."""

import os


def main() -> None:
    """Run the command and exit with its code."""
    try:
        import signal  # noqa: PLC0415 - it takes time, too

        # Not an exception: an import may swallow it, or make another of it.
        signal.signal(signal.SIGINT, _end)
    except KeyboardInterrupt:
        _end()
    from dsm_jepsen.cli import main as command  # noqa: PLC0415 - what takes time

    command()


def _end(*_: object) -> None:
    # At once: nothing is begun that would have to be undone.
    try:
        os.write(2, b"dsm-jepsen: interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    main()
