"""Pages of any list, without a request. What they are over HTTP is in tests of widgets."""

from types import SimpleNamespace

import colander
import pytest

from widget_service import paging
from widget_service.widgets.catalogue import WIDGETS


@pytest.mark.parametrize(
    ("total", "pages", "last"),
    [(0, 0, 1), (1, 1, 1), (5, 1, 1), (6, 2, 2), (2**63, 2**63 // 5 + 1, 2**63 // 5 + 1)],
)
def test_it_counts_pages(total, pages, last):
    page = paging.Page(1, 5, total, [])
    assert (page.pages, page.last) == (pages, last)


class TestPositive:
    node = colander.SchemaNode(paging.Positive(), name="page")

    @pytest.mark.parametrize("number", [1, 2**63 - 1])
    def test_it_takes(self, number):
        assert self.node.deserialize(str(number)) == number

    @pytest.mark.parametrize("number", [0, -1, -(2**63)])
    def test_it_refuses_what_is_not_positive(self, number):
        text = f"Invalid page: {number}. page must be a positive integer"
        with pytest.raises(colander.Invalid) as refused:
            self.node.deserialize(str(number))
        assert refused.value.msg == text


def test_it_names_the_schema_of_a_page_after_its_items():
    class Gadget(colander.MappingSchema):
        code = colander.SchemaNode(colander.String())

    page = paging.page_of(Gadget(name="body"), "Gadgets.")
    assert type(page["body"]).__name__ == "GadgetPage"
    assert page["body"]["items"].children[0].title == "Gadget"
    assert page.description == "Gadgets."


def test_it_reads_no_further_than_databases_count():
    asked = []

    def rows(_statement, parameters):
        asked.append(parameters)
        return [SimpleNamespace(total_items=0, id=None)]

    page = WIDGETS.page(rows, 2**63 - 1, 100)
    assert (page.items, page.total) == ([], 0)
    assert asked == [{"size": 100, "skip": 2**62}]
