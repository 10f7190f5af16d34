import asyncio

import pytest

from kit.errors import ConflictError, InvalidError
from kit.postgres import Postgres
from live.api.idempotency_pg import Idempotency, InProgressError, Reply, check_key, request_hash

HASH = request_hash("POST", "/v1/shows", b"digest")


class Acts:
    """Counts how often a request is carried out, and with which seeds."""

    def __init__(self, status: int = 201, *, final: bool = True) -> None:
        self.seeds: list[str] = []
        self.status = status
        self.final = final

    async def __call__(self, seed: str) -> Reply:
        self.seeds.append(seed)
        body = f'{{"number":{len(self.seeds)}}}'.encode()
        return Reply(status=self.status, body=body, final=self.final)


@pytest.fixture
def idempotency(postgres: Postgres) -> Idempotency:
    return Idempotency(postgres)


async def test_a_repeat_gets_the_first_answer_byte_for_byte(idempotency: Idempotency) -> None:
    acts = Acts()
    first = await idempotency.once("host:me", "key", HASH, acts)
    again = await idempotency.once("host:me", "key", HASH, acts)
    assert (again.status, again.body, again.replayed) == (first.status, first.body, True)
    assert not first.replayed
    assert len(acts.seeds) == 1


async def test_the_same_key_of_another_subject_is_another_key(idempotency: Idempotency) -> None:
    acts = Acts()
    await idempotency.once("host:me", "key", HASH, acts)
    await idempotency.once("viewer:me", "key", HASH, acts)
    assert len(set(acts.seeds)) == 2


async def test_a_key_cannot_be_used_for_another_request(idempotency: Idempotency) -> None:
    acts = Acts()
    await idempotency.once("host:me", "key", HASH, acts)
    with pytest.raises(ConflictError) as refusal:
        await idempotency.once("host:me", "key", request_hash("POST", "/v1/shows", b"other"), acts)
    assert refusal.value.code == "idempotency_key_reused"
    assert len(acts.seeds) == 1


async def test_of_twenty_at_once_one_acts_and_the_others_are_told_to_wait(idempotency: Idempotency) -> None:
    acts, started, go_on = Acts(), asyncio.Event(), asyncio.Event()

    async def slowly(seed: str) -> Reply:
        started.set()
        await go_on.wait()
        return await acts(seed)

    async def other() -> object:
        try:
            return await idempotency.once("host:me", "key", HASH, slowly)
        except InProgressError as error:
            return error

    first = asyncio.create_task(idempotency.once("host:me", "key", HASH, slowly))
    await started.wait()
    async with asyncio.timeout(10):
        others = await asyncio.gather(*(other() for _ in range(19)))
    go_on.set()
    assert (await first).status == 201
    assert all(isinstance(one, InProgressError) and one.temporary for one in others)
    assert len(acts.seeds) == 1


async def test_an_answer_that_is_not_final_is_not_kept_but_the_seed_is(idempotency: Idempotency) -> None:
    acts = Acts(status=503, final=False)
    await idempotency.once("host:me", "key", HASH, acts)
    acts.status, acts.final = 201, True
    reply = await idempotency.once("host:me", "key", HASH, acts)
    assert (reply.status, reply.replayed) == (201, False)
    assert len(acts.seeds) == 2
    assert len(set(acts.seeds)) == 1


async def test_after_a_failure_a_repeat_acts_at_once_under_the_same_id(idempotency: Idempotency) -> None:
    acts = Acts()

    async def breaks(seed: str) -> Reply:
        await acts(seed)
        raise RuntimeError("the process is unwell")

    with pytest.raises(RuntimeError):
        await idempotency.once("host:me", "key", HASH, breaks)
    assert (await idempotency.once("host:me", "key", HASH, acts)).status == 201
    assert len(set(acts.seeds)) == 1


async def test_the_key_of_a_process_that_died_is_taken_over_when_its_lock_has_run_out(
    idempotency: Idempotency, postgres: Postgres
) -> None:
    acts, never = Acts(), asyncio.Event()
    hung = asyncio.Event()

    async def hangs(seed: str) -> Reply:
        acts.seeds.append(seed)
        hung.set()
        await never.wait()
        return Reply(status=201, body=b"{}")

    first = asyncio.create_task(idempotency.once("host:me", "key", HASH, hangs))
    await hung.wait()
    async with postgres.connection() as connection:
        await connection.execute("UPDATE idempotency SET locked_until_ms = now_ms() + 1000")
        with pytest.raises(InProgressError):
            await idempotency.once("host:me", "key", HASH, acts)
        await connection.execute("UPDATE idempotency SET locked_until_ms = now_ms() - 1")
    taken_over = await idempotency.once("host:me", "key", HASH, acts)
    assert len(set(acts.seeds)) == 1
    # The first one was only slow: it too has to give the answer that is known by now.
    never.set()
    late = await first
    assert (late.body, late.replayed) == (taken_over.body, True)


async def test_a_long_request_keeps_its_lock(postgres: Postgres) -> None:
    idempotency = Idempotency(postgres, renew_s=0.05)

    async def slowly(_seed: str) -> Reply:
        async with postgres.connection() as connection:
            await connection.execute("UPDATE idempotency SET locked_until_ms = 0")
            async with asyncio.timeout(10):
                while not await connection.fetchval("SELECT locked_until_ms > now_ms() FROM idempotency"):
                    await asyncio.sleep(0.01)
        return Reply(status=200, body=b"renewed")

    assert (await idempotency.once("host:me", "key", HASH, slowly)).body == b"renewed"


async def test_a_key_that_was_given_up_is_not_locked_again_by_a_late_sign_of_life(postgres: Postgres) -> None:
    acts, holding, held = Acts(), asyncio.Event(), asyncio.Event()

    async def hold_the_row() -> None:
        async with postgres.transaction() as connection:
            await connection.execute("SELECT 1 FROM idempotency FOR UPDATE")
            held.set()
            await holding.wait()

    async def breaks(seed: str) -> Reply:
        await acts(seed)
        tasks.append(asyncio.create_task(hold_the_row()))
        await held.wait()
        raise RuntimeError("the process is unwell")

    tasks: list[asyncio.Task[None]] = []
    first = asyncio.create_task(Idempotency(postgres, renew_s=0.05).once("host:me", "key", HASH, breaks))
    await held.wait()
    await asyncio.sleep(0.3)
    holding.set()
    with pytest.raises(RuntimeError):
        await first
    await tasks[0]
    assert (await Idempotency(postgres).once("host:me", "key", HASH, acts)).status == 201


async def test_answers_are_forgotten_after_a_day(idempotency: Idempotency, postgres: Postgres) -> None:
    acts = Acts()
    await idempotency.once("host:me", "old", HASH, acts)
    await idempotency.once("host:me", "new", HASH, acts)
    async with postgres.connection() as connection:
        await connection.execute(
            "UPDATE idempotency SET created_at_ms = now_ms() - 86400001 WHERE idempotency_key = 'old'"
        )
    assert await idempotency.purge() == 1
    assert not (await idempotency.once("host:me", "old", HASH, acts)).replayed
    assert (await idempotency.once("host:me", "new", HASH, acts)).replayed


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\t", "é", "line\n"])
def test_a_key_is_visible_ascii_of_bounded_length(key: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        check_key(key)
    assert refusal.value.details["field"] == "Idempotency-Key"


def test_the_longest_key_is_taken() -> None:
    assert check_key("x" * 255) == "x" * 255
