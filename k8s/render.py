"""`python -m k8s.render`: writes Grafana's dashboards, and rendered/: the charts as manifests for `kubectl apply`."""

from pathlib import Path

import yaml

from k8s import grafana
from k8s.helm import CHARTS, render, values_of

FOLDER = Path(__file__).parent / "rendered"
# Which chart a release installs. Its values are helm/values/kind-RELEASE.yaml.
RELEASES = {
    "fastapi": "model-server",
    "bentoml": "model-server",
    "ray": "ray-service",
    "gateway": "gateway",
    "observability": "observability",
}
HEAD = "# Written by `make render` from helm/{chart} and helm/values/kind-{release}.yaml; change those.\n"


def releases() -> dict[str, str]:
    """Return the chart of each release that has values for kind."""
    return {name: chart for name, chart in RELEASES.items() if (CHARTS / "values" / f"kind-{name}.yaml").is_file()}


def pages() -> dict[Path, str]:
    """Return what each rendered file should hold: all of a release but its tests, which `kubectl apply` would run."""
    return {FOLDER / f"{release}.yaml": _page(release, chart) for release, chart in releases().items()}


def _page(release: str, chart: str) -> str:
    documents = render(chart, values_of(f"kind-{release}"), release=release).split("---\n# Source: ")[1:]
    kept = [document for document in documents if not _is_hook(document)]
    return HEAD.format(chart=chart, release=release) + "".join(f"---\n# Source: {document}" for document in kept)


def _is_hook(document: str) -> bool:
    found = [each for each in yaml.safe_load_all(f"# {document}") if each]  # a template may make several objects
    return any("helm.sh/hook" in each["metadata"].get("annotations", {}) for each in found)


def main() -> None:
    """Write the dashboards, which the chart observability holds, then every rendered file."""
    _write(grafana.pages())
    _write(pages())


def _write(made: dict[Path, str]) -> None:
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
