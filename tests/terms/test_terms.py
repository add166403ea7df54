"""Hierarchies: the two that come along, a user's own, the drawn tree."""

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import HierarchyError
from cxr_duck.terms.hierarchy import built_in_hierarchies, load_hierarchy
from tests.conftest import Run


def ancestors(data: ExperimentData, hierarchy: str, ancestor: str) -> dict[str, int]:
    """Return {descendant: distance} of a term."""
    rows = data.sql(
        "SELECT descendant, distance FROM term_ancestors "
        f"WHERE hierarchy = '{hierarchy}' AND ancestor = '{ancestor}'"
    ).to_pylist()
    return {row["descendant"]: row["distance"] for row in rows}


def test_paper_hierarchy(odd_data: ExperimentData) -> None:
    """The paper's Figure 4, as far as its text fixes it."""
    assert ancestors(odd_data, "paper", "linear") == {
        "linear": 0, "laminar atelectasis": 1, "fibrotic band": 1,
    }  # fmt: skip
    assert ancestors(odd_data, "paper", "nodular") == {
        "nodular": 0, "nodule": 1, "granuloma": 1, "pulmonary mass": 1,
    }  # fmt: skip
    assert ancestors(odd_data, "paper", "not-normal") == {
        "not-normal": 0, "linear": 1, "nodular": 1, "atelectasis": 1, "calcified granuloma": 1,
        "pneumonia": 1, "laminar atelectasis": 2, "fibrotic band": 2, "nodule": 2, "granuloma": 2,
        "pulmonary mass": 2,
    }  # fmt: skip


def test_padchest_hierarchy_by_a_walk(odd_data: ExperimentData) -> None:
    """The closure is what a walk over the edges finds, with the shortest distance."""
    text = files("cxr_duck").joinpath("terms/hierarchies/padchest.csv").read_text(encoding="utf-8")
    children: dict[str, list[str]] = {}
    for row in csv.DictReader(text.splitlines()):
        children.setdefault(row["parent"], []).append(row["term"])
    for top in ("not-normal", "infiltrates", "upper lobe", "thoracic cage deformation"):
        walked, level = {top: 0}, [top]
        while level:
            level = [c for term in level for c in children.get(term, []) if c not in walked]
            for term in level:
                walked[term] = min(
                    walked[parent] + 1 for parent in walked if term in children.get(parent, [])
                )
        assert ancestors(odd_data, "padchest", top) == walked


def test_not_normal_is_every_finding_and_diagnosis_that_is_one() -> None:
    """`not-normal` holds all but normal, exclude, suboptimal study, unchanged; no localization."""
    padchest = next(h for h in built_in_hierarchies() if h.name == "padchest")
    parents: dict[str, set[str | None]] = {}
    for term, parent, _, tree in padchest.edges:
        if tree != "localization":
            parents.setdefault(term, set()).add(parent)

    def below(term: str | None) -> bool:
        return term is not None and (
            term == "not-normal" or any(below(parent) for parent in parents[term])
        )

    outside = {term for term in parents if not below(term)}
    assert outside == {
        "normal", "exclude", "suboptimal study", "unchanged", "radiological finding",
    }  # fmt: skip
    assert {"hypoexpansion basal", "lipomatosis"} <= parents.keys()


BAD = [
    ("term,parent\na,b\nb,c\nc,a\n", "has a cycle: a -> c -> b -> a"),
    ("term,parent\na,a\n", "has a cycle: a -> a"),
    ("term,parent\na,\nb,nowhere\n", "row 3: parent 'nowhere' is no term of the file"),
    ("term,parent\na,\n,a\n", "row 3 has no term"),
    ("term,parent\n", "has no terms"),
    ("", "needs a header with the columns term and parent; it has: nothing"),
    ("child,mother\na,b\n", "it has: child, mother"),
    ("term,parent,tree\na,,shrub\n", "row 2: tree is 'shrub'; it must be one of finding"),
    (
        "term,parent\nt0,\n" + "".join(f"t{n},t{n - 1}\n" for n in range(1, 100)),
        "has 100 levels; it may have 64 at most",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_hierarchy(tmp_path: Path, text: str, message: str) -> None:
    """A cycle is spelt out; an unknown parent and a broken row are named."""
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(HierarchyError) as error:
        load_hierarchy(path)
    if "cycle: a -> c" in message:  # where a cycle begins is anybody's choice
        assert any(f"a cycle: {way}" in str(error.value) for way in _ways())
    else:
        assert message in str(error.value)


def _ways() -> list[str]:
    return [
        f"{x} -> {y} -> {z} -> {x}"
        for x, y, z in [
            ("a", "c", "b"), ("c", "b", "a"), ("b", "a", "c"),
            ("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"),
        ]
    ]  # fmt: skip


def test_own_hierarchy_is_used_recorded_and_kept(own_demo: ExperimentData, tmp_path: Path) -> None:
    """A CSV of term, parent is a hierarchy; the store keeps it with the dataset."""
    path = tmp_path / "mine.csv"
    path.write_text("term,parent\nlung,\nnodule,lung\npneumonia,lung\nheart,\ncardiomegaly,heart\n")
    dataset = own_demo.create_dataset(["lung", "heart"], hierarchy=path, name="organs")
    assert dataset.recipe.classes == {"lung": ["nodule", "pneumonia"], "heart": ["cardiomegaly"]}
    assert own_demo.dataset("organs").recipe.hierarchy == "mine"
    path.unlink()
    again = own_demo.create_dataset(["lung", "heart"], hierarchy="mine", store_it=False)
    assert again.digest == dataset.digest


ORGANS = "term,parent\nlung,\nnodule,lung\npneumonia,lung\nheart,\ncardiomegaly,heart\n"
# What a file of the same name says next, and what is told of it.
OTHER_ORGANS = [
    (ORGANS, ""),
    ("term,parent\nheart,\ncardiomegaly,heart\nlung,\npneumonia,lung\nnodule,lung\n", ""),
    (ORGANS + "mass,lung\n", "1 term (mass) added"),
    (ORGANS.replace("nodule,lung\n", ""), "1 term (nodule) removed"),
    (ORGANS + "nodule,heart\n", "1 term (nodule) with other rows"),
    (ORGANS.replace("nodule", "mass").replace("lung", "chest"),
     "2 terms (chest, mass) added; 2 terms (lung, nodule) removed; "
     "1 term (pneumonia) with other rows"),
    (ORGANS + "".join(f"t{n},lung\n" for n in range(7)), "7 terms (t0, t1, t2, t3, t4, …) added"),
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "change"), OTHER_ORGANS)
def test_replaced_hierarchy_is_told(
    own_demo: ExperimentData, tmp_path: Path, cxr: Run, text: str, change: str
) -> None:
    """A file of a name that the store has takes its place, in one line of what changes.

    What was recorded with the one before is made again all the same.
    """
    path = tmp_path / "organs.csv"
    path.write_text(ORGANS)
    words = ("--hierarchy", path, "--store", own_demo.store.path)
    ran = cxr("create", "heart", "normal", "--name", "first", *words)
    assert (ran.code, "replaces" in ran.err) == (0, False)
    path.write_text(text)
    for looked in (("terms",), ("create", "heart", "normal", "--dry-run")):
        assert "replaces" not in cxr(*looked, *words).err
    ran = cxr("create", "heart", "normal", "--seed", "2", "--name", "second", *words)
    assert ran.code == 0
    told = [line for line in ran.err.splitlines() if "replaces" in line]
    wanted = f"the hierarchy organs replaces the store's of that name: {change}"
    assert told == ([f"{wanted}; recorded datasets stay as they are"] if change else [])
    kept = own_demo.sql("SELECT DISTINCT term FROM terms WHERE hierarchy = 'organs'")
    assert {*kept["term"].to_pylist()} == {line.split(",")[0] for line in text.splitlines()[1:]}
    for name in ("first", "second"):
        assert own_demo.reproduce(name).same


def test_replaced_built_in_hierarchy_is_told(own_demo: ExperimentData, cxr: Run) -> None:
    """A store whose padchest is that of another version is told what indexing changes in it."""
    with own_demo.store.publishing() as publication:
        publication.catalog.execute(
            "DELETE FROM terms WHERE hierarchy = 'paper' AND term = 'pneumonia'"
        )
    labels = own_demo.labels_csv
    assert labels is not None
    more = labels.parent / "more.csv"
    lines = labels.read_text().splitlines()
    more.write_text("\n".join([lines[0], lines[-1].replace("demo_0", "more_0")]) + "\n")
    ran = cxr("index", more, "--store", own_demo.store.path)
    more.unlink()
    assert ran.code == 0, ran.err
    told = [line for line in ran.err.splitlines() if "replaces" in line]
    assert told == [
        "the hierarchy paper replaces the store's of that name: 1 term (pneumonia) added; recorded "
        "datasets stay as they are"
    ]


def test_terms_without_images_are_named(own_demo: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """Terms of a user's own hierarchy that no image has are told by name."""
    path = tmp_path / "mine.csv"
    path.write_text("term,parent\nlung,\nnodule,lung\nfairy dust,lung\n")
    ran = cxr("terms", "--hierarchy", path, "--store", own_demo.store.path)
    assert ran.code == 0
    assert "at or below these terms of mine: fairy dust\n" in ran.err
    assert "└── fairy dust  0" in ran.out


def test_hierarchy_that_does_not_exist(own_demo: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """An unknown hierarchy is refused with those that there are."""
    ran = cxr("terms", "--hierarchy", "radlex", "--store", own_demo.store.path)
    assert ran.code == 1
    assert "there is no hierarchy 'radlex': take padchest, paper" in ran.err
    (tmp_path / "paper.csv").write_text("term,parent\na,\n")
    ran = cxr("terms", "--hierarchy", tmp_path / "paper.csv", "--store", own_demo.store.path)
    assert "has the name of a built-in hierarchy, paper: rename the file" in ran.err


def test_counts_are_of_distinct_images(odd_data: ExperimentData, cxr: Run) -> None:
    """An image with two findings of a branch counts once in it."""
    ran = cxr("terms", "surgery", "--store", odd_data.store.path)
    assert ran.out.startswith("surgery  1\n")
    shown = cxr("terms", "--store", odd_data.store.path).out.splitlines()
    both = odd_data.sql(
        "SELECT count(*) AS n FROM images "
        "WHERE list_has_any(findings, ['infiltrates', 'pneumonia', 'surgery', 'fracture', 'mass'])"
    ).to_pylist()[0]["n"]
    assert both == 2
    (line,) = [line for line in shown if line.startswith("not-normal")]
    carriers = {
        image_id
        for finding, postings in odd_data.index.items()
        for image_id in postings.image_ids
        if finding in ancestors(odd_data, "padchest", "not-normal")
    }
    assert line == f"not-normal  {len(carriers)}"
    (line,) = [line for line in shown if line.startswith("localization")]
    assert line == "localization  1"


def test_misspelt_term(odd_data: ExperimentData, cxr: Run) -> None:
    """An unknown term is refused with the nearest ones."""
    ran = cxr("terms", "infiltrate", "--store", odd_data.store.path)
    assert ran.code == 1
    assert "the hierarchy padchest has no term 'infiltrate': did you mean infiltrates" in ran.err
