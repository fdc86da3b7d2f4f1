"""``tta-bench completion``: script for a shell, and the names, keys and values that it then offers; no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

VARIABLE = "_TTA_BENCH_COMPLETE"
"""Environment variable by which a shell's script asks for words."""
SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_GROUPS = {"protocol": "protocols", "backbone": "backbones", "weights": "weights", "dataset": "datasets"}
"""Keys whose values are cards."""


@click.command("completion")
@click.argument("shell", type=click.Choice([*SHELLS]))
def command(shell: str) -> None:
    """Print a script that lets a shell complete your words.

    These are protocols, backbones, weights, runs and keys.

    \b
    eval "$(tta-bench completion bash)"   in ~/.bashrc
    eval "$(tta-bench completion zsh)"    in ~/.zshrc, after compinit
    tta-bench completion fish | source   in ~/.config/fish/config.fish
    """
    from tta_bench.cli import cli

    click.echo(script(shell, cli))


def script(shell: str, cli: click.Command) -> str:
    """Return click's script for a shell; in bash no blank follows a key."""
    completer = SHELLS[shell](cli, {}, "tta-bench", VARIABLE)
    text = completer.source_template % completer.source_vars()
    return text.replace("    return 0\n", "    [[ ${COMPREPLY-} == *= ]] && compopt -o nospace\n    return 0\n")


def complete_words(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return ``key=`` for a part of a key, and ``key=value`` for a part of a value.

    Bash takes ``=`` for the end of a word: there the key comes as a word before, and the value is returned alone.
    """
    words = [str(word) for word in ctx.params.get("words") or ()]
    protocol = next((text for text in map(_protocol_of, words) if text), _protocol_after(words)) or "ucf101_ft"
    keys = dict(_keys(protocol))
    if asked := _value_asked(words, incomplete, keys):
        key, value, before = asked
        return _values(key, value, protocol, before)
    return [CompletionItem(f"{name}=", help=text) for name, (_, text) in keys.items() if name.startswith(incomplete)]


def complete_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return names of cards: of one group, if the words before name it."""
    from tta_bench.cards.catalog import GROUPS

    group = ctx.params.get("group")
    names = (name for each in ([group] if group in GROUPS else GROUPS) for name in _cards(each))
    return _items(dict.fromkeys(names), incomplete)


def complete_listed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return names of the group's cards; for runs their names, and the keys and values by which they are asked for."""
    from tta_bench.cli.listed_runs import KEYS, STATES

    if ctx.params.get("group") != "runs":
        return complete_names(ctx, param, incomplete)
    asked = _value_asked([str(word) for word in ctx.params.get("words") or ()], incomplete, KEYS)
    if asked is None:
        return _items([*(f"{key}=" for key in KEYS), *_runs(Path(ctx.params.get("work_dir") or "runs"))], incomplete)
    key, value, before = asked
    names = (*STATES, "failed") if key == "state" else _cards(_GROUPS[key]) if key in _GROUPS else ()
    return [CompletionItem(f"{before}{name}") for name in names if name.startswith(value)]


def complete_groups(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the groups of cards, and ``runs``."""
    from tta_bench.cards.catalog import GROUPS

    return _items((*GROUPS, "runs"), incomplete)


def complete_runs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of one's own runs; where none begins so, let the shell offer files."""
    folders = {Path("runs"), Path(ctx.params.get("work_dir") or "runs")}
    return _items((name for folder in folders for name in _runs(folder)), incomplete) or [
        CompletionItem(incomplete, type="file")
    ]


def complete_names_and_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return names of cards and of one's own runs; else let the shell offer files."""
    named = complete_names(ctx, param, incomplete) + _items(_runs(Path("runs")), incomplete)
    return named or [CompletionItem(incomplete, type="file")]


def _runs(work_dir: Path) -> list[str]:
    return sorted(path.stem for path in work_dir.glob("records/**/*.json"))


def _cards(group: str) -> list[str]:
    from tta_bench.cards.catalog import names

    return [name for name in names(group) if not name.endswith("/any")]


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _value_asked(words: list[str], incomplete: str, keys: Iterable[str]) -> tuple[str, str, str] | None:
    """Return the key whose value is written, its part so far, and what of the word is before it; None for a key."""
    if len(words) > 1 and words[-1] == "=":
        return words[-2], incomplete, ""
    key, equals, value = incomplete.partition("=")
    if equals:
        return key, value, f"{key}="
    return (words[-1], incomplete, "") if words and words[-1] in set(keys) else None


def _protocol_of(word: str) -> str:
    return word.removeprefix("protocol=") if word.startswith("protocol=") else ""


def _protocol_after(words: list[str]) -> str:
    """Return the protocol where bash gave ``protocol``, ``=`` and a name as three words."""
    places = [place for place in range(len(words) - 2) if words[place : place + 2] == ["protocol", "="]]
    return words[places[0] + 2] if places else ""


def _keys(protocol: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each key of a protocol, its type and its meaning."""
    from tta_bench.config.key_table import key_table
    from tta_bench.errors import BenchError
    from tta_bench.experiments.kinds import protocol_card

    with suppress(BenchError):
        for row in key_table(protocol_card(protocol)):
            yield row.key, (row.type, row.help)


def _values(key: str, value: str, protocol: str, before: str) -> list[CompletionItem]:
    """Return the values of a key that begin so; of a list (``a,b``) or a sum (``a+b``) the last part counts."""
    first = re.match(r"(?:.*[,+])?", value)
    kept = first.group() if first else ""
    if key in _GROUPS:
        values = [*_cards(_GROUPS[key]), *(["none"] if key == "weights" else [])]
    elif key.endswith(".root") or key.endswith("cache"):
        return [CompletionItem(value, type="dir")] if not before else []
    else:
        kind = dict(_keys(protocol)).get(key, ("", ""))[0]
        values = [word for part in kind.split(" or ") if "|" in part for word in part.split("|")]
    return [CompletionItem(f"{before}{kept}{name}") for name in values if name.startswith(value[len(kept) :])]
