"""A compiled model as a folder: the model's file, `model.json`, and MLflow's own files around them."""

import datetime
import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from services import __version__
from services.core import compiled_model
from services.core.compiled_model import MANIFEST_FILE, MODEL_FILES, Manifest
from services.core.reference import REFERENCE_FILE, Reference
from services.core.runtime import Runtime
from services.core.tensors import Tensors
from services.registry.compile import Compiled
from services.registry.imported import sample_tensors
from services.registry.signature_of import CannotCompile
from services.registry.sources import Source

_PACKAGES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "skops", "numpy")


def manifest_of(compiled: Compiled, runtime: Runtime, source: Source, name: str) -> Manifest:
    """Return what `model.json` says of a compiled model; of one that was compiled before, what it said then.

    runtime: runs the compiled model, for its answers to the sample.
    """
    if source.compiled:
        before = compiled_model.read(source.compiled, version="0", expected_digest=None).manifest
        again = {**before.provenance, "published_from": source.uri}
        return msgspec.structs.replace(before, name=name, provenance=again)
    found = compiled.parity
    return Manifest(
        name=name,
        runtime=compiled.runtime,
        signature=compiled.signature,
        sample={key: array.tolist() for key, array in compiled.sample.items()},
        answers={key: array.tolist() for key, array in runtime.predict(compiled.sample).items()},
        parity=msgspec.to_builtins(found) if found else {},
        provenance={**source.provenance, **_provenance(source)},
    )


def write(folder: Path, compiled: Compiled, manifest: Manifest, reference: Reference | None) -> None:
    """Write the model's file, `model.json` and, where there is one, the reference.

    Raises CannotCompile when the folder holds something else: a digest is over all of a folder's files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ours = {MANIFEST_FILE, REFERENCE_FILE, *MODEL_FILES.values()}
    if other := sorted(path.name for path in folder.iterdir() if path.name not in ours):
        raise CannotCompile(f"{folder} already holds {other[0]}: name a folder that is empty or new")
    for name in (REFERENCE_FILE, *MODEL_FILES.values()):
        (folder / name).unlink(missing_ok=True)
    (folder / MODEL_FILES[compiled.runtime]).write_bytes(compiled.content)
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    if reference is not None:
        (folder / REFERENCE_FILE).write_bytes(msgspec.json.encode(reference) + b"\n")


def add_mlflow_files(folder: Path, manifest: Manifest, runtime: Runtime, estimator: Any) -> None:
    """Make the folder a valid MLflow model besides, which `mlflow.pyfunc.load_model` loads.

    runtime: runs the sample, for MLflow's signature. estimator: for the scikit-learn runtime, else unused.
    """
    sample = sample_tensors(manifest)
    with tempfile.TemporaryDirectory() as scratch:
        packaged = Path(scratch) / "model"
        if manifest.runtime == "onnx":
            _package_onnx(folder, packaged, manifest, runtime.predict(sample))
        else:
            _package_sklearn(packaged, manifest, runtime.predict(sample), estimator)
        for path in packaged.iterdir():
            # The model's own file stays as it was compiled and compared.
            if not (folder / path.name).exists():
                shutil.move(path, folder / path.name)


def _package_onnx(folder: Path, packaged: Path, manifest: Manifest, outputs: Tensors) -> None:
    import mlflow.onnx
    import onnx
    from mlflow.models import infer_signature

    inputs = sample_tensors(manifest)
    mlflow.onnx.save_model(
        onnx.load(folder / MODEL_FILES["onnx"]),
        packaged,
        signature=infer_signature(next(iter(inputs.values())) if len(inputs) == 1 else inputs, outputs),
        pip_requirements=_requirements("onnx", "onnxruntime"),
        save_as_external_data=False,
    )


def _package_sklearn(packaged: Path, manifest: Manifest, outputs: Tensors, estimator: Any) -> None:
    import mlflow.sklearn
    import pandas as pd
    import skops.io
    from mlflow.models import infer_signature

    inputs = sample_tensors(manifest)
    matrix = next(iter(inputs.values()))
    frame = pd.DataFrame({name: array[:, 0] for name, array in inputs.items()})
    mlflow.sklearn.save_model(
        estimator,
        packaged,
        serialization_format="skops",
        # For MLflow only, which asks the file; the server asks its operator.
        skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(estimator)),
        signature=infer_signature(matrix if manifest.signature.is_matrix else frame, outputs["prediction"]),
        pip_requirements=_requirements("scikit-learn", "skops"),
    )


def _requirements(*packages: str) -> list[str]:
    return [f"{package}=={importlib.metadata.version(package)}" for package in packages]


def _provenance(source: Source) -> dict[str, Any]:
    return {
        "source": source.uri,
        **({"estimator": type(source.estimator).__name__} if source.estimator is not None else {}),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "trivet": __version__,
        "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
    }
