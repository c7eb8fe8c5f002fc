"""A schedule follows from its seed, and leaves what it strikes a chance."""

from itertools import pairwise

import pytest

from chaos.schedule import RECOVERY, Kind, Strike, Targets, draw

SECONDS = 120.0
CLUSTER = Targets(
    services=("watcher", "watcher-2", "aap-poller"),
    nodes=("n0", "n1", "n2"),
    aap_faults=("502",),
    eda_faults=("lost",),
)
ALONE = Targets(services=("watcher",), nodes=("nats",), aap_faults=(), eda_faults=(), kubernetes=False)
OF_NATS = (Kind.KILL_NODE, Kind.KILL_LEADER, Kind.FREEZE_NODE)

each_seed = pytest.mark.parametrize("seed", range(20))


@each_seed
def test_a_seed_draws_the_same_strikes_each_time_and_another_one_others(seed: int) -> None:
    assert draw(seed, SECONDS, CLUSTER) == draw(seed, SECONDS, CLUSTER) != draw(seed + 1, SECONDS, CLUSTER)


@each_seed
def test_strikes_come_in_order_and_all_is_whole_when_the_time_is_over(seed: int) -> None:
    strikes = draw(seed, SECONDS, CLUSTER)
    assert len(strikes) > 20
    assert all(earlier.at < later.at for earlier, later in pairwise(strikes))
    assert max(strike.at + strike.lasts for strike in strikes) < SECONDS


@each_seed
def test_one_node_of_nats_is_away_at_a_time(seed: int) -> None:
    leave_each_other_time([strike for strike in draw(seed, SECONDS, CLUSTER) if strike.kind in OF_NATS])


@each_seed
def test_a_process_is_struck_again_only_once_it_is_whole(seed: int) -> None:
    strikes = draw(seed, SECONDS, CLUSTER)
    for name in CLUSTER.services:
        leave_each_other_time([strike for strike in strikes if strike.target == name])


def test_every_kind_is_drawn_sooner_or_later() -> None:
    drawn = {strike.kind for seed in range(20) for strike in draw(seed, SECONDS, CLUSTER)}
    assert drawn == set(Kind)


def test_nothing_is_drawn_that_is_not_there() -> None:
    drawn = {strike.kind for seed in range(20) for strike in draw(seed, SECONDS, ALONE)}
    assert drawn == {Kind.KILL, Kind.FREEZE, Kind.KILL_NODE, Kind.FREEZE_NODE, Kind.FREEZE_AAP}


def leave_each_other_time(strikes: list[Strike]) -> None:
    for earlier, later in pairwise(strikes):
        assert earlier.at + earlier.lasts + RECOVERY <= later.at
