"""The pages' own rules, run where they run: in a JavaScript engine."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = sorted((ROOT / "tests" / "web").glob("*.test.mjs"))
TIMEOUT_S = 60.0


def test_the_browser_client_passes_its_suite_under_node() -> None:
    node = shutil.which("node")
    assert node is not None, "the browser client's tests need Node.js 20 or newer: apt-get install nodejs"
    assert SUITES, "tests/web has no *.test.mjs"
    # The files are named one by one: what a folder means to `--test` differs between versions of Node.
    command = [node, "--test", *map(str, SUITES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - our own files
    assert done.returncode == 0, done.stdout + done.stderr
