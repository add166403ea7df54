"""CXRImage: an image, what it shows and where, and its pixels (the paper's class)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from cxr_duck.errors import ImagesError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.decoded import Decoded
from cxr_duck.images.pixels.pixels import opened
from cxr_duck.images.pixels.scaling import WINDOWS, Limits, inverted, limits_of, scale
from cxr_duck.images.pixels.sizes import shrink
from cxr_duck.images.pixels.window import sound_window

if TYPE_CHECKING:
    import numpy
    import numpy.typing
    import pyarrow
    from PIL.Image import Image

__all__ = ["CXRImage", "CXRImages"]

_BATCH = 1000  # rows


@dataclass(frozen=True)
class CXRImage:
    """An image of the index; its pixels are read when they are asked for.

    `path` is that of its file below the folder of the images, `<zip>/<member>` in a zip, None where
    it has none. `width` and `height` are in pixels, as the label file has them. `bits` are those of
    a sample of the file where it was tested, else `bits_stored`, those of a pixel that are used, by
    the label file. `findings` maps each finding to its localizations: loc right, …
    `photometric` is MONOCHROME2 where high values are white, MONOCHROME1 where low ones are;
    `window` is the centre and width of the DICOM window, None where the label file has none.
    """

    image_id: str
    path: str | None
    width: int | None
    height: int | None
    bits: int | None
    projection: str | None
    patient_id: str
    study_id: str
    findings: Mapping[str, tuple[str, ...]] = field(hash=False)
    photometric: str | None = None
    window: tuple[float, float] | None = None
    bits_stored: int | None = None
    folder: ImageFolder | None = field(default=None, repr=False, compare=False)

    @property
    def low_is_white(self) -> bool:
        """Whether low values are white: MONOCHROME1."""
        return self.photometric == "MONOCHROME1"

    def pixels(self, *, invert: bool = False) -> "numpy.typing.NDArray[numpy.uint16]":
        """Return the pixels, rows x columns, uint16; those of an 8-bit file times 257.

        With `invert` those of a MONOCHROME1 image are turned around within the range that is used,
        so that high values are white; what a DICOM file says goes before the label file. Raises
        ImagesError where there is no file, or one that can't be decoded.
        """
        import numpy

        film = self._decoded()
        stored = film.pixels
        if invert and self._inverts(film):
            stored = inverted(stored, limits_of(film, "full", self.bits_stored))
        deep: numpy.typing.NDArray[numpy.uint16]
        deep = stored.astype(numpy.uint16)  # a copy, which can be written to
        if stored.dtype.itemsize == 1:
            deep *= 257
        return deep

    def to_8bit(
        self, window: str | tuple[float, float] = "full", *, invert: bool = False
    ) -> "numpy.typing.NDArray[numpy.uint8]":
        """Return the pixels as uint8, rows x columns.

        `window` is `full` (by the bits that are used), `percentile` (of the image's own pixels),
        `dicom` (that of the DICOM file, or of the label file), or a centre and a width: see
        `images.pixels.scaling.limits_of`. `invert` as with `pixels`. Raises ImagesError, also where
        the image has no DICOM window.
        """
        film = self._decoded(window)
        limits = self._limits(film, window)
        return scale(film.pixels, limits, invert=invert and self._inverts(film))

    def thumbnail(
        self,
        size: int = 256,
        window: str | tuple[float, float] = "full",
        *,
        invert: bool = False,
    ) -> "Image":
        """Return a Pillow image of 8 bits whose longer side has `size` pixels at most.

        `window` and `invert` as with `to_8bit`. Raises ImagesError.
        """
        from PIL import Image

        _check_side(size)
        film = self._decoded(window)
        limits = self._limits(film, window)
        small = shrink(film.pixels, size)
        return Image.fromarray(scale(small, limits, invert=invert and self._inverts(film)))

    def _decoded(self, window: str | tuple[float, float] = "full") -> Decoded:
        """Return the pixels as the file has them, once the window is seen to be one."""
        _check_window(window)
        if self.folder is None or self.path is None:
            raise ImagesError(
                f"no file of the image {self.image_id} is known: index its folder with --images"
            )
        try:
            with self.folder.open(self.path) as stream, opened(stream) as film:
                return film
        except OSError as error:
            raise ImagesError(
                f"the image {self.image_id} can't be read ({error.strerror or error}): "
                "'cxr check' finds damaged images"
            ) from error

    def _inverts(self, film: Decoded) -> bool:
        """Tell whether low values are white, as the file says or else the label file."""
        return self.low_is_white if film.low_is_white is None else film.low_is_white

    def _limits(self, film: Decoded, window: str | tuple[float, float]) -> Limits:
        requested: str | tuple[float, float] | None = window
        if window == "dicom":
            requested = film.window or self.window
        if requested is None:
            raise ImagesError(
                f"neither the label file nor its file has a DICOM window for {self.image_id}: take "
                "full or percentile"
            )
        return limits_of(film, requested, self.bits_stored)


class CXRImages(Sequence[CXRImage]):
    """Images in the order of their ids, each made when it is asked for.

    `table` has the columns of `sql/query/cxr_images.sql`. Its images can be read from several
    threads, and it can be handed to other processes.
    """

    def __init__(self, table: "pyarrow.Table", folder: ImageFolder | None) -> None:
        self._table = table
        self._folder = folder

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[CXRImage]:
        """Yield the images."""
        for batch in self._table.to_batches(_BATCH):
            yield from (_image_of(row, self._folder) for row in batch.to_pylist())

    @overload
    def __getitem__(self, place: int) -> CXRImage: ...

    @overload
    def __getitem__(self, place: slice) -> "CXRImages": ...

    def __getitem__(self, place: int | slice) -> "CXRImage | CXRImages":
        """Return the image at a place, or those of a slice."""
        if isinstance(place, slice):
            import pyarrow

            places = pyarrow.array(range(len(self))[place], pyarrow.int64())
            return CXRImages(self._table.take(places), self._folder)
        (row,) = self._table.slice(range(len(self))[place], 1).to_pylist()
        return _image_of(row, self._folder)

    def __repr__(self) -> str:
        """Say the number of images."""
        return f"CXRImages({len(self):,} images)"


def _check_window(window: object) -> None:
    if not isinstance(window, str):
        pair = isinstance(window, Sequence) and len(window) == 2  # a centre and a width
        if not pair or sound_window(*window) is None:  # type: ignore[misc]
            raise ImagesError(
                f"a window is a centre and a width of 1 or more, both finite, not {window!r}"
            )
    elif window not in WINDOWS:
        raise ImagesError(
            f"a window is {', '.join(WINDOWS)}, or a centre and a width, not {window!r}"
        )


def _check_side(size: object) -> None:
    if not isinstance(size, int) or size < 1:
        raise ImagesError(f"a thumbnail has a side of 1 pixel or more, not {size!r}")


def _image_of(row: dict[str, Any], folder: ImageFolder | None) -> CXRImage:
    located = zip(row["findings"] or (), row["localizations"] or (), strict=True)
    return CXRImage(
        row["image_id"],
        row["path"],
        row["width"],
        row["height"],
        row["bits"],
        row["projection"],
        row["patient_id"],
        row["study_id"],
        {finding: tuple(places or ()) for finding, places in located},
        row["photometric_interpretation"],
        sound_window(row["window_center"], row["window_width"]),
        row["bits_stored"],
        folder,
    )
