"""The table of time to accuracy: rows, what the losses of both ways share, and a picture."""

from snndeploy.report import learning_tables


def run(way, losses, accuracy, cpu=10.0, steps=25):
    point = {"updates": len(losses), "wall": 2 * cpu, "cpu": cpu, "accuracy": accuracy}
    return {"steps": steps, "way": way, "losses": losses, "points": [point], "wall": 2 * cpu, "cpu": cpu}


def measured(*runs, load=0.1):
    return {"machine": {"load": load, "cores": 2}, "settings": {"goal": 0.97}, "runs": list(runs)}


def test_rows_and_losses():
    losses = [2.0, 1.0, 0.5]
    other = [2.0, 1.0005, 0.6]
    text = learning_tables.summary(
        measured(run("loop", losses, 0.975, 30.0), run("accelerated", other, 0.6), run("loop", losses, 0.5, steps=100))
    )
    rows = text.splitlines()
    assert "| 25 | snnTorch's own loop | 3 | 97.50% | 30 | 60 | yes |" in rows
    assert "| 25 | `accelerate=True` | 3 | 60.00% | 10 | 20 | **broken off before** |" in rows
    told = next(row for row in rows if row.startswith("T = 25"))
    assert "first 2 updates agree within 0.1 %" in told
    assert "all 3 within 0.1;" in told
    assert told.endswith("3 times as many without acceleration.")
    assert not any(row.startswith("T = 100") for row in rows)
    assert "busy" not in text


def test_a_busy_machine_is_told():
    assert "busy machine" not in learning_tables.summary(measured(run("loop", [1.0], 0.98), load=2.0))
    assert "busy machine" in learning_tables.summary(measured(run("loop", [1.0], 0.98), load=7.0))


def test_the_picture(tmp_path):
    learning_tables.draw(
        measured(run("loop", [2.0, 1.0], 0.9), run("accelerated", [2.0, 1.0], 0.9)), tmp_path / "a.png"
    )
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
