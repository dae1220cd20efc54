"""How much an engine installs: what `pip install trivet[ENGINE]` brings, counted in this environment."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class Footprint(NamedTuple):
    """packages: with Trivet itself. mib: of all their files."""

    packages: int
    mib: float


def footprint(package: str, extra: str) -> Footprint | None:
    """Return what a package with one extra installs, or None where part of it is not installed here."""
    try:
        found = _closure(package, extra)
    except PackageNotFoundError:
        return None
    return Footprint(len(found), sum(_bytes(one) for one in found.values()) / 2**20)


def _closure(package: str, extra: str) -> dict[str, Distribution]:
    """Return every distribution that is needed, by name. Raises PackageNotFoundError."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(package, ""), (package, extra)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        found[name] = distribution(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                needed = canonicalize_name(requirement.name)
                waiting += [(needed, ""), *((needed, one) for one in requirement.extras)]
    return found


def _bytes(package: Distribution) -> int:
    paths = [package.locate_file(file) for file in package.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())
