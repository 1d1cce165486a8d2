"""Label files of other tools, each with a reader ``read_x(path, images_dir) -> Iterator[People]`` and a writer that is a
context manager with ``add(people)``; the table of them is :mod:`annotator.formats.registry`."""
