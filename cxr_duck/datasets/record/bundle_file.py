"""The file of a bundle: gzipped JSON, the same bytes for the same record.

What is read was written by somebody else: its size is bounded, each value must be of its kind, and
no text may hold characters that steer a terminal.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.recipe_values import check_recipe
from cxr_duck.errors import BundleError, RecipeError
from cxr_duck.io.whole import whole_file
from cxr_duck.version import __version__

__all__ = ["Bundle", "read_bundle", "write_bundle"]

_FORMAT = "cxr-duck bundle"
_VERSION = 1
_LARGEST = 64 << 20  # bytes of JSON; a million ids
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True)
class Bundle:
    """What is told of a dataset to those who hold the same repository.

    `splits` has the ids of each split's images, sorted; `members` is the number of its (class,
    finding, image). The label file is the one that the dataset was made from.
    """

    name: str
    digest: str
    package_version: str
    source: str
    label_file: str
    label_file_sha256: str
    images: int
    members: int
    recipe: Recipe
    splits: dict[str, list[str]]


def write_bundle(bundle: Bundle, path: Path) -> int:
    """Write a bundle to a new file, whole or not at all; return its size in bytes."""
    document = {"format": _FORMAT, "version": _VERSION}
    document |= {part.name: getattr(bundle, part.name) for part in fields(Bundle)}
    document["recipe"] = json.loads(bundle.recipe.to_json())
    text = json.dumps(document, ensure_ascii=False, indent=1)
    try:
        _parsed(text.encode())
    except ValueError as error:
        raise BundleError(f"{bundle.name} can't be bundled: {error}") from error
    # No name and no time in its head: the same record gives the same bytes.
    data = gzip.compress(text.encode(), mtime=0)
    try:
        if path.exists() or path.is_symlink():
            raise BundleError(f"{path} is there already: give a new file")
        with whole_file(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise BundleError(f"{path} can't be written: {error.strerror or error}") from error
    return len(data)


def read_bundle(path: Path) -> Bundle:
    """Read the file of a bundle; BundleError says what is wrong with one that can't be taken."""
    with _telling(path):
        with path.open("rb") as file:
            if file.read(2) != b"\x1f\x8b":
                raise BundleError(f"{path} is no bundle: 'cxr bundle NAME FILE' writes one")
            file.seek(0)
            with gzip.open(file) as opened:
                data = opened.read(_LARGEST + 1)
        return _parsed(data)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn what may go wrong with a foreign file into one sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BundleError(f"{path} is damaged ({error}): get it anew") from error
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} can't be taken as a bundle: {error}") from error


def _parsed(data: bytes) -> Bundle:
    """Return the bundle of a document; ValueError with the reason where it is none."""
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST >> 20} MB")
    document = json.loads(data.decode(), parse_constant=_refuse_constant)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError("it is another kind of file")
    if document.get("version") != _VERSION:
        raise ValueError(
            f"its format is of version {document.get('version')!r}, and cxr-duck {__version__} "
            f"reads version {_VERSION}: install another version of cxr-duck"
        )
    kinds: dict[str, Any] = {**get_type_hints(Bundle), "recipe": dict[str, Any]}
    _check_kinds("it", document, kinds, required=kinds)
    _check_texts(document)
    recipe = _recipe(document["recipe"], document["package_version"])
    bundle = Bundle(**{name: document[name] for name in kinds if name != "recipe"}, recipe=recipe)
    _check_values(bundle)
    return bundle


def _recipe(document: dict[str, Any], version: str) -> Recipe:
    """Return the recipe of a document, every field of its kind."""
    kinds = get_type_hints(Recipe)
    if unknown := sorted(document.keys() - kinds.keys()):
        raise ValueError(
            f"its recipe is of cxr-duck {version} and has {', '.join(unknown)}, which "
            f"{__version__} doesn't know: install a newer cxr-duck"
        )
    required = [
        part.name
        for part in fields(Recipe)
        if part.default is MISSING and part.default_factory is MISSING
    ]
    _check_kinds("its recipe", document, kinds, required)
    try:
        return Recipe.from_json(json.dumps(document))
    except RecipeError as error:
        raise ValueError(str(error)) from error


def _check_kinds(
    what: str, document: Mapping[str, Any], kinds: Mapping[str, Any], required: Iterable[str]
) -> None:
    if lacking := [name for name in required if name not in document]:
        raise ValueError(f"{what} lacks {', '.join(lacking)}")
    wrong = [name for name in kinds if name in document and not _is_of(document[name], kinds[name])]
    if wrong:
        raise ValueError(f"{what} has something else for {', '.join(wrong)} than should be there")


def _is_of(value: Any, kind: Any) -> bool:
    """Tell whether a value of JSON is of an annotated kind."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_is_of(value, one) for one in inner)
    if origin in (list, tuple):
        return type(value) is list and all(_is_of(item, inner[0]) for item in value)
    if origin in (dict, Mapping):
        return type(value) is dict and all(_is_of(item, inner[1]) for item in value.values())
    if origin is Literal:
        return value in inner
    return kind is Any or type(value) is kind or (kind is float and type(value) is int)


def _check_texts(document: dict[str, Any]) -> None:
    """Raise ValueError for a text that could steer a terminal, and a number no engine holds."""
    open_parts: list[Any] = [document]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, dict):
            open_parts.extend([*part.keys(), *part.values()])
        elif isinstance(part, list):
            open_parts.extend(part)
        elif isinstance(part, str) and _STEERING.search(part):
            raise ValueError(f"the text {part[:80]!r} holds characters that can't be printed")
        elif isinstance(part, int) and abs(part) >= 2**63:
            raise ValueError("a number of it is too large")


def _check_values(bundle: Bundle) -> None:
    """Raise ValueError where the parts of a bundle don't fit together."""
    names = [bundle.name, bundle.label_file, *bundle.splits, *bundle.recipe.classes]
    if wrong := [name for name in names if not name.strip() or not name.isprintable()]:
        raise ValueError(f"{wrong[0]!r} is no name")
    for digest in (bundle.digest, bundle.label_file_sha256):
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"{digest[:80]!r} is no SHA-256")
    try:
        check_recipe(bundle.recipe)
    except RecipeError as error:
        raise ValueError(f"its recipe is none: {error}") from error
    if foreign := bundle.splits.keys() - bundle.recipe.shares.keys():
        raise ValueError(f"its recipe has no split {sorted(foreign)[0]!r}")
    ids = [image_id for images in bundle.splits.values() for image_id in images]
    if not ids or len(ids) != bundle.images or len(set(ids)) != len(ids):
        raise ValueError(f"it has {len(set(ids)):,} different images and says {bundle.images:,}")


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")
