from pathlib import Path

from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from kit.postgres import Postgres
from kit.settings import Settings
from live.roles.fake_channels import WITHOUT_FAKE, pause_fakes
from live.roles.stores import Place

SECRET = "a secret of the deployment, long enough"
KEYS = {"admin_key": "agency0admin0key0000000000000000", "seller_key": "seller0rest0key00000000000000000"}


async def test_channels_whose_fakes_do_not_run_are_paused_before_the_real_ones_are_called(
    postgres: Postgres, database_url: str, tmp_path: Path
) -> None:
    channels = Channels(postgres, channel_kinds(SECRET, allow_private=True), channel_vault(SECRET))
    for name in ("Talk Store (fake)", "Talk Store", "(fake) Talk Store"):
        await channels.create("kakao", name=name, settings=KEYS)
    place = Place(settings=Settings(data_dir=tmp_path), database_url=database_url, redis_url="", secret=SECRET)
    assert await pause_fakes(place) == ["Talk Store (fake)"]
    assert await pause_fakes(place) == []
    found = {one.name: (one.state, one.last_error) for one in await channels.list()}
    assert found == {
        "Talk Store (fake)": ("paused", WITHOUT_FAKE),
        "Talk Store": ("active", None),
        "(fake) Talk Store": ("active", None),
    }
