"""Where a store lies: paths, file: URLs, mounts, and the URLs that pyarrow reaches."""

import subprocess
import sys
from pathlib import Path

import pytest

from cxr_duck.errors import StoreError
from cxr_duck.io import urls as places
from cxr_duck.io.urls import local_path, mounts, reach, translating_url_errors


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("store", "store"),
        ("/data/store", "/data/store"),
        (Path("a/b"), "a/b"),
        ("a:b/c", "a:b/c"),
        ("c:/films/store", "c:/films/store"),
        ("file:///data/store", "/data/store"),
        ("file:/data/store", "/data/store"),
        ("FILE://localhost/data/store", "/data/store"),
        ("file:///data/a%20store", "/data/a store"),
        ("hdfs://host/store", None),
        ("s3a://bucket/store", None),
        ("viewfs://cluster/store", None),
        ("dbfs:/store", None),
    ],
)
def test_local_path(place: str | Path, path: str | None) -> None:
    """A path and a file: URL are a folder of this machine; no other URL is."""
    assert local_path(place) == (Path(path) if path is not None else None)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (Path("s3a://bucket/store"), "s3a:/bucket/store is a URL made a path"),
        ("file://other/store", "file://other/store names a file of other"),
    ],
)
def test_no_place(place: str | Path, sentence: str) -> None:
    """A URL that lost a slash is no folder of that name, and another machine's file is refused."""
    with pytest.raises(StoreError, match=sentence):
        local_path(place)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("dbfs:/=/dbfs/", (("dbfs:/", "/dbfs/"),)),
        (
            "dbfs:/=/dbfs/; viewfs://cluster=/mnt/cluster;",
            (("dbfs:/", "/dbfs/"), ("viewfs://cluster", "/mnt/cluster")),
        ),
        ("s3a://a/=s3://a/?scheme=http", (("s3a://a/", "s3://a/?scheme=http"),)),
    ],
)
def test_mounts(monkeypatch: pytest.MonkeyPatch, text: str, pairs: places.Mounts) -> None:
    """$CXR_MOUNTS lists what stands for the beginnings of URLs."""
    monkeypatch.setenv("CXR_MOUNTS", text)
    assert mounts() == pairs


@pytest.mark.parametrize("text", ["dbfs:/", "dbfs=/dbfs", "dbfs:/=dbfs", "=/dbfs", "a:/=/a;b"])
def test_mounts_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What is no pair of a URL and an absolute folder is told, with an example."""
    monkeypatch.setenv("CXR_MOUNTS", text)
    with pytest.raises(StoreError, match=r"CXR_MOUNTS has .*: give URL=FOLDER, .*dbfs:/=/dbfs/"):
        mounts()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("viewfs://cluster", "/mnt/all"),
        ("viewfs://cluster/store", "/mnt/all/store"),
        ("viewfs://cluster/films", "/mnt/films"),
        ("viewfs://cluster/films/a/b", "/mnt/films/a/b"),
        ("viewfs://cluster/films2/a", "/mnt/all/films2/a"),
        ("dbfs:/store", "/dbfs/store"),
    ],
)
def test_longest_mount(url: str, path: str) -> None:
    """The longest mount that a URL begins with, by whole names, says where it is."""
    mounted = (
        ("viewfs://cluster", "/mnt/all"),
        ("viewfs://cluster/films", "/mnt/films/"),
        ("dbfs:/", "/dbfs/"),
    )
    place = reach(url, mounted)
    assert (place.url, place.path) == (url, path)


@pytest.mark.parametrize(
    ("url", "prefix", "target", "path"),
    [
        ("s3a://films/store", "s3a://films/", "s3a://films/", "films/store"),
        ("s3n://films/a/b", "s3n://films", "s3://other/x/", "other/x/a/b"),
        ("s3://films", "s3://films", "s3://films", "films"),
    ],
)
def test_object_storage(url: str, prefix: str, target: str, path: str) -> None:
    """Hadoop's names of S3 are pyarrow's, and a mount may say how another service is reached."""
    options = "?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    place = reach(url, ((prefix, target + options),))
    assert (place.filesystem.type_name, place.path) == ("s3", path)
    assert (place.filesystem.region, place.child("x").url) == ("us-east-1", f"{url}/x")


@pytest.mark.parametrize("url", ["warc://host/store", "s3://a b/c"])
def test_unknown_url(url: str) -> None:
    """A URL that nobody knows is one sentence, which says how to mount it."""
    with pytest.raises(StoreError) as told, translating_url_errors(url):
        reach(url)
    scheme = url.partition(":")[0]
    assert str(told.value).startswith(f"{url} can't be reached (")
    assert str(told.value).endswith(
        f"say where it is mounted, as in CXR_MOUNTS={scheme}:/=/mnt/{scheme}/"
    )
    assert "\n" not in str(told.value)


def test_files_of_a_mount(tmp_path: Path) -> None:
    """What is written at a URL can be listed, read, moved onto another file, and deleted."""
    place = reach("dbfs:/store", (("dbfs:/", str(tmp_path)),))
    assert place.child("data/1/a").state() is None
    assert place.listing() == {}
    place.child("data/1/a").write(b"first")
    place.child("data/b.gz").write(b"second")
    assert (tmp_path / "store/data/b.gz").read_bytes() == b"second"
    assert sorted(place.listing(recursive=True)) == ["data", "data/1", "data/1/a", "data/b.gz"]
    assert sorted(place.listing()) == ["data"]
    place.child("data/1/a").move_to(place.child("data/b.gz"))
    assert (place.child("data/b.gz").read(), place.child("data/b.gz").read(2)) == (b"first", b"fi")
    place.child("data/b.gz").download(tmp_path / "local")
    place.child("copy").upload(tmp_path / "local")
    assert (state := place.child("copy").state()) is not None
    assert state == (5, (tmp_path / "store/copy").stat().st_mtime_ns)
    place.child("copy").delete_file()
    place.child("copy").delete_file()
    place.child("data").delete_folder()
    place.child("data").delete_folder()
    assert place.listing() == {}


def test_places_need_nothing_of_ours(tmp_path: Path) -> None:
    """The module works where cxr_duck is not installed, as it may not be on Spark's workers."""
    script = (
        "import runpy, sys; sys.modules['cxr_duck'] = None\n"
        f"places = runpy.run_path({places.__file__!r})\n"
        f"place = places['reach']('dbfs:/x', (('dbfs:/', {str(tmp_path)!r}),))\n"
        "place.child('a/part').write(b'1'); print(place.child('a/part').read())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "b'1'\n", ran.stderr
