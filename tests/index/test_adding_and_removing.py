"""A store grows, shrinks and is compacted, at the cost of what changes."""

import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import ExperimentData
from cxr_duck.errors import ConflictError, DatasetError, ImagesError, StoreError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store.compaction import compact
from cxr_duck.store.data_files import data_files
from cxr_duck.store.invariants import check_invariants
from cxr_duck.store.store import Store
from tests.conftest import Run, examples
from tests.support.label_rows import repository, rows_of, write_labels
from tests.support.walk import Walked, walk

ROWS = repository(40, [["nodule"], ["normal"], ["mass", "nodule"]], images_each=2)


def opened(
    folder: Path, rows: list[dict[str, str]], name: str = "labels.csv", images: Path | None = None
) -> ExperimentData:
    """Return the store of a folder, with a label file of some rows that is not indexed yet."""
    return ExperimentData(images, write_labels(folder / name, rows), store=folder / "store")


def postings(data: ExperimentData) -> Walked:
    """Return every posting of a store."""
    rows = data.sql("SELECT finding, image_id, localizations, known_by FROM postings").to_pylist()
    found = {
        (row["finding"], row["image_id"]): (row["localizations"], row["known_by"]) for row in rows
    }
    assert len(found) == len(rows)
    return found


def intact(data: ExperimentData) -> bool:
    """Tell whether no check of a store finds anything."""
    return not [check for check in check_invariants(data.store) if check.rows]


def test_rows_are_added(tmp_path: Path) -> None:
    """A second label file's images come beside the first one's, and old files stay as they are."""
    opened(tmp_path, ROWS[:30]).create_index()
    before = {path: path.read_bytes() for path in tmp_path.glob("store/data/*/*")}
    data = opened(tmp_path, ROWS[30:], "more.csv")
    counts = data.create_index()
    assert (counts["images"], counts["added"], counts["unchanged"]) == (
        len(ROWS),
        len(ROWS) - 30,
        0,
    )
    assert postings(data) == walk(ROWS)
    assert {path: path.read_bytes() for path in before} == before
    assert len(data.index["nodule"]) == len([key for key in walk(ROWS) if key[0] == "nodule"])
    assert intact(data)


def test_same_content_changes_nothing(tmp_path: Path) -> None:
    """Images that the store has as the label file says them are no change, whatever their row."""
    opened(tmp_path, ROWS).create_index()
    before = sorted(path.name for path in (tmp_path / "store").rglob("*"))
    again = [{**row, "": str(number)} for number, row in enumerate(reversed(ROWS))]
    data = opened(tmp_path, again, "again.csv")
    counts = data.create_index()
    assert (counts["added"], counts["replaced"], counts["unchanged"]) == (0, 0, len(ROWS))
    assert sorted(path.name for path in (tmp_path / "store").rglob("*")) == before


def test_only_new_rows_of_a_file_are_added(tmp_path: Path) -> None:
    """Of a file that overlaps with the store the new rows come in."""
    opened(tmp_path, ROWS[:30]).create_index()
    data = opened(tmp_path, ROWS[20:], "more.csv")
    counts = data.create_index()
    assert (counts["added"], counts["unchanged"]) == (len(ROWS) - 30, 10)
    assert postings(data) == walk(ROWS)


CHANGED = [{**ROWS[0], "Labels": "['scoliosis']", "Projection": "L"}, *ROWS[1:3]]


def test_conflict_is_listed_and_refused(tmp_path: Path, cxr: Run) -> None:
    """Another content for an image of the store is refused, with what differs."""
    opened(tmp_path, ROWS).create_index()
    data = opened(tmp_path, CHANGED, "changed.csv")
    with pytest.raises(ConflictError, match=r"says of 1 images other than the store: give --repl"):
        data.create_index()
    ran = cxr("index", tmp_path / "changed.csv", "--store", tmp_path / "store")
    assert ran.code == 1
    assert ran.out.splitlines()[1].split() == [
        ROWS[0]["ImageID"], "1", "projection,", "frontal,", "findings,", "labels_text",
    ]  # fmt: skip
    assert postings(data) == walk(ROWS)


def test_conflict_is_replaced_when_asked(tmp_path: Path) -> None:
    """With replace the label file's word is taken, in every view."""
    opened(tmp_path, ROWS).create_index()
    data = opened(tmp_path, CHANGED, "changed.csv")
    counts = data.create_index(replace=True)
    assert (counts["images"], counts["replaced"], counts["unchanged"]) == (len(ROWS), 1, 2)
    assert postings(data) == walk([CHANGED[0], *ROWS[1:]])
    assert intact(data)


def test_everything_is_replaced(tmp_path: Path) -> None:
    """Where no row of the old files stays they go, and the views still know their columns."""
    opened(tmp_path, ROWS).create_index()
    changed = [{**row, "Labels": "['scoliosis']"} for row in ROWS]
    data = opened(tmp_path, changed, "changed.csv")
    data.create_index(replace=True)
    assert postings(data) == walk(changed)
    assert {file.publication for file in data_files(data.store.cursor(), "images")} == {2}


@pytest.mark.full
def test_images_that_are_found_later(tmp_path: Path) -> None:
    """Indexing again with a folder of images notes their files without being asked to replace."""
    opened(tmp_path, ROWS).create_index()
    films = tmp_path / "films"
    films.mkdir()
    (films / ROWS[0]["ImageID"]).write_bytes(b"x")
    data = opened(tmp_path, ROWS, images=films)
    counts = data.create_index()
    assert (counts["located"], counts["unchanged"], counts["found"]) == (len(ROWS), 0, 1)
    present = "SELECT count(*) AS n FROM images WHERE present"
    assert data.sql(present).to_pylist() == [{"n": 1}]
    assert data.create_index()["unchanged"] == len(ROWS)
    assert opened(tmp_path, ROWS).create_index()["unchanged"] == len(ROWS)
    assert data.sql(present).to_pylist() == [{"n": 1}]


@pytest.mark.full
def test_images_below_another_folder(tmp_path: Path) -> None:
    """Paths of one store are relative to one folder: another is refused while the first is used."""
    for name, row in (("old", ROWS[0]), ("new", ROWS[1])):
        (tmp_path / name).mkdir()
        (tmp_path / name / row["ImageID"]).write_bytes(b"x")
    opened(tmp_path, ROWS[:1], images=tmp_path / "old").create_index()
    data = opened(tmp_path, ROWS[1:2], "more.csv", tmp_path / "new")
    with pytest.raises(ImagesError, match=r"1 images of the store lie below .*old: give --images"):
        data.create_index()
    data.images_dir = tmp_path
    with pytest.raises(ImagesError, match="1 images of the store lie below"):
        data.create_index()
    both = opened(tmp_path, ROWS[:2], "both.csv", tmp_path)
    assert both.create_index()["located"] == 1
    paths = both.sql("SELECT path FROM images ORDER BY path").to_pylist()
    assert [row["path"] for row in paths] == [
        f"new/{ROWS[1]['ImageID']}", f"old/{ROWS[0]['ImageID']}",
    ]  # fmt: skip


def test_pure_and_not_pure(tmp_path: Path, cxr: Run) -> None:
    """An index of pure terms takes no other rows than it would have taken."""
    opened(tmp_path, ROWS[:30]).create_index(pure_terms=True)
    data = opened(tmp_path, ROWS[30:], "more.csv")
    with pytest.raises(StoreError, match="was indexed with --pure, and an index can't be both"):
        data.create_index()
    data.create_index(pure_terms=True)
    assert {key[0] for key in postings(data)} == {"nodule", "normal"}
    assert intact(data)


@pytest.mark.full
def test_rejects_are_kept_once(tmp_path: Path) -> None:
    """The rejects of each label file are added, and not again when it is indexed again."""
    opened(tmp_path, rows_of([{}, {"PatientID": ""}])).create_index(allow_rejects=True)
    data = opened(tmp_path, rows_of([{}, {}, {"StudyID": ""}]), "more.csv")
    assert data.create_index(allow_rejects=True)["rejects"] == 2
    assert data.create_index(allow_rejects=True)["rejects"] == 2
    rows = data.sql("SELECT file, row FROM rejects ORDER BY file").to_pylist()
    assert rows == [{"file": "labels.csv", "row": 2}, {"file": "more.csv", "row": 3}]


def gone_from_disk(store: Path, text: str) -> bool:
    """Tell whether no data file holds a text, as it stands or inside Parquet's pages."""
    import pyarrow.parquet

    return not [
        path
        for path in store.glob("data/*/*.parquet")
        if text in str(pyarrow.parquet.read_table(path).to_pydict())
    ]


@pytest.mark.full
def test_removed_images_are_gone(tmp_path: Path, cxr: Run) -> None:
    """What is removed goes from every view and every file, refused rows included, and stays out."""
    twice = {**ROWS[1], "Labels": "['nodule', 'mass']"}
    lost = {**ROWS[1], "ImageID": ""}
    data = opened(tmp_path, [*ROWS[:30], lost, {**ROWS[1], "": "99"}])
    data.create_index()
    opened(tmp_path, ROWS[30:], "more.csv").create_index()
    data.create_dataset(["nodule", "normal"], name="pair")
    patient = ROWS[1]["PatientID"]
    held = {row["ImageID"] for row in ROWS if row["PatientID"] == patient}
    ran = cxr("remove", "--where", f"patient_id = '{patient}'", "--yes", "--store", data.store.path)
    assert ran.code == 0
    assert (
        ran.out
        == f"{len(held)} images of 1 patients and 2 refused rows removed from {data.store.path}\n"
    )
    assert "the dataset pair held" in ran.err
    assert postings(data) == walk([row for row in ROWS if row["PatientID"] != patient])
    assert data.sql("FROM rejects").to_pylist() == []
    gc.collect()
    assert gone_from_disk(data.store.path, f"'{patient}'")
    assert all(gone_from_disk(data.store.path, image_id) for image_id in held)
    assert intact(data)

    ran = cxr("show", "pair", "--store", data.store.path)
    assert "of its images were removed from the store" in ran.err
    members = "SELECT DISTINCT image_id FROM experiments.members WHERE removed"
    assert {row["image_id"] for row in data.sql(members).to_pylist()} <= held
    assert data.datasets()[0]["removed"] == len(data.sql(members).to_pylist()) > 0

    assert not data.sql(f"FROM experiments.members WHERE patient_id = '{patient}'").num_rows
    assert not duckdb_holds(data, f"'{patient}'")
    assert (
        "it was removed from the store"
        in cxr("why", next(iter(held)), "--store", data.store.path).out
    )

    again = cxr("index", tmp_path / "labels.csv", "--store", data.store.path)
    assert f"{len(held)} images of labels.csv were removed from this store" in again.err
    assert gone_from_disk(data.store.path, next(iter(held)))
    newer = [{**ROWS[1], "ImageID": "newer.png"}, {**ROWS[1], "ImageID": "", "Report": "newer"}]
    other = opened(tmp_path, [*newer, {**ROWS[0], "Labels": "['mass']"}], "newer.csv")
    assert other.create_index(replace=True, allow_rejects=True)["replaced"] == 1
    assert gone_from_disk(data.store.path, f"'{patient}'")
    data = opened(tmp_path, [twice, *ROWS[3:30]], "labels.csv")
    data.create_index(readmit=True)
    assert ("mass", ROWS[1]["ImageID"]) in postings(data)
    assert opened(tmp_path, newer, "newer.csv").create_index(allow_rejects=True)["added"] == 1
    assert intact(data)


def duckdb_holds(data: ExperimentData, text: str) -> bool:
    """Tell whether any table of the catalog has a text in a row that is still there."""
    tables = data.sql(
        "SELECT table_schema || '.' || table_name AS name FROM "
        "information_schema.tables WHERE table_type = 'BASE TABLE'"
    ).to_pylist()
    return any(
        text in str(data.sql(f"FROM {row['name']}").to_pylist())
        and "removed_images" not in row["name"]
        for row in tables
    )


@pytest.mark.full
def test_removal_that_was_killed_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old files that a removal could not delete go with the next change, whatever it is."""
    data = opened(tmp_path, ROWS)
    data.create_index()
    monkeypatch.setattr(Store, "_clean_up", lambda store, publication: None)
    remove_images(data.store, "patient_id = 'patient1'", SILENT)
    monkeypatch.undo()
    assert not gone_from_disk(data.store.path, ROWS[1]["ImageID"])
    remove_images(data.store, "patient_id = 'patient1'", SILENT)
    assert gone_from_disk(data.store.path, ROWS[1]["ImageID"])


def test_interrupt_after_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted once the new state is in place, its files stay."""
    data = opened(tmp_path, ROWS[:30])
    data.create_index()

    def interrupt(path: Path) -> None:
        if path == data.store.path:
            raise KeyboardInterrupt

    monkeypatch.setattr("cxr_duck.store.local_folder.sync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path, ROWS[30:], "more.csv").create_index()
    monkeypatch.undo()
    assert postings(data) == walk(ROWS)
    assert intact(data)


@pytest.mark.full
def test_patient_of_refused_rows_only(tmp_path: Path, cxr: Run) -> None:
    """Refused rows that meet the condition go, and the patient's later images stay out."""
    rows = [{**ROWS[0], "PatientID": "px", "Labels": "nodule"}, *ROWS[1:3]]
    data = opened(tmp_path, rows)
    data.create_index(allow_rejects=True)
    ran = cxr("remove", "--where", "patient_id = 'px'", "--yes", "--store", data.store.path)
    assert ran.out == f"0 images of 0 patients and 1 refused rows removed from {data.store.path}\n"
    assert data.sql("FROM rejects").to_pylist() == []
    data = opened(tmp_path, [*rows, {**ROWS[0], "PatientID": "px"}], "more.csv")
    counts = data.create_index(allow_rejects=True)
    assert (counts["added"], counts["rejects"]) == (0, 0)
    assert gone_from_disk(data.store.path, "'px'")


@pytest.mark.full
def test_damaged_file_is_not_written_anew(tmp_path: Path, cxr: Run) -> None:
    """What a change would write anew is verified before, so that damage is not covered up."""
    opened(tmp_path, ROWS[:30]).create_index()
    data = opened(tmp_path, ROWS[30:], "more.csv")
    data.create_index()
    path = next(tmp_path.glob("store/data/000002/images*"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    data.store.close()
    for words in (["compact"], ["remove", "--where", "TRUE", "--yes"]):
        ran = cxr(*words, "--store", data.store.path)
        assert ran.code == 1
        assert ran.err.count("\n") == 1
        assert "images-0001.parquet" in ran.err


def test_ids_are_not_matched_in_part(tmp_path: Path) -> None:
    """To remove patient 1 takes no refused row of patient 12 away."""
    rows = [
        {**ROWS[0], "PatientID": "1"},
        {**ROWS[1], "PatientID": "12", "StudyID": ""},
        {**ROWS[2], "PatientID": "1", "StudyID": ""},
    ]
    data = opened(tmp_path, rows)
    data.create_index(allow_rejects=True)
    remove_images(data.store, "patient_id = '1'", SILENT)
    assert data.sql("SELECT row FROM rejects").to_pylist() == [{"row": 2}]


def test_replaced_image_keeps_its_file(tmp_path: Path) -> None:
    """Where nobody looks for files, a replaced image's stays known."""
    films = tmp_path / "films"
    films.mkdir()
    (films / ROWS[0]["ImageID"]).write_bytes(b"x")
    opened(tmp_path, ROWS[:2], images=films).create_index()
    data = opened(tmp_path, CHANGED, "changed.csv")
    data.create_index(replace=True)
    rows = data.sql("SELECT path, present FROM images ORDER BY image_id").to_pylist()
    assert rows[0] == {"path": ROWS[0]["ImageID"], "present": True}
    assert [row["present"] for row in rows[1:]] == [False, None]


def test_growing_file_tells_its_rejects_once(tmp_path: Path) -> None:
    """A label file that got more rows adds its new rejects only."""
    refused = rows_of([{}, {"PatientID": ""}])
    opened(tmp_path, refused).create_index(allow_rejects=True)
    data = opened(tmp_path, [*refused, *rows_of([{}, {}, {}, {"StudyID": ""}])[2:]])
    assert data.create_index(allow_rejects=True)["rejects"] == 2
    assert data.sql("SELECT row FROM rejects ORDER BY row").to_pylist() == [{"row": 2}, {"row": 4}]


@pytest.mark.full
def test_dataset_of_removed_images_is_not_recorded(tmp_path: Path) -> None:
    """A dataset made before a removal can't bring the removed images back into the record."""
    data = opened(tmp_path, ROWS)
    data.create_index()
    dataset = data.create_dataset(["nodule", "normal"], name="pair", store_it=False)
    member = dataset.members["patient_id"][0].as_py()
    remove_images(data.store, f"patient_id = '{member}'", SILENT)
    with pytest.raises(DatasetError, match="were removed from the store: make it again"):
        data.store_in_dataset(dataset)


def test_remove_asks(tmp_path: Path, cxr: Run) -> None:
    """Without a terminal to ask on and without --yes nothing is removed."""
    data = opened(tmp_path, ROWS)
    data.create_index()
    ran = cxr("remove", "--where", "frontal", "--store", data.store.path)
    assert ran.code == 1
    assert ran.err == (
        f"Error: nothing is removed: {len(ROWS)} images of 40 patients meet the condition; "
        "give --yes to remove them\n"
    )
    ran = cxr("remove", "--where", " ", "--yes", "--store", data.store.path)
    assert ran.code == 1
    assert ran.err.startswith("Error: the condition is empty")
    assert len(postings(data)) == len(walk(ROWS))
    ran = cxr("remove", "--where", "sex = 'X'", "--store", data.store.path)
    assert (ran.code, ran.out) == (
        0, f"no image of {data.store.path} meets the condition; nothing is removed\n",
    )  # fmt: skip
    ran = cxr("remove", "--where", "nonsense = 1", "--yes", "--store", data.store.path)
    assert ran.code == 1
    assert "the condition 'nonsense = 1' can't be evaluated" in ran.err


@pytest.mark.full
def test_everything_is_removed(tmp_path: Path) -> None:
    """A store from which all was removed is empty, and can be filled again."""
    data = opened(tmp_path, ROWS)
    data.create_index()
    remove_images(data.store, "TRUE", SILENT)
    assert postings(data) == {}
    more = opened(tmp_path, rows_of([{}]), "more.csv")
    more.create_index()
    assert list(more.index) == ["normal"]


def test_export_leaves_removed_images_out(own_demo: ExperimentData, tmp_path: Path) -> None:
    """A dataset that held removed images is exported without them."""
    dataset = own_demo.create_dataset(["nodule", "normal"], name="pair")
    gone = dataset.members.column("image_id")[0].as_py()
    remove_images(own_demo.store, f"image_id = '{gone}'", SILENT)
    report = own_demo.export("pair", tmp_path / "out")
    assert report["images"] == dataset.images() - 1
    assert gone not in (tmp_path / "out" / "manifest.csv").read_text()


@pytest.mark.full
def test_compact_merges_small_files(tmp_path: Path) -> None:
    """Four additions become one file a relation, with the same rows, sorted."""
    for number in range(4):
        data = opened(tmp_path, ROWS[number * 5 : number * 5 + 5], f"{number}.csv")
        data.create_index()
    assert compact(data.store, SILENT) == {
        "images": (4, 1), "postings": (4, 1), "rejects": (1, 1),
    }  # fmt: skip
    assert postings(data) == walk(ROWS[:20])
    keys = data.sql("SELECT finding, image_id FROM postings").to_pylist()
    assert keys == sorted(keys, key=lambda row: (row["finding"], row["image_id"]))
    assert intact(data)
    assert compact(data.store, SILENT)["images"] == (1, 1)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 30), st.integers(1, 20)),
            st.tuples(st.just("change"), st.integers(0, 30), st.integers(1, 5)),
            st.tuples(st.just("remove"), st.integers(0, 30), st.integers(1, 5)),
            st.tuples(st.just("compact"), st.just(0), st.just(0)),
        ),
        max_size=6,
    )
)
@examples(12)
def test_any_course_of_changes(
    tmp_path_factory: pytest.TempPathFactory, course: list[tuple[str, int, int]]
) -> None:
    """After any additions, replacements, removals and merges the store holds what it should."""
    folder = tmp_path_factory.mktemp("course")
    opened(folder, ROWS[:2]).create_index()
    held = {row["ImageID"]: row for row in ROWS[:2]}
    for number, (action, start, count) in enumerate(course):
        chosen = ROWS[start : start + count]
        if action == "compact":
            compact(ExperimentData(store=folder / "store").store, SILENT)
        elif action == "remove":
            ids = ", ".join(f"'{row['ImageID']}'" for row in chosen)
            data = ExperimentData(store=folder / "store")
            remove_images(data.store, f"image_id IN ({ids})", SILENT)
            for row in chosen:
                held.pop(row["ImageID"], None)
        else:
            rows = [{**row, "Labels": f"['{action}']"} for row in chosen]
            data = opened(folder, rows, f"{number}.csv")
            data.create_index(replace=True, readmit=True)
            held.update({row["ImageID"]: row for row in rows})
    data = ExperimentData(store=folder / "store")
    assert postings(data) == walk(held.values())
    assert intact(data)


@pytest.mark.full
def test_blocks_and_reading_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label file that is read onto the disk and written in blocks is indexed as any other."""
    monkeypatch.setattr("cxr_duck.index.indexing._BLOCK", 7)
    monkeypatch.setattr("cxr_duck.engines.duckdb._IN_MEMORY", 1)
    labels = write_labels(tmp_path / "labels.csv", [*ROWS[:20], {**ROWS[20], "PatientID": ""}])
    lines = labels.read_text().splitlines(keepends=True)
    tail = write_labels(tmp_path / "tail.csv", ROWS[21:]).read_text().splitlines(keepends=True)[1:]
    labels.write_text("".join([*lines[:5], "too,few\n", *lines[5:], *tail]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    counts = data.create_index()
    assert postings(data) == walk([*ROWS[:20], *ROWS[21:]])
    assert (counts["images"], counts["rejects"]) == (len(ROWS) - 1, 2)
    rows = data.sql("SELECT row, reason FROM rejects ORDER BY row").to_pylist()
    assert [(row["row"], row["reason"].split(":")[0]) for row in rows] == [
        (5, "the record has 2 fields, the header 36"), (22, "no PatientID"),
    ]  # fmt: skip
    assert len(data_files(data.store.cursor(), "postings")) == -(-len(ROWS) // 7)
    assert not (tmp_path / "store" / ".spill").exists()
    assert intact(data)
    compact(data.store, SILENT)
    assert postings(data) == walk([*ROWS[:20], *ROWS[21:]])


def test_bounds_of_the_environment(
    tmp_path: Path, cxr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$CXR_MEMORY_LIMIT and $CXR_THREADS hold for what reads and writes; nonsense is told."""
    monkeypatch.setenv("CXR_MEMORY_LIMIT", "300MB")
    monkeypatch.setenv("CXR_THREADS", "1")
    data = opened(tmp_path, ROWS)
    data.create_index()
    query = "SELECT current_setting('threads') AS n, current_setting('memory_limit') AS m"
    assert data.sql(query).to_pylist() == [{"n": 1, "m": "286.1 MiB"}]
    monkeypatch.setenv("CXR_THREADS", "many")
    data.store.close()
    for command in (["find", "nodule"], ["index", tmp_path / "labels.csv"]):
        ran = cxr(*command, "--store", tmp_path / "store")
        assert ran.code == 1
        assert ran.err.startswith("Error: DuckDB can't be started")
        assert "$CXR_THREADS is many" in ran.err


def test_remove_compact_and_check_from_python(own_demo: ExperimentData) -> None:
    """A dry run removes nothing and counts the same; then the store is whole, its files few."""
    before = own_demo.sql("SELECT count(*) AS images FROM images").to_pylist()
    told = own_demo.remove("age > 60", dry_run=True)
    assert own_demo.sql("SELECT count(*) AS images FROM images").to_pylist() == before
    assert own_demo.remove("age > 60") == told
    assert 0 < told.images < before[0]["images"]
    assert own_demo.count("age > 60") == 0
    assert own_demo.compact() == {"images": (1, 1), "postings": (1, 1), "rejects": (1, 1)}
    checks = own_demo.check_store()
    assert len(checks) > 10
    assert [check.name for check in checks if check.rows or check.untested] == []
