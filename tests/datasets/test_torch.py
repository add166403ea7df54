"""A split as PyTorch takes it: images opened lazily, by any number of workers."""

import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest

from cxr_duck import Dataset, ExperimentData
from cxr_duck.errors import DatasetError, ImagesError
from cxr_duck.images.files.folder import ImageFolder
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


def test_image_that_is_damaged(data: ExperimentData, dataset: Dataset, tmp_path: Path) -> None:
    """An image that can't be decoded is named when it is asked for, and not before."""
    images = dataset.torch("train")
    images.folder = ImageFolder(tmp_path)
    (tmp_path / images.samples[0][0]).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(ImagesError, match=rf"{images.samples[0][0]} below .* can't be read"):
        images[0]
    loader = torch.utils.data.DataLoader(images, num_workers=1, collate_fn=one)
    with pytest.raises(ImagesError, match=images.samples[0][0]):
        next(iter(loader))


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
