"""The documents say what the code says."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs/architecture.md"
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISION_PARTS = ["**Status.**", "**Context.**", "**Decision.**", "**Alternatives.**", "**Consequences.**"]
MAX_DECISION_WORDS = 450
"""About a page."""


def script(name: str) -> ModuleType:
    """Load a script of scripts/lib."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/lib/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def path_id(path: Path) -> str:
    """Name a page in the report."""
    return path.relative_to(ROOT).as_posix()


def test_the_module_list_is_current() -> None:
    """If this fails: .venv/bin/python scripts/lib/module_table.py."""
    assert ARCHITECTURE.read_text() == script("module_table").current_page()


def test_the_error_page_is_current() -> None:
    """If this fails: .venv/bin/python scripts/lib/error_page.py."""
    assert (ROOT / "docs/errors.md").read_text() == script("error_page").page()


def test_the_settings_page_is_current() -> None:
    """If this fails: .venv/bin/python scripts/lib/settings_page.py."""
    assert (ROOT / "docs/configuration.md").read_text() == script("settings_page").page()


def test_the_drawn_layers_are_the_checked_ones() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert f"\n{' > '.join(layers)}\n" in ARCHITECTURE.read_text()


@pytest.mark.parametrize("page", PAGES, ids=path_id)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=path_id)
def test_scripts_named_in_the_documents_exist(page: Path) -> None:
    named = re.findall(r"(?<![\w/])(?:\./)?((?:scripts|\.ci)/[\w./-]*\w)", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert DECISIONS


@pytest.mark.parametrize("page", DECISIONS, ids=path_id)
def test_a_decision_is_one_page_with_all_its_parts(page: Path) -> None:
    text = page.read_text()
    places = [text.index(part) for part in [*DECISION_PARTS, "**Revisit when**"]]
    assert places == sorted(places)
    assert len(text.split()) <= MAX_DECISION_WORDS
    assert text.startswith(f"# {int(page.name[:4])}. ")


def test_every_threat_says_when_to_think_again() -> None:
    rows = [line for line in (ROOT / "docs/threat-model.md").read_text().splitlines() if line.startswith("| ")]
    assert rows[0].endswith("| revise when |")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    assert cells
    assert [row for row in cells if len(row) != 3 or not all(row)] == []
