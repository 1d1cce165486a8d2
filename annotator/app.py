"""Annotate a folder of photos in a FiftyOne dataset and open the App on it, with the plugin."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.dataset.store import check_home, connect
from annotator.examples import EXAMPLES
from annotator.inference.settings import Settings
from annotator.photos.finding import find_photos
from annotator.photos.formats import FORMATS
from annotator.photos.identity import photo_identity, repeated_photos
from annotator.photos.reading import PhotoError, check_file
from annotator.team.settings import READ_ONLY_VARIABLE, read_only_reason

if TYPE_CHECKING:
    import fiftyone as fo

PLUGIN_LINK = "densepose-annotator"
"""Name under which FiftyOne's plugins folder links to the plugin."""
REVIEW_PANEL = "densepose_review"
"""Name of the plugin's panel *Review people*."""


class AppError(ValueError):
    """The App cannot be opened; the message says why and what to do."""


def open_app(
    photos: Path | None = None,
    *,
    name: str | None = None,
    port: int = 5151,
    address: str = "localhost",
    browser: bool = True,
    quality: str = "normal",
    read_only: bool = False,
) -> int:
    """Annotate the photos of a folder and show them in the App, in the review panel, until the user presses Ctrl-C.

    The labels stay in the dataset; a later run adds and annotates the photos that are new in the folder.

    Args:
        photos: the folder; default: the example images.
        name: of the dataset; default: :func:`dataset_name` of the folder.
        port, address: where the App listens.
        browser: whether to open one, where there is a display.
        quality: one of :data:`annotator.inference.settings.QUALITIES`.
        read_only: show what a dataset has, without adding or annotating anything, in an App whose plugin changes nothing.

    Returns:
        The command's exit status.

    Raises:
        AppError: no photos, the port is taken, the plugin cannot be registered, there is no dataset to be shown
            read-only, or FiftyOne's server does not start.
        annotator.photos.reading.PhotoError: no such folder.
        annotator.inference.network.ModelError, ImportError: the default model cannot run.
        OSError: FiftyOne's database does not start, or there is no home folder for it.
    """
    check_home()
    check_port(address, port)
    folder = Path(os.path.expanduser(photos or EXAMPLES)).resolve()
    read_only = read_only or read_only_reason(None) is not None
    if read_only:
        os.environ[READ_ONLY_VARIABLE] = "1"
    paths, left_out = ([], {}) if read_only else _photos_in(folder)
    print("Starting FiftyOne", flush=True)
    # Otherwise FiftyOne imports all plugins anew for every request. It still notices plugins that are added or removed;
    # a changed file counts after a restart.
    os.environ.setdefault("FIFTYONE_PLUGINS_CACHE_ENABLED", "true")
    import fiftyone as fo

    register_plugin(Path(fo.config.plugins_dir))
    connect()
    name = name or dataset_name(folder)
    dataset = _known_dataset(name) if read_only else open_dataset(name, paths)
    # `kill` ends it in the same orderly way, and so does Ctrl-C where a shell that started it in the background has
    # switched that off.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    for path, reason in left_out.items():
        print(f"left out: {path}: {reason}", file=sys.stderr)
    try:
        if not read_only:
            _annotate(dataset, Settings.of_quality(quality))
        with _delegated_runs():
            remote = not (browser and _has_display())
            session = _launch(dataset, spaces=review_layout(), port=port, address=address, remote=remote)
            print(f"\nThe App is at {session.url} (Ctrl-C stops it; the labels stay)", flush=True)
            session.wait(-1)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.")
    return 0


def _launch(dataset: fo.Dataset, **options: Any) -> fo.Session:
    import fiftyone as fo
    from fiftyone.core.service import ServiceListenTimeout

    try:
        return fo.launch_app(dataset, **options)
    except ServiceListenTimeout:
        raise AppError(
            "FiftyOne's server has not started within a minute, as on a machine that is busy with something else: run the "
            "command again, it goes on from here"
        ) from None


def check_port(address: str, port: int) -> None:
    """
    Raises:
        AppError: the port is in use.
    """
    try:
        with socket.create_connection((address, port), timeout=1):
            pass
    except OSError:
        return
    raise AppError(
        f"port {port} is in use, perhaps by an App that still runs at http://{address}:{port}: stop it, or "
        "choose another with --port"
    )


def plugin_folder() -> Path:
    """The plugin's folder: ``annotator/plugin`` when installed from a wheel, ``fiftyone_plugin`` in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "plugin", package.parent / "fiftyone_plugin"):
        if (folder / "fiftyone.yml").is_file():
            return folder
    raise AppError(f"the plugin is neither in {package} nor beside it: install densepose-annotator again")


def register_plugin(plugins: Path) -> None:
    """Link the plugin into FiftyOne's folder of plugins; an earlier link is replaced.

    Raises:
        AppError: something that is no link has its name.
    """
    folder, link = plugin_folder(), plugins / PLUGIN_LINK
    plugins.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise AppError(f"{link} is not the link that this command makes: move it away")
    link.symlink_to(folder, target_is_directory=True)


def open_dataset(name: str, photos: list[Path]) -> fo.Dataset:
    """The persistent dataset of that name, made if it is missing, with all of the photos; one that it has under
    another name is not added."""
    import fiftyone as fo

    dataset = fo.load_dataset(name) if fo.dataset_exists(name) else fo.Dataset(name, persistent=True)
    known = set(map(photo_identity, dataset.values("filepath")))
    new = [str(photo) for photo in photos if photo_identity(photo) not in known]
    dataset.add_samples([fo.Sample(filepath=path) for path in new], progress=False)
    return dataset


def _known_dataset(name: str) -> fo.Dataset:
    """The dataset of that name as it is."""
    import fiftyone as fo

    if not fo.dataset_exists(name):
        raise AppError(
            f"there is no dataset {name!r} to be shown read-only: label its photos first, or name one with --name"
        )
    return fo.load_dataset(name)


def _photos_in(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """The photos of a folder that a dataset can hold, and why others cannot be in one.

    Raises:
        AppError: there are none.
    """
    found = find_photos(folder)
    left_out = {path: reason for path in found if (reason := _why_no_sample(path))}
    left_out |= {path: f"the same photo as {same}" for path, same in repeated_photos(found).items()}
    paths = [path for path in found if path not in left_out]
    if not paths:
        raise AppError(f"{folder}: no photos in this folder ({', '.join(FORMATS)})")
    return paths, left_out


def review_layout() -> fo.Space:
    """The App's panels as the command opens it: the review in front of the grid. Only while this App runs: saved workspaces
    stay, and can be loaded as ever."""
    import fiftyone as fo

    grid, review = fo.Panel(type="Samples", pinned=True), fo.Panel(type=REVIEW_PANEL)
    return fo.Space(children=[grid, review], active_child=review.component_id)


def _why_no_sample(photo: Path) -> str | None:
    """Why a photo cannot be in a dataset of images: it is a video, say. One that is damaged can."""
    try:
        check_file(photo)
        str(photo).encode()
    except PhotoError as error:
        return str(error)
    except UnicodeEncodeError:
        return "its path is not valid UTF-8, as the database demands: rename it"
    return None


def dataset_name(folder: Path) -> str:
    """``<folder> people <digest of the path>``: folders of the same name get datasets of their own."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]
    return f"{folder.name} people {digest}"


def _annotate(dataset: fo.Dataset, settings: Settings) -> None:
    from annotator.runs.dataset_annotation import Annotation
    from annotator.runs.progress_bar import ProgressBar

    run = Annotation(dataset, settings=settings)
    with ProgressBar("photo", "Annotating") as bar:
        bar.show(0, len(run))
        for done in run:
            bar.show(done, len(run))
    summary = run.summary
    print(
        f"photos: {summary.samples} annotated, {summary.skipped} had labels before; people found: {summary.people}"
    )
    for path, reason in summary.failures.items():
        print(f"left out: {path}: {reason}", file=sys.stderr)


@contextmanager
def _delegated_runs() -> Iterator[None]:
    """FiftyOne's service that executes the operators which are scheduled in the App."""
    service = subprocess.Popen(
        [sys.executable, "-c", "from fiftyone.core.cli import main; main()", "delegated", "launch"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        service.terminate()
        service.wait()


def _has_display() -> bool:
    """Whether a browser can open; without a display FiftyOne might start a text browser."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
