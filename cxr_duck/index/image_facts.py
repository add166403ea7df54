"""Everything that a store knows of one image."""

from dataclasses import dataclass
from typing import Any

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import UnknownImageError
from cxr_duck.images.formats.verdict import Verdict as FileVerdict

__all__ = ["ImageFacts", "Row", "Verdict", "facts_of", "find_id", "rows_of_image"]

Row = dict[str, Any]

_SHOWN = 4  # ids that an error names


@dataclass(frozen=True)
class Verdict:
    """Why an image is or isn't in a dataset.

    `reason` is `member`; `index` where the index has no row of the image; the filter that takes it,
    the first in the order of `cxr_duck.datasets.filters`, of several classes that of the one where
    the image comes furthest; or `changed`, where today's index makes another dataset of the recipe,
    and can't explain it. `told` says it in a sentence.
    """

    dataset: str
    member: bool
    reason: str
    told: str


@dataclass(frozen=True)
class ImageFacts:
    """All that the store knows of an image.

    `image` is its row of `images`, None where it has none. `labels` are those of the label file in
    their order, each with `dropped`, why it is no finding, or None. `postings` are its findings in
    the index with their localizations, `rejects` its refused rows, `datasets` its recorded
    memberships; `check` is what the test of its file found, None where it wasn't tested;
    `removed` tells that it was removed from the store. The patient's numbers of images
    and studies have the image itself among them.
    """

    image_id: str
    image: Row | None
    labels: list[Row]
    postings: list[Row]
    study_images: list[str]
    patient_images: int
    patient_studies: int
    rejects: list[Row]
    datasets: list[Row]
    check: Row | None = None
    removed: bool = False
    verdict: Verdict | None = None


def facts_of(engine: DuckDBEngine, image_id: str) -> ImageFacts:
    """Return what the index knows of an image: all but its datasets and a verdict."""
    rows = rows_of_image(engine, "image_row", image_id)
    relatives = rows_of_image(engine, "image_relatives", image_id) or [{}]
    return ImageFacts(
        image_id=image_id,
        image=rows[0] if rows else None,
        labels=rows_of_image(engine, "image_labels", image_id),
        postings=rows_of_image(engine, "image_postings", image_id),
        study_images=relatives[0].get("study_images", []),
        patient_images=relatives[0].get("patient_images", 0),
        patient_studies=relatives[0].get("patient_studies", 0),
        rejects=rows_of_image(engine, "image_rejects", image_id),
        datasets=[],
        check=_check(engine, image_id),
        removed=_is_removed(engine, image_id),
    )


def rows_of_image(engine: DuckDBEngine, name: str, image_id: str) -> list[Row]:
    """Return the rows of a stage that is about one image, each as a dict."""
    rows: list[Row] = engine.arrow(name, image_id=image_id).to_pylist()
    return rows


def _check(engine: DuckDBEngine, image_id: str) -> Row | None:
    """Return what the test of an image's file found, also in a few words."""
    for row in rows_of_image(engine, "image_check", image_id):
        verdict = FileVerdict(row["verdict"], row["reason"], row["detail"], row["offset"])
        return {**row, "told": verdict.told}
    return None


def _is_removed(engine: DuckDBEngine, image_id: str) -> bool:
    return bool(engine.scalar("SELECT count(*) FROM removed_images WHERE image_id = ?", image_id))


def find_id(engine: DuckDBEngine, word: str) -> str:
    """Return the id that a word is, or that alone begins with it; or UnknownImageError."""
    for stage in ("image_row", "image_datasets", "image_rejects"):
        if engine.rows(stage, image_id=word):
            return word
    if _is_removed(engine, word):
        return word
    nearest = engine.rows("nearest_images", word=word)
    begin = [image_id for image_id, begins in nearest if begins]
    if len(begin) == 1 and word:
        return str(begin[0])
    if begin:
        more = ", …" if len(begin) > _SHOWN else ""
        raise UnknownImageError(
            f"several images begin with {word!r}: {', '.join(begin[:_SHOWN])}{more}"
        )
    hint = (
        f"did you mean {', '.join(image_id for image_id, _ in nearest[:_SHOWN])}?"
        if nearest
        else "'cxr sql \"SELECT image_id FROM images\"' shows all"
    )
    raise UnknownImageError(f"the store has no image {word!r}: {hint}")
