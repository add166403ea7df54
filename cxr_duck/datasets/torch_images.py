"""A split of a dataset as PyTorch takes it: an image is opened when it is needed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset

from cxr_duck.errors import ImagesError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.pixels import read_pixels

if TYPE_CHECKING:
    import torch

__all__ = ["TorchImages"]


class TorchImages(Dataset):  # type: ignore[misc, type-arg, unused-ignore]
    """Pairs (image, target) of a split, in the order of its classes and images.

    An image is a float tensor, 1 x rows x columns, from 0 to 1 over the full range of its pixels'
    type, or what `transform` makes of that. A target is the index of the class; where an image may
    be of several, a float tensor (classes,) with a 1 for each. `classes` are the names, in their
    order; `class_to_idx` has the index of each; `samples` are pairs (path, class index or list of 0
    and 1), each path below the folder of the images; `left_out` is the number of examples that are
    not here, since their images are damaged or were removed from the store. It can be pickled and
    forked: any number of workers may read. Raises ImagesError where an image can't be read.
    """

    def __init__(
        self,
        folder: ImageFolder,
        samples: Sequence[tuple[str, int | list[int]]],
        classes: Sequence[str],
        transform: Callable[["torch.Tensor"], Any] | None = None,
        left_out: int = 0,
    ) -> None:
        self.folder = folder
        self.samples = list(samples)
        self.classes = list(classes)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.transform = transform
        self.left_out = left_out

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.samples)

    def __getitem__(self, index: int) -> "tuple[Any, int | torch.Tensor]":
        """Return an image, transformed, and the index of its class, or a 1 for each of several."""
        import torch

        path, label = self.samples[index]
        image = self._tensor(path)
        target = torch.tensor(label, dtype=torch.float32) if isinstance(label, list) else label
        return (image if self.transform is None else self.transform(image)), target

    @property
    def targets(self) -> list[int | list[int]]:
        """The class index of each example, or its list of 0 and 1, for samplers."""
        return [label for _, label in self.samples]

    def _tensor(self, path: str) -> "torch.Tensor":
        import numpy
        import torch

        try:
            with self.folder.open(path) as stream:
                pixels = read_pixels(stream)
        except OSError as error:
            raise ImagesError(
                f"{path} below {self.folder.root} can't be read ({error}): 'cxr check' finds "
                "damaged images, and datasets that are made then leave them out"
            ) from error
        scaled = pixels.astype(numpy.float32) / numpy.float32(numpy.iinfo(pixels.dtype).max)
        return torch.from_numpy(scaled).unsqueeze(0)
