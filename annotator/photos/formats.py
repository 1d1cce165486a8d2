"""Which files are photos, by their extensions, and why some of them are not read."""

from __future__ import annotations

import mimetypes

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of what is read, whatever the extension says: not EPS, say, for which Pillow would start
Ghostscript. HEIF needs the extra ``heif``."""
EXTENSIONS = {
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe",
    ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff",
    ".webp",
}  # fmt: skip
"""Of what is read."""
# FiftyOne takes for an image what Python knows as one, and on a bare system that is not all of them.
for _extension in EXTENSIONS:
    if not (mimetypes.guess_type(f"photo{_extension}")[0] or "").startswith("image/"):
        mimetypes.add_type(f"image/{_extension[1:]}", _extension)
RAW = {
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw",
    ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip
VIDEOS = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv",
    ".webm", ".wmv",
}  # fmt: skip
OTHER_IMAGES = {
    ".ai", ".dds", ".emf", ".eps", ".exr", ".hdr", ".jxl", ".jxr", ".pcx", ".psb", ".psd", ".qoi", ".svg",
    ".svgz", ".tga", ".wmf", ".xcf",
}  # fmt: skip
NOT_READ = (
    # Not by their content: many are TIFF files to Pillow, which finds a thumbnail in them.
    dict.fromkeys(RAW, "a raw photo: develop it to JPEG, PNG or TIFF first")
    | dict.fromkeys(VIDEOS, "a video: extract its frames first")
    | dict.fromkeys(OTHER_IMAGES, "an image of a format that is not read: convert it to JPEG or PNG first")
)
"""Why not, by extension; a file of any other kind is no photo at all."""
HEAD = 64
"""Bytes of a file that say whether it is HEIC."""
_HEIC_BRANDS = {b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs", b"hevx"}


def is_heic(head: bytes) -> bool:
    """Whether a file that starts with these bytes is HEIC, whatever its extension says."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return head[4:8] == b"ftyp" and any(head[i : i + 4] in _HEIC_BRANDS for i in range(8, end, 4))
