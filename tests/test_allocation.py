"""Patients of a signature to splits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_duck.allocation import Signature, allocate, rounded_shares

SHARES = [70, 20, 10]


@pytest.mark.parametrize(
    ("total", "expected"),
    [(0, [0, 0, 0]), (1, [1, 0, 0]), (10, [7, 2, 1]), (96, [67, 19, 10]), (2398, [1679, 479, 240])],
)
def test_rounded_shares(total: int, expected: list[int]) -> None:
    """Whole numbers nearest to the shares that add up."""
    assert rounded_shares(total, SHARES) == expected


def test_single_images_are_exact() -> None:
    """Where each patient has one image, every finding and class has its rounded shares."""
    sizes = {"atelectasis": 96, "nodule": 542, "pneumonia": 462}
    signatures = [
        Signature(size, {("sick", finding): 1, ("sick", ""): 1}) for finding, size in sizes.items()
    ]
    signatures.append(Signature(3000, {("well", "normal"): 1, ("well", ""): 1}))
    allocated = allocate(signatures, SHARES)
    for size, row in zip(sizes.values(), allocated, strict=False):
        assert all(
            abs(got - want) <= 1
            for got, want in zip(row, rounded_shares(size, SHARES), strict=True)
        )
    total = [sum(row[split] for row in allocated[:-1]) for split in range(3)]
    assert total == rounded_shares(sum(sizes.values()), SHARES)


def test_patients_with_many_images_are_worked_around() -> None:
    """One patient with 20 images and many with one: the class still splits exactly."""
    signatures = [
        Signature(1, {("a", ""): 20, ("a", "x"): 20}),
        Signature(80, {("a", ""): 1, ("a", "x"): 1}),
        Signature(200, {("b", ""): 1, ("b", "y"): 1}),
    ]
    allocated = allocate(signatures, SHARES)
    images = [20 * a + b for a, b in zip(allocated[0], allocated[1], strict=True)]
    assert images == [70, 20, 10]


SIGNATURES = st.lists(
    st.builds(
        Signature,
        st.integers(1, 60),
        st.dictionaries(
            st.sampled_from([("a", ""), ("a", "x"), ("a", "y"), ("b", ""), ("b", "z")]),
            st.integers(1, 5),
            min_size=1,
        ).map(lambda images: {("a", ""): 1, **images}),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=100)
@given(SIGNATURES, st.sampled_from([[70, 20, 10], [1, 1], [8, 1, 1], [1]]))
def test_no_patient_is_lost_or_divided(signatures: list[Signature], shares: list[int]) -> None:
    """The patients of a signature over the splits add up, and the same input gives the same."""
    allocated = allocate(signatures, shares)
    assert [sum(row) for row in allocated] == [signature.patients for signature in signatures]
    assert all(count >= 0 for row in allocated for count in row)
    assert allocate(signatures, shares) == allocated


@settings(deadline=None, max_examples=30)
@given(SIGNATURES)
def test_no_single_move_improves_the_result(signatures: list[Signature]) -> None:
    """Moving any one patient brings no class and finding nearer to its shares, all in all."""
    from cxr_duck.allocation import _Problem, _Search

    problem = _Problem(signatures, SHARES)
    problem.deal()
    problem.improve()
    error = (problem.weights[:, None] * problem.errors**2).sum()
    assert not _Search(problem).move()
    for place, row in enumerate(problem.patients):
        for giver in range(3):
            for taker in range(3):
                if row[giver] and giver != taker:
                    problem._put(place, giver, -1)
                    problem._put(place, taker, 1)
                    assert (problem.weights[:, None] * problem.errors**2).sum() >= error
                    problem._put(place, taker, -1)
                    problem._put(place, giver, 1)
