"""Children start, say that they are ready, are kept alive, and never outlive whoever started them."""

import asyncio
import contextlib
import json
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.process import Command, DidNotStart, Process
from sandbox.supervisor import Supervisor

READY = """
import json, os, sys, time
from pathlib import Path
def ready(**said):
    new = Path(sys.argv[1]).with_suffix(".new")
    new.write_text(json.dumps({"pid": os.getpid(), **said}))
    new.rename(sys.argv[1])
"""
SLEEPER = "print('hello', flush=True); ready(url='here'); time.sleep(600)"
CommandFrom = Callable[..., Command]


@pytest.fixture
def child(tmp_path: Path) -> CommandFrom:
    """Makes the command of a child from the Python that it runs."""

    def command(
        code: str = SLEEPER, name: str = "child", environment: dict[str, str] | None = None
    ) -> Command:
        program, ready_file = tmp_path / f"{name}.py", tmp_path / f"{name}.ready"
        program.write_text(READY + textwrap.dedent(code))
        arguments = (sys.executable, "-I", "-S", str(program), str(ready_file))
        return Command(name=name, arguments=arguments, environment=environment, ready_file=ready_file)

    return command


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def supervisor(tmp_path: Path, told: list[str]) -> AsyncIterator[Supervisor]:
    one = Supervisor(tmp_path / "run", keep_alive=True, say=told.append)
    yield one
    await one.stop()


async def eventually(true: Callable[[], bool], within: float = 5) -> None:
    """Wait until *true* is."""
    give_up = time.monotonic() + within
    while not true():
        assert time.monotonic() < give_up, "it did not come true in time"
        await asyncio.sleep(0.01)


async def test_a_child_is_ready_when_it_says_so_and_what_it_says_comes_back(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    (said,) = await supervisor.start(child())
    process = supervisor.processes["child"]
    assert said == {"pid": process.pid, "url": "here"}
    assert process.running
    assert process.log.read_text() == "hello\n"


async def test_children_of_one_wave_start_side_by_side_and_answer_in_order(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    names = ("c", "a", "b")
    said = await supervisor.start(*(child(f"ready(name={name!r}); time.sleep(600)", name) for name in names))
    assert [each["name"] for each in said] == ["c", "a", "b"]


async def test_a_child_gets_the_environment_of_its_command(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    told = child("ready(got=os.environ['GIVEN']); time.sleep(600)", environment={"GIVEN": "this"})
    (said,) = await supervisor.start(told)
    assert said["got"] == "this"


async def test_a_child_that_ends_instead_shows_the_end_of_its_log(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    with pytest.raises(DidNotStart, match=r"child ended with exit code 3(.|\n)*no such setting"):
        await supervisor.start(child("print('no such setting'); sys.exit(3)"))


async def test_a_child_that_says_nothing_is_given_up_in_time(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    with pytest.raises(DidNotStart, match=r"child was not ready after 0\.3 s"):
        await supervisor.start(child("time.sleep(600)"), within=0.3)


async def test_stop_ends_the_newest_wave_first(tmp_path: Path, child: CommandFrom) -> None:
    diary = tmp_path / "diary"
    code = """
        import signal
        def leave(*_):
            with open({diary!r}, "a") as diary: diary.write({name!r})
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        ready(); time.sleep(600)
    """
    supervisor = Supervisor(tmp_path / "run")
    for name in "abc":
        await supervisor.start(child(textwrap.dedent(code).format(diary=str(diary), name=name), name))
    await supervisor.stop()
    assert diary.read_text() == "cba"
    assert [process.exit_code for process in supervisor.processes.values()] == [0, 0, 0]


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); time.sleep(600)"
    await supervisor.start(child(deaf))
    process = supervisor.processes["child"]
    await process.stop(grace=0.2)
    assert process.exit_code == -signal.SIGKILL


async def test_a_paused_child_can_be_stopped(supervisor: Supervisor, child: CommandFrom) -> None:
    await supervisor.start(child())
    process = supervisor.processes["child"]
    process.pause()
    await eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    await process.stop()
    assert process.exit_code == -signal.SIGTERM


async def test_a_killed_child_is_started_again_and_this_is_said(
    supervisor: Supervisor, child: CommandFrom, told: list[str]
) -> None:
    await supervisor.start(child())
    process = supervisor.processes["child"]
    first = process.pid
    await process.kill()
    await eventually(lambda: process.running and process.pid != first)
    assert told == ["child ended with exit code -9; starting it again"]
    assert (await process.ready())["pid"] == process.pid


async def test_a_child_that_was_stopped_stays_stopped(
    supervisor: Supervisor, child: CommandFrom, told: list[str]
) -> None:
    await supervisor.start(child(name="stopped"), child(name="killed"))
    await supervisor.processes["stopped"].stop()
    await supervisor.processes["killed"].kill()
    await eventually(lambda: supervisor.processes["killed"].running)
    assert not supervisor.processes["stopped"].running
    assert told == ["killed ended with exit code -9; starting it again"]


async def test_a_restarted_child_has_another_life_and_the_same_log(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    await supervisor.start(child())
    process = supervisor.processes["child"]
    first = process.pid
    assert (await process.restart())["pid"] == process.pid != first
    assert process.log.read_text() == "hello\nhello\n"


async def test_a_signal_to_a_child_that_has_ended_goes_nowhere(
    supervisor: Supervisor, child: CommandFrom
) -> None:
    await supervisor.start(child())
    process = supervisor.processes["child"]
    await process.stop()
    process.send(signal.SIGKILL)
    assert process.exit_code == -signal.SIGTERM


@pytest.fixture
def parent(tmp_path: Path, child: CommandFrom) -> Iterator[Callable[[str], psutil.Process]]:
    """Runs a supervisor in a process of its own, does there what it is told, and returns its child."""
    started: list[Process] = []
    grandchildren: list[psutil.Process] = []

    def run(then: str) -> psutil.Process:
        command, go = child("ready(); time.sleep(600)", name="grandchild"), tmp_path / "go"
        program = f"""
            import asyncio, os, signal, sys, time
            from pathlib import Path
            from sandbox.process import Command
            from sandbox.supervisor import Supervisor
            command = Command(name="grandchild", arguments={command.arguments!r},
                              ready_file=Path({str(command.ready_file)!r}))
            async def main():
                await Supervisor(Path({str(tmp_path / "run")!r})).start(command)
            asyncio.run(main())
            while not Path({str(go)!r}).exists():
                time.sleep(0.01)
            {then}
        """
        arguments = (sys.executable, "-c", textwrap.dedent(program))
        started.append(Process(Command(name="parent", arguments=arguments), tmp_path / "parent.log"))
        started[-1].start()
        grandchildren.append(_when_ready(command, started[-1]))
        go.touch()
        return grandchildren[-1]

    yield run
    for process in started:
        process.send(signal.SIGKILL)
        assert asyncio.run(process.ended(within=10)), "only who has seen its end may forget a process"
    for grandchild in grandchildren:
        with contextlib.suppress(psutil.NoSuchProcess):
            grandchild.kill()


def _when_ready(command: Command, parent: Process) -> psutil.Process:
    give_up = time.monotonic() + 10
    while command.ready_file is None or not command.ready_file.exists():
        assert time.monotonic() < give_up, parent.tail()
        time.sleep(0.01)
    return psutil.Process(json.loads(command.ready_file.read_text())["pid"])


@pytest.mark.parametrize(
    "then",
    [
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", id="kill -9"),
        pytest.param("sys.exit(1)", id="exit without stop"),
        pytest.param("raise RuntimeError", id="an exception"),
    ],
)
def test_a_child_never_outlives_whoever_started_it(
    parent: Callable[[str], psutil.Process], then: str
) -> None:
    grandchild = parent(then)
    psutil.wait_procs([grandchild], timeout=5)
    assert not grandchild.is_running()
