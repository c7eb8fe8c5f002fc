"""What the client sends, and what it holds back: as aap-poller wires it, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aap_poller.connections import open_aap
from aap_poller.http_controller import HttpController
from aap_poller.limiter import Limiter
from aap_poller.presence import HeldBack, Presence, probing, reason_of
from aap_poller.settings import Settings
from cloudkit.contracts.errors import ProvisionerError, Refused, Unanswered, Unauthorized, Unreachable
from cloudkit.runtime.health import Health
from cloudkit.runtime.settings import read_settings
from cloudkit.runtime.testing import ManualClock
from contract.aap_client.conftest import TOKEN, StandIn
from sandbox.aap.control import Control
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.model import User

CREATE = "innabox-create-compute-instance"
NEW_TOKEN = "the-new-token"
JOBS, LAUNCH = "^/jobs/", "/launch/"
PER_SECOND = 20
DEADLINE = 20.0


def settings(url: str, **environ: str) -> Settings:
    given = {
        "CLOUDKIT_AAP_URL": f"{url}/api/controller",
        "CLOUDKIT_AAP_TOKEN": TOKEN,
        "CLOUDKIT_AAP_PROVISION_TEMPLATE": CREATE,
        "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "innabox-delete-compute-instance",
    }
    return read_settings(Settings, {**given, **environ})


class Client:
    """One process's way to AAP, and how it sees AAP. Time stands still unless a test moves it."""

    def __init__(self, aap: HttpController, presence: Presence, clock: ManualClock) -> None:
        self.aap = aap
        self.presence = presence
        self.clock = clock

    async def ask(self) -> None:
        await self.aap.jobs(["1"])

    async def launch(self) -> None:
        with probing():  # a launch looks for its template before its number is claimed
            (template,) = await self.aap.templates(CREATE)
        await self.aap.launch(template, {"cloudkit_job": "lab/vm/uid-1/1"})

    async def sweep(self) -> None:
        """As `aap_poller.sweep` does."""
        try:
            with probing():
                await self.ask()
        except (Refused, Unreachable, Unanswered) as problem:
            self.presence.missed(problem)
        else:
            self.presence.there()


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[Client]:
    async with client_with(settings(stand_in.url)) as client:
        yield client


@asynccontextmanager
async def client_with(given: Settings, *, per_second: float = 0) -> AsyncIterator[Client]:
    clock = ManualClock()
    presence = Presence(Health(), clock)
    async with open_aap(given, clock, presence, Limiter(clock, per_second)) as aap:
        presence.there()
        yield Client(aap, presence, clock)


def answers(status: int, path: str = JOBS, *, times: int | None = None, **fields: str) -> Fault:
    return Fault(kind=FaultKind.ANSWER, path=path, status=status, times=times, **fields)  # type: ignore[arg-type]  # fields of a fault


async def meets(client: Client, problem: type[ProvisionerError]) -> ProvisionerError:
    with pytest.raises(problem) as raised:
        await client.ask()
    return raised.value


async def test_after_three_failures_nothing_is_sent_until_a_sweep_goes_through(
    client: Client, control: Control
) -> None:
    await control.add_faults(answers(502))
    for _ in range(3):
        await meets(client, Unanswered)
    await control.forget_requests()
    for _ in range(100):
        await meets(client, HeldBack)
        with pytest.raises(HeldBack):
            await client.launch()
    assert await control.requests() == {"GET /unified_job_templates/": 100}, "that of the test itself"
    await client.sweep()
    await meets(client, HeldBack)
    await control.clear_faults()
    await client.sweep()
    await client.ask()


async def test_what_fails_among_answers_is_no_outage(client: Client, control: Control) -> None:
    await control.add_faults(answers(500, "^/workflow_jobs/"))
    for _ in range(5):
        with pytest.raises(Unanswered):
            await client.ask()
    assert client.presence.trouble is None


async def test_a_connection_that_nobody_accepts_is_an_outage_too() -> None:
    async with client_with(settings("http://127.0.0.1:1")) as client:
        for _ in range(3):
            assert not isinstance(await meets(client, Unreachable), HeldBack)
        await meets(client, HeldBack)


async def test_launches_that_fail_together_are_not_followed_by_more(client: Client, control: Control) -> None:
    await control.add_faults(answers(503, LAUNCH))
    (template,) = await client.aap.templates(CREATE)
    launches = [client.aap.launch(template, {}) for _ in range(5)]
    failed = await asyncio.gather(*launches, return_exceptions=True)
    assert {type(problem) for problem in failed} == {Unanswered}
    with pytest.raises(HeldBack):
        await client.aap.launch(template, {})


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_is_kept_by_everybody(client: Client, control: Control, status: int) -> None:
    await control.add_faults(answers(status, times=1, retry_after="40"))
    problem = await meets(client, Unreachable if status == 429 else Unanswered)
    assert problem.retry_after == 40
    await control.forget_requests()
    client.clock.pass_time(39)
    await meets(client, HeldBack)
    await client.sweep()
    with pytest.raises(HeldBack):
        await client.launch()
    assert await control.requests() == {}
    client.clock.pass_time(1)
    await client.ask()
    await client.launch()


async def test_a_revoked_token_is_shown_as_such_until_aap_knows_it_again(
    client: Client, control: Control
) -> None:
    await control.revoke_token(TOKEN)
    await meets(client, Unauthorized)
    await control.forget_requests()
    held = await meets(client, HeldBack)
    assert isinstance(held, HeldBack)
    assert reason_of(held) == "Unauthorized"
    assert await control.requests() == {}
    await control.add_token(TOKEN, User())
    await client.sweep()
    await client.launch()


async def test_a_rotated_token_needs_no_restart(stand_in: StandIn, control: Control, tmp_path: Path) -> None:
    file = tmp_path / "token"
    _write(file, TOKEN)
    given = settings(stand_in.url, CLOUDKIT_AAP_TOKEN="", CLOUDKIT_AAP_TOKEN_FILE=str(file))
    async with client_with(given) as client:
        await client.ask()
        await control.add_token(NEW_TOKEN, User())
        await control.revoke_token(TOKEN)
        _write(file, NEW_TOKEN)
        await client.ask()
        await client.launch()


async def test_a_token_revoked_before_its_file_has_the_new_one_heals_as_soon_as_it_has(
    stand_in: StandIn, control: Control, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    _write(file, TOKEN)
    given = settings(stand_in.url, CLOUDKIT_AAP_TOKEN="", CLOUDKIT_AAP_TOKEN_FILE=str(file))
    async with client_with(given) as client:
        await control.add_token(NEW_TOKEN, User())
        await control.revoke_token(TOKEN)
        await meets(client, Unauthorized)
        _write(file, NEW_TOKEN)
        await client.sweep()
        await client.launch()


async def test_questions_wait_for_their_turn_and_a_launch_has_had_it(
    stand_in: StandIn, control: Control
) -> None:
    async with client_with(settings(stand_in.url), per_second=PER_SECOND) as client:
        (template,) = await client.aap.templates(CREATE)
        asking = [asyncio.create_task(client.ask()) for _ in range(PER_SECOND)]
        async with asyncio.timeout(DEADLINE):
            while client.clock.sleepers == 0:  # noqa: ASYNC110  # the clock has no event for it
                await asyncio.sleep(0.001)
            await client.aap.launch(template, {"cloudkit_job": "lab/vm/uid-1/1"})
            assert client.clock.monotonic() == 0
            while not all(task.done() for task in asking):
                await client.clock.advance(0.05)
                await asyncio.sleep(0.001)
        await asyncio.gather(*asking)
    assert client.clock.monotonic() >= 1


async def test_nothing_waits_for_its_turn_while_aap_is_away(stand_in: StandIn) -> None:
    async with client_with(settings(stand_in.url), per_second=1) as client:
        client.presence.away(Unauthorized("who?", system="AAP", status=401))
        for _ in range(100):
            await meets(client, HeldBack)
        assert client.clock.monotonic() == 0


async def test_what_waits_for_its_turn_when_aap_goes_away_is_not_sent(
    stand_in: StandIn, control: Control
) -> None:
    async with client_with(settings(stand_in.url), per_second=1) as client:
        await client.aap.templates(CREATE)
        await control.forget_requests()
        waiting = asyncio.create_task(client.ask())
        await client.clock.advance(0.5)
        client.presence.away(Unauthorized("who?", system="AAP", status=401))
        await client.clock.advance(0.5)
        with pytest.raises(HeldBack):
            await waiting
        assert await control.requests() == {}


def _write(file: Path, token: str) -> None:
    """As Kubernetes does, in one step."""
    draft = file.with_name("draft")
    draft.write_text(token)
    draft.replace(file)
