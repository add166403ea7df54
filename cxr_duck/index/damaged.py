"""Whether images with a damaged file are to be left out of an answer about the index."""

from cxr_duck.engines.engine import Engine

__all__ = ["leaves_out", "without_damaged"]


def leaves_out(engine: Engine, damaged: bool) -> bool:
    """Tell whether an answer must leave images out: they are not asked for, and files were tested.

    A store without a tested file has none in `damaged_images`: a look-up needn't read that.
    """
    if damaged:
        return False
    return bool(
        engine.scalar("SELECT coalesce(sum(rows), 0) FROM data_files WHERE relation = 'checks'")
    )


def without_damaged(engine: Engine, relation: str, damaged: bool) -> str:
    """Return what stands after FROM for a relation with image_id, without damaged images."""
    if leaves_out(engine, damaged):
        return f"{relation} ANTI JOIN damaged_images USING (image_id)"
    return relation
