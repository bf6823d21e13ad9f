"""Pages of the site that stand at the top of the repository, for mkdocs, with links as they are from project/.

Touches: files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def on_config(config: Any) -> Any:
    """List every decision where the navigation says so."""
    decisions = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    _fill(config["nav"], [f"decisions/{name}" for name in decisions])
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    for name in PAGES:
        text = _links_from_docs((ROOT / name).read_text())
        files.append(File.generated(config, f"project/{name}", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links out of docs/ to the added pages; what links to other files of the repository keeps its words alone."""
    names = "|".join(PAGES)
    markdown = re.sub(r"\[([^\]]+)\]\((?:\.\./)+ops/[^)]*\)", r"\1", markdown)
    return re.sub(rf"\]\(((?:\.\./)*)\.\./({names})", r"](\1project/\2", markdown)


def _fill(entries: list[Any], decisions: list[str]) -> None:
    for entry in entries:
        for title, inside in entry.items() if isinstance(entry, dict) else ():
            if title == "Decisions":
                entry[title] = decisions
            elif isinstance(inside, list):
                _fill(inside, decisions)


def _links_from_docs(text: str) -> str:
    """Links as they are from project/; what links to code keeps its words alone."""
    text = re.sub(r"\[([^\]]+)\]\((?:src|tests|simulation|bench)/[^)]*\)", r"\1", text)
    text = text.replace("](docs/decisions)", "](../decisions/0001-layers.md)")
    return re.sub(r"\]\(docs/", "](../", text)
