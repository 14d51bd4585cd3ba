"""Writes the expected texts of graphs anew, and says which have changed.

    python tools/update_golden.py [pytest arguments]

Read the difference (`git diff tests/golden`) before you commit it: the texts are there to be looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def texts() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "golden").glob("*")}


def main() -> int:
    before = texts()
    which = sys.argv[1:] or ["-k", "golden or text"]
    environment = os.environ | {"NNGRAPH_UPDATE_GOLDEN": "1"}
    code = subprocess.run([sys.executable, "-m", "pytest", "-q", *which], cwd=ROOT, env=environment).returncode
    after = texts()
    changed = sorted(name for name in after if before.get(name) != after[name])
    print("changed:", ", ".join(changed) if changed else "none")
    return code


if __name__ == "__main__":
    sys.exit(main())
