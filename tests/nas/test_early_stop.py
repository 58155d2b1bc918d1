"""A search stops when its edges have not changed for so many epochs."""

from monai_lwmisn.nas import EarlyStop
from monai_lwmisn.networks import Edge

FIRST = {"all": (Edge(0, 0, "identity"),)}
SECOND = {"all": (Edge(0, 1, "identity"),)}


def test_a_change_starts_the_count_anew() -> None:
    stop = EarlyStop(2)
    assert [stop(edges) for edges in (FIRST, FIRST, SECOND, SECOND, SECOND)] == [False, False, False, False, True]


def test_zero_epochs_never_stop() -> None:
    stop = EarlyStop(0)
    assert not any(stop(FIRST) for _ in range(10))


def test_epochs_in_which_alpha_stands_still_do_not_count() -> None:
    stop = EarlyStop(2)
    assert not any(stop(FIRST, alpha_moved=False) for _ in range(5))
    assert [stop(FIRST), stop(FIRST)] == [False, True]


def test_its_state_goes_on() -> None:
    stop, again = EarlyStop(3), EarlyStop(3)
    for _ in range(3):
        stop(FIRST)
    again.load_state_dict(stop.state_dict())
    assert again.edges == FIRST and again(FIRST)
    fresh = EarlyStop(3)
    fresh.load_state_dict(EarlyStop(3).state_dict())
    assert fresh.edges == {} and not fresh(FIRST)
