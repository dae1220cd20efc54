"""Many clients at once: each gets its own rows, its own outputs, and an honest refusal where there is one."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from services.conformance.check import Inapplicable, check
from services.conformance.expect import contract_error, expect, ok
from services.conformance.http import CONNECTIONS, Reply
from services.conformance.target import Target
from services.conformance.tensors import Output, alike, outputs_of

REQUESTS = 120
# Enough to fill a small queue, over in a moment on any server that is healthy.
BURST = 256
BURST_SECONDS = 30.0


@check("V2, Inference; the id is the request's")
def each_client_gets_its_own_rows(target: Target) -> None:
    """Concurrent requests of different rows and ids each get the answer that they get alone."""
    target.need_load()
    alone = _alone(target)
    chosen = [number % len(alone) for number in range(REQUESTS)]
    replies = _together(lambda number: target.infer(chosen[number], id=f"c{number}"), REQUESTS)
    for number, reply in enumerate(replies):
        target.expect_same(reply, alone[chosen[number]], "the answer that these rows get alone")
        expect(reply.object().get("id") == f"c{number}", f'"id": "c{number}"', reply)


@check("V2, Request Input")
def each_client_gets_as_many_rows_as_it_sent(target: Target) -> None:
    """Concurrent requests of one to four rows each get their own number of rows, each as it is alone."""
    target.need_load()
    target.need_rows(4)
    alone = _alone(target)

    def rows(number: int) -> list[int]:
        return [(number + row) % len(alone) for row in range(1 + number % 4)]

    for number, reply in enumerate(_together(lambda number: target.infer(*rows(number)), REQUESTS)):
        found = outputs_of(ok(reply))
        for at, row in enumerate(rows(number)):
            for name, output in alone[row].items():
                right = found[name].shape[:1] == [len(rows(number))] and alike(found[name].rows([at]), output.data)
                expect(right, f"row {at} of {name} as it is alone", reply)


@check("V2, Request Output")
def each_client_gets_its_own_outputs(target: Target) -> None:
    """Concurrent requests that select different outputs each get those that they named, of their own rows."""
    target.need_load()
    target.need_outputs(2)
    names, alone = target.output_names, _alone(target)

    def send(number: int) -> Reply:
        return target.infer(number % len(alone), outputs=[{"name": names[number % len(names)]}])

    for number, reply in enumerate(_together(send, REQUESTS)):
        name = names[number % len(names)]
        target.expect_same(reply, {name: alone[number % len(alone)][name]}, "what these rows get alone")


@check("V2, Inference Response JSON Error Object")
def a_bad_request_fails_alone(target: Target) -> None:
    """Among concurrent requests the wrong ones get their error, and the others their answers."""
    target.need_load()
    wanted = target.outputs()
    broken = target.body(outputs=[{"name": "no_such_output"}])

    def send(number: int) -> Reply:
        return target.infer() if number % 5 else target.post(f"{target.path}/infer", broken)

    for number, reply in enumerate(_together(send, REQUESTS)):
        if number % 5:
            target.expect_same(reply, wanted, "the usual answer")
        else:
            expect(400 <= reply.status < 500, "an error of the client's", reply)


@check("Trivet contract, HTTP statuses", "trivet")
def a_burst_is_answered_or_refused_honestly(target: Target) -> None:
    """A bounded burst gets 200, 429 with Retry-After, or 504, within half a minute; then all is as before."""
    target.need_load()
    wanted = target.outputs()
    started = time.monotonic()
    for reply in _together(lambda _: target.infer(), BURST):
        if reply.status == 200:
            target.expect_same(reply, wanted, "the usual answer")
        else:
            contract_error(reply, 429, 504)
    expect(time.monotonic() - started < BURST_SECONDS, f"{BURST} answers within {BURST_SECONDS} s")
    target.expect_same(target.infer(), wanted, "the usual answer after the burst")


def _alone(target: Target) -> list[dict[str, Output]]:
    """Return the answer to every row by itself. Raises Inapplicable when they would not tell rows apart."""
    answers = [target.outputs(row) for row in range(target.inputs.row_count)]
    if len({str(answer) for answer in answers}) < 2:
        raise Inapplicable("all rows have the same answer; give others by --sample")
    return answers


def _together(send: Callable[[int], Reply], count: int) -> Iterable[Any]:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(send, range(count)))
