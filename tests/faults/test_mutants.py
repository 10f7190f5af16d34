"""That the mutants still fit the code; whether they are noticed is shown by ``make faults``."""

import shutil
from pathlib import Path

import pytest

from tests.faults.mutant import Mutant
from tests.faults.mutants import MUTANTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_the_mutant_breaks_one_place_and_its_tests_are_there(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / mutant.path
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.path, copy)
    mutant.apply(tmp_path)
    assert copy.read_text(encoding="utf-8") != (ROOT / mutant.path).read_text(encoding="utf-8")
    assert all((ROOT / tests).exists() for tests in mutant.tests)
    path, _, test = mutant.by.partition("::")
    assert path.startswith(mutant.tests)
    assert f"def {test.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")


def test_a_place_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("nothing of the kind\n", encoding="utf-8")
    mutant = Mutant(name="gone", breaks="nothing", path="code.py", old="if", new="", by="")
    with pytest.raises(ValueError, match="0 of 'if'"):
        mutant.apply(tmp_path)
