"""What every export tells of itself: its card, and its metadata as Croissant."""

import fnmatch
import hashlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy
import polars
import pytest
from PIL import Image

from cxr_duck import ExperimentData
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run
from tests.support.films import make_films, pixels_of, walk
from tests.support.label_rows import repository, write_labels

FORMS = ("folders", "webdataset", "huggingface", "parquet", "csv")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of tiny films with ids of 36 and 39 digits, and the dataset pair."""
    made = make_films(tmp_path_factory.mktemp("films"), long_ids=True)
    made.create_dataset(
        classes={"nodule": "nodule AND NOT pneumonia", "it is | normal": "normal"}, seed=5,
        name="pair",
    )  # fmt: skip
    return made


@pytest.fixture(scope="module", params=FORMS)
def folder(
    data: ExperimentData, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """An export in each form; its folder is called like it."""
    target = tmp_path_factory.mktemp("out") / str(request.param)
    data.export("pair", target, form=request.param)
    return target


def card_of(folder: Path) -> str:
    """Return the card of an export."""
    return (folder / "README.md").read_text(encoding="utf-8")


def block(card: str, language: str) -> str:
    """Return the one block of code in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)
    return str(found)


@pytest.mark.sampled
def test_the_recipe_on_the_card_makes_the_dataset(
    data: ExperimentData, folder: Path, tmp_path: Path
) -> None:
    """The digest is the dataset's, and the card's recipe leads to it."""
    card = card_of(folder)
    (tmp_path / "recipe.toml").write_text(block(card, "toml"), encoding="utf-8")
    made = data.create_from_recipe(tmp_path / "recipe.toml", store_it=False)
    assert made.digest == data.dataset("pair").digest
    assert f"| digest | `{made.digest}` |" in card
    assert "| seed | 5 |" in card
    assert "`" + hashlib.sha256((data.labels_csv or folder).read_bytes()).hexdigest() + "`" in card


@pytest.mark.sampled
@pytest.mark.parametrize(
    "options",
    [
        {"form": "webdataset", "size": 4, "format": "jpg", "quality": 70, "shard_size": "9KB"},
        {"form": "huggingface", "bits": 8, "window": "percentile", "augment": 1, "flip": True},
        {"form": "folders", "how": "hardlink"},
        {"form": "folders", "bits": 16, "format": "png", "invert_monochrome1": True},
        {"form": "csv"},
    ],
    ids=lambda options: options["form"],
)
def test_the_command_on_the_card_writes_the_export(
    data: ExperimentData, tmp_path: Path, cxr: Run, options: dict[str, Any]
) -> None:
    """The command of the card, with every option, writes the same files again."""
    data.export("pair", tmp_path / "one", **options)
    command = block(card_of(tmp_path / "one"), "console").splitlines()[-1]
    words = shlex.split(command.removeprefix("$ cxr "))
    words[words.index("DIR")] = str(tmp_path / "two")
    assert cxr(*words, "--store", data.store.path).code == 0
    files = [
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")}
        for folder in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]
    assert len(files[0]) > 2


def test_composition(data: ExperimentData, folder: Path) -> None:
    """The table has the images of each class and finding by split, and a | breaks no cell."""
    rows = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in card_of(folder).split("## Composition")[1].split("##")[0].splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == ["class / finding", "train", "valid", "test", "all"]
    counts = data.dataset("pair").composition
    splits = ("train", "valid", "test")
    for term, finding, shown in (
        ("nodule", "", "**nodule**"),
        ("it is | normal", "", "**it is | normal**"),
        ("it is | normal", "normal", "&nbsp;&nbsp;normal"),
    ):
        wanted = [counts[term, finding, split] for split in splits]
        (found,) = [row for row in rows if row[0] == shown]
        assert [int(cell) for cell in found[1:]] == [*wanted, sum(wanted)]


def test_terms_and_citation(folder: Path) -> None:
    """The card says that PadChest is not to be shared, how to share, and what to cite."""
    card = card_of(folder)
    assert "which forbid sharing them" in card
    assert "`cxr bundle pair FILE`" in card
    assert "Medical Image Analysis" in block(card, "bibtex")
    assert "10.1016/j.media.2020.101797" in block(card, "bibtex")


@pytest.mark.full
def test_what_is_left_out(tmp_path: Path) -> None:
    """Images that were removed from the store, or are damaged, are counted on the card."""
    data = make_films(tmp_path)
    made = data.create_dataset(["nodule", "normal"], name="pair")
    data.export("pair", tmp_path / "before", form="csv")
    gone = made.members.to_pylist()[0]["image_id"]
    remove_images(data.store, f"image_id = '{gone}'", SILENT)
    data.export("pair", tmp_path / "after", form="csv")
    assert data.images_dir is not None
    spoilt = {row["image_id"] for row in made.members.to_pylist()} - {gone}
    for image_id in sorted(spoilt)[:2]:
        (data.images_dir / image_id).write_bytes(b"")
    data.check_integrity()
    data.export("pair", tmp_path / "last", form="webdataset")
    assert (
        "Not all of these images are here: 1 were removed from the store; 2 are damaged."
    ) in card_of(tmp_path / "last")
    assert f"{made.images() - 3:,} examples." in card_of(tmp_path / "last")
    assert "are here: " not in card_of(tmp_path / "before")
    assert "Not all of these images are here: 1 were removed from the store." in card_of(
        tmp_path / "after"
    )
    assert f"{made.images():,} examples." in card_of(tmp_path / "before")
    assert f"{made.images() - 1:,} examples." in card_of(tmp_path / "after")


def test_front_matter(data: ExperimentData, folder: Path) -> None:
    """For Hugging Face, and for it alone, the card begins with YAML: splits, files, licence."""
    yaml = pytest.importorskip("yaml")
    card = card_of(folder)
    if folder.name != "huggingface":
        assert card.startswith("# pair\n")
        return
    _, front, rest = card.split("---\n", 2)
    told = yaml.safe_load(front)
    assert rest.startswith("\n# pair\n")
    assert (told["license"], told["size_categories"]) == ("other", ["n<1K"])
    assert told["pretty_name"] == "pair"
    files = {file["split"]: file["path"] for file in told["configs"][0]["data_files"]}
    assert list(files) == ["train", "valid", "test"]
    assert all(len(list(folder.glob(path))) == 1 for path in files.values())


def test_the_python_on_the_card_reads_it(
    data: ExperimentData, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the card shows reads the split to train on, to the last bit of its pixels."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if folder.name == "webdataset":
        pytest.importorskip("webdataset")
    if folder.name == "huggingface":
        pytest.importorskip("datasets")
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    read: dict[str, Any] = {}
    exec(block(card_of(folder), "python").replace("DIR", str(folder)), read)
    names = sorted(data.dataset("pair").recipe.classes)
    if folder.name in ("parquet", "csv"):
        assert read["manifest"].height == 40
        rows = data.dataset("pair").members
        found = read["manifest"].select("image_id", "patient_id").sort("image_id").rows()
        known = data.sql("SELECT image_id, patient_id FROM images").to_pylist()
        patients = {row["image_id"]: row["patient_id"] for row in known}
        wanted = sorted(rows["image_id"].to_pylist())
        assert found == [(image_id, patients[image_id]) for image_id in wanted]
        assert {len(patient) for _, patient in found} == {36}
        return
    if folder.name == "webdataset":
        pairs = [(pixels, names[label]) for pixels, label in read["pairs"]]
    elif folder.name == "huggingface":
        pairs = [(numpy.asarray(row["image"]), names[row["label"]]) for row in read["pairs"]]
    else:
        pairs = [read["pair"](row) for row in read["rows"].to_dicts()]
    found = sorted((name, pixels.tobytes()) for pixels, name in pairs)
    wanted = [
        (name, pixels_of(data, image_id).tobytes())
        for name, image_id in walk(data.dataset("pair"), "train")
    ]
    assert found == sorted(wanted)


def test_a_split_whose_name_begins_another(data: ExperimentData, tmp_path: Path) -> None:
    """What the card shows reads its own split, not one whose name goes on after it."""
    pytest.importorskip("webdataset")
    made = data.create_dataset(
        ["nodule", "normal"], name="tr", shares={"tr": 3, "tr-test": 1}, store_it=True
    )
    data.export("tr", tmp_path / "out", form="webdataset")
    read: dict[str, Any] = {}
    exec(block(card_of(tmp_path / "out"), "python").replace("DIR", str(tmp_path / "out")), read)
    assert len(list(read["pairs"])) == made.images("tr")


def test_every_file_is_on_the_card(folder: Path) -> None:
    """Each file of the export is of one of the patterns that the card explains."""
    section = card_of(folder).split("## Files")[1].split("## How")[0]
    patterns = re.findall(r"^- `([^`]+)`: \S", section, re.MULTILINE)
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()]
    for file in files:
        if file != "README.md":
            assert sum(fnmatch.fnmatchcase(file, pattern) for pattern in patterns) == 1, file
    for pattern in patterns:
        assert fnmatch.filter(files, pattern), pattern


@pytest.mark.sampled
@pytest.mark.parametrize("form", FORMS)
def test_names_in_capitals(tmp_path: Path, form: str) -> None:
    """Images whose names end in .PNG, or in nothing known, are exported like others."""
    rows = repository(60, [["nodule"], ["normal"]])
    (tmp_path / "images").mkdir()
    for number, row in enumerate(rows):
        row["ImageID"] = f"film{number}.{'PNG' if number % 3 else 'image'}"
        Image.fromarray(numpy.full((4, 4), number, numpy.uint16)).save(
            tmp_path / "images" / row["ImageID"], "PNG"
        )
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(tmp_path / "images", labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["nodule", "normal"], name="pair")
    data.export("pair", tmp_path / "out", form=form)
    sets = json.loads((tmp_path / "out" / "croissant.json").read_text())["distribution"]
    kinds = {part["includes"]: part["encodingFormat"] for part in sets if "includes" in part}
    if form == "folders":
        assert kinds["*/*/*.PNG"] == "image/png"
    assert bool(kinds) == (form not in ("parquet", "csv"))


def dataset_of(folder: Path) -> Any:
    """Return the metadata of an export as mlcroissant reads it."""
    library = pytest.importorskip("mlcroissant")
    return library.Dataset(jsonld=str(folder / "croissant.json"))


def test_croissant_is_valid(data: ExperimentData, folder: Path) -> None:
    """The library finds neither an error nor a warning, and reads what the dataset is."""
    metadata = dataset_of(folder).metadata
    assert (list(metadata.ctx.issues.errors), list(metadata.ctx.issues.warnings)) == ([], [])
    assert metadata.name == "pair"
    assert data.dataset("pair").digest in metadata.description
    assert "bustos2020padchest" in metadata.cite_as


def test_croissant_iterates_the_manifest(folder: Path) -> None:
    """Its records are the rows of the manifest, ids of patients to the last digit."""
    form = folder.name if folder.name == "csv" else "parquet"
    file = folder / f"manifest.{form}"
    ids = dict.fromkeys(["patient_id", "study_id"], polars.String)
    frame = (
        polars.read_parquet(file) if form == "parquet"
        else polars.read_csv(file, schema_overrides=ids)
    )  # fmt: skip
    rows = frame.to_dicts()
    records = list(dataset_of(folder).records("images"))
    assert len(records) == len(rows) == 40
    for record, row in zip(records, rows, strict=True):
        plain = {
            name.removeprefix("images/"): value.decode() if isinstance(value, bytes) else value
            for name, value in record.items()
        }
        if row["localizations"] is None:
            assert plain.pop("localizations") in (None, "nan", "None")
            del row["localizations"]
        assert plain == row


def test_croissant_knows_the_files(folder: Path) -> None:
    """Manifests have their SHA-256 and size, and the patterns find all files of images."""
    distribution = json.loads((folder / "croissant.json").read_text())["distribution"]
    objects = {part["@id"]: part for part in distribution if part["@type"] == "cr:FileObject"}
    assert set(objects) == {file.name for file in folder.glob("manifest.*")}
    for name, part in objects.items():
        content = (folder / name).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
        assert part["contentSize"] == f"{len(content)} B"
    sets = [part["includes"] for part in distribution if part["@type"] == "cr:FileSet"]
    assert bool(sets) == (folder.name in ("folders", "webdataset", "huggingface"))
    found = {file for pattern in sets for file in folder.glob(pattern)}
    images = {file for file in folder.rglob("*") if file.suffix in (".png", ".tar", ".parquet")}
    assert found == images - {folder / "manifest.parquet"}


def test_findings_with_odd_names(tmp_path: Path) -> None:
    """Columns whose names are alike but for blanks and slashes stay different fields."""
    names = ["a b", "a_b", "a/b", "é", "ü"]
    labels = write_labels(tmp_path / "labels.csv", repository(100, [[name] for name in names]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(names, name="odd")
    data.export("odd", tmp_path / "out", form="parquet")
    dataset = dataset_of(tmp_path / "out")
    assert not dataset.metadata.ctx.issues.warnings
    columns = polars.read_parquet(tmp_path / "out" / "manifest.parquet").select(sorted(names))
    records = [list(record.values())[-len(names) :] for record in dataset.records("images")]
    assert [tuple(record) for record in records] == columns.rows()
    assert sum(map(sum, columns.rows())) == columns.height
