"""The documentation fits the repository: links, paths, modules, commands and options that it names exist."""

import re
from functools import cache
from pathlib import Path

import pytest

from annotator.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)
TOP_FOLDERS = ("annotator", "docs", "fiftyone_plugin", "model", "scripts", "tests")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^densepose-annotator ([a-z]+(?:-[a-z]+)*)(.*)$", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def code_spans(page: Path) -> list[str]:
    text = prose(page).replace("`` ` ``", "")
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """The calls of ``densepose-annotator`` on a page, in blocks and spans: the command and its options."""
    blocks = [code for _, code in FENCE.findall(page.read_text(encoding="utf-8"))]
    found = COMMAND.findall("\n".join([*code_spans(page), *blocks]))
    return [(name, re.findall(r"(?<!\S)--[a-z0-9-]+", rest)) for name, rest in found]


@cache
def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def help_text(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The help of a command, of a group such as ``dataset`` with that of its commands."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    return "\n".join(
        [text, *(help_text(capsys, *arguments, name) for name in subcommands(text) if arguments)]
    )


def subcommands(text: str) -> list[str]:
    return re.findall(r"^    ([a-z-]+)(?:  |$)", text, re.MULTILINE)


def test_there_are_pages():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} < {page.name for page in PAGES}


@each_page
def test_relative_links_lead_to_files_and_headings(page: Path):
    links = re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", prose(page))
    assert links or page.parent not in (ROOT, ROOT / "fiftyone_plugin", ROOT / "annotator" / "models")
    for path, anchor in links:
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{path}: no such file"
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}: no such heading"


@each_page
def test_paths_that_a_page_names_exist(page: Path):
    spans = [span.split()[0].rstrip("/:") for span in code_spans(page)]
    paths = [span for span in spans if re.fullmatch(rf"({'|'.join(TOP_FOLDERS)})(/[\w.\-]+)+", span)]
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists()] == []


@each_page
def test_modules_that_a_page_names_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    names = set(re.findall(r"(?<![\w./-])((?:annotator|model)(?:\.[a-z_]+)+)\b", text))
    modules = [ROOT.joinpath(*name.split(".")) for name in names - {"model.onnx", "model.npz"}]
    assert [path for path in modules if not (path.is_dir() or path.with_suffix(".py").is_file())] == []


@each_page
def test_options_that_a_page_names_exist(page: Path, capsys: pytest.CaptureFixture[str]):
    for name, options in commands(page):
        text = help_text(capsys, name)
        for option in options:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), f"{name} has no {option}"


def test_the_command_line_page_has_every_command_and_only_options_that_exist(
    capsys: pytest.CaptureFixture[str],
):
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    heads = re.split(r"^## ([\w-]+)$", page, flags=re.MULTILINE)[1:]
    sections = dict(zip(heads[::2], heads[1::2], strict=True))
    assert sorted(sections) == sorted(subcommands(help_text(capsys)))
    for name, section in sections.items():
        text = help_text(capsys, name)
        for option in re.findall(r"`(--[a-z0-9-]+)", section):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), f"{name} has no {option}"


def test_the_readme_has_every_command(capsys: pytest.CaptureFixture[str]):
    known = subcommands(help_text(capsys))
    named = re.findall(r"^\| `densepose-annotator ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(known)


def test_every_picture_is_shown_somewhere():
    shown = {
        (page.parent / path).resolve()
        for page in PAGES
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", prose(page))
    }
    assert sorted(set((ROOT / ".pictures").iterdir()) - shown) == []
