"""Which URIs name a version, and what the others are answered."""

import pytest

from services.registry.uri import BadUri, ModelUri, checked_name, parse


@pytest.mark.parametrize(
    ("uri", "parsed"),
    [
        ("models:/iris-classifier@production", ModelUri("iris-classifier", alias="production")),
        ("models:/iris/3", ModelUri("iris", version="3")),
    ],
)
def test_alias_and_version_are_read_and_written(uri, parsed) -> None:
    assert parse(uri) == parsed
    assert str(parsed) == uri


def test_stage_is_refused_with_the_alias_to_use() -> None:
    with pytest.raises(BadUri, match=r"use models:/iris-classifier@production$"):
        parse("models:/iris-classifier/Production")


def test_run_is_refused_with_the_command_to_run() -> None:
    with pytest.raises(BadUri, match="`trivet publish runs:/1/model` first"):
        parse("runs:/1/model")


@pytest.mark.parametrize("uri", ["models:/", "models:/a", "models:/a/b", "models:/a@", "models:/a b@c", "s3://a/b", ""])
def test_what_names_nothing_is_refused_with_what_would(uri) -> None:
    with pytest.raises(BadUri, match="expected models:/NAME@ALIAS or models:/NAME/VERSION"):
        parse(uri)


@pytest.mark.parametrize("name", ["stats", "a/b", "", "a b", ".hidden", None])
def test_name_that_no_url_can_hold_is_refused(name) -> None:
    with pytest.raises(BadUri, match="cannot name a model"):
        checked_name(name)
