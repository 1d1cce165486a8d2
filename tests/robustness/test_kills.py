"""Whenever a process is killed, nothing is lost, doubled or half there, and doing it again ends as if nothing had happened."""

import random
from collections import Counter

import pytest

from tests.robustness.operations import OPERATIONS

FEW, MANY = 2, 240
"""Writes of each operation before which it is killed: in the suite, and with ``--campaign``, where most have fewer."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_killed_before_any_of_its_writes(name, place, campaign):
    operation = place.campaign(name)
    writes = range(1, len(operation.writes) + 1)
    chosen = sorted(random.Random(name).sample(writes, min(MANY if campaign else FEW, len(writes))))
    problems = {write: found for write in chosen if (found := operation.kill(write))}
    kinds = Counter(problem.kind for found in problems.values() for problem in found)
    print(f"{name}: {len(writes)} writes, {len(chosen)} kills, {dict(kinds)}")
    assert not problems, "\n".join(
        f"killed before {operation.writes[write - 1]}: {one.kind}: {one.text}"
        for write, found in problems.items()
        for one in found
    )
