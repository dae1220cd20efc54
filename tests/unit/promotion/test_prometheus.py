"""One query, one number: what is asked for, and what an answer means."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.promotion.prometheus import Prometheus, Unanswered, read, selector
from tests.unit.promotion.scripted import answer, serving

KEYS = ["status", "data", "result", "value", "error", "other"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def test_a_number_is_asked_for_and_read():
    seen = []

    def reply(query, path, headers):
        seen.append((query, path, headers.get("Authorization")))
        return 200, answer(12.5)

    with serving(reply) as url:
        value = Prometheus(url.replace("//", "//me:p%40ss@") + "/prefix/").value("sum(up)")

    assert value == 12.5
    basic = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert seen == [("sum(up)", "/prefix/api/v1/query", basic)]


def test_a_refused_query_is_said_with_the_query():
    refusal = b'{"status":"error","errorType":"bad_data","error":"parse error"}'

    with serving(lambda *_: (400, refusal)) as url, pytest.raises(Unanswered, match=r"answered 400 to sum\(: parse e"):
        Prometheus(url).value("sum(")


def test_what_is_no_prometheus_is_said():
    with serving(lambda *_: (404, b"<html>")) as url, pytest.raises(Unanswered, match="that is no answer of Prom"):
        Prometheus(url).value("up")


def test_nobody_at_the_address_is_said():
    with serving(lambda *_: (200, b"")) as url:
        gone = url

    with pytest.raises(Unanswered, match=r"Prometheus at 127\.0\.0\.1 does not answer"):
        Prometheus(gone).value("up")


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://host", "http://", "", "http://host:port", "http://["])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="is no address of Prometheus"):
        Prometheus(url)


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1e300, 1e300), (None, None), ("NaN", None), ("+Inf", None)])
def test_nothing_and_no_number_are_missing(value, expected):
    assert read(answer(value)) == expected


def test_several_samples_are_no_number():
    with pytest.raises(ValueError, match="2 samples"):
        read(b'{"status":"success","data":{"result":[{"value":[1,"1"]},{"value":[1,"2"]}]}}')


@given(st.text(max_size=15).map("http://{}".format) | st.text(max_size=15))
def test_any_text_is_an_address_or_refused(url):
    try:
        Prometheus(url)
    except ValueError as error:
        assert "is no address of Prometheus" in str(error)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_answered_is_a_number_or_a_value_error(body):
    try:
        value = read(body)
    except ValueError:
        return
    assert value is None or isinstance(value, float)


@given(st.text(max_size=20))
def test_a_label_value_stays_one_string(value):
    written = selector("m", {"a": value}, 'b="c"')

    assert written.startswith('m{a="') and written.endswith('",b="c"}')
    inner = written.removeprefix('m{a="').removesuffix('",b="c"}')
    assert '"' not in inner.replace("\\\\", "").replace('\\"', "") and "\n" not in inner
