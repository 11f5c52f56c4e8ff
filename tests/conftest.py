import gc
import os

import pytest
from hypothesis import HealthCheck, settings

from tinygrad_edu import engine

# CI has little time and noisy machines; `thorough` is for one long run by hand: HYPOTHESIS_PROFILE=thorough make test
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", max_examples=50, derandomize=True, **common)
settings.register_profile("thorough", max_examples=2000, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items):
    """Long tests first: at the end of a run one of them would be waited for while the other cores have nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


# The tests themselves are a million objects, which the garbage collector need not go through again and again: neither
# while they are collected nor afterwards.
gc.disable()


def pytest_collection_finish(session):
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def table():
    """The table of rules, put back after every test: what one test registers is not in the table of the next."""
    kept = [(entries, dict(entries)) for entries in (engine.RULES, engine.EXPANSIONS, engine.SPELLINGS)]
    yield engine
    for entries, before in kept:
        entries.clear()
        entries.update(before)
    engine.table.FORMS.clear()
