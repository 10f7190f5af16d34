"""The schema of the whole program: every package's folder of migrations, in the order of the imports."""

from pathlib import Path

_ROOT = Path(__file__).parent.parent

MIGRATIONS = (
    _ROOT / "inventory" / "migrations",
    _ROOT / "checkout" / "migrations",
    _ROOT / "live" / "migrations",
)
