"""The relations of a store, and what becomes of each when images or their files go or change.

A relation that is added brings its rules with it: whoever writes, filters, merges or shows the
relations of a store goes over `RELATIONS`, so that none can be forgotten.
"""

from dataclasses import dataclass

__all__ = ["RELATIONS", "TABLES", "TERM_TABLES", "VIEWS", "Relation"]

_FILE = "image_id VARCHAR, path VARCHAR, bytes BIGINT, modified BIGINT"  # as it was when read


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation that is kept in Parquet files; its name is that of its card in `sql/`.

    `sorted_by`: the columns that its files are sorted by.
    `when_images_go`, `when_images_change`, `when_files_change`: the stage that returns the rows of
    a data file that stay when images are removed, when a label file says otherwise of images, and
    when other image files are found. Without a stage all rows stay, or it is written anew whole.
    `made_from`: the relation that it is made from, again wherever that loses rows.
    `columns`: as in CREATE TABLE, of a file without rows; images and postings are never without.
    `begins_empty`: a new store has such a file; of others a label file or listing writes the first.
    `brought_back_by`: what makes its rows again where they are lost.
    `grows`: each label file adds files to it; other relations are written as one file each time.
    `looked_up`: a look-up asks the statistics of each of its files and row groups.
    """

    sorted_by: tuple[str, ...]
    when_images_go: str | None
    when_images_change: str | None = None
    when_files_change: str | None = None
    made_from: str | None = None
    columns: str | None = None
    begins_empty: bool = False
    brought_back_by: str = "index their label file again"
    grows: bool = False
    looked_up: bool = False


RELATIONS = {
    "images": Relation(
        sorted_by=("image_id",),
        when_images_go="kept_rows",
        when_images_change="kept_rows",
        grows=True,
    ),
    "postings": Relation(
        sorted_by=("finding", "image_id"),
        when_images_go="kept_rows",
        when_images_change="kept_rows",
        grows=True,
        looked_up=True,
    ),
    "rejects": Relation(
        sorted_by=("file", "row"),
        when_images_go="kept_rejects",
        columns='file VARCHAR, "row" BIGINT, reason VARCHAR, image_id VARCHAR, '
        "patient_id VARCHAR, raw VARCHAR",
        grows=True,
    ),
    "image_files": Relation(
        sorted_by=("image_id", "path"),
        when_images_go="kept_files",
        columns="image_id VARCHAR, folder VARCHAR, zip VARCHAR, path VARCHAR, bytes BIGINT, "
        "modified BIGINT",
        brought_back_by="give --images to cxr index again",
    ),
    "refused_files": Relation(
        sorted_by=("path",),
        when_images_go="kept_files",
        columns="image_id VARCHAR, folder VARCHAR, path VARCHAR, reason VARCHAR",
        brought_back_by="give --images to cxr index again",
    ),
    "checks": Relation(
        sorted_by=("image_id",),
        when_images_go="kept_rows",
        when_files_change="kept_readings",
        columns=f"{_FILE}, verdict VARCHAR, reason VARCHAR, detail VARCHAR, "
        '"offset" BIGINT, format VARCHAR, width BIGINT, height BIGINT, bits INTEGER, '
        "color VARCHAR, digest VARCHAR, whole BOOLEAN",
        begins_empty=True,
        brought_back_by="run cxr check",
    ),
    "fingerprints": Relation(
        sorted_by=("image_id",),
        when_images_go="kept_rows",
        when_files_change="kept_readings",
        columns=f"{_FILE}, file_digest VARCHAR, pixel_digest VARCHAR, perceptual_hash BLOB",
        begins_empty=True,
        brought_back_by="run cxr twins",
    ),
    # An image that goes may be the one that others with its file were paired with.
    "twin_pairs": Relation(
        sorted_by=("image_id", "twin_id"),
        when_images_go=None,
        made_from="fingerprints",
        columns="image_id VARCHAR, twin_id VARCHAR, kind VARCHAR, distance BIGINT, "
        "twin_group VARCHAR",
        begins_empty=True,
        brought_back_by="run cxr twins",
    ),
}

# Of the catalog itself. Removal notes what went in `removed_images`, and takes the patients' names
# out of `experiments.image`; no other table names an image or a patient.
TABLES = (
    "store_format",
    "publications",
    "listed_files",
    "data_files",
    "record_files",
    "removed_images",
    "experiments",
)
TERM_TABLES = ("terms", "term_ancestors", "label_cuis")

# Over the relations and the tables.
VIEWS = (
    "coded_postings",
    "missing_files",
    "extra_files",
    "repeated_files",
    "damaged_images",
    "twins",
    "twin_members",
)
