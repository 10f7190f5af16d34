"""The check against a cluster: every master is looked at, and one that is named as a single server is found."""

from pathlib import Path

from live.checkup.checkup import Question, check_deployment
from live.checkup.verdict import Verdict
from loadtests.free_ports import free_port
from tests.integration.cluster.three_masters import ThreeMasters


async def looked_at(redis_url: str, database_url: str, data_dir: Path) -> dict[str, Verdict]:
    environ = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "SHOWDROP_DATA_DIR": str(data_dir),
        "SHOWDROP_HTTP_PORT": str(free_port()),
        "SHOWDROP_WS_PORT": str(free_port()),
    }
    return {one.check: one for one in await check_deployment(Question(environ=environ))}


async def test_every_master_of_a_cluster_is_looked_at(cluster: ThreeMasters, database_url: str, tmp_path: Path) -> None:
    said = await looked_at(cluster.url, database_url, tmp_path)
    roles = {check: one for check, one in said.items() if check.startswith("Redis") and check.endswith("role")}
    assert list(roles) == ["Redis node 1 role", "Redis node 2 role", "Redis node 3 role"]
    assert {one.state for one in roles.values()} == {"ok"}
    assert said["hold books"].state == "ok"


async def test_a_node_that_is_named_as_a_single_server_is_found(
    cluster: ThreeMasters, database_url: str, tmp_path: Path
) -> None:
    one_node = cluster.url.replace("redis+cluster://", "redis://").partition(",")[0]
    said = await looked_at(one_node, database_url, tmp_path)
    assert said["Redis role"].state == "fail"
    assert "redis+cluster://" in said["Redis role"].remedy
