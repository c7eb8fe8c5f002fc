"""``python -m chaos``: kill, freeze and hinder real processes while people use them, and judge: `make chaos`.

python -m chaos                                    three nodes of NATS, 200 people, 100 s of faults
python -m chaos --seconds 45 --lifecycles 40       a short form
python -m chaos --nodes 1                          a nats-server alone
python -m chaos --seed 17                          the faults of another time once more

Whatever it starts listens on loopback, and ends with it.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import structlog

from chaos.lifecycles import People
from chaos.monkeys import Monkeys, targets_in
from chaos.picture import following
from chaos.schedule import draw
from chaos.surroundings import plan
from chaos.verdict import Verdict, examine, story, table
from e2e.world import World, open_world
from sandbox.process import DidNotStart

SECONDS = 100.0
LIFECYCLES = 200
SETTLE = 120.0
"""Seconds in which everything has to be gone, once nobody strikes any more."""


def main() -> None:
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    directory = options.directory or Path(tempfile.mkdtemp(prefix="cloudkit-chaos-"))
    print(f"seed {options.seed}, logs in {directory}")
    verdict = asyncio.run(_run(options, directory))
    print(table(verdict))
    if not verdict.good:
        print(f"\nIt broke. Seed {options.seed}; the logs stay in {directory}\n\n{story(verdict)}")
        sys.exit(1)
    if options.directory is None:
        shutil.rmtree(directory, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("chaos", description="Kill, freeze and hinder real processes.")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long faults go on")
    parser.add_argument("--lifecycles", type=int, default=LIFECYCLES, help="how many at once")
    parser.add_argument("--nodes", type=int, default=3, choices=(1, 3), help="of NATS")
    parser.add_argument("--settle", type=float, default=SETTLE, help="seconds until all must be gone")
    parser.add_argument("--directory", type=Path, help="keeps the logs (default: only when it broke)")
    return parser.parse_args()


async def _run(options: argparse.Namespace, directory: Path) -> Verdict:
    began = time.monotonic()
    async with open_world(plan(directory, nodes=options.nodes)) as world:
        verdict = await _live_and_strike(options, world)
        await examine(world, verdict)
    verdict.took = time.monotonic() - began
    return verdict


async def _live_and_strike(options: argparse.Namespace, world: World) -> Verdict:
    async with following(world.instances) as picture:
        people, monkeys = People(world.instances, picture), Monkeys(world)
        verdict = Verdict(
            seed=options.seed,
            nodes=options.nodes,
            lives=people.lives,
            struck=monkeys.struck,
            missed=monkeys.missed,
        )
        living = asyncio.create_task(people.live(options.lifecycles, options.seed, options.seconds))
        try:
            await monkeys.carry_out(draw(options.seed, options.seconds, targets_in(world)))
            await monkeys.end_faults()
            await asyncio.wait({living}, timeout=options.settle)
        except (DidNotStart, ExceptionGroup) as error:
            verdict.violations["something did not come back"] = [repr(error)]
        finally:
            living.cancel()
            verdict.told += [
                repr(error) for error in await asyncio.gather(living, return_exceptions=True) if error
            ]
        return verdict


if __name__ == "__main__":
    main()
