"""Refuse modules that are too long to read at once, and name the largest modules and functions."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_MODULE_LINES = 400
MAX_TEST_MODULE_LINES = 300
FOLDERS = ("server", "compat", "clients", "scripts", "bench", "tests")
EXEMPT = ("proto/gen",)  # generated code; named here so that nothing else hides behind it
NUM_SHOWN = 5


def modules(root: Path) -> Iterator[Path]:
    """Yield every Python file that people write, relative to the root."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root)
            if not relative.as_posix().startswith(EXEMPT) and "node_modules" not in relative.parts:
                yield relative


def functions(root: Path, module: Path) -> Iterator[tuple[int, str]]:
    """Yield the length and the name of each function of a module; the docstring does not count."""
    for node in ast.walk(ast.parse((root / module).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            first = body[0].lineno if body else node.lineno
            yield (node.end_lineno or first) - first + 1, f"{module}:{node.lineno} {node.name}"


def limit(module: Path) -> int:
    """Return the longest a module may be, in lines."""
    return MAX_TEST_MODULE_LINES if module.parts[0] == "tests" else MAX_MODULE_LINES


def main() -> int:
    root = Path(__file__).parents[2]
    lengths = {module: len((root / module).read_text().splitlines()) for module in modules(root)}
    longest = sorted((found for module in lengths for found in functions(root, module)), reverse=True)
    print(f"largest modules of {len(lengths)}:")
    for module in sorted(lengths, key=lambda name: -lengths[name])[:NUM_SHOWN]:
        print(f"  {lengths[module]:4} {module}")
    print(f"longest functions of {len(longest)}:")
    for length, name in longest[:NUM_SHOWN]:
        print(f"  {length:4} {name}")
    refused = [module for module, length in lengths.items() if length > limit(module)]
    for module in refused:
        print(f"{module}: {lengths[module]} lines, at most {limit(module)}; split it.", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
