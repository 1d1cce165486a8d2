"""Photos on disk: found and read. Files that are written whole or not at all."""
