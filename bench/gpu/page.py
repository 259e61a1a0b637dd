"""The GPU's section of a page with its pictures."""

from pathlib import Path

from bench.gpu.pictures import chart
from bench.gpu.report import pictures, section
from bench.gpu.results import read

_TITLES: dict[str, tuple[str, str, float | None]] = {
    "fraction": ("Decode step: part of the read bandwidth that is used", "percent", 100.0),
    "speech": ("Speech of the whole service, by calls at once", "seconds of speech a second", None),
}


def gpu_section(results: Path, folder: Path) -> tuple[str, dict[Path, str]]:
    """Write the section from a file of results; its pictures, if there are any figures, belong into ``folder``."""
    found, drawn, links = read(results), {}, []
    for name, lines in pictures(found).items():
        title, up, most = _TITLES[name]
        path = folder / f"gpu_{name}.svg"
        drawn[path] = chart(title, "at once", up, lines, most=most)
        links.append(f"![{title}]({folder.name}/{path.name})\n")
    return "\n".join([section(found), *links]), drawn
