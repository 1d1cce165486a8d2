"""The command ``app``: a folder of photos, annotated, in the FiftyOne App, with the plugin registered."""

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
from typing import TYPE_CHECKING

from annotator.dataset.store import connect
from annotator.examples import EXAMPLES
from annotator.inference.settings import Settings
from annotator.photos.finding import EXTENSIONS, find_photos

if TYPE_CHECKING:
    import fiftyone as fo

PLUGIN_LINK = "densepose-annotator"
"""Name under which FiftyOne's plugins folder links to the plugin."""


class AppError(ValueError):
    """The App cannot be opened; the message says why and what to do."""


def run(
    photos: Path | None = None,
    *,
    name: str | None = None,
    port: int = 5151,
    address: str = "localhost",
    browser: bool = True,
    zoom_in: bool = True,
    grouping: str = "votes",
) -> int:
    """Annotate the photos of a folder and show them until the user presses Ctrl-C; returns the exit status.

    Labels stay in the dataset; a later run adds and annotates the photos that are new in the folder.

    Args:
        photos: the folder; default: the example images.
        name: of the dataset; default: :func:`dataset_name` of the folder.
        port, address: where the App listens.
        browser: whether to open one, where there is a display.
        zoom_in: whether to look a second time at people who are small in the photo, lie or are upside down.
        grouping: how people are told apart, one of :data:`annotator.inference.settings.GROUPINGS`.

    Raises:
        AppError: no photos, the port is taken, or the plugin cannot be registered.
        annotator.photos.reading.PhotoError: no such folder.
        annotator.inference.network.ModelError, ImportError: the default model cannot run.
        OSError: FiftyOne's database does not start.
    """
    check_port(address, port)
    folder = (photos or EXAMPLES).expanduser().resolve()
    paths = find_photos(folder)
    if not paths:
        raise AppError(f"{folder}: no photos in this folder ({', '.join(sorted(EXTENSIONS))})")
    print("Starting FiftyOne", flush=True)
    # Otherwise it imports all plugins anew for every request. It still sees a plugin that comes or goes; a file that
    # is changed in place counts after a restart.
    os.environ.setdefault("FIFTYONE_PLUGINS_CACHE_ENABLED", "true")
    import fiftyone as fo

    register_plugin(Path(fo.config.plugins_dir))
    connect()
    dataset = open_dataset(name or dataset_name(folder), paths)
    # A plain `kill`, and Ctrl-C where a shell that started this in the background has switched it off, end
    # it in the same orderly way.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        _annotate(dataset, Settings(zoom_in=zoom_in, grouping=grouping))
        with _delegated_runs():
            remote = not (browser and _has_display())
            session = fo.launch_app(dataset, port=port, address=address, remote=remote)
            print(f"\nThe App is at {session.url} (Ctrl-C stops it; the labels stay)", flush=True)
            session.wait(-1)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.")
    return 0


def check_port(address: str, port: int) -> None:
    """
    Raises:
        AppError: something listens there already.
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
    """The plugin: ``annotator/plugin`` when installed from a wheel, ``fiftyone_plugin`` in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "plugin", package.parent / "fiftyone_plugin"):
        if (folder / "fiftyone.yml").is_file():
            return folder
    raise AppError(f"the plugin is neither in {package} nor beside it: install densepose-annotator again")


def register_plugin(plugins: Path) -> None:
    """Link the plugin into FiftyOne's folder of plugins, in place of an earlier link.

    Raises:
        AppError: something else has the link's name.
    """
    folder, link = plugin_folder(), plugins / PLUGIN_LINK
    plugins.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise AppError(f"{link} is not the link that this command makes: move it away")
    link.symlink_to(folder, target_is_directory=True)


def open_dataset(name: str, photos: list[Path]) -> fo.Dataset:
    """The persistent dataset of that name, made where it is missing, with the photos that it lacked added."""
    import fiftyone as fo

    dataset = fo.load_dataset(name) if fo.dataset_exists(name) else fo.Dataset(name, persistent=True)
    known = set(dataset.values("filepath"))
    new = [str(photo) for photo in photos if str(photo) not in known]
    dataset.add_samples([fo.Sample(filepath=path) for path in new], progress=False)
    return dataset


def dataset_name(folder: Path) -> str:
    """``<folder> people <digest of the path>``: two folders of one name get two datasets."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]
    return f"{folder.name} people {digest}"


def _annotate(dataset: fo.Dataset, settings: Settings) -> None:
    from tqdm import tqdm

    from annotator.runs.dataset_annotation import Annotation

    run = Annotation(dataset, settings=settings)
    for _ in tqdm(run, desc="Annotating", unit="photo"):
        pass
    summary = run.summary
    print(
        f"photos: {summary.samples} annotated, {summary.skipped} had labels before; people: {summary.people}"
    )
    for path, reason in summary.failures.items():
        print(f"left out: {path}: {reason}", file=sys.stderr)


@contextmanager
def _delegated_runs() -> Iterator[None]:
    """FiftyOne's service beside the App, which executes the operators that are scheduled in it."""
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
    """Whether a browser could open; on a server FiftyOne might find a text browser and start that."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
