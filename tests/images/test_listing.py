"""Which image files are found: in folders, zips and mixtures; what is missing, extra, repeated."""

import os
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import ExperimentData, make_demo
from cxr_duck.errors import ImagesError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.files.listing import Listing, list_images
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run, examples
from tests.images.test_zips import write_zip
from tests.support.label_rows import repository, write_labels


def places(listing: Listing) -> list[tuple[str, str, str]]:
    """Return the name, folder and path of each file that was found."""
    rows = listing.files.to_pylist()
    return [(row["image_id"], row["folder"], row["path"]) for row in rows]


def put(folder: Path, *paths: str) -> Path:
    """Write images at some paths, which may lie in zips; a member's bytes are its name."""
    members: dict[str, dict[str, bytes]] = {}
    for path in paths:
        head, in_zip, name = path.partition(".zip/")
        if in_zip:
            members.setdefault(f"{head}.zip", {})[name] = name.encode()
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(path.encode())
    for path, contents in members.items():
        write_zip(folder / path, contents)
    return folder


LAYOUTS = {
    "by ImageDir": ("0/a.png", "1/b.png"),
    "below images": ("images/0/a.png", "images/1/b.png"),
    "flat": ("a.png", "b.png"),
    "zips": ("0.zip/a.png", "1.zip/b.png"),
    "zips below images": ("images/0.zip/a.png", "images/1.zip/b.png"),
    "folders in a zip": ("padchest.zip/0/a.png", "padchest.zip/1/b.png"),
    "a folder in each zip": ("0.zip/0/a.png", "1.zip/1/b.png"),
    "mixture": ("0.zip/a.png", "deep/er/1/b.png"),
    "other kinds": ("0.ZIP/a.png", "labels.csv", "0.ZIP/readme.txt", "1/b.png", "1/b.txt.gz"),
    "of a Mac": (
        "0.zip/a.png", "0.zip/__MACOSX/._a.png", "0.zip/__MACOSX/a.png", "0.zip/._a.png",
        "1/b.png", "1/._b.png", "__MACOSX/b.png",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, layout: str) -> None:
    """However the images are kept, each is found once, in the folder or zip that holds it."""
    paths = [path.replace(".ZIP", ".zip") for path in LAYOUTS[layout]]
    put(tmp_path, *paths)
    if layout == "other kinds":
        (tmp_path / "0.zip").rename(tmp_path / "0.ZIP")
    found = list_images(tmp_path)
    top = {"a.png": "0", "b.png": "1"} if layout != "flat" else dict.fromkeys(["a.png", "b.png"])
    wanted = [path for path in LAYOUTS[layout] if path.endswith(("/a.png", "/b.png"))]
    wanted = [path for path in wanted if "__MACOSX" not in path] or ["a.png", "b.png"]
    names = [path.split("/")[-1] for path in sorted(wanted)]
    assert places(found) == [
        (name, top[name] or tmp_path.name, path)
        for name, path in zip(names, sorted(wanted), strict=True)
    ]
    assert found.refused.num_rows == 0
    folder = ImageFolder(tmp_path)
    for row in found.files.to_pylist():
        assert (row["bytes"], row["modified"]) == folder.stat(row["path"])
        assert (row["zip"] is None) == (folder.plain_file(row["path"]) is not None)
        assert row["zip"] is None or row["path"].startswith(f"{row['zip']}/")


# The name of a member, its mode as Unix writes it, and why it is refused.
HOSTILE = [
    ("/etc/a.png", 0, "absolute"),
    ("C:/a.png", 0, "absolute"),
    ("c:a.png", 0, "absolute"),
    ("../a.png", 0, "climbs"),
    ("x/../../a.png", 0, "climbs"),
    ("..\\a.png", 0, "backslash"),
    ("\\\\host\\a.png", 0, "backslash"),
    ("a.png\0.txt", 0, "printed"),
    ("a\0.png", 0, "printed"),
    ("a\n.png", 0, "printed"),
    ("a\x1b[2J.png", 0, "printed"),
    ("link.png", stat.S_IFLNK | 0o777, "link"),
    ("pipe.png", stat.S_IFIFO | 0o644, "no file"),
    ("device.png", stat.S_IFBLK | 0o644, "no file"),
    ("folder.png", stat.S_IFDIR | 0o755, "no file"),
]


@pytest.mark.parametrize(("name", "mode", "reason"), HOSTILE, ids=[repr(h[0]) for h in HOSTILE])
def test_hostile_names(tmp_path: Path, name: str, mode: int, reason: str) -> None:
    """A member whose name could lead elsewhere, or that is no file, is refused; others are not."""
    with zipfile.ZipFile(tmp_path / "0.zip", "w") as archive:
        member = zipfile.ZipInfo("X" * len(name))
        member.external_attr = mode << 16
        archive.writestr(member, b"/etc/passwd")
        archive.writestr("good.png", b"good")
        archive.writestr("folder/", b"")
    file = tmp_path / "0.zip"
    file.write_bytes(file.read_bytes().replace(b"X" * len(name), name.encode()))
    found = list_images(tmp_path)
    assert places(found) == [("good.png", "0", "0.zip/good.png")]
    ((path, told),) = [(row["path"], row["reason"]) for row in found.refused.to_pylist()]
    assert path.startswith("0.zip/")
    assert path.isprintable()
    assert reason in told


NOT_USED = {
    "b.TIFF": ("b.TIFF", "folder", "an image of the kind .tiff is not read"),
    "b.c.webp": ("b.c.webp", "folder", "an image of the kind .webp is not read"),
    "b.nii.gz": ("b.nii.gz", "folder", "an image of the kind .nii.gz is not read"),
    "0.zip/b.gif": ("b.gif", "0", "an image of the kind .gif is not read"),
    "0.zip/7/inner.zip": (None, "inner", "a zip within a zip is not opened"),
    "0.zip/7.tar": (None, "7", "an archive of this kind is not opened"),
    "7.tar.gz": (None, "7", "an archive of this kind is not opened"),
    "7.rar": (None, "7", "an archive of this kind is not opened"),
    "b.png.gz": ("b.png", "folder", "a compressed file is not opened"),
}


@pytest.mark.parametrize("path", NOT_USED)
def test_what_is_not_used_is_told(tmp_path: Path, path: str) -> None:
    """Images of other kinds and archives that aren't opened are refused, and never just absent."""
    put(tmp_path / "folder", path, "a.png", "labels.csv", "notes.txt.gz")
    found = list_images(tmp_path)
    assert places(found) == [("a.png", "folder", "folder/a.png")]
    (row,) = found.refused.to_pylist()
    image_id, folder, reason = NOT_USED[path]
    assert (row["image_id"], row["folder"], row["path"]) == (image_id, folder, f"folder/{path}")
    assert row["reason"].startswith(f"{reason}: ")


def test_what_is_not_used_is_no_missing_file(tmp_path: Path, cxr: Run) -> None:
    """An image of another kind, or in an archive, is told by index, missing_files and check."""
    rows = repository(4, [["normal"], ["nodule"]])
    names = ["0.png", "1.bmp", "2.png", "3.png"]
    for row, name in zip(rows, names, strict=True):
        row |= {"ImageID": name, "ImageDir": "7" if name == "3.png" else "0"}
    labels = write_labels(tmp_path / "labels.csv", rows)
    images = put(tmp_path / "images", "0.png", "1.bmp", "7.tar", "inner.zip/x/deep.zip")
    ran = cxr("index", labels, "--images", images, "--store", tmp_path / "store")
    assert "1 file can't be used, 1.bmp among them (an image of the kind .bmp is not" in ran.err
    assert "2 archives can't be read: 7.tar (an archive of this kind is not opened" in ran.err
    data = ExperimentData(images, labels, store=tmp_path / "store")
    reasons = dict(table(data, "SELECT image_id, reason FROM missing_files"))
    assert reasons["1.bmp"].startswith("1.bmp: an image of the kind .bmp is not read")
    assert reasons["3.png"].startswith("7.tar: an archive of this kind is not opened")
    assert reasons["2.png"] is None
    data.check_integrity()
    found = dict(table(data, "SELECT image_id, verdict || ' ' || reason FROM checks"))
    assert found == {
        "0.png": "damaged not an image", "1.bmp": "untested unreadable",
        "2.png": "damaged missing", "3.png": "untested unreadable",
    }  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("bad", ["encrypted", "another method", "empty"])
def test_of_two_copies_the_one_that_can_be_read_is_used(tmp_path: Path, bad: str) -> None:
    """A member that nothing here opens, or a file without bytes, stands back behind a copy."""
    images = put(tmp_path / "images", "b.zip/0.png")
    write_zip(images / "0.zip", {"0.png": b"" if bad == "empty" else b"first"})
    if bad != "empty":
        data = bytearray((images / "0.zip").read_bytes())
        central = data.index(b"PK\1\2")
        at, value = (8, 1) if bad == "encrypted" else (10, 9)  # flags, method: APPNOTE 4.3.12
        data[central + at] = value
        (images / "0.zip").write_bytes(data)
    data = indexed(tmp_path)
    assert table(data, "SELECT path FROM images WHERE present") == [("b.zip/0.png",)]
    assert len(table(data, "FROM refused_files")) == (bad != "empty")


def test_a_name_twice_in_a_zip(tmp_path: Path) -> None:
    """Of members with one name the last is that which can be opened; the others are refused."""
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(tmp_path / "0.zip", "w") as archive,
    ):
        archive.writestr("a.png", b"first")
        archive.writestr("a.png", b"the second")
    found = list_images(tmp_path)
    assert [row["bytes"] for row in found.files.to_pylist()] == [10]
    assert ImageFolder(tmp_path).read("0.zip/a.png") == b"the second"
    assert [row["reason"] for row in found.refused.to_pylist()] == [
        "a later member of the zip has its name"
    ]


@pytest.mark.parametrize("kept", [0, 10, 0.5, -5])
def test_damaged_zip(tmp_path: Path, kept: float) -> None:
    """A zip that was cut is refused with a reason; the other zips and folders are listed."""
    put(tmp_path, *(f"0.zip/{number}.png" for number in range(50)), "1.zip/a.png", "2/b.png")
    whole = (tmp_path / "0.zip").read_bytes()
    (tmp_path / "0.zip").write_bytes(whole[: int(kept * len(whole)) if 0 < kept < 1 else int(kept)])
    found = list_images(tmp_path)
    assert [path for _, _, path in places(found)] == ["1.zip/a.png", "2/b.png"]
    ((refused),) = found.refused.to_pylist()
    assert (refused["image_id"], refused["folder"], refused["path"]) == (None, "0", "0.zip")
    assert refused["reason"].startswith("it is cut, or no zip: ")


def test_plain_files_that_are_none(tmp_path: Path) -> None:
    """A link to nothing and a name that no label file could hold are refused, not opened."""
    put(tmp_path, "0/a.png")
    (tmp_path / "0" / "b.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "0" / "c\n.png").write_bytes(b"")
    (tmp_path / "0" / os.fsdecode(b"d\xff.png")).write_bytes(b"")
    found = list_images(tmp_path)
    assert [path for _, _, path in places(found)] == ["0/a.png"]
    assert {row["path"]: row["reason"] for row in found.refused.to_pylist()} == {
        "0/b.png": "it can't be read: No such file or directory",
        "0/c\\n.png": "its name can't be printed",
        "0/d\\udcff.png": "its name can't be printed",
    }


def test_no_folder(tmp_path: Path) -> None:
    """A zip in the place of the folder is one sentence."""
    put(tmp_path, "0.zip/a.png")
    with pytest.raises(ImagesError, match=r"0\.zip is no folder: give the folder that holds"):
        list_images(tmp_path / "0.zip")


NAMES = st.text(st.sampled_from("ab./\\\0.~é"), min_size=1, max_size=8)


@examples(100)
@given(names=st.lists(NAMES, max_size=6, unique=True))
def test_whatever_is_listed_can_be_opened(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Members with any names: those that are listed are read, and lie below the zip."""
    folder = tmp_path_factory.mktemp("names")
    members = {f"{name}.png": name.encode() for name in names}
    with zipfile.ZipFile(folder / "0.zip", "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo("x")
            member.filename = member.orig_filename = name
            archive.writestr(member, content)
    found = list_images(folder)
    images = ImageFolder(folder)
    for name, _, path in places(found):
        inside = path.removeprefix("0.zip/")
        assert images.read(path) == members[inside]
        assert name == inside.split("/")[-1]
        assert not inside.startswith("/")
        assert not {"..", "\\", "\0"} & {*inside, *inside.split("/")}
    hidden = [name for name in members if name.split("/")[-1].startswith("._")]
    assert found.files.num_rows + found.refused.num_rows >= len(members) - len(hidden)


def indexed(tmp_path: Path, *paths: str, images: int = 4) -> ExperimentData:
    """Index images 0.png, 1.png, … of ImageDir 0 whose files lie at some paths."""
    rows = repository(images, [["normal"], ["nodule"]])
    for number, row in enumerate(rows):
        row |= {"ImageID": f"{number}.png", "ImageDir": "0"}
    labels = write_labels(tmp_path / "labels.csv", rows)
    folder = put(tmp_path / "images", *paths)
    data = ExperimentData(folder, labels, store=tmp_path / "store")
    data.create_index()
    return data


def table(data: ExperimentData, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return [tuple(row.values()) for row in data.sql(query).to_pylist()]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("paths", "used"),
    [
        (("1.zip/0.png", "0.zip/0.png"), "0.zip/0.png"),
        (("0.zip/0.png", "1/0.png"), "0.zip/0.png"),
        (("0.zip/0.png", "0/0.png"), "0/0.png"),
        (("b.zip/0.png", "a.zip/0.png", "c/0.png"), "c/0.png"),
        (("b.zip/0.png", "a.zip/0.png"), "a.zip/0.png"),
    ],
)
def test_precedence(tmp_path: Path, paths: tuple[str, ...], used: str) -> None:
    """The folder or zip named by the label file wins, then a file of its own, then the path."""
    data = indexed(tmp_path, *paths)
    assert table(data, "SELECT path FROM images WHERE image_id = '0.png'") == [(used,)]
    assert table(data, "SELECT path, used FROM repeated_files ORDER BY path") == [
        (path, path == used) for path in sorted(paths)
    ]


def test_the_three_views(tmp_path: Path, cxr: Run) -> None:
    """Rows without a file, files without a row and repeated names are tables, and told."""
    rows = repository(6, [["normal"], ["nodule"]])
    for number, row in enumerate(rows):
        row |= {"ImageID": f"{number}.png", "ImageDir": str(number % 2)}
    rows[5] |= {"StudyDate_DICOM": "no date"}
    labels = write_labels(tmp_path / "labels.csv", rows)
    images = put(
        tmp_path / "images",
        "0.zip/0.png", "0/0.png", "0/2.png", "0/5.png", "other/stray.png", "0.zip/x/stray.png",
        "0.zip/../3.png", "0.zip/4.txt",
    )  # fmt: skip
    (images / "1.zip").write_bytes(b"PK")
    ran = cxr("index", labels, "--images", images, "--allow-rejects", "--store", tmp_path / "store")
    assert ran.code == 0
    assert "5 images (2 files found, 3 missing)" in ran.out
    assert ran.err.splitlines() == [
        f'{images}: 3 files are of no image (cxr sql "FROM extra_files"), '
        '2 names occur more than once (cxr sql "FROM repeated_files")',
        f"{images}: 1 file can't be used, 0.zip/../3.png among them (its name climbs with ..); "
        'all: cxr sql "FROM refused_files"',
        f"{images}: 1 zip can't be read: 1.zip (it is cut, or no zip: File is not a zip file)",
        '1 row was refused; why: cxr sql "SELECT row, reason FROM rejects"',
    ]
    data = ExperimentData(images, labels, store=tmp_path / "store")
    assert table(data, "SELECT image_id, image_dir, reason FROM missing_files ORDER BY ALL") == [
        ("1.png", "1", "1.zip: it is cut, or no zip: File is not a zip file"),
        ("3.png", "1", "0.zip/../3.png: its name climbs with .."),
        ("4.png", "0", None),
    ]
    assert table(data, "SELECT image_id, path, reason FROM extra_files ORDER BY path") == [
        ("stray.png", "0.zip/x/stray.png", "unknown"),
        ("5.png", "0/5.png", "refused"),
        ("stray.png", "other/stray.png", "unknown"),
    ]
    assert table(data, "SELECT path, used FROM repeated_files ORDER BY path") == [
        ("0.zip/0.png", False), ("0.zip/x/stray.png", False), ("0/0.png", True),
        ("other/stray.png", False),
    ]  # fmt: skip


@pytest.mark.full
def test_nobody_looked(tmp_path: Path) -> None:
    """Without a folder of images all is empty and nothing is missing; later it is looked for."""
    rows = repository(4, [["normal"]])
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    for name in ("image_files", "refused_files", "missing_files", "extra_files", "repeated_files"):
        assert table(data, f"FROM {name}") == []
    images = put(tmp_path / "images", f"0.zip/{rows[0]['ImageID']}")
    data = ExperimentData(images, labels, store=tmp_path / "store")
    data.create_index()
    assert len(table(data, "FROM image_files")) == 1
    assert len(table(data, "FROM missing_files")) == 3


@pytest.mark.full
def test_listing_is_replaced_whole(tmp_path: Path) -> None:
    """What was found is what the last index with a folder found; one without leaves it."""
    data = indexed(tmp_path, "0.zip/0.png", "0/1.png", "0/stray.png")
    files = "SELECT path, zip FROM image_files ORDER BY path"
    first = [("0.zip/0.png", "0.zip"), ("0/1.png", None), ("0/stray.png", None)]
    assert table(data, files) == first
    publications = table(data, "FROM publications")
    data.create_index()
    assert table(data, "FROM publications") == publications  # nothing changed: nothing published
    (tmp_path / "images" / "0" / "stray.png").unlink()
    data.create_index()
    assert table(data, files) == first[:2]
    put(tmp_path / "images", "0/stray.png", "0/2.png")
    ExperimentData(labels_csv=tmp_path / "labels.csv", store=tmp_path / "store").create_index()
    assert table(data, files) == first[:2]
    data.create_index()
    assert table(data, files) == [first[0], first[1], ("0/2.png", None), ("0/stray.png", None)]
    assert table(data, "SELECT count(*) FROM data_files WHERE relation = 'image_files'") == [(1,)]


def test_a_zip_that_was_written_anew(tmp_path: Path) -> None:
    """Its members count as changed, also where all that it says of them is as before."""
    data = indexed(tmp_path, "0.zip/0.png", "0/1.png")
    before = dict(table(data, "SELECT path, modified FROM image_files"))
    os.utime(tmp_path / "images" / "0.zip", ns=(1, 10**18))
    data.create_index()
    after = dict(table(data, "SELECT path, modified FROM image_files"))
    assert after["0/1.png"] == before["0/1.png"]
    assert before["0.zip/0.png"] != after["0.zip/0.png"] == 10**18


@pytest.mark.full
def test_removed_images_go_from_the_listing(tmp_path: Path) -> None:
    """The file of a removed image is forgotten; where it is found again it is an extra one."""
    data = indexed(tmp_path, "0.zip/0.png", "0/0.png", "0/1.png", "0/stray.png")
    remove_images(data.store, "image_id = '0.png'", SILENT)
    assert table(data, "SELECT image_id FROM image_files ORDER BY ALL") == [
        ("1.png",), ("stray.png",),
    ]  # fmt: skip
    data.create_index()
    assert table(data, "SELECT path, reason FROM extra_files ORDER BY ALL") == [
        ("0.zip/0.png", "removed"), ("0/0.png", "removed"), ("0/stray.png", "unknown"),
    ]  # fmt: skip


@pytest.mark.full
def test_files_of_refused_rows_that_are_removed(tmp_path: Path) -> None:
    """A refused row that goes takes its file along, but no file of an image that stays."""
    rows = repository(4, [["normal"]])
    for number, row in enumerate(rows):
        row |= {"ImageID": f"{number}.png", "PatientID": f"patient{number}"}
    rows[3] |= {"StudyDate_DICOM": "no date", "PatientID": "gone"}
    images = put(tmp_path / "images", *(f"0.zip/{number}.png" for number in range(4)))
    for name, chosen in (
        ("first", rows),
        ("more", [{**rows[2], "PatientID": "gone", "StudyDate_DICOM": "no date"}, rows[1]]),
    ):
        labels = write_labels(tmp_path / f"{name}.csv", chosen)
        data = ExperimentData(images, labels, store=tmp_path / "store")
        data.create_index(allow_rejects=True)
    assert table(data, "SELECT image_id FROM rejects ORDER BY ALL") == [("2.png",), ("3.png",)]
    remove_images(data.store, "patient_id = 'gone'", SILENT)
    assert table(data, "FROM rejects") == []
    assert table(data, "SELECT image_id FROM image_files ORDER BY ALL") == [
        ("0.png",), ("1.png",), ("2.png",),
    ]  # fmt: skip


def test_only_damaged_zips(tmp_path: Path) -> None:
    """Where no image is found because the zips can't be read, the error says so."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.zip").write_bytes(b"PK")
    with pytest.raises(ImagesError, match=r"among the 0 image files .* \(0\.zip: it is cut, or"):
        indexed(tmp_path)


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest made-up repository, in zips."""
    folder = tmp_path_factory.mktemp("zipped") / "demo"
    make_demo(folder, images=60, zips=True)
    return folder


@pytest.mark.full
def test_demo_in_zips(zipped: Path, tmp_path: Path) -> None:
    """The same films as in folders, flat in a zip for each ImageDir; the same bytes each time."""
    make_demo(tmp_path / "again", images=60, zips=True)
    make_demo(tmp_path / "folders", images=60)
    assert (zipped / "labels.csv").read_bytes() == (tmp_path / "again/labels.csv").read_bytes()
    found = sorted((zipped / "images").iterdir())
    assert found
    for file in found:
        assert file.read_bytes() == (tmp_path / "again" / "images" / file.name).read_bytes()
        plain = tmp_path / "folders" / "images" / file.stem
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}
            films = {entry.filename: archive.read(entry) for entry in entries}
        assert films == {film.name: film.read_bytes() for film in plain.iterdir()}


@pytest.mark.full
def test_zips_end_to_end(zipped: Path, tmp_path: Path, cxr: Run) -> None:
    """From zips and from their contents come the same index, audit and export."""
    plain = tmp_path / "plain"
    for file in (zipped / "images").iterdir():
        shutil.unpack_archive(file, plain / file.stem)
    exports = []
    for images, store in ((zipped / "images", tmp_path / "a"), (plain, tmp_path / "b")):
        ran = cxr("index", zipped / "labels.csv", "--images", images, "--store", store)
        assert "60 images (57 files found, 3 missing)" in ran.out
        assert cxr("create", "normal", "not-normal", "--name", "p", "--store", store).code == 0
        found = ExperimentData(images, store=store).audit("p")
        damaged = [(r["image_id"], r["problem"]) for r in found["damaged_file"].rows.to_pylist()]
        for how in (["--copy"], ["--size", "64"]):  # the second without damaged films
            target = tmp_path / f"out-{store.name}{how[0]}"
            assert cxr("export", "p", target, "--store", store, *how).code == 0
            assert cxr("check", "--store", store).code == 0
            films = {
                f.relative_to(target).as_posix(): f.read_bytes() for f in target.rglob("*.png")
            }
            exports.append((films, damaged, [c.broken for c in found.checks]))
    assert exports[0][0]
    assert exports[:2] == exports[2:]
