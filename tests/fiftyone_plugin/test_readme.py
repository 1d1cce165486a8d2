"""The plugin's page names the fields that the operators' forms have."""

import re

import pytest

from annotator.dataset.fields import Fields, declare_fields

from .test_operators import ROOT, form

SECTIONS = {
    "Annotate people": "annotate_people",
    "Export labels": "export_labels",
    "Import labels": "import_labels",
    "Retrain model": "retrain_model",
    "Model info": "model_info",
    "Team settings": "team_settings",
    "Export log of edits": "export_edit_log",
}


def fields_of_section(title: str) -> set[str]:
    """The form fields in the first column of a section's table; an ellipsis stands for any words."""
    page = (ROOT / "fiftyone_plugin" / "README.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {title}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (\*[^|]+\*) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"\*([^*]+)\*", cell)}


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_has_all_fields_of_its_form_and_no_others(dataset, title: str):
    from fiftyone.operators import types

    declare_fields(dataset, Fields())
    inputs = form(SECTIONS[title], dataset).values()
    labels = {
        field.view.label for field in inputs if not isinstance(field.type, types.Void) and field.view.label
    }
    named = {label: re.escape(label).replace("…", ".+") for label in fields_of_section(title)}
    assert [
        name for name, pattern in named.items() if not any(re.fullmatch(pattern, x) for x in labels)
    ] == []
    assert [x for x in labels if not any(re.fullmatch(pattern, x) for pattern in named.values())] == []
