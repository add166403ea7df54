"""What hangs together: the connected components of pairs of names."""

from collections.abc import Iterable

__all__ = ["components"]


def components(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return, for each name of some pairs, the smallest name that it is connected to.

    The result doesn't depend on the order of the pairs.
    """
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (parent := above.setdefault(name, name)) != name:
            above[name] = above[parent]  # half the way for whoever comes next
            name = parent
        return name

    for one, other in pairs:
        first, second = sorted((top(one), top(other)))
        above[second] = first
    return {name: top(name) for name in list(above)}
