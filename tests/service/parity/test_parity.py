"""Every engine answers thousands of generated requests as FastAPI does: status, body and contract headers."""

import pytest

from tests.service.parity import concurrent, damage
from tests.service.parity.comparing import differences, fail_on
from tests.service.parity.conftest import BATCHED, GUARDED, OTHERS, REFERENCE, counted_from
from tests.service.parity.counting import since
from tests.service.parity.exchange import ask_all
from tests.service.waiting import until

SOON_SECONDS = 5.0
# What stands before the application and cannot answer alike: HAProxy knows a head's size only roughly, and says 400.
NOT_ASKED = {"ray": {damage.LARGE_HEADER}}

# By model, so that all that a server is asked comes while it runs.
pytestmark = pytest.mark.parametrize("name", (GUARDED, *OTHERS, BATCHED), scope="module")


def test_every_engine_answers_and_counts_as_the_reference_does(serve, engine, plans, name):
    plan, server = plans[name].without(NOT_ASKED.get(engine, set())), serve(name, **plans[name].settings)
    before = counted_from(plan, server)

    replies = ask_all(server.port, plan.requests)

    fail_on(differences(plan.requests, plan.replies, replies, engine, REFERENCE), len(replies), engine)
    # An engine may count a moment after it has answered.
    until(
        lambda: since(server, before) == plan.counted, SOON_SECONDS, lambda: _miscounted(server, before, plan.counted)
    )


def test_every_client_of_many_gets_the_rows_that_it_gets_alone(serve, engine, plans, name):
    plan, server = plans[name], serve(name, **plans[name].settings)

    replies = concurrent.ask_together(server.port, plan.rows)

    fail_on(concurrent.disagreements(plan.rows, plan.row_replies, replies), len(replies), engine)


def _miscounted(server, before, expected):
    found = since(server, before)
    return f"the same is counted; missing: {dict(expected - found)}; too much: {dict(found - expected)}"
