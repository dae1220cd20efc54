"""Which database the settings name, as a URL of SQLAlchemy with the driver in it."""

import importlib.util
from urllib.parse import urlsplit

from services.core.errors import SettingsInvalid
from services.core.settings import Settings

EMBEDDED = "embedded"


def database_url(settings: Settings) -> str | None:
    """Return the URL of the prediction log's database; None where there is none. Nothing is made or opened.

    Raises SettingsInvalid for a URL that is neither SQLite's nor PostgreSQL's, or whose driver is not installed.
    """
    url = settings.database_url
    if settings.database_url_file is not None:
        try:
            url = settings.database_url_file.read_text().strip()
        except OSError as error:
            raise SettingsInvalid(f"TRIVET_DATABASE_URL_FILE: {error.strerror}: {error.filename}") from error
    if not url:
        return None
    return embedded_url(settings) if url == EMBEDDED else _with_driver(url)


def embedded_url(settings: Settings) -> str:
    """Return the URL of the file in the home folder."""
    return f"sqlite:///{settings.home / 'predictions.db'}"


def _with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"sqlite", "sqlite+pysqlite"}:
        return url
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise SettingsInvalid("TRIVET_DATABASE_URL is neither sqlite:///PATH nor postgresql://USER@HOST/DATABASE")
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise SettingsInvalid(f"TRIVET_DATABASE_URL: {error}") from error
    if importlib.util.find_spec("psycopg") is None:
        raise SettingsInvalid("TRIVET_DATABASE_URL names PostgreSQL, which needs the extra `postgres`")
    return f"postgresql+psycopg://{rest}"
