"""What stays of a store's relations when images or their files go or change."""

from collections.abc import Callable

from cxr_duck.engines.engine import Engine
from cxr_duck.images.surveys.twins import write_pairs
from cxr_duck.store.data_files import DataWriter, data_files
from cxr_duck.store.publication import Publication
from cxr_duck.store.relations import RELATIONS, Relation

__all__ = ["REMADE", "keep_what_stays"]

# How a relation is made from the one that its entry in RELATIONS names.
REMADE = {"twin_pairs": write_pairs}


def keep_what_stays(
    writer: DataWriter,
    engine: Engine,
    publication: Publication,
    stage_of: Callable[[Relation], str | None],
) -> None:
    """Filter every relation by the stage of its rule; make those again that are made from one.

    `stage_of` returns the rule that is to be followed, and the relations that its stage reads
    beside data_file are on the engine.
    """
    catalog = publication.catalog
    changed = set()
    for name, relation in RELATIONS.items():
        if (stage := stage_of(relation)) is not None:
            before = data_files(catalog, name)
            writer.filter(name, stage)
            if data_files(catalog, name) != before:
                changed.add(name)
    for name, relation in RELATIONS.items():
        if relation.made_from in changed:
            REMADE[name](writer, engine, publication)
