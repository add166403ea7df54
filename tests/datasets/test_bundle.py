"""Bundles: a dataset goes to another holder of the label file, without any of its data."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import Dataset, ExperimentData, Recipe
from cxr_duck.cli.dataset_tables import print_dataset
from cxr_duck.datasets.record.bundle import _on_its_own
from cxr_duck.datasets.record.bundle_file import read_bundle
from cxr_duck.errors import BundleError, CxrError, DatasetError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.query.foreign_sql import harm_in
from cxr_duck.store.invariants import check_invariants
from tests.conftest import Run, examples
from tests.support.label_rows import repository, write_labels

PAPER: dict[str, Any] = {"pure": True, "hierarchy": "paper", "where": "frontal"}
TERMS = ["normal", "not-normal"]
ROWS = repository(60, [["nodule"], ["normal"], ["mass", "nodule"], ["normal"]], images_each=2)


def opened(folder: Path, rows: list[dict[str, str]], images: Path | None = None) -> ExperimentData:
    """Index label rows into a store of their own."""
    folder.mkdir()
    labels = write_labels(folder / "labels.csv", rows)
    data = ExperimentData(images, labels, store=folder / "store")
    data.create_index()
    return data


def made(folder: Path, rows: list[dict[str, str]] = ROWS, **options: Any) -> tuple[Path, Dataset]:
    """Return the bundle of a dataset of label rows, and the dataset."""
    data = opened(folder, rows)
    dataset = data.create_dataset(["nodule", "normal"], name="pair", **options)
    data.bundle("pair", folder / "pair.cxr")
    return folder / "pair.cxr", dataset


def document_of(path: Path) -> dict[str, Any]:
    """Return what a bundle says."""
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return document


def written(path: Path, document: Any) -> Path:
    """Write a document as a bundle."""
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path


@pytest.fixture(scope="module")
def bundled(
    demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ExperimentData, dict[str, Dataset]]:
    """A folder of bundles of several kinds of recipe, the store they come from, the datasets."""
    folder = tmp_path_factory.mktemp("bundled")
    data = ExperimentData(demo / "images", demo / "labels.csv", store=folder / "store")
    data.create_index()
    organs = folder / "organs.csv"
    organs.write_text(
        "term,parent\nlung,\nnodule,lung\npneumonia,lung\nheart,\ncardiomegaly,heart\n"
    )
    recipes: dict[str, Callable[[str], Dataset]] = {
        "paper": lambda name: data.create_dataset(TERMS, name=name, **PAPER),
        "organs": lambda name: data.create_dataset(
            ["lung", "heart"], hierarchy=organs, exclude=["pacemaker"], seed=7, name=name
        ),
        "queries": lambda name: data.create_dataset(
            [],
            classes={
                "old": "nodule AND age >= 50",
                "side": "scoliosis @ right OR scoliosis OR mass",
            },
            exclude=["cardiomegaly AND NOT frontal"],
            where="image_id NOT IN (SELECT image_id FROM images_of('normal')) OR age >\n10",
            name=name,
        ),
    }
    datasets = {}
    for name, create in recipes.items():
        datasets[name] = create(name)
        data.bundle(name, folder / f"{name}.cxr")
    return folder, data, datasets


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["paper", "organs", "queries"])
def test_the_same_dataset_elsewhere(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]],
    demo: Path, tmp_path: Path, name: str,
) -> None:  # fmt: skip
    """Another holder of the label file, in whatever order, gets the same members and digest."""
    folder, _, datasets = bundled
    with (demo / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(5).shuffle(rows)
    labels = write_labels(tmp_path / "labels.csv", rows, list(rows[0]))
    other = ExperimentData(demo / "images", labels, store=tmp_path / "store")
    other.create_index()
    dataset = other.unbundle(folder / f"{name}.cxr", experiment="shared")
    assert dataset.digest == datasets[name].digest
    assert dataset.members.equals(datasets[name].members)
    assert dataset.recipe == datasets[name].recipe
    assert dataset.composition == datasets[name].composition
    assert other.dataset(name).members.equals(datasets[name].members)
    assert other.datasets()[0]["experiment"] == "shared"
    found = other.reproduce(name)
    assert found.sound
    assert (found.made, found.dataset.removed) == (None, 0)
    assert [check for check in check_invariants(other.store) if check.rows] == []


@pytest.mark.parametrize("name", ["paper", "organs", "queries"])
def test_same_record_same_bytes(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]], tmp_path: Path, name: str
) -> None:
    """A bundle written again, under whatever file name, has the same bytes."""
    folder, data, _ = bundled
    data.bundle(name, tmp_path / "again.gz")
    assert (tmp_path / "again.gz").read_bytes() == (folder / f"{name}.cxr").read_bytes()


def test_no_data_in_a_bundle(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]],
) -> None:
    """Beside the recipe and the digest there are ids by split: no label, patient or report."""
    folder, data, datasets = bundled
    document = document_of(folder / "paper.cxr")
    assert list(document) == [
        "format", "version", "name", "digest", "package_version", "source", "label_file",
        "label_file_sha256", "images", "members", "recipe", "splits",
    ]  # fmt: skip
    by_split: dict[str, set[str]] = {}
    for row in datasets["paper"].members.to_pylist():
        by_split.setdefault(row["split"], set()).add(row["image_id"])
    assert document["splits"] == {split: sorted(ids) for split, ids in by_split.items()}
    document["splits"] = None
    document["recipe"]["classes"] = None
    text = json.dumps(document)
    private = data.sql("SELECT DISTINCT patient_id, study_id, report FROM images").to_pylist()
    words = {word for row in private for word in row.values() if word}
    assert len(words) > 600
    assert not [word for word in words if word in text]


def test_command_line(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]], tmp_path: Path, cxr: Run
) -> None:
    """`bundle` prints size and digest; `unbundle` the dataset, and that it was there already."""
    _, data, datasets = bundled
    digest = datasets["paper"].digest
    ran = cxr("bundle", "paper", tmp_path / "a.cxr", "--store", data.store.path)
    size = (tmp_path / "a.cxr").stat().st_size
    assert ran == (
        f"paper: 256 images in {tmp_path / 'a.cxr'}, {size:,} bytes\ndigest {digest}\n", "", 0
    )  # fmt: skip
    assert size < 4_000
    ran = cxr("bundle", "paper", tmp_path / "a.cxr", "--store", data.store.path)
    assert ran == ("", f"Error: {tmp_path / 'a.cxr'} is there already: give a new file\n", 1)
    ran = cxr("unbundle", tmp_path / "a.cxr", "--store", data.store.path)
    told = "the store has paper already, with the same digest\n"
    assert ran == (f"paper: 256 images\ndigest {digest}\n", told, 0)
    ran = cxr("unbundle", tmp_path / "a.cxr", "--name", "organs", "--store", data.store.path)
    assert ran.code == 1
    assert "the store has another dataset 'organs' already: choose another name" in ran.err
    assert len(data.datasets()) == 3
    for target in (tmp_path / "no" / "a.cxr", tmp_path):
        ran = cxr("bundle", "paper", target, "--store", data.store.path)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"Error: {target} ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cxr"]


@pytest.mark.full
def test_images_that_lack_are_told(tmp_path: Path, cxr: Run) -> None:
    """Each image that the other store lacks is told with the reason, all others are not."""
    path, dataset = made(tmp_path / "here")
    members = dataset.members.to_pylist()
    of_class = {
        term: sorted({row["image_id"] for row in members if row["class"] == term})
        for term in ("nodule", "normal")
    }
    gone, refused, removed = of_class["nodule"][:3]
    unseen, relabelled, turned = of_class["normal"][:3]
    rows = []
    for row in ROWS:
        if row["ImageID"] == gone:
            continue
        changes = {
            refused: {"PatientID": ""}, relabelled: {"Labels": "['scoliosis']"},
            turned: {"Projection": "L"},
        }.get(row["ImageID"], {})  # fmt: skip
        rows.append({**row, **changes})
    images = tmp_path / "images"
    images.mkdir()
    for row in rows:
        if row["ImageID"] != unseen:
            (images / row["ImageID"]).touch()
    there = opened(tmp_path / "there", rows, images)
    remove_images(there.store, f"image_id = '{removed}'", SILENT)
    state = there.store.catalog.read_bytes()
    with pytest.raises(BundleError) as raised:
        there.unbundle(path)
    assert raised.value.images is not None
    assert {row["image_id"]: row["reason"] for row in raised.value.images.to_pylist()} == {
        gone: "not indexed", refused: "rejected", removed: "removed", unseen: "no file",
        relabelled: "not chosen",
    }  # fmt: skip
    splits = {row["image_id"]: row["split"] for row in members}
    for row in raised.value.images.to_pylist():
        assert row["split"] == splits[row["image_id"]]
    assert str(raised.value) == (
        f"pair can't be had from this store, which lacks 5 of its {dataset.images()} images (1 not "
        "indexed, 1 removed from it, 1 refused when it was indexed, 1 without their image file, 1 "
        "indexed, but not chosen by the recipe); the store that it comes from indexed labels.csv "
        "last (SHA-256 "
        f"{dataset.label_file_sha256[:12]}…), which this store has not indexed"
    )
    ran = cxr("unbundle", path, "--format", "csv", "--store", there.store.path)
    assert ran.code == 1
    assert list(csv.DictReader(io.StringIO(ran.out))) == raised.value.images.to_pylist()
    assert ran.err == f"Error: {raised.value}\n"
    ran = cxr("unbundle", path, "--limit", "2", "--store", there.store.path)
    assert len(ran.out.splitlines()) == 3
    assert there.store.catalog.read_bytes() == state


@pytest.mark.full
def test_a_class_that_lacks_altogether(tmp_path: Path) -> None:
    """Where no image of a class is there the images are told, not the recipe."""
    path, dataset = made(tmp_path / "here")
    there = opened(tmp_path / "there", [row for row in ROWS if "nodule" not in row["Labels"]])
    with pytest.raises(BundleError, match="not indexed") as raised:
        there.unbundle(path)
    assert raised.value.images is not None
    assert raised.value.images["image_id"].to_pylist() == sorted(
        row["image_id"] for row in dataset.members.to_pylist() if row["class"] == "nodule"
    )


@pytest.mark.full
def test_other_findings_within_a_class(tmp_path: Path) -> None:
    """All images there, but one for another finding of its class: the digest tells."""
    rows = repository(60, [["granuloma"], ["normal"], ["nodule"], ["normal"]])
    options: dict[str, Any] = {"hierarchy": "paper", "name": "pair"}
    here = opened(tmp_path / "here", rows)
    here.create_dataset(["nodular", "normal"], **options)
    here.bundle("pair", tmp_path / "pair.cxr")
    image = next(
        row["image_id"]
        for row in here.dataset("pair").members.to_pylist()
        if row["finding"] == "nodule"
    )
    changed = [
        {**row, "Labels": "['granuloma', 'nodule']"} if row["ImageID"] == image else row
        for row in rows
    ]
    there = opened(tmp_path / "there", changed)
    with pytest.raises(BundleError, match=r"other findings for some \(61 of them in place of 60\)"):
        there.unbundle(tmp_path / "pair.cxr")
    assert there.datasets() == []


@pytest.mark.full
def test_patients_in_two_splits(tmp_path: Path) -> None:
    """A bundle whose splits share a patient here is not taken, whatever its digest."""
    path, dataset = made(tmp_path / "here")
    splits = {row["image_id"]: row["split"] for row in dataset.members.to_pylist()}
    pair = [next(image for image, s in sorted(splits.items()) if s == name) for name in
            ("test", "train")]  # fmt: skip
    rows = [{**row, "PatientID": "one"} if row["ImageID"] in pair else row for row in ROWS]
    there = opened(tmp_path / "there", rows)
    with pytest.raises(BundleError, match="1 patients would have images in two of its splits"):
        there.unbundle(path)
    assert there.datasets() == []


@pytest.mark.full
def test_removed_images_are_not_passed_on(tmp_path: Path, cxr: Run) -> None:
    """The ids of images that were removed from the store don't leave it in a bundle."""
    path, dataset = made(tmp_path / "here")
    data = ExperimentData(store=tmp_path / "here" / "store")
    image = dataset.members["image_id"][0].as_py()
    remove_images(data.store, f"image_id = '{image}'", SILENT)
    ran = cxr("bundle", "pair", tmp_path / "new.cxr", "--store", data.store.path)
    assert ran.code == 1
    assert ran.err.startswith("Error: 1 images of pair were removed from the store")
    assert not (tmp_path / "new.cxr").exists()
    ran = cxr("unbundle", path, "--name", "anew", "--store", data.store.path)
    assert (ran.code, "1 removed from it" in ran.err) == (1, True)


@pytest.mark.full
def test_store_that_changed_since(tmp_path: Path, cxr: Run) -> None:
    """Who bundles what the own labels no longer give is told so; others can still unbundle it."""
    made(tmp_path / "here")
    data = ExperimentData(store=tmp_path / "here" / "store")
    changed = [{**row, "Labels": row["Labels"].replace("nodule", "mass")} for row in ROWS]
    labels = write_labels(tmp_path / "changed.csv", changed)
    ExperimentData(labels_csv=labels, store=data.store.path).create_index(replace=True)
    ran = cxr("bundle", "pair", tmp_path / "new.cxr", "--store", data.store.path)
    assert ran.code == 0
    assert ran.err.startswith(
        "this store could not unbundle it itself: since it was made, changed.csv was indexed"
    )
    there = opened(tmp_path / "there", ROWS)
    assert there.unbundle(tmp_path / "new.cxr").digest == data.dataset("pair").digest


HARMFUL = [
    "(SELECT count(*) FROM read_text('/etc/hostname')) > 0",
    "EXISTS (FROM glob('/*'))",
    "EXISTS (FROM query('SELECT 1'))",
    "EXISTS (FROM enable_logging('QueryLog', storage:='file', storage_path:='log'))",
    "EXISTS (FROM truncate_duckdb_logs())",
    "EXISTS (FROM arrow_scan(1, 2, 3))",
    "EXISTS (FROM (SELECT 1) AS x, LATERAL (FROM read_csv('/etc/passwd')))",
    "EXISTS (WITH x AS (FROM sniff_csv('/etc/passwd')) FROM x)",
    "EXISTS (FROM range(1000000000000))",
    "EXISTS (FROM (DESCRIBE images))",
    "EXISTS (PIVOT images ON sex USING count(*))",
    "TRUE; DROP TABLE terms",
    "TRUE); SELECT (1",
    "not SQL at all",
]
HARMLESS = [
    "frontal",
    "age >= 18 AND label_method = 'Physician'",
    "list_contains(localizations, 'loc right')",
    "CAST(age AS DECIMAL(5, 2)) > 3.5 AND projection IN ('PA', 'AP')",
    "image_id IN (SELECT image_id FROM postings WHERE finding = 'nodule')",
    "image_id IN (SELECT image_id FROM images_of('nodule') ORDER BY image_id DESC LIMIT 5)",
    "age > (WITH ages AS (SELECT avg(age) AS a FROM images) SELECT a FROM ages)",
    "EXISTS (SELECT 1 FROM unnest(findings) AS f (x) WHERE x = 'read_text(')",
]


@pytest.mark.parametrize("condition", HARMFUL)
def test_foreign_condition_that_reaches_out(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]], tmp_path: Path, condition: str
) -> None:
    """A condition in a bundle that does more than read the store is not evaluated at all."""
    folder, data, _ = bundled
    document = document_of(folder / "paper.cxr")
    document["recipe"]["where"] = condition
    document["name"] = "foreign"
    with pytest.raises(BundleError, match="it may read the relations and macros of the store"):
        data.unbundle(written(tmp_path / "foreign.cxr", document))


def test_own_condition_that_reaches_out(own_demo: ExperimentData, tmp_path: Path) -> None:
    """A condition that nobody else would evaluate is told where the bundle is written."""
    own_demo.create_dataset(["normal"], where="age IN (FROM range(200))", name="ages")
    with pytest.raises(BundleError, match=r"calls range\(\) in FROM: in a bundle it may read"):
        own_demo.bundle("ages", tmp_path / "ages.cxr")
    assert not (tmp_path / "ages.cxr").exists()


def test_recipe_that_looks_at_other_images() -> None:
    """What chose a bundle's images by others of their patients is not asked again elsewhere."""
    plain = Recipe({"nodule": ["nodule"]}, overlap="first", unit="study")
    chosen = replace(
        plain,
        keep_apart={"name": "test set", "digest": "0"},
        per_patient=1,
        by_date=["2014-01-01"],
        physician_test=True,
    )
    assert _on_its_own(chosen) == _on_its_own(plain) == plain


@pytest.mark.parametrize("condition", HARMLESS)
def test_foreign_condition_that_reads(demo_data: ExperimentData, condition: str) -> None:
    """Conditions on the store's own relations are let pass, its macros too."""
    engine = demo_data.store.duckdb()
    assert harm_in(engine, condition) is None
    assert engine.fetch(f"SELECT count(*) FROM images WHERE {condition}")


Change = Callable[[dict[str, Any]], object]
DAMAGED: list[tuple[Change, str]] = [
    (lambda d: d.update(format="zip"), "it is another kind of file"),
    (
        lambda d: d.update(version=2),
        r"its format is of version 2, and cxr-duck \S+ reads version 1",
    ),
    (lambda d: d.pop("digest"), "it lacks digest"),
    (lambda d: d.update(digest="x"), "'x' is no SHA-256"),
    (lambda d: d.update(digest=7), "it has something else for digest than should be there"),
    (lambda d: d.update(images=True), "something else for images"),
    (lambda d: d.update(name=" "), "' ' is no name"),
    (lambda d: d.update(name="a\nb"), "is no name"),
    (lambda d: d.update(name="a\x1b[2J"), "holds characters that can't be printed"),
    (lambda d: d.update(name="a\u202eb"), "holds characters that can't be printed"),
    (lambda d: d.update(splits={}), "it has 0 different images and says"),
    (lambda d: d.update(splits=[]), "something else for splits"),
    (lambda d: d["splits"].update(train="a"), "something else for splits"),
    (lambda d: d["splits"].update(train=[1]), "something else for splits"),
    (lambda d: d["splits"]["train"].append(d["splits"]["test"][0]), "different images and says"),
    (lambda d: d["splits"]["train"].append("\ud800"), "holds characters"),
    (lambda d: d["recipe"].pop("classes"), "its recipe lacks classes"),
    (lambda d: d["recipe"].update(sauce=1), r"has sauce, which \S+ doesn't know: install a newer"),
    (lambda d: d["recipe"].update(seed="1"), "its recipe has something else for seed"),
    (lambda d: d["recipe"].update(seed=2**64), "a number of it is too large"),
    (lambda d: d["recipe"].update(where=["x"]), "its recipe has something else for where"),
    (lambda d: d["recipe"].update(classes={"a": "b"}), "something else for classes"),
    (lambda d: d["recipe"].update(shares={"train": -1}), "each split needs a share above 0"),
    (lambda d: d["recipe"].update(shares={"../x": 1}), "the name of a split becomes a folder's"),
    (lambda d: d["recipe"].update(shares={"Train": 1, "train": 1}), "would share a folder"),
    (lambda d: d["recipe"].update(shares={"train": 1}), "its recipe has no split 'test'"),
    (lambda d: d["recipe"].update(unit="foo"), "unit is image, study or patient, not 'foo'"),
    (lambda d: d["recipe"].update(balance="zzz"), "balance is equal, none, or a ratio"),
    (lambda d: d["recipe"].update(ratio={"q": 0}), "balance is equal, none, or a ratio"),
    (lambda d: d["recipe"].update(balance="ratio"), "balance is equal, none, or a ratio"),
    (lambda d: d["recipe"].update(keep_apart={}), "keep_apart has a name and a digest"),
    (lambda d: d["recipe"].update(by_date=["x"]), "by_date has dates such as"),
    (lambda d: d["recipe"].update(queries={"x": "y"}), "this is no recipe of a dataset"),
]


@pytest.mark.parametrize(("change", "told"), DAMAGED)
def test_document_that_is_no_bundle(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]],
    tmp_path: Path, cxr: Run, change: Change, told: str,
) -> None:  # fmt: skip
    """What is not as a bundle should be is told in one sentence, and nothing is recorded."""
    folder, data, _ = bundled
    document = document_of(folder / "paper.cxr")
    change(document)
    path = written(tmp_path / "x.cxr", document)
    with pytest.raises(BundleError, match=told) as raised:
        data.unbundle(path, name="x")
    assert str(raised.value).startswith(f"{path} can't be taken as a bundle: ")
    ran = cxr("unbundle", path, "--store", data.store.path)
    assert ran == ("", f"Error: {raised.value}\n", 1)


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is no bundle: 'cxr bundle NAME FILE' writes one"),
    "CSV": (b"a,b\n1,2\n", "is no bundle"),
    "no JSON": (gzip.compress(b"hello"), "can't be taken as a bundle: Expecting value"),
    "a list": (gzip.compress(b"[1]"), "it is another kind of file"),
    "NaN": (gzip.compress(b'{"format": NaN}'), "NaN is no number"),
    "no UTF-8": (gzip.compress(b'"\xff"'), "can't be taken as a bundle: 'utf-8' codec"),
    "deep": (gzip.compress(b"[" * 200_000), "can't be taken as a bundle"),
    "long number": (gzip.compress(b"1" * 10_000), "can't be taken as a bundle"),
    "a bomb": (gzip.compress(b" " * (65 << 20)), "it is larger than 64 MB"),
    "head alone": (b"\x1f\x8b", "is damaged"),
}


@pytest.mark.parametrize("kind", FILES)
def test_file_that_is_no_bundle(demo_data: ExperimentData, tmp_path: Path, kind: str) -> None:
    """Any other file is told in one sentence."""
    data, told = FILES[kind]
    path = tmp_path / "x.cxr"
    path.write_bytes(data)
    with pytest.raises(BundleError) as raised:
        demo_data.unbundle(path)
    assert told in str(raised.value)
    assert str(raised.value).startswith(str(path))


def test_file_that_is_not_there(demo_data: ExperimentData, tmp_path: Path) -> None:
    """A path without a file, and a folder, are told."""
    for path, reason in ((tmp_path / "no", "No such file or directory"), (tmp_path, "directory")):
        with pytest.raises(BundleError, match=reason):
            demo_data.unbundle(path)


@given(place=st.integers(min_value=0), flip=st.integers(1, 255), cut=st.booleans())
@examples(60)
def test_damaged_bytes(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]],
    tmp_path: Path, place: int, flip: int, cut: bool,
) -> None:  # fmt: skip
    """A bundle with a changed byte, or cut short, reads as what it was or not at all."""
    folder = bundled[0]
    data = bytearray((folder / "paper.cxr").read_bytes())
    place %= len(data)
    if cut:
        del data[place:]
    else:
        data[place] ^= flip
    path = tmp_path / "damaged.cxr"
    path.write_bytes(data)
    try:
        bundle = read_bundle(path)
    except BundleError as error:
        assert str(error).startswith(str(path))
    else:
        assert not cut
        assert bundle == read_bundle(folder / "paper.cxr")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.full
@given(data=st.data())
@examples(150)
def test_hostile_document(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]], tmp_path: Path, data: st.DataObject
) -> None:
    """Whatever stands in place of a part of a bundle, the answer is the dataset or one sentence."""
    folder, store, datasets = bundled
    document = document_of(folder / "queries.cxr")
    where: Any = document
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [part for part in (where.values() if isinstance(where, dict) else where)
                 if isinstance(part, dict | list) and part]  # fmt: skip
        if not inner:
            break
        where = data.draw(st.sampled_from(inner))
    key = data.draw(st.sampled_from(list(where) if isinstance(where, dict) else range(len(where))))
    if data.draw(st.booleans()):
        where[key] = data.draw(JSON)
    else:
        del where[key]
    before = store.datasets()
    try:
        taken = store.unbundle(written(tmp_path / "x.cxr", document), name="hostile")
    except CxrError as error:
        assert "\n" not in str(error).split("the condition")[0]
        assert store.datasets() == before
    else:
        assert taken.digest == datasets["queries"].digest
        print_dataset(taken, as_json=False, recipe=True)
        assert store.audit("hostile", files=False).checks
        assert store.delete("hostile") == taken.images()


def test_name_of_a_bundle(
    bundled: tuple[Path, ExperimentData, dict[str, Dataset]], tmp_path: Path
) -> None:
    """It is recorded under another name where one is given, and refused where that is taken."""
    folder, data, datasets = bundled
    dataset = data.unbundle(folder / "paper.cxr", name="theirs")
    assert (dataset.name, dataset.digest) == ("theirs", datasets["paper"].digest)
    assert data.diff("paper", "theirs").equal
    data.bundle("theirs", tmp_path / "theirs.cxr")
    again, first = document_of(tmp_path / "theirs.cxr"), document_of(folder / "paper.cxr")
    assert {**again, "name": "paper"} == first
    data.delete("theirs")
    with pytest.raises(DatasetError, match="another dataset 'queries' already"):
        data.unbundle(folder / "paper.cxr", name="queries")
