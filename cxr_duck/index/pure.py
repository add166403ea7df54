"""Whether an index is pure: whether it answers for images with exactly one finding alone."""

from cxr_duck.engines.engine import Engine

__all__ = ["is_pure"]


def is_pure(engine: Engine) -> bool:
    """Tell whether a store was indexed with pure terms (paper, create_index).

    `images` keeps the rows of all images; queries and recipes leave those with other than one
    finding out.
    """
    return bool(engine.scalar("SELECT arg_max(pure_terms, publication) FROM publications"))
