"""Which models TRIVET_MODEL names: lists, tags, and what is refused."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed, SettingsInvalid
from services.core.settings import Settings
from services.registry.mlflow_server import Credentials
from services.registry.selection import Selection, absolute
from services.registry.tagged import look_up_tagged
from services.registry.uri import BadUri, TagUri, parse_tag

TAG = "models:/?trivet.serve=edge@production"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder whose registry has the models a, b and stats with the tag, and c with another value."""
    with sqlite3.connect(tmp_path / "mlflow.db") as base:
        base.execute("CREATE TABLE registered_model_tags (name TEXT, key TEXT, value TEXT)")
        rows = [("b", "edge"), ("a", "edge"), ("stats", "edge"), ("c", "core")]
        base.executemany("INSERT INTO registered_model_tags VALUES (?, 'trivet.serve', ?)", rows)
    base.close()
    return tmp_path


def names(selection: Selection, *, refresh: bool = True) -> list[str]:
    return [source.name for source in selection.tagged(refresh=refresh)]


def test_a_list_names_models_by_uri_and_by_folder(scaler: CompiledModel, home: Path) -> None:
    selection = Selection(Settings(model=f"models:/iris@production, models:/b/3 ,{scaler.folder},", home=home))

    assert [source.name for source in selection.named] == ["iris", "b", "scaler"]
    assert (selection.has_tags, selection.watch_interval_seconds) == (False, 0)


def test_a_tag_names_every_model_that_has_it_and_that_a_url_can_hold(home: Path) -> None:
    selection = Selection(Settings(model=TAG, home=home))

    assert [source.uri for source in selection.tagged(refresh=True)] == ["models:/a@production", "models:/b@production"]
    assert selection.watch_interval_seconds == 30


def test_a_model_that_is_named_is_not_found_by_its_tag(home: Path) -> None:
    assert names(Selection(Settings(model=f"models:/a/1,{TAG}", home=home))) == ["b"]


def test_what_had_the_tag_is_known_without_the_registry(home: Path) -> None:
    settings = Settings(model=TAG, home=home)
    names(Selection(settings))
    (home / "mlflow.db").unlink()

    assert names(Selection(settings), refresh=False) == ["a", "b"]
    with pytest.raises(LoadFailed, match="there is no registry at"):
        names(Selection(settings))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("models:/a@x,models:/a/2", "models:/a@x and models:/a/2 are the same model 'a', and a name is served once"),
        ("models:/stats@x", "no model may be called 'stats'"),
        (" , ", "names no model"),
        ("models:/?x@y", "expected models:/.TAG=VALUE@ALIAS"),
    ],
)
def test_a_list_that_cannot_be_served_is_refused_at_start(model: str, why: str) -> None:
    with pytest.raises(SettingsInvalid, match=why):
        Selection(Settings(model=model))


def test_a_default_that_is_not_named_is_refused_unless_a_tag_may_bring_it(home: Path) -> None:
    with pytest.raises(SettingsInvalid, match="TRIVET_DEFAULT_MODEL is 'c', and TRIVET_MODEL names a, b"):
        Selection(Settings(model="models:/a@x,models:/b@x", default_model="c"))

    Selection(Settings(model=TAG, default_model="c", home=home))


def test_a_registry_that_only_mlflow_can_ask_has_no_tags() -> None:
    with pytest.raises(LoadFailed, match="name the models instead"):
        look_up_tagged(parse_tag(TAG), "postgresql://somewhere", Credentials())


def test_tables_of_another_kind_are_said(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "mlflow.db").close()

    with pytest.raises(LoadFailed, match="are not those of MLflow 3"):
        look_up_tagged(parse_tag(TAG), f"sqlite:///{tmp_path / 'mlflow.db'}", Credentials())


def test_only_folders_depend_on_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert absolute(f"models:/a@x, m/1,{TAG}") == f"models:/a@x,{tmp_path.resolve() / 'm/1'},{TAG}"


@given(st.text(max_size=40) | st.from_regex(r"models:/\?[\w./-]+=[\w ./'`-]+@\w+", fullmatch=True))
def test_any_text_is_a_tag_that_says_itself_again_or_is_refused(text: str) -> None:
    try:
        tag = parse_tag(text)
    except BadUri:
        return
    assert str(tag) == text
    assert parse_tag(str(tag)) == tag == TagUri(tag.key, tag.value, tag.alias)
    assert not set("'`\\\"") & set(tag.key + tag.value)
