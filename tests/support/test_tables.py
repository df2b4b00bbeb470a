import pytest

from visae._support.tables import markdown, shortened


def test_a_table_has_aligned_columns_and_a_rule_below_its_heading():
    assert markdown([["kind", "L0"], ["topk", "8.00"], ["pca", ""]]).splitlines() == [
        "| kind | L0   |",
        "| ---- | ---- |",
        "| topk | 8.00 |",
        "| pca  |      |",
    ]


@pytest.mark.parametrize(
    ("numbers", "most", "text"),
    [([3], 8, "3"), (range(8), 8, "0, 1, 2, 3, 4, 5, 6, 7"), (range(10), 3, "0, 1, 2 and 7 more")],
)
def test_long_lists_are_shortened_with_the_count_of_the_rest(numbers, most, text):
    assert shortened(numbers, most) == text
