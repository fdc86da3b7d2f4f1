"""Pages made from the rest of the repository: commands from click, changelog, notebooks, pictures of boards.

MkDocs calls this file as a hook, so none of it is copied by hand and none of it can be out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

from tta_bench.cli import cli

REPOSITORY = Path(__file__).parents[1]
WIDTH = 100
"""Columns of the help texts on the page."""


def commands_page() -> str:
    """Return the help text of each command as a page."""
    parts = [
        "# Commands",
        "The same as `tta-bench COMMAND --help` prints, of all commands. This page is made from the program.",
    ]
    pending: list[tuple[str, click.Command, click.Context | None]] = [("tta-bench", cli, None)]
    while pending:
        name, command, above = pending.pop(0)
        context = click.Context(command, info_name=name, parent=above, max_content_width=WIDTH, terminal_width=WIDTH)
        help_text = command.get_help(context).rstrip()
        parts += [f"## `{context.command_path}`", f"```text\n{help_text}\n```"]
        if isinstance(command, click.Group):
            inner = [(word, command.get_command(context, word)) for word in command.list_commands(context)]
            pending = [
                (word, found, context) for word, found in inner if found is not None and not found.hidden
            ] + pending
    return "\n\n".join(parts) + "\n"


def notebook_page(file: Path) -> str:
    """Return a notebook as a page: its text and its code, without results."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    texts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    parts = [f"```python\n{text}\n```" if kind == "code" else text for kind, text in texts]
    return "\n\n".join([*parts, f"[The notebook itself]({file.name}), which every change of the suite runs."]) + "\n"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures that are made from the repository."""
    files.append(File.generated(config, "commands.md", content=commands_page()))
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=changelog))
    for notebook in sorted((REPOSITORY / "docs" / "notebooks").glob("*.ipynb")):
        content = notebook_page(notebook)
        files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=content))
    for picture in sorted((REPOSITORY / "leaderboards" / "sample").glob("*.svg")):
        files.append(File.generated(config, f"leaderboards/sample/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with its pictures where the site has them; on the pages' own place they lie a folder above."""
    return markdown.replace("](../leaderboards/sample/", "](leaderboards/sample/")
