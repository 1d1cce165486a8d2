from annotator.runs.progress_bar import ProgressBar


def test_a_run_that_counts_twice_has_two_bars(capsys):
    with ProgressBar("photo") as bar:
        for done in (0, 2, 3, 1, 2, 3):
            bar.show(done, 3)
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert sum(line.split("\r")[-1].startswith("100%") for line in lines) == 2
