"""A server's child process, which imports MLflow so that the server need not: looks a version up, or downloads it.

`python -m services.registry.download TRACKING_URI URI [FOLDER]` prints one JSON line, an `Answer`. Without
FOLDER it only looks up.
"""

import logging
import sys
import warnings

import msgspec

from services.registry.uri import DIGEST_TAG, ModelUri, parse


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the registry says of a URI, or the error in one sentence.

    digest: from the version's tag; None when trivet did not publish it. folder: where the download lies.
    """

    version: str = ""
    digest: str | None = None
    folder: str | None = None
    error: str | None = None


def main() -> None:
    """Look up, download, and print what was found."""
    tracking_uri, uri, *folder = sys.argv[1:]
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    try:
        answer = _look_up(tracking_uri, parse(uri), folder[0] if folder else None)
    except ModuleNotFoundError as error:
        missing = "the extra trivet[registry]" if error.name == "mlflow" else error.name
        answer = Answer(error=f"only MLflow can do that, with what is not here: install {missing}")
    # The edge of a process: MLflow raises whatever its stores and clouds raise, and the parent needs a sentence.
    except Exception as error:
        answer = Answer(error=str(error).strip().partition("\n")[0] or type(error).__name__)
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


def _look_up(tracking_uri: str, uri: ModelUri, folder: str | None) -> Answer:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    client = mlflow.MlflowClient()
    if uri.alias:
        found = client.get_model_version_by_alias(uri.name, uri.alias)
    else:
        found = client.get_model_version(uri.name, str(uri.version))
    version = str(found.version)
    if folder is None:
        return Answer(version, found.tags.get(DIGEST_TAG))
    path = mlflow.artifacts.download_artifacts(str(ModelUri(uri.name, version=version)), dst_path=folder)
    return Answer(version, found.tags.get(DIGEST_TAG), str(path))


if __name__ == "__main__":
    main()
