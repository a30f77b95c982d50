"""Processes that die, sleep, or are stopped: everything is there once, in order, or the command says what is not."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import psutil
import pytest
from random_networks import integer_network, spikes_for

import snndeploy as sd
from snndeploy.conform import state_equal
from snndeploy.engines import trace_file
from snndeploy.errors import SnnDeployError
from snndeploy.shards.pool import RETRIES, threads_each
from snndeploy.shards.source import Arrays

RECORD = ("spikes", "u", "v")
SAMPLES = 24


@pytest.fixture(scope="module")
def net():
    return integer_network(np.random.default_rng(3))


@pytest.fixture(scope="module")
def x(net):
    return spikes_for(np.random.default_rng(1), net, 12, SAMPLES)["in"]


@pytest.fixture(scope="module")
def whole(net, x):
    return sd.run(net, x, record=RECORD)


def source(x, before):
    """Samples that call `before(start)` in the worker that reads them; pickled by value, as workers have no tests."""

    class Watched:
        paths = None
        inner = Arrays({"in": x})
        steps, samples, sample_bytes = inner.steps, inner.samples, inner.sample_bytes

        def load(self, start, stop):
            before(start)
            return self.inner.load(start, stop)

        def where(self, sample):
            return self.inner.where(sample)

    return Watched()


def dies_at(start, folder, times):
    """Kills its own process as often as `times` says, counted by files, since processes forget."""

    def before(at):
        if at == start:
            count = len(os.listdir(folder))
            if count < times:
                open(f"{folder}/{count}", "w").close()
                os.kill(os.getpid(), signal.SIGKILL)

    return before


def test_shards_that_end_in_any_order_come_out_in_order(net, x, whole, tmp_path):
    def before(start):
        time.sleep(random.Random(start).random() / 20)

    seen = []
    out = tmp_path / "out.npz"
    found = sd.evaluate(
        net,
        source(x, before),
        record=RECORD,
        output=out,
        shard_size=1,
        workers=2,
        progress=lambda n, of: seen.append(n),
    )
    assert state_equal(trace_file.read(out), whole)
    assert np.array_equal(trace_file.read(out).inputs["in"], x)
    assert found.shards == SAMPLES
    assert seen == list(range(SAMPLES + 1))


def test_a_process_that_is_killed_is_tried_again(net, x, whole, tmp_path):
    (tmp_path / "deaths").mkdir()
    out = tmp_path / "out.npz"
    given = source(x, dies_at(8, f"{tmp_path}/deaths", 2))
    sd.evaluate(net, given, record=RECORD, output=out, shard_size=4, workers=2)
    assert len(list((tmp_path / "deaths").iterdir())) == 2
    assert state_equal(trace_file.read(out), whole)


def test_a_shard_that_kills_every_process_is_named_and_the_others_are_kept(net, x, whole, tmp_path):
    (tmp_path / "deaths").mkdir()
    out = tmp_path / "out.npz"
    given = source(x, dies_at(8, f"{tmp_path}/deaths", 1 + RETRIES))
    with pytest.raises(SnnDeployError, match=r"SD820 .* samples 8 to 11 died 3 times \(SIGKILL\(-9\)\)"):
        sd.evaluate(net, given, record=RECORD, output=out, shard_size=4, workers=2)
    assert not out.exists()
    found = sd.evaluate(net, given, record=RECORD, output=out, shard_size=4, workers=2)
    assert found.resumed == 5
    assert state_equal(trace_file.read(out), whole)


def test_threads_of_all_workers_are_no_more_than_the_cores(net, x, monkeypatch):
    from joblib import cpu_count

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for workers in (1, 2, 3, 64):
        assert workers * threads_each(workers) <= max(workers, cpu_count())
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_each(1) == 1


SCRIPT = """
import sys, time, numpy as np
from snndeploy import cli
from snndeploy.shards import source
read = source.Stored.block
def slowly(self, start, stop):
    time.sleep({sleep})
    return read(self, start, stop)
source.Stored.block = slowly
if __name__ == "__main__":
    sys.exit(cli.main(["run", "q.nir", "--data", "x.npy", "-o", "out.npz", "--record", "spikes,u,v", "--shard-size",
                       "1", "--workers", "{workers}"]))
"""


# without the time that commands take to start, and files to be opened
LIGHT = """
import pickle, time
from snndeploy.shards import How, evaluate, source
read = source.Stored.block
def slowly(self, start, stop):
    time.sleep({sleep})
    return read(self, start, stop)
source.Stored.block = slowly
net = pickle.load(open("net.pickle", "rb"))
evaluate(net, "x.npy", record=("spikes", "u", "v"), output="out.npz", how=How(shard_size=1))
"""


@pytest.fixture
def work(net, x, tmp_path):
    sd.write(net, tmp_path / "q.nir")
    np.save(tmp_path / "x.npy", x)
    return tmp_path


def start(folder, workers, sleep):
    script = (SCRIPT if workers > 1 else LIGHT).format(sleep=sleep, workers=workers)
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, start_new_session=True, stderr=subprocess.PIPE, text=True
    )


def finished(folder):
    return len(list(folder.glob("out.npz.parts/[0-9]*.npz")))


def reached(folder, count):
    return finished(folder) >= count


def until(done, process, seconds=120):
    end = time.monotonic() + seconds
    while not done() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_run_that_is_killed_ten_times_ends_with_the_same_file(net, work, whole):
    rng = random.Random(0)
    sd.evaluate(net, work / "x.npy", record=RECORD, output=work / "once.npz", shard_size=1)
    (work / "net.pickle").write_bytes(pickle.dumps(net))
    kills = 0
    while kills < 10:
        process = start(work, 1, 0.005)
        had = finished(work)
        until(partial(reached, work, had + kills % 3), process)
        time.sleep(rng.random() * 0.02)
        process.kill()
        process.communicate()
        kills += 1
        assert process.returncode == -signal.SIGKILL or (work / "out.npz").exists()
        if process.returncode == 0:
            (work / "out.npz").unlink()
    process = start(work, 1, 0)
    assert not process.communicate()[1]
    assert process.returncode == 0
    assert (work / "out.npz").read_bytes() == (work / "once.npz").read_bytes()
    assert state_equal(trace_file.read(work / "out.npz"), whole)
    assert sorted(each.name for each in work.iterdir()) == ["net.pickle", "once.npz", "out.npz", "q.nir", "x.npy"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_behind(how, work, whole):
    process = start(work, 2, 0.4)
    until(partial(reached, work, 1), process)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    if how is signal.SIGINT:  # as a terminal does it: to the whole group
        os.killpg(process.pid, how)
    else:
        process.kill()
    _, text = process.communicate()
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert not text
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert finished(work) >= 1
    found = sd.evaluate(sd.read(work / "q.nir"), work / "x.npy", record=RECORD, output=work / "out.npz", shard_size=1)
    assert found.resumed >= 1
    assert state_equal(trace_file.read(work / "out.npz"), whole)


def tracker(process):
    """loky's own process, one for as long as Python runs."""
    try:
        return "_tracker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return True


def test_what_the_caller_raises_ends_the_processes_at_once(net, x, tmp_path):
    before = {each.pid for each in psutil.Process().children(recursive=True)}

    def stop(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    np.save(tmp_path / "x.npy", x)
    with pytest.raises(KeyboardInterrupt) as caught:
        sd.evaluate(net, tmp_path / "x.npy", output=tmp_path / "o.json", shard_size=4, workers=2, progress=stop)
    # the exception is still held, and all that its frames hold
    left = [each for each in psutil.Process().children(recursive=True) if each.pid not in before]
    _, alive = psutil.wait_procs([each for each in left if not tracker(each)], timeout=2)
    assert not alive
    assert caught.value is not None
    assert sd.evaluate(net, tmp_path / "x.npy", output=tmp_path / "o.json", shard_size=4).resumed >= 2
