"""ExperimentData: the paper's facade, its methods in the order of the data's way.

Each method imports its room when it is called: a look-up on the command line goes through here, and
would wait for numpy, pyarrow and the query language, of which it needs nothing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.errors import CxrError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.one_state import questions_see_one_state
from cxr_duck.store.store import Store
from cxr_duck.terms.default import DEFAULT_HIERARCHY

if TYPE_CHECKING:
    import polars
    import pyarrow

    from cxr_duck.audit.result import Audit
    from cxr_duck.datasets.dataset import Dataset
    from cxr_duck.datasets.record.comparison import Comparison
    from cxr_duck.datasets.record.reproduction import Reproduction
    from cxr_duck.engines.engine import EngineChoice
    from cxr_duck.images.pixels.cxr_image import CXRImage, CXRImages
    from cxr_duck.images.surveys.check import Integrity
    from cxr_duck.images.surveys.twins import Twins
    from cxr_duck.index.image_facts import ImageFacts
    from cxr_duck.index.inverted_index import InvertedIndex
    from cxr_duck.index.pairs import Pairs
    from cxr_duck.index.removal import Removal
    from cxr_duck.query.find import Form, Question
    from cxr_duck.query.rows import Rows
    from cxr_duck.store.invariants import Check
    from cxr_duck.store.repair import Repair
    from cxr_duck.store.upgrade import Upgrade

__all__ = ["ExperimentData"]

_Path = str | os.PathLike[str]


@questions_see_one_state
class ExperimentData:
    """A labelled repository of chest X-rays, its index, and the datasets made from it.

    `images_dir` is the folder of the images, `labels_csv` the label file, plain or gzipped; both
    are needed by `create_index` only. Everything is kept in `store` (default: $CXR_STORE, else
    ./cxr-store). `progress` is told what goes on. Every error is a `CxrError`.

    `engine` runs `create_index`, `find` (and `count`, `ids`), `create_dataset`, `reproduce` and
    `check_integrity`. It is duckdb; spark, which is this machine unless Spark's configuration says
    otherwise; the URL of a Spark master, or sc://host:port of a Spark Connect server; or a
    SparkSession. All else reads the store with DuckDB, whichever engine made it.
    """

    def __init__(
        self,
        images_dir: _Path | None = None,
        labels_csv: _Path | None = None,
        *,
        store: _Path | None = None,
        engine: "EngineChoice" = "duckdb",
        progress: Progress = SILENT,
    ) -> None:
        self.images_dir = Path(images_dir) if images_dir is not None else None
        self.labels_csv = Path(labels_csv) if labels_csv is not None else None
        self.store = Store(store, engine, progress)
        self._progress = progress

    def create_index(
        self, pure_terms: bool = False, *, replace: bool = False,
        readmit: bool = False, allow_rejects: bool = False) -> dict[str, int]:  # fmt: skip
        """Index the label file, beside what the store has already; return what came of it.

        The result has the rows of `images`, `postings` and `rejects` in the store, how many images
        of the label file were `added`, `replaced` and `unchanged`, and with an `images_dir` how
        many have their file there, as `found`; the others are left out of datasets.
        With `pure_terms` only images with exactly one finding are indexed (paper, create_index):
        every query and recipe goes by them alone; `images` keeps the rows of the others.
        The same image with the same content changes nothing; with other content ConflictError
        lists it, and nothing is indexed, unless `replace` takes the label file's word. Images that
        were removed from the store stay out, unless `readmit`. LabelFileError where more than one
        row in a hundred would be refused (of a short file more than ten, or one in ten), unless
        `allow_rejects`, and then nothing is indexed.
        """
        from cxr_duck.index.indexing import index_labels
        from cxr_duck.sources.padchest import PADCHEST

        if self.labels_csv is None:
            raise CxrError("create_index needs a label file: ExperimentData(labels_csv=…)")
        return index_labels(
            self.store, PADCHEST, self.labels_csv, self.images_dir, self._progress,
            pure_terms=pure_terms, replacing=replace, readmitting=readmit, allowing=allow_rejects,
        )  # fmt: skip

    def remove(self, where: str, *, dry_run: bool = False) -> "Removal":
        """Remove the images that meet a SQL condition on the columns of `images`, for good.

        They go from every view and data file, and stay out when their label file is indexed again.
        Returns how many images, patients and refused rows went, and how many of the images each
        dataset holds. A `dry_run` removes nothing. Raises QueryError, StoreError.
        """
        from cxr_duck.index.removal import remove_images

        return remove_images(self.store, where, self._progress, dry_run=dry_run)

    def compact(self) -> dict[str, tuple[int, int]]:
        """Merge the small files that a store gets by growing.

        Returns the number of files before and after, by relation. Raises StoreError.
        """
        from cxr_duck.store.compaction import compact

        return compact(self.store, self._progress)

    def check_store(self) -> "list[Check]":
        """Test every invariant of the store; a check whose `rows` are empty holds.

        Raises StoreError where there is no store.
        """
        from cxr_duck.store.invariants import check_invariants

        return check_invariants(self.store, self._progress)

    def upgrade(self, *, dry_run: bool = False) -> "Upgrade":
        """Bring the store to the format of this version, as its next change would.

        No dataset and no Parquet file changes; versions before that format can't open the store
        afterwards. A `dry_run` tells what would change. Raises StoreError.
        """
        from cxr_duck.store.upgrade import upgrade

        return upgrade(self.store, dry_run=dry_run)

    def repair(self, *, dry_run: bool = False) -> "Repair":
        """Make a `cxr.duckdb` again that is lost or broken, from the Parquet files of the store.

        Nothing is deleted: what belongs to no state of the store is set aside. A `dry_run` tells
        what would come of it. Raises StoreError where there is nothing to make it from.
        """
        from cxr_duck.store.repair import repair

        return repair(self.store, self._progress, dry_run=dry_run)

    def check_integrity(self, *, quick: bool = False, full: bool = False) -> "Integrity":
        """Test every image file to its last byte; what is damaged leaves the datasets made after.

        The files lie below `images_dir`, or else below the folder that was given when they were
        indexed. Those that were tested before and have not changed since are not tested again,
        unless `full`. `quick` reads no pixel: it finds missing, empty and cut files and wrong
        checksums, and not pixels that can't be decompressed behind right ones. A run that was
        killed goes on where it was. Raises ImagesError, StoreError. (Paper, check_integrity.)
        """
        from cxr_duck.images.surveys.check import check_images

        folder = self.store.known_images_folder(self.images_dir)
        return check_images(self.store, folder, self._progress, quick=quick, full=full)

    def find_twins(self, *, full: bool = False) -> "Twins":
        """Find images with the same file, the same pixels or the same looks, across all patients.

        Every image file is read once, and again where it changed since, or with `full`. A run that
        was killed goes on where it was. What is found is the relation `twins` of the store, which
        `create_dataset` and `audit` go by. Needs ImageHash, the extra `twins`. Raises ImagesError,
        StoreError.
        """
        from cxr_duck.images.surveys.twins import find_twins

        folder = self.store.known_images_folder(self.images_dir)
        return find_twins(self.store, folder, self._progress, full=full)

    def twins_in(self, dataset: str) -> "pyarrow.Table":
        """Return a row for each image of a recorded dataset that has a twin in another split of it.

        The columns are twin_group, image_id, patient_id and split. `find_twins` comes first.
        """
        from cxr_duck.images.surveys.twins import twins_in_splits

        return twins_in_splits(self.store, dataset)

    @property
    def index(self) -> "InvertedIndex":
        """The inverted index: finding -> its images with their localizations."""
        from cxr_duck.index.inverted_index import InvertedIndex

        return InvertedIndex(self.store)

    def findings(self, *, damaged: bool = False) -> "pyarrow.Table":
        """Return one row per finding of the index, the most frequent first.

        Columns: finding, images, patients, studies, physician_share, the share of its images that
        were labelled by hand, and kind, `diagnosis` for PadChest's differential diagnoses, else
        `finding`. `damaged` as in `find`.
        """
        return self.store.duckdb().arrow("finding_counts", damaged=damaged)

    def pairs(
        self, term: str, *, under: bool = False, hierarchy: _Path = DEFAULT_HIERARCHY,
        unit: str = "study", damaged: bool = False
    ) -> "Pairs":  # fmt: skip
        """Return the findings that stand beside a finding, the strongest association first.

        With `under`, beside any finding at or below a term of the hierarchy; those are no partners.
        `unit` is image, study or patient: see `cxr_duck.index.pairs`. `damaged` as in `find`.
        Raises UnknownTermError.
        """
        from cxr_duck.index.pairs import pairs_of_term

        return pairs_of_term(self.store, term, hierarchy if under else None, unit, damaged)

    def why(self, image_id: str, dataset: str | None = None) -> "ImageFacts":
        """Return all that is known of an image, and why it is or isn't in a recorded dataset.

        The beginning of an id is enough where no other image has it. Raises UnknownImageError,
        DatasetError.
        """
        from cxr_duck.datasets.why import image_facts

        return image_facts(self.store, image_id, dataset)

    def sql(self, query: str) -> "pyarrow.Table":
        """Return the rows of one read-only query; it sees the store and no other file."""
        return self.sql_rows(query).arrow()

    def sql_rows(self, query: str) -> "Rows":
        """Return the rows of `sql` to be taken as a table or, where they are many, one by one."""
        from cxr_duck.query.rows import rows_of_sql

        return rows_of_sql(self.store, query)

    def find(
        self, query: str, *, hierarchy: _Path = DEFAULT_HIERARCHY, damaged: bool = False
    ) -> "pyarrow.Table":
        """Return the images that a query holds for, one row each, in the order of their ids.

        A query is made of findings (`nodule`), of terms with all that is below them in the
        hierarchy (`under(infiltrates)`), of places of a finding (`pleural effusion @ right`), of
        CUIs (`C0034079`) and of fields of `images` (`age >= 18`, `projection IN (PA, AP)`,
        `frontal`, `findings = 1`), joined by NOT, AND, OR and brackets. A comparison holds only
        where the field is known, and NOT means all other images: one of unknown age is in
        `NOT age >= 18` and not in `age < 18`. Images whose file was tested and found damaged are
        left out (paper, check_integrity), unless `damaged` asks for them too.

        The columns are image_id, patient_id, study_id and localizations (list of string, those of
        the finding's posting) where the query is one finding, in any places; else image_id,
        patient_id, study_id, projection and findings (list of string). Raises QueryError for what
        isn't the language, UnknownTermError for a name that the store lacks.
        """
        return self.find_rows(query, hierarchy=hierarchy, damaged=damaged).arrow()

    def find_rows(
        self, query: str, *, hierarchy: _Path = DEFAULT_HIERARCHY, form: "Form" = "rows",
        damaged: bool = False
    ) -> "Rows":  # fmt: skip
        """Return the `rows` of `find`, to be taken as a table or, where they are many, one by one.

        Or those of its `count`, which is one row, or of its `ids`.
        """
        return self._ask(query, hierarchy, damaged).rows_of(form)

    def count(
        self, query: str, *, hierarchy: _Path = DEFAULT_HIERARCHY, damaged: bool = False
    ) -> int:
        """Return the number of images that a query holds for; see `find`."""
        from cxr_duck.query.finding_count import count_of_finding

        found = count_of_finding(self.store.engine(), query, hierarchy, damaged)
        return found or self._ask(query, hierarchy, damaged).images()

    def ids(
        self, query: str, *, hierarchy: _Path = DEFAULT_HIERARCHY, limit: int | None = None,
        damaged: bool = False
    ) -> Iterator[str]:  # fmt: skip
        """Return the ids of the images that a query holds for, in their order; see `find`."""
        _, rows = self._ask(query, hierarchy, damaged).rows_of("ids", limit).stream()
        return (image_id for (image_id,) in rows)

    def explain(
        self, query: str, *, hierarchy: _Path = DEFAULT_HIERARCHY, form: "Form" = "rows",
        limit: int | None = None, damaged: bool = False
    ) -> str:  # fmt: skip
        """Return the SQL of a query for a shell: of its `rows`, its `count` or its `ids`."""
        return self._ask(query, hierarchy, damaged).script(form, limit)

    def _ask(self, query: str, hierarchy: _Path, damaged: bool) -> "Question":
        from cxr_duck.query.find import ask

        return ask(self.store.engine(), query, hierarchy, damaged)

    def image(self, image_id: str) -> "CXRImage":
        """Return an image: its file, its findings with their localizations, its pixels.

        The beginning of an id is enough where no other image has it. Raises UnknownImageError.
        """
        from cxr_duck.query.images import image_of

        return image_of(self.store, image_id, self._images_folder())

    def images(
        self, query: str | None = None, *, hierarchy: _Path = DEFAULT_HIERARCHY,
        damaged: bool = False
    ) -> "CXRImages":  # fmt: skip
        """Return the images that a finding or query of `find` holds for, or all, by their ids.

        It is a sequence whose images are made when they are asked for. Raises as `find` does.
        """
        from cxr_duck.query.images import images_of

        return images_of(self.store, query, hierarchy, self._images_folder(), damaged)

    def draw_terms(
        self, term: str | None = None, hierarchy: _Path = DEFAULT_HIERARCHY, *,
        damaged: bool = False
    ) -> list[str]:  # fmt: skip
        """Return the lines of a drawn hierarchy, each term with its number of distinct images.

        `damaged` as in `find`.
        """
        from cxr_duck.terms.drawn import drawn_terms

        return drawn_terms(self.store.duckdb(), term, hierarchy, self._progress, damaged)

    def create_dataset(
        self,
        term_list: Sequence[str] = (),
        *,
        classes: Mapping[str, str] | None = None,
        exclude: Sequence[str] = (),
        pure: bool = False,
        where: str | None = None,
        within: str | None = None,
        hierarchy: _Path = DEFAULT_HIERARCHY,
        seed: int = 1,
        overlap: str = "drop",
        balance: str | Mapping[str, int] = "equal",
        findings: str = "proportional",
        unit: str = "image",
        per_patient: int | None = None,
        shares: Mapping[str, float] | None = None,
        by_date: Sequence[str | date] = (),
        folds: int | None = None,
        keep_apart: str | None = None,
        test: str | None = None,
        physician_test: bool = False,
        twins: str = "ignore",
        stratify: Sequence[str] = (),
        match: Sequence[str] = (),
        size: int | Mapping[str, int] | None = None,
        name: str | None = None,
        experiment: str = "default",
        store_it: bool = True,
    ) -> "Dataset":
        """Make a dataset with one class a term, balanced, split, no patient in two splits.

        Each term stands for the findings at or below it in the hierarchy (`padchest`, `paper`, one
        used before, or the path of a CSV file). `classes` maps the names of further classes to
        queries (see `find`); their images are spread by the findings that the query names outside
        NOT. Images with an excluded term or that an excluded query holds for, and those that don't
        meet `where`, are left out. `within` takes only images of a recorded dataset, or of one of
        its splits (`full:train`). `pure` takes only images with exactly one finding.

        `overlap`: an image of several classes is dropped (`drop`), given to the first of them
        (`first`), or stays in all of them (`keep`). `balance`: classes are `equal`, as large as
        they are (`none`), or in a ratio: `2:1`, or a whole number a class. `findings`: a class that
        is cut down keeps the shares of its findings (`proportional`), or they become `equal`.
        `unit`: what is counted, and stays as a whole: image, study or patient. `per_patient`: the
        most images of a patient and class; of a study or patient with more, others are left out.

        `shares` are numbers, one a split (train 70, valid 20, test 10 unless given). `by_date`
        parts the splits by the dates of studies instead, one date fewer than there are splits, each
        the first day of the next one; a patient belongs to the split of most of the images, the
        later one at a tie, and the others are left out. `folds` makes so many equal splits, of all
        or, beside `shares`, of the first split. `keep_apart` names a dataset: patients of its test
        come to the test alone, the others never. The test is the last split, the one that `test`
        names, or `none`, as with `folds`, which leaves those patients out. `physician_test`:
        patients with an image that was not labelled by hand come to the first split alone. `twins`:
        patients with twin images (see `find_twins`) come to one split `together`, or `one` is kept.

        Which patients come to which split is a fair draw: over seeds each comes to a split with
        that split's share, whatever he brings. `stratify` has columns of `images` in which splits
        are near too: numbers in steps (`age:10`), dates by year (`year` is that of the study).
        `match` has columns in whose combinations the classes have the same number of images, in
        every split; what finds no partner is left out. `size` is the most units of a class, of all
        splits together or by split (`{'train': 500}`); for the same recipe and seed a smaller size
        lies within a larger one.

        Unless `store_it` is false the dataset is recorded. Raises UnknownTermError, DatasetError,
        or RecipeError with the counts where the recipe can't be met.
        """
        from cxr_duck.datasets.creating import create_dataset
        from cxr_duck.datasets.recipes.request import Request

        request = Request(
            terms=term_list, classes={} if classes is None else classes, exclude=exclude, pure=pure,
            where=where, within=within, hierarchy=str(hierarchy), seed=seed, overlap=overlap,
            balance=balance, findings=findings, unit=unit, per_patient=per_patient, shares=shares,
            by_date=by_date, folds=folds, keep_apart=keep_apart, test=test,
            physician_test=physician_test, twins=twins, stratify=stratify, match=match, size=size,
        )  # fmt: skip
        made = create_dataset(self.store, request, name, experiment, store_it, self._progress)
        return self._handed_out(made)

    def create_from_recipe(
        self, recipe_file: _Path, *, name: str | None = None, experiment: str | None = None,
        store_it: bool = True
    ) -> "Dataset":  # fmt: skip
        """Make a dataset as a TOML file asks for it; its keys are the options of `create_dataset`.

        `name` and `experiment` go before those of the file. Raises as `create_dataset` does.
        """
        from cxr_duck.datasets.creating import create_from_file

        made = create_from_file(self.store, recipe_file, name, experiment, store_it, self._progress)
        return self._handed_out(made)

    def store_in_dataset(self, dataset: "Dataset", *, experiment: str = "default") -> "Dataset":
        """Record a dataset: its recipe, members and digest (paper, store_in_dataset).

        Returns it as it was recorded, with a name. `create_dataset` does this unless told not to;
        to record the same dataset again changes nothing.
        """
        from cxr_duck.datasets.creating import record_dataset

        return self._handed_out(record_dataset(self.store, dataset, experiment, self._progress))

    def datasets(self) -> list[dict[str, Any]]:
        """Return what is recorded of each dataset, oldest first."""
        return list(self.store.duckdb().arrow("datasets").to_pylist())

    def dataset(self, name: str) -> "Dataset":
        """Return a recorded dataset."""
        from cxr_duck.datasets.record.record import read_dataset

        return self._handed_out(read_dataset(self.store, name))

    def recipe_file(self, name: str) -> str:
        """Return the TOML file that asks for a recorded dataset again; see `create_from_recipe`."""
        from cxr_duck.datasets.record.record import recipe_file_of

        return recipe_file_of(self.store, name)

    def reproduce(self, name: str) -> "Reproduction":
        """Make a recorded dataset again and compare it with its record.

        Where the store's images of its recipe have changed since, it is rebuilt from its recorded
        members instead, and `made` is None.
        """
        from cxr_duck.datasets.record.reproduction import reproduce

        return reproduce(self.store, name, self._progress)

    def diff(self, first: str, second: str) -> "Comparison":
        """Compare two recorded datasets: recipes, members, patients, compositions."""
        from cxr_duck.datasets.record.comparison import compare

        return compare(self.store, first, second)

    def rename(self, name: str, new_name: str) -> None:
        """Give a recorded dataset another name; DatasetError where that is taken."""
        from cxr_duck.datasets.record.rename_delete import rename

        rename(self.store, name, new_name)

    def delete(self, name: str) -> int:
        """Delete the record of a dataset; return the number of images that it held."""
        from cxr_duck.datasets.record.rename_delete import delete

        return delete(self.store, name)

    def bundle(self, name: str, file: _Path) -> "tuple[Dataset, int]":
        """Write a recorded dataset to a new file, without its data; return it, and the bytes.

        The file has the recipe, the ids by split and the digest. Raises BundleError.
        """
        from cxr_duck.datasets.record.bundle import bundle_dataset

        return bundle_dataset(self.store, name, Path(file), self._progress)

    def unbundle(
        self, file: _Path, *, name: str | None = None, experiment: str = "default"
    ) -> "Dataset":
        """Record the dataset of a bundle, with this store's labels; BundleError tells what lacks.

        One that is recorded already is left as it is.
        """
        from cxr_duck.datasets.record.bundle import unbundle_dataset

        made = unbundle_dataset(self.store, Path(file), name, experiment, self._progress)
        return self._handed_out(made)

    def export(
        self,
        name: str,
        folder: _Path,
        *,
        how: str = "symlink",
        form: str = "folders",
        shard_size: str | int | None = None,
        dry_run: bool = False,
        size: int | None = None,
        bits: int | None = None,
        format: str | None = None,
        quality: int = 90,
        window: str = "full",
        invert_monochrome1: bool = False,
        augment: int = 0,
        flip: bool = False,
        fit: str | None = None,
        columns: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Write a recorded dataset to a new folder; return its form, images, files and bytes.

        As `folders` that is `<split>/<class>/<image>` and manifests. Files are linked or copied as
        `how` says (symlink, hardlink, copy), or written anew with the options of
        `cxr_duck.export.rendering.Rendering`: size, fit, bits, format, … As `webdataset` it is
        tar files, as `huggingface` Parquet files for `datasets.load_dataset`, of `shard_size` bytes
        at most (1GB); as `parquet` or `csv` a manifest alone. Each has a card, README.md, and
        croissant.json. With `overlap` keep an image is one example of all its classes, but for
        folders. `columns` of `images`, such as report and age, come to each example. The images lie
        below `images_dir`, or else below the folder that was given when they were indexed; without
        either only manifests are written, and anything else is refused. A `dry_run` writes nothing.
        Images that can't be read are left out: the card and unread.csv name them, and what is
        returned has them as `unread`. Raises ExportError; the folder then does not appear.
        """
        from cxr_duck.export.options import ExportOptions, size_in_bytes
        from cxr_duck.export.rendering import Rendering
        from cxr_duck.export.run import export_dataset

        new = Rendering(size, bits, format, window, invert_monochrome1, quality, augment, flip, fit)
        options = ExportOptions(form, how, new, size_in_bytes(shard_size), tuple(columns))
        place = (Path(folder), self._images_folder(), options, self._progress)
        return export_dataset(self.store, name, *place, dry_run=dry_run)

    def audit(
        self,
        name_or_path: _Path,
        *,
        classes: Mapping[str, str] | None = None,
        hierarchy: _Path = DEFAULT_HIERARCHY,
        shares: Sequence[int] = (),
        balanced: bool = False,
        files: bool = True,
        checks: Sequence[str] = (),
    ) -> "Audit":
        """Return what is wrong with a recorded dataset, or with the split of a CSV file.

        `cxr_duck.audit.run.AuditRequest` tells what may be asked. Raises AuditError,
        LabelFileError, DatasetError.
        """
        from cxr_duck.audit.run import AuditRequest, audit_split

        asked = (str(name_or_path), classes or {}, str(hierarchy), shares, balanced, files, checks)
        return audit_split(self.store, AuditRequest(*asked), self._images_folder(), self._progress)

    def matrix(
        self, name: str, columns: str = "findings", form: str = "arrow"
    ) -> "pyarrow.Table | polars.DataFrame":
        """Return a recorded dataset, a row an image: `cxr_duck.datasets.matrix` tells its columns.

        `form` is arrow or polars.
        """
        from cxr_duck.datasets.matrix import make_matrix

        return make_matrix(self.store, name, columns, form, self._images_folder(), self._progress)

    def _handed_out(self, dataset: "Dataset") -> "Dataset":
        """Return a dataset that knows where its images are."""
        from cxr_duck.datasets.torch_split import handed_out

        return handed_out(dataset, self.store, self._images_folder())

    def _images_folder(self) -> Path | None:
        """Return the folder that was given, or else the one that the images were indexed with."""
        return self.store.images_folder(self.images_dir)
