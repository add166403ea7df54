"""What is said of a label file's values: identifiers that may be wrong, own fields, odd ages."""

from cxr_duck.engines.engine import Engine
from cxr_duck.engines.own_fields import field_name
from cxr_duck.errors import LabelFileError
from cxr_duck.progress import Progress
from cxr_duck.sources.label_file import LabelFile
from cxr_duck.spelling import counted
from cxr_duck.store.store import Store

__all__ = ["own_fields_of", "refuse_rounded_ids", "tell_doubtful_ids", "tell_own_fields"]


def refuse_rounded_ids(engine: Engine, label_file: LabelFile) -> None:
    """Raise LabelFileError where identifiers were rounded: patients would become one."""
    engine.gather("rounded_ids")
    if not (rows := engine.scalar("SELECT count(DISTINCT row) FROM rounded_ids")):
        return
    row, name, value = engine.fetch("SELECT row, name, value FROM rounded_ids ORDER BY ALL")[0]
    raise LabelFileError(
        f"{label_file.path} has identifiers without their last digits in "
        f"{counted(rows, 'row')}, as a spreadsheet saves long numbers, so that different "
        f"patients or studies are one; the first: row {row:,}, {name} {value}: take the file as it "
        "was before, and let the spreadsheet read these columns as text"
    )


def own_fields_of(engine: Engine) -> dict[str, int]:
    """Return in how many records each own field has a value."""
    return dict(
        engine.fetch(
            "SELECT field.name AS name, count(*) AS records FROM ("
            "SELECT unnest(own_fields) AS field FROM records WHERE own_fields IS NOT NULL"
            ") AS fields GROUP BY field.name ORDER BY field.name"
        )
    )


def tell_own_fields(label_file: LabelFile, given: dict[str, int], progress: Progress) -> None:
    """Say which columns of the label file's own were kept, and which values can't be."""
    name = label_file.path.name
    if label_file.unknown:
        told = ", ".join(
            column if field_name(column) == column else f"{column} as {field_name(column)}"
            for column in label_file.unknown
        )
        progress.note(f"{name} has columns of its own, kept as text in images: {told}")
    own = {field_name(column) for column in label_file.unknown}
    for column in sorted(given.keys() - own):
        progress.note(
            f"{counted(given[column], 'row')} with a {column} that can't be, NULL and kept "
            f'as text: cxr sql \'SELECT image_id, "{column}" FROM images '
            f'WHERE "{column}" IS NOT NULL\''
        )


def tell_doubtful_ids(store: Store, progress: Progress) -> None:
    """Say how many identifiers of the store may be wrong, and one of them."""
    if rows := store.engine().rows("doubtful_ids"):
        name, ids, reason = rows[0]
        progress.note(
            f"{counted(len(rows), 'identifier')} may be wrong, such as {name} "
            f"{', '.join(ids)}: {reason}; all: cxr check-store"
        )
