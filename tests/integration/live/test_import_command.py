"""``showdrop import`` on a real Postgres: what it says, and when it fails."""

from pathlib import Path

import pytest

from inventory.catalogue_pg import Catalogue
from kit.postgres import Postgres
from kit.settings import Settings
from live.import_command import import_files

HEADER = "Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, redis_url="redis://nowhere.invalid:1")


def written(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


async def test_each_file_is_named_with_where_it_went_and_what_became_of_it(
    postgres: Postgres, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mugs = written(tmp_path / "mugs.csv", "mug,Mug,M-1,7,8")
    caps = written(tmp_path / "caps.csv", "cap,Cap,C-1,3,9", "cap2,Cap,C-2,3,much")

    assert await import_files(settings, [mugs, caps])
    out, err = capsys.readouterr()
    assert f"imported {mugs} into the database of DATABASE_URL\n1 created, 0 updated, 0 unchanged, 0 rejected" in out
    assert f"imported {caps} into the database of DATABASE_URL\n1 created, 0 updated, 0 unchanged, 1 rejected" in out
    assert "  line 3: Variant Price" in out
    assert "quantity" not in out
    assert err == ""
    assert {item.title for item in (await Catalogue(postgres).products()).items} == {"Mug", "Cap"}


async def test_files_that_cannot_be_read_are_named_and_do_not_stop_the_others(
    postgres: Postgres, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = written(tmp_path / "odd.csv", header="colour,shape")
    gone = tmp_path / "gone.csv"
    mugs = written(tmp_path / "mugs.csv", "mug,Mug,M-1,7,8")

    assert not await import_files(settings, [odd, gone, mugs])
    out, err = capsys.readouterr()
    assert f"showdrop: {odd}: The file's columns (colour, shape) are those of no known format." in err
    assert f"showdrop: {gone}: No such file or directory" in err
    assert f"imported {mugs} " in out
    assert [item.title for item in (await Catalogue(postgres).products()).items] == ["Mug"]


async def test_without_a_readable_file_no_server_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = Settings(database_url="postgresql://nowhere.invalid/x", redis_url="redis://nowhere.invalid:1")
    assert not await import_files(nowhere, [tmp_path])
    assert f"showdrop: {tmp_path}: Is a directory" in capsys.readouterr().err


async def test_a_file_without_quantities_is_taken_with_a_hint(
    postgres: Postgres, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mugs = written(tmp_path / "mugs.csv", "mug,Mug,M-1,7,8")
    assert await import_files(settings, [mugs])
    renamed = written(
        tmp_path / "renamed.csv", "mug,Mug,M-1,7,8", header=HEADER.replace("Variant Inventory Qty", "Units")
    )
    assert await import_files(settings, [renamed])

    assert "0 rejected\n  1 without a quantity: the file has no column for it" in capsys.readouterr().out
    [mug] = (await Catalogue(postgres).products()).items
    assert mug.variants[0].on_hand == 7
