"""``python -m dsm_jepsen`` is the command ``dsm-jepsen``."""

from dsm_jepsen.cli import main

if __name__ == "__main__":
    main()
