"""A split of a dataset as PyTorch takes it: an image is opened when it is needed."""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset

from cxr_duck.datasets.film_values import FilmValues
from cxr_duck.errors import ImagesError
from cxr_duck.images.files.folder import ImageFolder

if TYPE_CHECKING:
    import torch

__all__ = ["TorchImages"]


class TorchImages(Dataset):  # type: ignore[misc, type-arg, unused-ignore]
    """Pairs (image, target) of a split, in the order of its classes and images.

    An image is a float tensor, 1 x rows x columns, from 0 to 1 as `values` make it, or what
    `transform` makes of that. A target is the index of the class; where an image may be of several,
    a float tensor (classes,) with a 1 for each. `classes` are the names, in their order;
    `class_to_idx` has the index of each; `samples` are pairs (path, class index or list of 0 and
    1), each path below the folder of the images; `left_out` is the number of examples that are not
    here, since their images are damaged or were removed from the store. It can be pickled and
    forked: any number of workers may read.

    Where an image can't be read the next one with the same target stands in for it, so that
    training goes on and classes stay as they are; a warning names it, once in each process, and
    `unread` has it at the end. Raises ImagesError where none with the same target can be read.
    """

    def __init__(
        self,
        folder: ImageFolder,
        samples: Sequence[tuple[str, int | list[int]]],
        classes: Sequence[str],
        transform: Callable[["torch.Tensor"], Any] | None = None,
        left_out: int = 0,
        values: FilmValues | None = None,
    ) -> None:
        import torch

        self.folder = folder
        self.samples = list(samples)
        self.classes = list(classes)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.transform = transform
        self.left_out = left_out
        self.values = values or FilmValues()
        # Which samples could not be read, in memory that the workers of a loader share.
        self._unread = torch.zeros(len(self.samples), dtype=torch.bool).share_memory_()
        self._told: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.samples)

    def __getitem__(self, index: int) -> "tuple[Any, int | torch.Tensor]":
        """Return an image, transformed, and the index of its class, or a 1 for each of several."""
        import torch

        _, label = self.samples[index]
        image = self._readable(index)
        target = torch.tensor(label, dtype=torch.float32) if isinstance(label, list) else label
        return (image if self.transform is None else self.transform(image)), target

    @property
    def targets(self) -> list[int | list[int]]:
        """The class index of each example, or its list of 0 and 1, for samplers."""
        return [label for _, label in self.samples]

    @property
    def unread(self) -> dict[str, str]:
        """The images that could not be read so far, in any worker, and why, by their paths."""
        for index in self._unread.nonzero().flatten().tolist():
            path, _ = self.samples[index]
            if path not in self._told:
                try:
                    self._tensor(path)
                    self._told[path] = "it can be read now"
                except OSError as error:
                    self._told[path] = error.strerror or str(error)
        return dict(sorted(self._told.items()))

    def _readable(self, index: int) -> "torch.Tensor":
        """Return an image, or where it can't be read the next one with its target that can."""
        index = range(len(self.samples))[index]
        target = self.samples[index][1]
        for place in (*range(index, len(self.samples)), *range(index)):
            path, label = self.samples[place]
            if label == target and not self._unread[place]:
                try:
                    return self._tensor(path)
                except OSError as error:
                    self.folder.refuse_absent()
                    self._note(place, path, error.strerror or str(error))
        path, reason = next(iter(self.unread.items()))
        raise ImagesError(
            f"no image with the target {target} can be read below {self.folder.root}, such as "
            f"{path} ({reason}): 'cxr check' finds damaged images"
        )

    def _note(self, place: int, path: str, reason: str) -> None:
        self._unread[place] = True
        if path not in self._told:
            self._told[path] = reason
            warnings.warn(
                f"{path} below {self.folder.root} can't be read ({reason}): another image of its "
                "class stands in for it; 'cxr check' finds damaged images, and datasets then leave "
                "them out",
                stacklevel=4,
            )

    def _tensor(self, path: str) -> "torch.Tensor":
        """Return the image of a path. Raises OSError."""
        import torch

        with self.folder.open(path) as stream:
            return torch.from_numpy(self.values.of(stream, path)).unsqueeze(0)
