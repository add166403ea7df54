"""Datasets in other forms than folders, each opened by the library that it is meant for."""

import hashlib
import io
import json
import sys
import tarfile
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import numpy
import polars
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxr_duck import Dataset, ExperimentData
from cxr_duck.errors import CxrError, ExportError
from cxr_duck.export.forms.shards import Shard, ahead, make_shards
from cxr_duck.export.forms.webdataset import bytes_of, keys_of, write_tar
from cxr_duck.export.handout import split_names
from cxr_duck.export.options import size_in_bytes
from cxr_duck.export.rendering import Film, Renderer
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run
from tests.support.films import SHAPES, make_films, pixels_of, walk
from tests.support.label_rows import repository, write_labels

SPLITS = ("train", "valid", "test")
CLASSES = ["nodule", "normal"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of tiny films with the datasets pair and both."""
    made = make_films(tmp_path_factory.mktemp("films"))
    made.create_dataset(CLASSES, name="pair")
    made.create_dataset(
        classes={"any": "nodule OR normal", "nodule": "nodule"}, overlap="keep", balance="none",
        name="both",
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def pair(data: ExperimentData) -> Dataset:
    """Nodules against normal images."""
    return data.dataset("pair")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What opens a folder as the datasets library does, without the network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    library = pytest.importorskip("datasets")
    library.disable_progress_bars()
    return lambda folder: library.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def samples_of(folder: Path, split: str) -> list[dict[str, Any]]:
    """Return the samples of a split as the webdataset package reads them, undecoded."""
    library = pytest.importorskip("webdataset")
    tars = sorted(str(file) for file in folder.glob(f"{split}-*.tar"))
    return list(library.WebDataset(tars, shardshuffle=False))


def decoded(image: bytes) -> Any:
    """Return the pixels of an image file's bytes, decoded by Pillow."""
    return numpy.asarray(Image.open(io.BytesIO(image)))


def localizations(data: ExperimentData, image_id: str) -> dict[str, list[str]]:
    """Return the postings of an image: its findings with their localizations."""
    rows = data.sql(
        f"SELECT finding, localizations FROM postings WHERE image_id = '{image_id}' ORDER BY ALL"
    ).to_pylist()
    return {row["finding"]: row["localizations"] for row in rows}


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.mark.sampled
@pytest.mark.parametrize("split", SPLITS)
def test_webdataset(data: ExperimentData, pair: Dataset, tmp_path: Path, split: str) -> None:
    """The package reads every example once: the source's pixels, its class, all that is known."""
    data.export("pair", tmp_path / "out", form="webdataset")
    samples = samples_of(tmp_path / "out", split)
    found = {}
    for sample in samples:
        facts = json.loads(sample["json"])
        found[facts["class"], facts["image_id"]] = facts
        assert sample["png"] == (data.images_dir / facts["image_id"]).read_bytes()  # type: ignore[operator]
        numpy.testing.assert_array_equal(
            decoded(sample["png"]), pixels_of(data, facts["image_id"]), strict=True
        )
        assert int(sample["cls"]) == facts["label"] == CLASSES.index(facts["class"])
        assert facts["findings"] == localizations(data, facts["image_id"])
        assert facts["class_findings"] == [facts["class"]]
        assert (facts["split"], facts["projection"]) == (split, "PA")
        assert facts["patient_id"] == f"patient{int(facts['image_id'][1:6])}"
        assert facts["study_id"] == f"study{int(facts['image_id'][1:6])}"
    assert sorted(found) == walk(pair, split)
    assert len(samples) == len(found)


def test_webdataset_decodes_8_bits_itself(data: ExperimentData, tmp_path: Path) -> None:
    """With 8 bits the package's own decoder gives the pixels, scaled by 65535 to 255."""
    library = pytest.importorskip("webdataset")
    data.export("pair", tmp_path / "out", form="webdataset", bits=8)
    tar = str(tmp_path / "out" / "train-000000.tar")
    for sample in library.WebDataset(tar, shardshuffle=False).decode("l8"):
        pixels = pixels_of(data, sample["json"]["image_id"])
        if pixels.dtype == numpy.uint16:
            pixels = numpy.floor(pixels / 65535 * 255 + 0.5)
        numpy.testing.assert_array_equal(sample["png"], pixels)


def test_some_findings_have_localizations(data: ExperimentData, pair: Dataset) -> None:
    """The fixture holds what the comparisons of localizations need."""
    places = [localizations(data, image) for _, image in walk(pair, "train")]
    assert {"nodule": ["loc hilar", "loc right"]} in places
    assert {"normal": []} in places


@pytest.mark.parametrize("form", ["webdataset", "huggingface"])
def test_shards(data: ExperimentData, tmp_path: Path, form: str) -> None:
    """Files hold at most so many bytes, are numbered from 0, and hold the same examples."""
    pattern, most = ("*.tar", 15_000) if form == "webdataset" else ("data/*.parquet", 5_000)
    rows = []
    for name, size in (("one", "1GB"), ("many", most)):
        data.export("pair", tmp_path / name, form=form, shard_size=size)
        table = polars.read_parquet(tmp_path / name / "manifest.parquet")
        files = {f.relative_to(tmp_path / name).as_posix() for f in (tmp_path / name).glob(pattern)}
        assert set(table["file"]) == files
        rows.append(table.drop("file"))
    assert rows[0].equals(rows[1])
    assert len(list((tmp_path / "one").glob(pattern))) == 3
    many = sorted((tmp_path / "many").glob(pattern))
    train = [file.name for file in many if file.name.startswith("train")]
    if form == "webdataset":
        assert train == [f"train-{number:06d}.tar" for number in range(len(train))]
    else:
        of = len(train)
        assert train == [f"train-{n:05d}-of-{of:05d}.parquet" for n in range(of)]
    assert len(train) > 2
    # Parquet has its schema in each file
    assert max(f.stat().st_size for f in many) <= most + 10_240 * (form == "huggingface")


@pytest.mark.parametrize("most", [20_480, 33_000, 51_199, 61_440])
def test_tar_files_are_as_large_as_was_asked(
    data: ExperimentData, tmp_path: Path, most: int
) -> None:
    """No tar file of several examples is over its size, and no example more fits into one."""
    data.export("pair", tmp_path / "out", form="webdataset", shard_size=most)
    files = sorted((tmp_path / "out").glob("train-*.tar"))
    filled, first = [], []
    for file in files:
        assert file.stat().st_size <= most
        with tarfile.open(file) as tar:
            members = tar.getmembers()
        ends = [member.offset_data + -(-member.size // 512) * 512 for member in members]
        filled.append(ends[-1])
        first.append(ends[2])
    assert len(files) > 1
    for bytes_there, following in zip(filled, first[1:], strict=False):
        whole = bytes_there + following + 1024
        assert -(-whole // 10_240) * 10_240 > most


@given(st.text("aé", min_size=1, max_size=150), st.integers(0, 2000))
def test_bytes_of_a_sample(name: str, size: int) -> None:
    """What is counted of a sample is what tar writes of it, whatever it is called."""
    row = {
        "member": name, "image_id": name, "patient_id": "p", "study_id": "s", "projection": "PA",
        "split": "train", "class": "nodule", "label": 1, "class_findings": "nodule",
        "findings": "nodule", "localizations_by_finding": '{"nodule": []}',
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "one.tar")
        shard = Shard("train", 0, 1, [row])
        write_tar(shard, lambda row: ("png", bytes(size)), 1, file, lambda: None)
        with tarfile.open(file) as tar:
            last = tar.getmembers()[-1]
    assert bytes_of(row, "png", size) == last.offset_data + -(-last.size // 512) * 512


@pytest.mark.full
def test_classes_are_mixed(data: ExperimentData, pair: Dataset, tmp_path: Path) -> None:
    """The examples of a file come by chance, and the chance is that of the recipe's seed."""
    data.export("pair", tmp_path / "out", form="webdataset")
    labels = [int(sample["cls"]) for sample in samples_of(tmp_path / "out", "train")]
    half = len(labels) // 2
    assert 0 < sum(labels[:half]) < half
    keys = [sample["__key__"].rsplit("/")[-1] for sample in samples_of(tmp_path / "out", "train")]
    assert keys == sorted(
        keys, key=lambda key: hashlib.md5(_chance(pair, f"{key}.png").encode()).hexdigest()
    )


def _chance(pair: Dataset, image_id: str) -> str:
    (term,) = [row["class"] for row in pair.members.to_pylist() if row["image_id"] == image_id]
    return f"{pair.recipe.seed}|export|{image_id}|{term}"


@pytest.mark.parametrize("form", ["webdataset", "huggingface", "parquet", "csv"])
def test_same_bytes(
    data: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The same export gives the same files to the byte, on any number of threads."""
    options = {"shard_size": "15KB"} if form in ("webdataset", "huggingface") else {}
    for name, threads in (("one", "1"), ("two", "7")):
        monkeypatch.setenv("CXR_THREADS", threads)
        data.export("pair", tmp_path / name, form=form, **options)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_tar_members(data: ExperimentData, tmp_path: Path) -> None:
    """Members have neither owner nor time, and a name with one dot; a sample's stand together."""
    data.export("pair", tmp_path / "out", form="webdataset")
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
        members = tar.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime, m.mode) for m in members} == {
        (0, 0, "", "", 0, 0o644)
    }
    names = [member.name.split(".") for member in members]
    assert {len(parts) for parts in names} == {2}
    assert [suffix for _, suffix in names] == ["png", "json", "cls"] * (len(names) // 3)
    assert all(len({names[i][0] for i in range(at, at + 3)}) == 1 for at in range(0, len(names), 3))


@pytest.mark.sampled
@pytest.mark.parametrize("split", SPLITS)
def test_huggingface(
    data: ExperimentData, pair: Dataset, tmp_path: Path, load: Any, split: str
) -> None:
    """The library opens the folder: its splits, features, and the source's pixels, 16 bits too."""
    import datasets

    data.export("pair", tmp_path / "out", form="huggingface", shard_size="15KB")
    loaded = load(tmp_path / "out")
    assert list(loaded) == list(SPLITS)
    features = loaded[split].features
    assert isinstance(features["image"], datasets.Image)
    assert isinstance(features["label"], datasets.ClassLabel)
    assert features["label"].names == CLASSES
    depths = set()
    found = []
    for row in loaded[split]:
        pixels = numpy.asarray(row["image"])
        numpy.testing.assert_array_equal(pixels, pixels_of(data, row["image_id"]))
        depths.add(row["image"].mode)
        found.append((CLASSES[row["label"]], row["image_id"]))
        assert {f["finding"]: f["localizations"] for f in row["findings"]} == localizations(
            data, row["image_id"]
        )
        assert row["class_findings"] == [CLASSES[row["label"]]]
    assert sorted(found) == walk(pair, split)
    assert depths == {"L", "I;16"}


def test_huggingface_without_its_card(
    data: ExperimentData, pair: Dataset, tmp_path: Path, load: Any
) -> None:
    """Where the card is lost the splits are known by the names of the files."""
    data.export("pair", tmp_path / "out", form="huggingface")
    (tmp_path / "out" / "README.md").unlink()
    loaded = load(tmp_path / "out")
    assert {split: rows.num_rows for split, rows in loaded.items()} == {
        split: pair.images(split) for split in SPLITS
    }


def test_split_names_for_huggingface(data: ExperimentData, tmp_path: Path, load: Any) -> None:
    """A split is called there as here, but for characters that the library refuses."""
    made = data.create_dataset(CLASSES, name="odd", shares={"a-1": 2, "valid": 1, "b.c": 1})
    data.export("odd", tmp_path / "out", form="huggingface")
    loaded = load(tmp_path / "out")
    assert {split: rows.num_rows for split, rows in loaded.items()} == {
        "a_1": made.images("a-1"), "valid": made.images("valid"), "b_c": made.images("b.c"),
    }  # fmt: skip
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "there the split `a-1` is `a_1`, `b.c` is `b_c`" in card
    with pytest.raises(ExportError, match="the split 'All' can't be had in this form, where 'all'"):
        split_names(["train", "All"])
    with pytest.raises(ExportError, match=r"'a-b' and 'a\.b' would both be 'a_b'"):
        split_names(["a-b", "a.b"])


def test_splits_called_like_words_of_yaml(data: ExperimentData, tmp_path: Path, load: Any) -> None:
    """A split may be called as YAML writes a number, a truth value or nothing."""
    shares = {"1": 1, "no": 1, "null": 1, "1e3": 1}
    made = data.create_dataset(CLASSES, name="yaml", shares=shares)
    data.export("yaml", tmp_path / "out", form="huggingface")
    loaded = load(tmp_path / "out")
    assert {split: rows.num_rows for split, rows in loaded.items()} == {
        split: made.images(split) for split in shares
    }


@pytest.mark.full
def test_a_split_without_images(tmp_path: Path, load: Any) -> None:
    """A split that has lost all its images is not among those that the library opens."""
    data = make_films(tmp_path)
    made = data.create_dataset(CLASSES, name="pair")
    for _, image_id in walk(made, "valid"):
        remove_images(data.store, f"image_id = '{image_id}'", SILENT)
    data.export("pair", tmp_path / "out", form="huggingface")
    loaded = load(tmp_path / "out")
    assert {split: rows.num_rows for split, rows in loaded.items()} == {
        split: made.images(split) for split in ("train", "test")
    }
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "No image is in `valid`: there are no files of it." in card


def test_rows_are_held_a_few_at_a_time(
    data: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Parquet file is written in groups of rows, so that a large one needs little memory."""
    monkeypatch.setattr("cxr_duck.export.forms.huggingface._ROW_GROUP", 500)
    data.export("pair", tmp_path / "out", form="huggingface")
    file = pyarrow.parquet.ParquetFile(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    assert file.num_row_groups > 4
    assert file.metadata.num_rows == data.dataset("pair").images("train")


@pytest.mark.sampled
@pytest.mark.parametrize(
    "rendering",
    [{"size": 3}, {"bits": 8}, {"size": 4, "format": "jpg"}, {"format": "png", "bits": 16}],
    ids=str,
)
def test_written_anew(
    data: ExperimentData, tmp_path: Path, load: Any, rendering: dict[str, Any]
) -> None:
    """Images that are written anew are the same files in every form."""
    for form in ("folders", "webdataset", "huggingface"):
        data.export("pair", tmp_path / form, form=form, **rendering)
    ending = rendering.get("format", "png")
    files = {file.stem: file.read_bytes() for file in (tmp_path / "folders").rglob(f"*.{ending}")}
    packed = {
        sample["__key__"].rsplit("/")[-1]: sample[ending]
        for split in SPLITS
        for sample in samples_of(tmp_path / "webdataset", split)
    }
    tables = [
        pyarrow.parquet.read_table(file).column("image").to_pylist()
        for file in (tmp_path / "huggingface" / "data").iterdir()
    ]
    inside = {Path(image["path"]).stem: image["bytes"] for table in tables for image in table}
    assert files == packed == inside
    assert all(image["path"].endswith(f".{ending}") for table in tables for image in table)
    assert {max(decoded(image).shape) for image in packed.values()} == {rendering.get("size", 6)}
    shown = load(tmp_path / "huggingface")["train"][0]
    numpy.testing.assert_array_equal(
        numpy.asarray(shown["image"]), decoded(files[Path(shown["image_id"]).stem])
    )


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_manifest_alone(data: ExperimentData, pair: Dataset, tmp_path: Path, form: str) -> None:
    """A row an example: split, class, file, findings as 0 and 1, localizations; and no image."""
    report = data.export("pair", tmp_path / "out", form=form)
    names = {"README.md", "croissant.json", f"manifest.{form}"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names
    assert report["images"] == 0
    file = tmp_path / "out" / f"manifest.{form}"
    frame = (
        polars.read_parquet(file)
        if form == "parquet"
        else polars.read_csv(
            file, schema_overrides={"nodule": polars.UInt8, "normal": polars.UInt8}
        )
    )
    assert frame.columns == [
        "split", "class", "label", "image_id", "patient_id", "study_id", "projection",
        "class_findings", "findings", "localizations", "localizations_by_finding", "path",
        "nodule", "normal",
    ]  # fmt: skip
    rows = frame.to_dicts()
    wanted = [(split, *both) for split in sorted(SPLITS) for both in walk(pair, split)]
    assert [(row["split"], row["class"], row["image_id"]) for row in rows] == wanted
    for row in rows:
        assert [row["nodule"], row["normal"]] == [row["class"] == name for name in CLASSES]
        assert row["label"] == CLASSES.index(row["class"])
        assert row["path"] == f"{data.images_dir}/{row['image_id']}"
        known = localizations(data, row["image_id"])
        assert json.loads(row["localizations_by_finding"]) == known
        places = [place for own in known.values() for place in own]
        assert sorted((row["localizations"] or "").split("|")) == (places or [""])


def test_findings_called_like_other_columns(tmp_path: Path) -> None:
    """A finding with the name of a column of the manifest has its kind behind."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["file"], ["Class"], ["a"]]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["file", "Class"], name="odd")
    for form in ("parquet", "folders"):
        data.export("odd", tmp_path / form, form=form)
        frame = polars.read_parquet(tmp_path / form / "manifest.parquet")
        place = "path" if form == "parquet" else "file"
        file = "file" if form == "parquet" else "file (finding)"
        assert frame.columns[11:] == [place, "Class (finding)", file]
        assert frame[file].to_list() == [int(name == "file") for name in frame["class"]]


def test_classes_without_findings(data: ExperimentData, tmp_path: Path) -> None:
    """Where no class names a finding the columns of 0 and 1 are the classes."""
    data.create_dataset(
        classes={"low": "image_id < p00030", "high": "NOT image_id < p00030"}, name="halves"
    )
    data.export("halves", tmp_path / "out", form="parquet")
    frame = polars.read_parquet(tmp_path / "out" / "manifest.parquet")
    assert frame.columns[-2:] == ["high", "low"]
    assert frame["low"].to_list() == [int(name == "low") for name in frame["class"]]
    assert 0 < frame["low"].sum() < frame.height


def test_image_of_two_classes(data: ExperimentData, tmp_path: Path, load: Any) -> None:
    """Where classes overlap each form has an image once, with a 1 for each class that it is of."""
    both = data.dataset("both")
    names = ["any", "nodule"]
    wanted: dict[str, list[int]] = {}
    for name, image_id in walk(both, "train"):
        wanted.setdefault(image_id, [0, 0])[names.index(name)] = 1
    assert sorted(map(tuple, wanted.values()))[0] == (1, 0) != max(map(tuple, wanted.values()))

    data.export("both", tmp_path / "tars", form="webdataset")
    found = {}
    for sample in samples_of(tmp_path / "tars", "train"):
        facts = json.loads(sample["json"])
        found[facts["image_id"]] = facts["labels"]
        assert facts["classes"] == [n for n, one in zip(names, facts["labels"], strict=True) if one]
        ones = numpy.load(io.BytesIO(sample["npy"]))
        assert (ones.dtype, ones.tolist()) == (numpy.float32, facts["labels"])
        assert "cls" not in sample
    assert found == wanted

    data.export("both", tmp_path / "rows", form="huggingface")
    rows = load(tmp_path / "rows")["train"].select_columns(["labels", "classes", "image_id"])
    assert rows.features["classes"].feature.names == names
    assert len(rows) == len(wanted)
    assert {row["image_id"]: row["labels"] for row in rows} == wanted
    assert all(row["classes"] == list(numpy.flatnonzero(row["labels"])) for row in rows)

    data.export("both", tmp_path / "table", form="csv")
    frame = polars.read_csv(tmp_path / "table" / "manifest.csv").filter(split="train")
    ones = frame.select("any (class)", "nodule (class)").rows()
    assert dict(zip(frame["image_id"], map(list, ones), strict=True)) == wanted
    assert set(frame["classes"]) == {"any", "any|nodule"}
    assert frame.height == len(wanted)


def test_the_numbers_are_those_of_the_dataset(data: ExperimentData, tmp_path: Path) -> None:
    """Each form that holds images hands out as many as `cxr show` says, folders too."""
    both = data.dataset("both")
    for form in ("folders", "webdataset", "huggingface"):
        report = data.export("both", tmp_path / form, form=form)
        assert report["images"] == both.images()
    examples = sum(len(walk(both, split)) for split in SPLITS)
    files = list((tmp_path / "folders").rglob("*.png"))
    assert len(files) == examples > both.images()
    frame = polars.read_parquet(tmp_path / "folders" / "manifest.parquet")
    assert set(frame["file"]) == {f.relative_to(tmp_path / "folders").as_posix() for f in files}


def test_findings_are_all_those_of_the_image(tmp_path: Path) -> None:
    """In each form `findings` are all of the image's, and `class_findings` those of its class."""
    labels = [["nodule", "scoliosis"], ["normal"]]
    data = make_films(tmp_path, shapes=labels)
    data.create_dataset(CLASSES, name="pair")
    for form in ("csv", "folders", "webdataset"):
        data.export("pair", tmp_path / form, form=form)
        frame = polars.read_csv(tmp_path / form / "manifest.csv")
        assert set(frame.select("class", "class_findings", "findings").rows()) == {
            ("nodule", "nodule", "nodule|scoliosis"), ("normal", "normal", "normal"),
        }  # fmt: skip
    for sample in samples_of(tmp_path / "webdataset", "train"):
        facts = json.loads(sample["json"])
        assert facts["class_findings"] == [facts["class"]]
        assert list(facts["findings"]) == sorted(labels[facts["label"]])


@pytest.mark.full
def test_columns_of_images(tmp_path: Path, load: Any) -> None:
    """Each form has the columns that were asked for, numbers as numbers, a variant's too."""
    data = make_films(tmp_path)
    data.create_dataset(CLASSES, name="pair")
    known = {
        row["image_id"]: row
        for row in data.sql("SELECT image_id, report, age, frontal FROM images").to_pylist()
    }
    asked = ["report", "age", "frontal", "localization_cuis", "study_date", "projection"]
    for form in ("csv", "webdataset", "huggingface"):
        more = {} if form == "csv" else {"augment": 1, "bits": 8}
        data.export("pair", tmp_path / form, form=form, columns=asked, **more)
        frame = polars.read_csv(tmp_path / form / "manifest.csv")
        assert frame.height > 0
        for row in frame.to_dicts():
            of_image = known[row.get("parent") or row["image_id"]]
            assert {name: row[name] for name in of_image if name != "image_id"} == {
                name: value for name, value in of_image.items() if name != "image_id"
            }
    assert frame["study_date"].unique().to_list() == ["2014-03-05"]
    for sample in samples_of(tmp_path / "webdataset", "train"):
        facts = json.loads(sample["json"])
        of_image = known[facts["parent"] or facts["image_id"]]
        assert (facts["age"], facts["report"]) == (of_image["age"], of_image["report"])
    rows = load(tmp_path / "huggingface")["train"]
    assert [rows.features[name].dtype for name in ("age", "frontal", "report")] == [
        "int64", "bool", "string",
    ]  # fmt: skip
    assert rows[0]["age"] == known[rows[0]["parent"] or rows[0]["image_id"]]["age"]
    with pytest.raises(ExportError, match=r"images has no column 'reprot': did you mean report"):
        data.export("pair", tmp_path / "not", form="csv", columns=["reprot"])
    assert not (tmp_path / "not").exists()


@pytest.mark.sampled
@pytest.mark.parametrize("form", ["webdataset", "huggingface", "parquet", "csv"])
def test_without_images(tmp_path: Path, cxr: Run, form: str) -> None:
    """A form that holds images is refused where none are known; a manifest has no paths then."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, SHAPES))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(CLASSES, name="pair")
    ran = cxr("export", "pair", tmp_path / "out", "--as", form, "--store", tmp_path / "store")
    if form in ("parquet", "csv"):
        assert (ran.code, ran.out) == (
            0,
            f"the manifest of pair in {tmp_path / 'out'}; no image files\n",
        )
        table = ran.code == 0 and tmp_path / "out" / f"manifest.{form}"
        frame = polars.read_parquet(table) if form == "parquet" else polars.read_csv(table)
        assert frame["path"].null_count() == frame.height > 0
    else:
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            f"Error: {form} holds images, and no folder of images is known to this store: give it "
            "with --images, or ask for --as parquet\n"
        )
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_manifest_of_a_folder_that_is_gone(tmp_path: Path, form: str) -> None:
    """A manifest never has the paths of a folder that isn't there; its card tells those in zips."""
    data = make_films(tmp_path, zipped=True)
    data.create_dataset(CLASSES, name="pair")
    data.export("pair", tmp_path / "before", form=form)
    card = (tmp_path / "before" / "README.md").read_text(encoding="utf-8")
    assert "the path of an image in a zip is `<zip>/<member>`" in card
    (tmp_path / "images").rename(tmp_path / "moved")
    with pytest.raises(ExportError, match=r"images, is not there: give it with --images"):
        data.export("pair", tmp_path / "out", form=form)
    assert not (tmp_path / "out").exists()
    moved = ExperimentData(tmp_path / "moved", store=data.store.path)
    moved.export("pair", tmp_path / "out", form=form)


@pytest.mark.full
@pytest.mark.parametrize("form", ["webdataset", "huggingface"])
def test_a_stopped_export_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """What was written is kept, unless the store has changed in between: then all is anew."""
    data = make_films(tmp_path)
    data.create_dataset(CLASSES, name="pair")
    options: dict[str, Any] = {"form": form, "shard_size": 5_000}
    data.export("pair", tmp_path / "whole", **options)
    pattern = "*.tar" if form == "webdataset" else "data/*.parquet"
    for change in (False, True):
        target = tmp_path / f"stopped-{change}"
        with monkeypatch.context() as patch:
            patch.setenv("CXR_THREADS", "1")
            _fail_at(patch, 12)
            with pytest.raises(KeyboardInterrupt):
                data.export("pair", target, **options)
        left = tmp_path / f".{target.name}.partial"
        kept = {
            file.relative_to(left).as_posix(): file.stat().st_ino for file in left.glob(pattern)
        }
        assert kept
        if change:
            rows = polars.read_parquet(tmp_path / "whole" / "manifest.parquet")
            gone = rows.filter(polars.col("file").is_in(list(kept)))["image_id"][0]
            remove_images(data.store, f"image_id = '{gone}'", SILENT)
            data.export("pair", tmp_path / "smaller", **options)
        data.export("pair", target, **options)
        assert digests(target) == digests(tmp_path / ("smaller" if change else "whole"))
        same = [name for name, inode in kept.items() if (target / name).stat().st_ino == inode]
        assert len(same) == len(kept) or change


def _fail_at(patch: pytest.MonkeyPatch, place: int) -> None:
    """Let the reading of some image be interrupted."""
    read, seen = Renderer.bytes_of, count()

    def interrupted(self: Renderer, film: Film) -> bytes:
        if next(seen) == place:
            raise KeyboardInterrupt
        return read(self, film)

    patch.setattr(Renderer, "bytes_of", interrupted)


@pytest.mark.full
@pytest.mark.parametrize("form", ["webdataset", "huggingface"])
def test_straight_from_zips(tmp_path: Path, form: str) -> None:
    """From zips come the same files as from a folder of the same films."""
    for name in ("plain", "zips"):
        (tmp_path / name).mkdir()
        data = make_films(tmp_path / name, zipped=name == "zips")
        data.create_dataset(CLASSES, name="pair")
        data.export("pair", tmp_path / name / "out", form=form)
    assert digests(tmp_path / "plain" / "out") == digests(tmp_path / "zips" / "out")


@pytest.mark.parametrize("form", ["webdataset", "huggingface"])
def test_variants(
    data: ExperimentData, pair: Dataset, tmp_path: Path, load: Any, form: str
) -> None:
    """Variants are examples of train alone, with their parent's class, findings and patient."""
    pytest.importorskip("skimage")
    data.export("pair", tmp_path / "out", form=form, augment=2, bits=8)
    if form == "webdataset":
        rows = {
            split: [json.loads(sample["json"]) for sample in samples_of(tmp_path / "out", split)]
            for split in SPLITS
        }
    else:
        rows = {s: r.remove_columns("image").to_list() for s, r in load(tmp_path / "out").items()}
    for split in SPLITS:
        times = 3 if split == "train" else 1
        assert len(rows[split]) == times * pair.images(split)
        taken = {row["image_id"]: row for row in rows[split] if row["variant"] == 0}
        for row in rows[split]:
            assert (row["parent"] is None) == (row["variant"] == 0)
            for name in ("label", "patient_id", "findings"):
                assert row[name] == taken[row["parent"] or row["image_id"]][name]
    manifest = polars.read_parquet(tmp_path / "out" / "manifest.parquet")
    assert manifest.height == sum(map(len, rows.values()))
    assert (manifest["nodule"] == (manifest["class"] == "nodule").cast(polars.UInt8)).all()
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"{manifest.height} examples, {2 * pair.images('train')} of them variants" in card


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"form": "tar"},
            "the forms are folders, webdataset, huggingface, parquet, csv, not 'tar'",
        ),
        ({"form": "webdataset", "how": "copy"}, "only folders have links and copies of files, not"),
        ({"form": "folders", "shard_size": "2GB"}, "only webdataset and huggingface have shards"),
        ({"form": "csv", "size": 512}, "the form csv has no images that could be written anew"),
        ({"form": "webdataset", "shard_size": "much"}, "written as 1GB, 500MB or 1048576, not as"),
        ({"form": "webdataset", "shard_size": 0}, "written as 1GB, 500MB or 1048576, not as 0"),
    ],
    ids=str,
)
def test_what_is_refused(
    data: ExperimentData, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    """Options that mean nothing for a form are refused, and nothing is written."""
    with pytest.raises(ExportError, match=sentence):
        data.export("pair", tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_command_line(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """The options of the command are those of the method; a dry run writes nothing."""
    words = ("export", "pair", tmp_path / "out", "--as", "webdataset", "--shard-size", "15KB")
    ran = cxr(*words, "--dry-run", "--json", "--store", data.store.path)
    report = json.loads(ran.out)
    assert (report["form"], report["images"]) == ("webdataset", 40)
    assert list(tmp_path.iterdir()) == []
    assert (
        cxr(*words, "--store", data.store.path).out == f"40 images of pair in {tmp_path / 'out'}\n"
    )
    written = [file for file in (tmp_path / "out").iterdir() if file.suffix == ".tar"]
    assert len(written) == report["files"]
    assert sum(f.stat().st_size for f in written) == pytest.approx(report["bytes"], rel=0.5)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1GB", 10**9), ("500MB", 5 * 10**8), ("1.5g", 15 * 10**8), ("20 KB", 20_000), (7, 7),
        ("2T", 2 * 10**12),
    ],
)  # fmt: skip
def test_sizes(text: str | int, size: int) -> None:
    """Sizes are numbers of bytes, with units in powers of 1000."""
    assert size_in_bytes(text) == size


@given(st.lists(st.text("ab.-2", min_size=1, max_size=5).map(lambda name: f"{name}.png")))
def test_keys(names: list[str]) -> None:
    """Every example has a key of its own, without a dot, whatever the images are called."""
    keys = keys_of(names)
    assert len(set(keys)) == len(names)
    assert not [key for key in keys if "." in key or not key]


@given(
    st.lists(st.tuples(st.sampled_from(["train", "test"]), st.integers(1, 50)), max_size=40),
    st.integers(1, 120),
)
def test_shards_hold_all_rows(examples: list[tuple[str, int]], most: int) -> None:
    """No row is lost or moved; a file of several rows is within its size, and as full as can be."""
    ordered = sorted(examples, key=lambda example: example[0], reverse=True)
    rows = [{"split": split, "place": place} for place, (split, _) in enumerate(ordered)]
    sizes = [size for _, size in ordered]
    shards = make_shards(rows, sizes, most)
    assert [row for shard in shards for row in shard.rows] == rows
    for shard in shards:
        total = sum(sizes[row["place"]] for row in shard.rows)
        assert total <= most or len(shard.rows) == 1
        assert {row["split"] for row in shard.rows} == {shard.split}
        after = [s for s in shards if s.split == shard.split and s.number == shard.number + 1]
        assert (not after) == (shard.number == shard.of - 1)
        for following in after:
            assert total + sizes[following.rows[0]["place"]] > most


@given(st.lists(st.integers()), st.integers(1, 5))
def test_ahead_keeps_the_order(numbers: list[int], threads: int) -> None:
    """What is made ahead on threads comes in the order of the items, each once."""
    assert list(ahead(lambda number: number + 1, numbers, threads)) == [n + 1 for n in numbers]


@pytest.mark.parametrize("threads", [1, 3])
def test_ahead_tells_what_failed(threads: int) -> None:
    """The first failure comes out, after what was made before it."""
    made = []
    with pytest.raises(ZeroDivisionError):
        for number in ahead(lambda number: 6 // number, [3, 2, 1, 0, 1, 1, 1, 1, 1], threads):
            made.append(number)
    assert made == [2, 3, 6]


def test_torch_is_missing(pair: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyTorch the error says how to install it."""
    for name in ("cxr_duck.datasets.torch_images", "torch.utils", "torch.utils.data"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        CxrError, match=r"PyTorch is not installed: pip install 'cxr-duck\[torch\]'"
    ):
        pair.torch("train")
