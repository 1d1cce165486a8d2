"""The images that come with the project; README.md beside them names their sources and licences."""

from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
"""Their folder."""
