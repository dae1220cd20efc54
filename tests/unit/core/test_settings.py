"""Settings: read once, refused early, with the right name."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.core.errors import SettingsInvalid
from services.core.settings import PREFIX, Settings, load

NAMES_IN_THE_CONTRACT = [
    "MODEL",
    "HOST",
    "PORT",
    "MAX_BATCH_ROWS",
    "BATCH_WAIT_SECONDS",
    "MAX_QUEUE_ROWS",
    "MAX_REQUEST_ROWS",
    "REQUEST_TIMEOUT_SECONDS",
    "MAX_BODY_BYTES",
    "DATABASE_URL",
    "LOG_SAMPLE_RATIO",
    "API_KEYS_FILE",
    "ADMIN_KEYS_FILE",
    "LOG_LEVEL",
]


def test_the_defaults_are_the_contracts():
    settings = load()

    assert (settings.model, settings.port) == ("models:/iris-classifier@production", 8000)
    assert (settings.batch_wait_seconds, settings.max_request_rows) == (0, 100_000)
    assert settings.api_keys_file is settings.admin_keys_file is None


@pytest.mark.parametrize("name", NAMES_IN_THE_CONTRACT)
def test_every_name_of_the_contract_is_a_setting(name):
    assert name.lower() in Settings.model_fields


def test_every_setting_is_documented():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_variable_sets_its_setting(monkeypatch):
    monkeypatch.setenv("TRIVET_PORT", "9001")
    monkeypatch.setenv("TRIVET_HOME", "/somewhere")

    assert load().port == 9001
    assert load().home == Path("/somewhere")


def test_an_override_wins_and_none_is_no_override(monkeypatch):
    monkeypatch.setenv("TRIVET_PORT", "9001")

    assert load(port=9002).port == 9002
    assert load(port=None).port == 9001


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("TRIVET_PROT", "TRIVET_PORT"),
        ("TRIVET_MAX_BATCH_SIZE", "TRIVET_MAX_BATCH_ROWS"),
        ("TRIVET_DATABASE", "TRIVET_DATABASE_URL"),
        ("TRIVET_MODEL_URI", "TRIVET_MODEL"),
        ("TRIVET_API_KEYS", "TRIVET_API_KEYS_FILE"),
    ],
)
def test_an_unknown_variable_is_answered_with_the_nearest_name(monkeypatch, wrong, right):
    monkeypatch.setenv(wrong, "1")

    with pytest.raises(SettingsInvalid, match=rf"{wrong} is no setting; did you mean {right}\?"):
        load()


def test_any_unknown_variable_with_our_prefix_is_refused(monkeypatch):
    monkeypatch.setenv("TRIVET_", "1")

    with pytest.raises(SettingsInvalid, match="TRIVET_ is no setting"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "10.0.0.1"),
        ("A_SERVICE_PORT_HTTP", "80"),
        ("A_PORT", "tcp://10.0.0.1:80"),
        ("PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("A_PORT_8000_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variable_that_kubernetes_made_of_a_service_is_refused_with_the_remedy(monkeypatch, name, value):
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(SettingsInvalid, match=f"^TRIVET_{name} tells of a Service: set enableServiceLinks: false"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "http"),
        ("MAX_BATCH_ROWS", "0"),
        ("MAX_QUEUE_ROWS", "0"),
        ("BATCH_WAIT_SECONDS", "-1"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("REQUEST_TIMEOUT_SECONDS", "nan"),
        ("MAX_BODY_BYTES", "1e3"),
        ("LOG_SAMPLE_RATIO", "1.1"),
        ("LOG_LEVEL", "verbose"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_variables_name(monkeypatch, name, value):
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(SettingsInvalid, match=f"^TRIVET_{name}: "):
        load()


@pytest.mark.parametrize(
    ("value", "names"), [("", ()), ("a", ("a",)), (" a , b.c ,,d ", ("a", "b.c", "d")), (",", ()), ("[1]", ("[1]",))]
)
def test_a_list_is_separated_by_commas(monkeypatch, value, names):
    monkeypatch.setenv("TRIVET_TRUSTED_TYPES", value)
    monkeypatch.setenv("TRIVET_LOG_REDACT", value)

    assert load().trusted_types == load().log_redact == names


def test_mlflows_own_variables_keep_their_names(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")

    assert load().tracking_uri == "http://mlflow:5000"
    assert load().tracking_token == "secret"


def test_secrets_are_not_printed():
    settings = Settings(
        tracking_uri="http://u:hidden1@h",
        tracking_token="hidden2",
        tracking_password="hidden3",
        database_url="postgresql://u:hidden4@h/d",
    )

    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings)


def test_settings_do_not_change_while_serving():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_a_misspelt_override_is_refused():
    with pytest.raises(SettingsInvalid, match="PROT"):
        load(prot=1)
