"""Parts of pages: what is drawn anew, and what people wrote and keep."""

import pytest

from fromcode.pages import MISSING, Parts, refreshed, table_rows

PAGE = """\
Words before.

<!-- table: colours -->
| colour | code | meaning |
|---|---|---|
| `red` | 1 | stop |
| `blue` | 2 | sky |
<!-- end -->

Words after.
"""


def with_rows(*rows: tuple[str, ...]) -> str:
    return refreshed(PAGE, Parts(tables={"colours": rows}, blocks={}))


def test_what_people_wrote_into_a_row_is_kept() -> None:
    assert table_rows(with_rows(("`red`", "7")), "colours") == [["`red`", "7", "stop"]]


def test_a_row_moves_with_what_people_wrote_into_it() -> None:
    page = with_rows(("`blue`", "2"), ("`red`", "1"))
    assert table_rows(page, "colours") == [["`blue`", "2", "sky"], ["`red`", "1", "stop"]]


def test_a_new_row_asks_to_be_written() -> None:
    assert table_rows(with_rows(("`green`", "3")), "colours") == [["`green`", "3", MISSING]]


def test_words_around_a_table_stay_as_they_are() -> None:
    page = with_rows(("`red`", "1"))
    assert page.startswith("Words before.\n\n<!-- table: colours -->\n| colour | code | meaning |\n")
    assert page.endswith("<!-- end -->\n\nWords after.\n")


def test_a_page_that_is_up_to_date_stays_as_it_is() -> None:
    assert with_rows(("`red`", "1"), ("`blue`", "2")) == PAGE


def test_a_bar_inside_a_cell_does_not_end_it() -> None:
    page = with_rows(("`red`", "a | b"))
    assert table_rows(page, "colours") == [["`red`", "a \\| b", "stop"]]
    assert refreshed(page, Parts(tables={"colours": [("`red`", "a | b")]}, blocks={})) == page


def test_a_block_is_written_anew_as_a_whole() -> None:
    page = "<!-- block: hello -->\nold\n<!-- end -->\n"
    assert refreshed(page, Parts({}, {"hello": "new\n"})) == "<!-- block: hello -->\nnew\n<!-- end -->\n"


def test_a_part_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="colours"):
        refreshed(PAGE, Parts({}, {}))
