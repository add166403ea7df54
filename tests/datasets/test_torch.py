"""A split as PyTorch takes it: images opened lazily, by any number of workers."""

import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from cxr_duck import Dataset, ExperimentData
from cxr_duck.errors import DatasetError, ImagesError
from tests.support.films import SHAPES, make_films, pixels_of, walk
from tests.support.label_rows import repository, write_labels

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of tiny films."""
    return make_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def dataset(data: ExperimentData) -> Dataset:
    """Nodules against normal images."""
    return data.create_dataset(["nodule", "normal"], name="pair")


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same dataset of the same films in zips."""
    made = make_films(tmp_path_factory.mktemp("zips"), zipped=True)
    return made.create_dataset(["nodule", "normal"], name="pair")


def wanted(data: ExperimentData, dataset: Dataset, split: str) -> list[tuple[Any, int]]:
    """Return the pairs of a split, walked over its members, decoded by Pillow alone."""
    pairs = []
    for name, image_id in walk(dataset, split):
        pixels = pixels_of(data, image_id)
        full = 65535 if pixels.dtype == numpy.uint16 else 255
        pairs.append((pixels.astype("float32") / full, ["nodule", "normal"].index(name)))
    return pairs


def batches(loaded: Any) -> list[tuple[Any, int]]:
    """Return the pairs of a loader of single examples, as arrays."""
    return [(image.numpy(), label) for image, label in loaded]


def assert_same(found: list[tuple[Any, int]], pairs: list[tuple[Any, int]]) -> None:
    """Check that images and labels are the same, in order."""
    assert [label for _, label in found] == [label for _, label in pairs]
    for (image, _), (pixels, _) in zip(found, pairs, strict=True):
        assert image.dtype == numpy.float32
        assert image.shape == (1, *pixels.shape)
        numpy.testing.assert_array_equal(image[0], pixels)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_examples_are_those_of_the_files(
    data: ExperimentData, dataset: Dataset, split: str
) -> None:
    """Every image of the split is a tensor from 0 to 1 of the file's pixels, with its class."""
    pairs = wanted(data, dataset, split)
    images = dataset.torch(split)
    assert isinstance(images, torch.utils.data.Dataset)
    assert len(images) == len(pairs) == dataset.images(split) > 0
    assert_same(
        [(image.numpy(), label) for image, label in (images[i] for i in range(len(images)))], pairs
    )
    assert images.classes == ["nodule", "normal"]
    assert images.class_to_idx == {"nodule": 0, "normal": 1}
    assert images.targets == [label for _, label in pairs] == [s[1] for s in images.samples]


def one(examples: list[Any]) -> Any:
    """Return the one example of a batch; films of several sizes can't be stacked."""
    return examples[0]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_the_same(
    data: ExperimentData, dataset: Dataset, zipped: Dataset, start: str
) -> None:
    """Two workers give what one process gives, forked or started anew, from zips and folders.

    This process has opened the zips before.
    """
    for made in (dataset, zipped) if start == "fork" else (zipped,):
        images = made.torch("train")
        assert images[0][1] == images[1][1] == 0
        loader = torch.utils.data.DataLoader(
            images, num_workers=2, multiprocessing_context=start, collate_fn=one
        )
        assert_same(batches(loader), wanted(data, dataset, "train"))


def test_zips(data: ExperimentData, dataset: Dataset, zipped: Dataset) -> None:
    """From zips comes the same dataset, of the same pixels."""
    images = zipped.torch("train")
    assert zipped.digest == dataset.digest
    assert all(".zip/" in path for path, _ in images.samples)
    found = [(image.numpy(), label) for image, label in (images[i] for i in range(len(images)))]
    assert_same(found, wanted(data, dataset, "train"))


def test_transform(data: ExperimentData, dataset: Dataset) -> None:
    """The result of the transform stands in the tensor's place, and stacks to batches."""
    images = dataset.torch("train", transform=torch.nn.AdaptiveAvgPool2d((1, 1)))
    means = [pixels.mean() for pixels, _ in wanted(data, dataset, "train")]
    (batch, labels), *others = torch.utils.data.DataLoader(images, batch_size=len(images))
    assert others == []
    assert batch.shape == (len(means), 1, 1, 1)
    numpy.testing.assert_allclose(batch.numpy()[:, 0, 0, 0], means, rtol=1e-5)
    assert labels.tolist() == images.targets


def test_pickled_it_is_the_same(data: ExperimentData, dataset: Dataset) -> None:
    """What was pickled reads the same images, and holds nothing open."""
    images = dataset.torch("test")
    before = [images[i] for i in range(len(images))]
    again = pickle.loads(pickle.dumps(images))
    for i, (image, label) in enumerate(before):
        assert torch.equal(again[i][0], image)
        assert again[i][1] == label


@pytest.mark.parametrize("workers", [0, 2])
def test_image_that_is_damaged(tmp_path: Path, workers: int) -> None:
    """Another image of its class stands in for one that can't be read, which is named and kept."""
    data = make_films(tmp_path)
    images = data.create_dataset(["nodule", "normal"], name="pair").torch("train")
    whole = [images[i] for i in range(len(images))]
    paths = [path for path, _ in images.samples]
    assert data.images_dir is not None
    for path in (paths[0], paths[1], paths[-1]):
        (data.images_dir / path).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    loader = torch.utils.data.DataLoader(images, num_workers=workers, collate_fn=one)
    if workers:
        found = list(loader)
    else:
        with pytest.warns(UserWarning, match="another image of its class stands in") as warned:
            found = list(loader)
        told = [str(one.message).split(" below ")[0] for one in warned]
        assert told == [paths[0], paths[1], paths[-1]]
    assert [label for _, label in found] == images.targets
    for place, stand_in in ((0, 2), (1, 2), (-1, images.targets.index(1))):
        assert torch.equal(found[place][0], whole[stand_in][0])
    assert set(images.unread) == {paths[0], paths[1], paths[-1]}
    assert all("header" in reason or "chunk" in reason for reason in images.unread.values())


def test_a_class_of_which_no_image_can_be_read(tmp_path: Path) -> None:
    """Where nothing of a class can be read, an error names an image and says why."""
    images = make_films(tmp_path).create_dataset(["nodule", "normal"], name="pair").torch("train")
    for path, label in images.samples:
        if not label:
            (tmp_path / "images" / path).unlink()
    said = r"no image with the target 0 can be read below .* \(No such file"
    with pytest.warns(UserWarning), pytest.raises(ImagesError, match=said):
        images[0]
    (tmp_path / "images").rename(tmp_path / "moved")
    with pytest.raises(ImagesError, match=r"images is not there, or is empty"):
        images[len(images) - 1]


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_squares(dataset: Dataset, fit: str) -> None:
    """Films of several sizes, larger and smaller than asked, stack to batches of squares."""
    for size in (3, 17):
        images = dataset.torch("train", size=size, fit=fit)
        ((batch, _),) = torch.utils.data.DataLoader(images, batch_size=len(images))
        assert batch.shape == (len(images), 1, size, size)
        assert 0 <= batch.min() < batch.max() <= 1
    with pytest.raises(ImagesError, match="give size=224 with fit='pad'"):
        dataset.torch("train", fit="pad")
    with pytest.raises(ImagesError, match="a fit is pad, crop, stretch, not 'half'"):
        dataset.torch("train", fit="half", size=3)


def test_white_is_1(tmp_path: Path) -> None:
    """A film of 12 bits goes from 0 to 1 by the label file's bits; MONOCHROME1 on demand only."""
    rows = repository(60, SHAPES)
    (tmp_path / "images").mkdir()
    ramp = numpy.array([[0, 1000], [2000, 4095]], numpy.uint16)
    for row in rows:
        row |= {"BitsStored_DICOM": "12.0", "PhotometricInterpretation_DICOM": "MONOCHROME1"}
        Image.fromarray(ramp).save(tmp_path / "images" / row["ImageID"])
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(tmp_path / "images", labels, store=tmp_path / "store")
    data.create_index()
    made = data.create_dataset(["nodule", "normal"])
    plain, turned = (made.torch("train", invert_monochrome1=turn)[0][0] for turn in (False, True))
    numpy.testing.assert_allclose(plain[0].numpy(), ramp / 4095, rtol=1e-6)
    numpy.testing.assert_allclose(turned[0].numpy(), 1 - ramp / 4095, atol=1e-6)


def test_images_that_are_known_to_be_damaged(tmp_path: Path) -> None:
    """What a check found damaged is no example of a dataset made before, and that is told."""
    data = make_films(tmp_path)
    made = data.create_dataset(["nodule", "normal"], name="pair")
    whole = made.torch("train")
    assert whole.left_out == 0
    paths = [path for path, _ in whole.samples]
    assert data.images_dir is not None
    (data.images_dir / paths[3]).write_bytes(b"no film")
    data.check_integrity()
    said = f"1 of {len(paths)} examples of train are left out: their images are damaged"
    with pytest.warns(UserWarning, match=said) as warned:
        left = made.torch("train")
    assert (left.left_out, len(warned)) == (1, 1)
    assert made.torch("test").left_out == 0
    assert [path for path, _ in left.samples] == [*paths[:3], *paths[4:]]
    assert all(left[i][0].shape[0] == 1 for i in range(len(left)))


def test_dataset_that_was_not_recorded(data: ExperimentData) -> None:
    """A dataset is read before it is recorded, and after it was looked up again."""
    made = data.create_dataset(["pneumonia", "normal"], store_it=False)
    assert len(made.torch("train")) == made.images("train")
    recorded = data.store_in_dataset(made)
    looked_up = data.dataset(recorded.name)
    assert looked_up.torch("test").samples == recorded.torch("test").samples


def test_image_of_two_classes(data: ExperimentData) -> None:
    """Where classes overlap an image is one example with a 1 for each, or on demand one of each."""
    made = data.create_dataset(
        classes={"any": "nodule OR normal", "nodule": "nodule"},
        overlap="keep",
        balance="none",
        store_it=False,
    )
    wanted: dict[str, list[int]] = {}
    for name, image_id in walk(made, "train"):
        wanted.setdefault(image_id, [0, 0])[["any", "nodule"].index(name)] = 1
    images = made.torch("train")
    assert dict(images.samples) == wanted
    assert len(images) == made.images("train") == len(wanted)
    for (_, target), (_, ones) in zip(
        (images[i] for i in range(len(images))), images.samples, strict=True
    ):
        assert (target.dtype, target.tolist()) == (torch.float32, ones)
    assert {tuple(ones) for ones in images.targets} == {(1, 0), (1, 1)}
    of_each = made.torch("train", target="class")
    paths = [path for path, _ in of_each.samples]
    assert len(paths) == len(set(of_each.samples)) > len(set(paths)) == made.images("train")


def test_target(dataset: Dataset) -> None:
    """Classes that share no image can be told as several too; another target is refused."""
    plain, several = dataset.torch("train"), dataset.torch("train", target="multilabel")
    ones = {path: [int(label == 0), int(label == 1)] for path, label in plain.samples}
    assert dict(several.samples) == ones
    assert len(several) == len(plain)
    with pytest.raises(DatasetError, match="the target is class or multilabel, not 'both'"):
        dataset.torch("train", target="both")


@pytest.mark.parametrize("split", ["Train", "validation", ""])
def test_unknown_split(dataset: Dataset, split: str) -> None:
    """A split that isn't there is refused with those that are."""
    with pytest.raises(DatasetError, match=f"no split '{split}': it has train, valid, test"):
        dataset.torch(split)


def test_no_images(tmp_path: Path) -> None:
    """Without a folder of images the error says how to give it."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, SHAPES))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    made = data.create_dataset(["nodule", "normal"])
    with pytest.raises(ImagesError, match="no folder of images is known"):
        made.torch("train")
