import pytest

# Helpers with assertions, which are to say what they compare.
pytest.register_assert_rewrite("tests.retraining_run", "tests.e2e.review.panel")
