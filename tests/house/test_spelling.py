"""What is suggested for a word that nobody knows."""

import pytest

from cxr_duck.spelling import counted, did_you_mean, nearest_words

FINDINGS = ["nodule", "multiple nodules", "pneumonia", "pneumothorax", "COPD signs", "nodule"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("noduel", ["nodule"]),
        ("NODULE", ["nodule", "multiple nodules"]),
        ("pneumona", ["pneumonia", "pneumothorax"]),
        ("copd", ["COPD signs"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_words_that_hold_or_are_spelt_like_one(word: str, near: list[str]) -> None:
    """What holds a word or is spelt like it is suggested once, the nearest first."""
    assert nearest_words(word, FINDINGS) == near


def test_five_at_most() -> None:
    """More than five words help nobody to choose."""
    assert nearest_words("rib", [f"rib {number}" for number in range(9)]) == [
        "rib 0", "rib 1", "rib 2", "rib 3", "rib 4",
    ]  # fmt: skip


def test_what_to_do_where_none_is_near() -> None:
    """A word that is like no other gets the sentence that says where all stand."""
    assert did_you_mean("noduel", FINDINGS, "look") == "did you mean nodule?"
    assert did_you_mean("zzz", FINDINGS, "look") == "look"


def test_a_number_with_its_noun() -> None:
    """One thing is told in the singular, thousands with a comma."""
    assert [counted(number, "zip") for number in (0, 1, 1200)] == ["0 zips", "1 zip", "1,200 zips"]
