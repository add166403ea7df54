"""Variants: of train images alone, the same each time, and sound for chest films."""

from pathlib import Path

import numpy as np
import polars
import pytest
from PIL import Image

from cxr_duck import ExperimentData
from cxr_duck.errors import ExportError
from cxr_duck.export.augment import varied
from tests.conftest import Run
from tests.export.test_export_anew import files_of
from tests.support.label_rows import USUAL, write_labels

pytest.importorskip("skimage")

VARIANTS = 3
NAMED = {
    "later": {"test": 1, "train": 3}, "learned": {"learn": 3, "held": 1},
    "tested": {"Test": 1, "learn": 3}, "validated": {"val": 1, "learn": 3},
}  # fmt: skip


def marked(height: int = 120, width: int = 100) -> np.ndarray:
    """Return a film with one bright spot, in the upper left."""
    film = np.full((height, width), 9000, np.uint16)
    film[height // 4 - 4 : height // 4 + 4, width // 4 - 4 : width // 4 + 4] = 60000
    film[0, 0] = 0
    return film


def spot(film: np.ndarray) -> tuple[float, float]:
    """Return the middle of the bright spot, as (row, column)."""
    rows, columns = np.nonzero(film > 35000)
    return float(rows.mean()), float(columns.mean())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of marked films with the datasets `films` and, in folds, `folds`."""
    folder = tmp_path_factory.mktemp("films")
    images = folder / "images"
    images.mkdir()
    rows = []
    for number in range(40):
        name = f"film{number:02d}.png"
        Image.fromarray(marked() + np.uint16(number)).save(images / name)
        finding = "normal" if number % 4 < 2 else "nodule"
        row = {"ImageID": name, "PatientID": f"p{number}", "StudyID": f"s{number}"}
        rows.append({**USUAL, **row, "Labels": f"['{finding}']"})
    made = ExperimentData(images, write_labels(folder / "labels.csv", rows), store=folder / "store")
    made.create_index()
    made.create_dataset(["normal", "nodule"], name="films")
    made.create_dataset(["normal", "nodule"], name="folds", folds=4)
    for name, shares in NAMED.items():
        made.create_dataset(["normal", "nodule"], name=name, shares=shares)
    return made


@pytest.mark.full
def test_train_images_alone_get_variants(data: ExperimentData, tmp_path: Path) -> None:
    """Each train image gets N variants that name it, in its split and class; no other gets any."""
    data.export("films", tmp_path / "out", bits=8, augment=VARIANTS)
    frame = polars.read_parquet(tmp_path / "out" / "manifest.parquet")
    after = frame.columns[frame.columns.index("parent") :]
    assert after == ["parent", "variant", "file", "nodule", "normal"]
    originals = frame.filter(polars.col("variant") == 0)
    variants = frame.filter(polars.col("variant") > 0)
    assert originals["parent"].null_count() == originals.height == 40
    assert set(variants["split"]) == {"train"}
    train = set(originals.filter(polars.col("split") == "train")["image_id"])
    assert len(train) >= 20
    assert sorted(variants.select("parent", "variant").iter_rows()) == sorted(
        (parent, variant) for parent in train for variant in range(1, VARIANTS + 1)
    )
    beside = variants.join(originals, left_on="parent", right_on="image_id", suffix="_of_parent")
    for column in ("split", "class", "patient_id", "findings"):
        assert (beside[column] == beside[f"{column}_of_parent"]).all()
    for image_id, parent, variant, file in variants.select(
        "image_id", "parent", "variant", "file"
    ).iter_rows():
        assert image_id == f"{parent[:-4]}_v{variant}.png"
        assert (tmp_path / "out" / file).name == image_id
    assert all((tmp_path / "out" / file).is_file() for file in frame["file"])


@pytest.mark.full
def test_the_originals_are_as_without(data: ExperimentData, tmp_path: Path) -> None:
    """Beside their variants the images themselves are the same bytes as without any."""
    data.export("films", tmp_path / "without", size=60)
    data.export("films", tmp_path / "with", size=60, augment=1)
    without, beside = files_of(tmp_path / "without"), files_of(tmp_path / "with")
    images = [name for name in without if name.endswith(".png")]
    assert len(images) == 40
    assert all(without[name] == beside[name] for name in images)


@pytest.mark.parametrize(("name", "split"), [("later", "train"), ("learned", "learn")])
def test_which_split_is_trained_on(
    data: ExperimentData, tmp_path: Path, name: str, split: str
) -> None:
    """The split called train is trained on, wherever it stands; without one the first."""
    data.export(name, tmp_path / "out", bits=8, augment=1)
    frame = polars.read_parquet(tmp_path / "out" / "manifest.parquet")
    assert set(frame.filter(polars.col("variant") > 0)["split"]) == {split}
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"variants of images of `{split}`" in card
    assert f'filter(split="{split}")' in card


@pytest.mark.parametrize("name", ["tested", "validated"])
def test_what_is_tested_on_gets_no_variants(
    data: ExperimentData, tmp_path: Path, name: str
) -> None:
    """Where no split is called train, and the first is one to test on, variants are refused."""
    with pytest.raises(ExportError, match="which split is trained on isn't clear: none is called"):
        data.export(name, tmp_path / "out", bits=8, augment=1)
    assert not list(tmp_path.iterdir())


def test_folds_get_none(data: ExperimentData, tmp_path: Path) -> None:
    """Of folds each is a test once, so that variants are refused."""
    with pytest.raises(ExportError, match="each fold is tested on in its turn"):
        data.export("folds", tmp_path / "out", bits=8, augment=1)
    assert not list(tmp_path.iterdir())


def test_same_bytes_on_any_number_of_threads(
    data: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cxr: Run
) -> None:
    """The same export gives the same variants, on one thread and on seven, today and tomorrow."""
    for threads in ("1", "7"):
        monkeypatch.setenv("CXR_THREADS", threads)
        ran = cxr("export", "films", tmp_path / threads, "--size", "60", "--bits", "8",
                  "--augment", "2", "--store", data.store.path)  # fmt: skip
        assert ran.code == 0, ran.err
    assert files_of(tmp_path / "1") == files_of(tmp_path / "7")


def test_every_image_and_variant_has_a_chance_of_its_own() -> None:
    """The same key gives the same variant; another seed, image or number another one."""
    film = marked()
    keys = ["1|a.png|1", "2|a.png|1", "1|b.png|1", "1|a.png|2"]
    found = [varied(film, key).tobytes() for key in keys]
    assert len(set(found)) == len(keys)
    assert [varied(film, key).tobytes() for key in keys] == found


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_changes_are_small(depth: type) -> None:
    """A spot moves by no more than turn, shift and zoom allow; shape, type and span stay."""
    film = (marked() >> (0 if depth is np.uint16 else 8)).astype(depth)
    scale = 1 if depth is np.uint16 else 256
    row, column = spot(film.astype(float) * scale)
    middle = np.array([59.5, 49.5])
    arm = np.hypot(*(np.array([row, column]) - middle))
    most = arm * (np.deg2rad(7) + 0.08 * 1.2) + 0.05 * np.hypot(120, 100) * 1.1 + 1
    moved = []
    for number in range(40):
        variant = varied(film, f"1|film|{number}")
        assert variant.dtype == depth
        assert variant.shape == film.shape
        assert film.min() <= variant.min() <= variant.max() <= film.max()
        place = spot(variant.astype(float) * scale)
        moved.append(np.hypot(place[0] - row, place[1] - column))
    assert max(moved) <= most
    assert np.mean(moved) > 2  # pixels: they do move
    assert len({round(distance, 3) for distance in moved}) > 30


def test_no_flip_unless_asked() -> None:
    """Left stays left; where a flip is asked for, about half of the variants are mirrored."""
    film = marked()
    sides = [spot(varied(film, f"1|film|{number}"))[1] < 50 for number in range(60)]
    assert all(sides)
    flipped = [spot(varied(film, f"1|film|{number}", flip=True))[1] > 50 for number in range(60)]
    assert 15 <= sum(flipped) <= 45


def test_contrast_and_noise() -> None:
    """Gray levels are bent up in some variants and down in others, and no two pixels stay alike."""
    film = marked()
    levels = []
    for number in range(40):
        variant = varied(film, f"1|film|{number}")[50:70, 40:60]
        levels.append(float(np.median(variant)))
        assert 60 < variant.std() < 1000  # 0.002 to 0.012 of the span of 60,000
    assert min(levels) < 8000
    assert max(levels) > 10000


def test_what_lies_outside_the_film_is_black() -> None:
    """Where a turned film leaves the picture it is black, which MONOCHROME1 writes as high."""
    film = np.full((100, 100), 30000, np.uint16)
    film[50, 50], film[50, 51] = 0, 60000
    corners = [(0, 0), (0, 99), (99, 0), (99, 99)]
    dark = [varied(film, f"1|film|{number}") for number in range(20)]
    high = [varied(film, f"1|film|{number}", low_is_white=True) for number in range(20)]
    assert min(int(v[c]) for v in dark for c in corners) < 3000
    assert max(int(v[c]) for v in dark for c in corners) < 45000
    assert max(int(v[c]) for v in high for c in corners) > 57000
    assert min(int(v[c]) for v in high for c in corners) > 15000


def test_a_film_of_one_value_stays() -> None:
    """A constant image has no contrast to change, and is neither an error nor noise."""
    flat = np.full((20, 30), 700, np.uint16)
    assert (varied(flat, "1|film|1") == flat).all()


def test_a_variant_never_takes_an_images_name(tmp_path: Path) -> None:
    """Where an image is called as a variant would be, the export is refused and names it."""
    images = tmp_path / "images"
    images.mkdir()
    rows = []
    for patient in range(20):
        for name in (f"film{patient:02d}.png", f"film{patient:02d}_v1.png"):
            Image.fromarray(marked()).save(images / name)
            row = {"ImageID": name, "PatientID": f"p{patient}", "StudyID": f"s{patient}"}
            finding = "normal" if patient % 2 else "nodule"
            rows.append({**USUAL, **row, "Labels": f"['{finding}']"})
    data = ExperimentData(images, write_labels(tmp_path / "l.csv", rows), store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    with pytest.raises(ExportError, match=r"variant of film\d\d.png would have the name of"):
        data.export("films", tmp_path / "out", bits=8, augment=1)
