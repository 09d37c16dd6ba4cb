"""The matrix says what the examples show, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.connectors import harness

from ringback.connectors import examples
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.matrix import COLUMNS, Row, matrix, row_of

ROWS = matrix(harness.CATALOGUE)
NEEDED = ("send", "report", "inbound", "verify", "dedupe", "opt-out")


def test_every_gateway_has_a_row() -> None:
    gateways = {
        one.id for one in harness.CATALOGUE.connectors.values() if one.kind == "sms-gateway"
    }
    assert [row.gateway for row in ROWS] == sorted(gateways)


@pytest.mark.parametrize("row", ROWS, ids=[row.gateway for row in ROWS])
def test_a_cell_is_shown_by_examples_that_hold(row: Row) -> None:
    assert row.failing == ()
    assert tuple(row.cells) == COLUMNS
    titles = {case.data["title"] for case in harness.cases_of(harness.CATALOGUE.connectors[row.gateway])}  # fmt: skip
    for column, cell in row.cells.items():
        assert set(cell.shown_by) <= titles
        if (
            column == "price"
        ):  # an example cannot show how a gateway charges; its manifest says where that is from
            price = harness.CATALOGUE.connectors[row.gateway].price
            assert price is not None
            assert len(price.note) > 20
        else:
            assert bool(cell.says) == bool(cell.shown_by)
            assert bool(cell.says) != bool(cell.lacks), (
                f"{column}: shown, or ruled out with a source"
            )
    assert [column for column in NEEDED if not row.cells[column].says] == []
    assert [column for column in harness.CATALOGUE.connectors[row.gateway].lacks if row.cells[column].says] == []  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.gateway for row in ROWS])
def test_a_cell_is_empty_without_the_examples_that_show_it(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = harness.CATALOGUE.connectors[row.gateway]
    every = examples.cases(manifest.folder)
    for column, cell in row.cells.items():
        left = tuple(case for case in every if case["title"] not in cell.shown_by)
        monkeypatch.setattr(examples, "cases", lambda _folder, left=left: left)
        without = row_of(manifest).cells[column]
        assert without.shown_by == ()
        if column == "price":
            assert "tells" not in without.says
        else:
            assert without.says == ""


def test_the_harness_and_the_matrix_run_the_same_cases() -> None:
    for case in harness.CASES:
        if case.manifest.kind == "sms-gateway" and case.subject in examples.KINDS:
            ran = examples.run(case.manifest, case.data)
            assert ran is not None
            assert ran.wrong == "", case.label


def test_what_a_gateway_lacks_is_not_believed_against_an_example(tmp_path: Path) -> None:
    folder = tmp_path / "connectors" / "acme"
    (folder / "examples").mkdir(parents=True)
    why = "Its user guide has no request for that."
    (folder / "connector.yaml").write_text(
        f"id: acme\nextends: mysmsgate\nname: Acme\nlacks: {{ poll: {why}, inbound: {why} }}\n"
    )
    case = {
        "callback": {"query": "token=t0ken-0001", "headers": {"content-type": "application/json"}, "body": {"from": "+447700900077", "message": "Hi"}},
        "title": "A phone texts in",
        "settings": {"api_key": "example-key-0001", "callback_token": ["t0ken-0001"]},
        "expect": [{"inbound": {"text": "Hi"}}],
    }  # fmt: skip
    (folder / "examples" / "inbound.json").write_text(json.dumps(case))
    (row,) = (row for row in matrix(load_catalogue(tmp_path)) if row.gateway == "acme")
    assert row.failing == ()
    assert (row.cells["poll"].says, row.cells["poll"].lacks) == ("", why)
    assert (row.cells["inbound"].says, row.cells["inbound"].lacks) == ("yes", "")
    assert (row.cells["send"].says, row.cells["send"].lacks) == ("", "")


def test_a_cell_goes_empty_and_the_row_complains_where_an_example_does_not_hold(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "connectors" / "acme"
    (folder / "examples").mkdir(parents=True)
    (folder / "connector.yaml").write_text("id: acme\nextends: mysmsgate\nname: Acme\n")
    case = {
        "send": {"to": "+447700900077", "text": "Hello"},
        "title": "Sent",
        "settings": {"api_key": "example-key-0001"},
        "answers": [{"status": 200, "body": {"id": "other"}}],
        "expect": {"gateway_id": "a-1"},
    }
    (folder / "examples" / "sent.json").write_text(json.dumps(case))
    (row,) = (row for row in matrix(load_catalogue(tmp_path)) if row.gateway == "acme")
    assert row.failing == ("Sent: it.gateway_id is 'other', not 'a-1'.",)
    assert {column for column in COLUMNS if row.cells[column].says} <= {"price"}


@pytest.mark.parametrize(
    ("wanted", "got", "said"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, ""),
        ({"a": 1}, {"b": 2}, "it has no a."),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "it.a[1].b is 3, not 2."),
        ([1], [1, 2], "it is [1, 2], not [1]."),
        (None, None, ""),
    ],
)
def test_what_does_not_fit_is_named(wanted: object, got: object, said: str) -> None:
    assert examples.misfit(wanted, got) == said
