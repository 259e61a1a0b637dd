"""Rewrite the module list in docs/architecture.md from the first docstring line of every module."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
PACKAGES = ("server/antiphon_server", "compat/antiphon_compat", "clients/python/antiphon_client")
BEGIN = "<!-- modules: written by scripts/lib/module_table.py -->\n"
END = "<!-- modules: end -->\n"


def first_line(module: Path) -> str:
    """Return the first line of a module's docstring.

    Raises:
        ValueError: If the module has none.
    """
    said = ast.get_docstring(ast.parse(module.read_text()))
    if not said:
        raise ValueError(f"{module} has no docstring")
    return said.splitlines()[0].replace("|", "\\|")


def packages_below(package: Path) -> list[Path]:
    """Return a package and the packages inside it, outer ones first."""
    return sorted(path.parent for path in package.rglob("__init__.py"))


def section(package: Path, parent: Path) -> str:
    """Return the heading and the table of one package, without the packages inside it."""
    name = ".".join(package.relative_to(parent).parts)
    modules = sorted(path for path in package.glob("*.py") if path.name != "__init__.py")
    rows = [f"| `{module.stem}` | {first_line(module)} |" for module in modules]
    table = ["", "| module | |", "| --- | --- |", *rows] if rows else []
    return "\n".join([f"**`{name}`** {first_line(package / '__init__.py')}", *table, ""])


def module_list() -> str:
    """Return the list of all modules of the three packages that people write."""
    roots = [ROOT / name for name in PACKAGES]
    return "\n".join(section(package, root.parent) for root in roots for package in packages_below(root))


def current_page() -> str:
    """Return the architecture page as it has to be now."""
    before, rest = PAGE.read_text().split(BEGIN)
    return f"{before}{BEGIN}\n{module_list()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(current_page())
