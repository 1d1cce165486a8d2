"""Photos that say in many ways how they are to be turned, and how a browser turns them."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 40), (20, 40, 210)
ORIENTATION = 0x0112
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def quarters(width: int = 40, height: int = 20) -> np.ndarray:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    return image


def exif(kind: int = 3, count: int = 1, value: int = 6, order: str = "<") -> bytes:
    """EXIF data with an orientation of that type, count and value."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order]
    number = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    return (
        b"Exif\0\0" + start + struct.pack(f"{order}IHHHI", 8, 1, ORIENTATION, kind, count) + number + bytes(4)
    )


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def insert_segments(path: Path, *segments: bytes) -> None:
    """Put APP1 segments of that content at the start of a JPEG."""
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"".join(segment(0xE1, content) for content in segments) + data[2:])


def write_odd_photos(folder: Path) -> dict[str, bool]:
    """Write :func:`quarters` in all formats, with orientation 6 said in all ways; by name, whether a browser turns
    it. The names end in what it is; no browser shows the TIFF files."""
    image, xmp = Image.fromarray(quarters()), b"http://ns.adobe.com/xap/1.0/\0" + XMP
    turned = {}

    def save(name: str, is_turned: bool, **options: object) -> Path:
        image.save(folder / name, **options)
        turned[name] = is_turned
        return folder / name

    for name in ("jpg", "png", "webp", "avif", "gif", "bmp"):
        save(f"plain.{name}", False)
    for name in ("jpg", "webp", "avif"):
        save(f"xmp.{name}", False, xmp=XMP)
    for name in ("jpg", "png", "avif", "mpo"):
        save(f"exif.{name}", True, exif=exif())
    save("exif.webp", False, exif=exif())
    save("tag.tif", True, tiffinfo={ORIENTATION: 6})
    save("xmp.tif", False, tiffinfo={700: XMP})
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    save("xmp.png", False, pnginfo=text)
    save("upright-exif-and-xmp.png", False, pnginfo=text, exif=exif(value=1))
    old = PngImagePlugin.PngInfo()
    old.add_text("Raw profile type exif", f"\nexif\n{len(exif()):8}\n{exif().hex()}\n")
    save("raw-profile.png", False, pnginfo=old)
    late = save("late-exif.png", False, exif=exif())
    data = late.read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    tail = data.rindex(b"IEND") - 4
    late.write_bytes(data[:start] + data[end:tail] + data[start:end] + data[tail:])
    for name, is_turned, *segments in (
        ("big-endian", True, exif(order=">")),
        ("xmp-before-exif", True, xmp, exif()),
        ("exif-before-xmp", True, exif(), xmp),
        ("upright-exif-and-xmp", False, exif(value=1), xmp),
        ("two-exif", True, exif(), exif(value=1)),
        ("upright-exif-first", False, exif(value=1), exif()),
        ("other-padding", True, exif().replace(b"Exif\0\0", b"Exif\0\xff")),
        ("long", False, exif(kind=4)),
        ("big-endian-long", False, exif(kind=4, order=">")),
        ("two-values", False, exif(count=2)),
        ("nine", False, exif(value=9)),
        ("cut-exif", False, exif()[:20]),
    ):
        insert_segments(save(f"{name}.jpg", is_turned), *segments)
    return turned
