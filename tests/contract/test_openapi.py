"""The OpenAPI document, the routes and docs/http.md say the same."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from compat_peer import compat

from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_compat.app import build_app
from antiphon_compat.config import CompatConfig
from antiphon_compat.errors import all_rows
from antiphon_compat.openapi.document import document
from antiphon_compat.openapi.fields import request_fields
from antiphon_compat.upstream import Upstream

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/http.md").read_text()
DOCUMENT = document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")

every_operation = pytest.mark.parametrize("route", OPERATIONS)


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of each table row, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| field"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def section(route: str) -> str:
    """Return what stands under a route's heading."""
    found: str = PAGE.split(f"\n## {route}\n")[1].split("\n## ")[0]
    return found


@cache
def functions_of(module: str) -> set[str]:
    """Name the test functions of a file."""
    tree = ast.parse((ROOT / module).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


async def test_every_route_is_in_the_document_and_the_other_way_round():
    app = build_app(CompatConfig(), upstream := await Upstream.open("127.0.0.1:1"))
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"  # every GET has one
    }
    await upstream.close()
    assert served == set(OPERATIONS)


async def test_the_document_is_served_as_it_is():
    async with compat() as (_, http):
        answer = await http.get("/openapi.json")
        assert (answer.status, answer.content_type, await answer.json()) == (200, "application/json", DOCUMENT)


async def test_the_page_runs_nothing_and_shows_every_field():
    async with compat() as (_, http):
        answer = await http.get("/docs")
        page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert answer.content_type == "text/html"
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|<iframe|style=|\bon\w+=|https?://(?!127\.0\.0\.1)", page)
    for route, operation in OPERATIONS.items():
        assert f"<code>{route.split()[1]}</code></h3>" in page
        for field in request_fields(DOCUMENT, operation):
            assert f"<td><code>{field.name}</code></td>" in page, field.name
    for text in (
        "<code>speech.audio.delta</code>",
        "<code>[DONE]</code>",
        "<code>segments[].start</code>",
        "overloaded",
    ):
        assert text in page


def test_references_inside_the_document_lead_somewhere():
    for reference in re.findall(r"'\$ref': '#/components/(\w+)/([\w-]+)'", repr(DOCUMENT)):
        assert reference[1] in DOCUMENT["components"][reference[0]]


@every_operation
def test_an_operation_says_what_it_needs_to(route):
    operation = OPERATIONS[route]
    assert operation["summary"]
    assert operation["description"]
    assert operation["x-codeSamples"]
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert {"200", "101"} & set(operation["responses"])
    assert "500" in operation["responses"]


def test_http_md_has_a_row_and_a_section_for_every_route_once():
    rows = table_rows(PAGE.split("\n## Routes\n")[1].split("\n## ")[0])[1:]
    assert [row[0].strip("`") for row in rows] == [route for route in headings() if route in OPERATIONS]
    assert sorted(row[0].strip("`") for row in rows) == sorted(OPERATIONS)
    assert len(rows) == len(OPERATIONS)


@every_operation
def test_http_md_has_one_row_for_every_field(route):
    rows = table_rows(section(route))
    fields = [field.name for field in request_fields(DOCUMENT, OPERATIONS[route])]
    assert sorted(row[0].strip("`") for row in rows) == sorted(fields)
    assert all(len(row) == 5 for row in rows)
    assert len(rows) == len(fields)


def test_every_row_of_http_md_names_tests_that_exist():
    rows = [row for row in table_rows(PAGE) if row[0] not in ("route", "header", "code")]
    assert len(rows) > len(OPERATIONS)
    for row in rows:
        assert re.fullmatch(rf"{PROOF.pattern}(, {PROOF.pattern})*", row[-1]), row
    for module, test in PROOF.findall(PAGE):
        assert test.startswith("test_")
        assert test in functions_of(module), f"{module}::{test}"


def test_http_md_lists_the_errors_that_only_http_has():
    rows = table_rows(PAGE.split("\n| code |")[1].split("\n\n")[0])
    told = {(row[0].strip("`"), int(row[1])) for row in rows}
    assert told == {(row.http_code, row.http_status) for row in all_rows() if row.reason not in ERROR_TABLE}
    assert len(rows) == len(told)


def headings() -> list[str]:
    """Name the sections in their order."""
    return re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
