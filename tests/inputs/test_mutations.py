"""Broken files are refused with an error of this package, whatever is broken; `python -m tools.fuzz` tries more."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.inputs.mutations import Mutation
from tests.inputs.targets import WHOLE, Predictors, kinds_of_mutations, read, write_broken

EXAMPLES = 25


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> Predictors:
    return Predictors(tmp_path_factory.mktemp("bundles"))


@pytest.mark.parametrize("kind", WHOLE)
def test_a_broken_file_is_refused_or_read(
    kind: str, predictors: Predictors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mutation = st.builds(
        Mutation,
        st.sampled_from(kinds_of_mutations(kind)),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 2**16 - 1),
    )

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.integers(0, 9), st.lists(mutation, min_size=1, max_size=4))
    def check(choice: int, mutations: list[Mutation]) -> None:
        read(kind, write_broken(kind, choice, mutations, tmp_path_factory.mktemp("broken")), predictors)

    check()


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_read(kind: str, predictors: Predictors, tmp_path: Path) -> None:
    for choice, _ in enumerate(WHOLE[kind]):
        (tmp_path / str(choice)).mkdir()
        path = WHOLE[kind][choice](tmp_path / str(choice))
        said = read(kind, path, predictors)
        assert said == "" or "channels" in said or kind == "preset"
