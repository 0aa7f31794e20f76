"""``python -m mien`` is ``mien``."""

from __future__ import annotations

from mien.cli import main

if __name__ == "__main__":
    main(prog_name="mien")
