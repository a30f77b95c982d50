"""One run of the loop: updates, epochs, and what is noted of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_, get_total_norm

from snndeploy.errors import error
from snndeploy.train import checkpoint
from snndeploy.train.ahead import ahead
from snndeploy.train.batches import Batch
from snndeploy.train.evaluation import Score, evaluate, failing, output_of, placed
from snndeploy.train.forwards import Forward
from snndeploy.train.interrupt import Stop, waiting
from snndeploy.train.logs import BATCHES, EPOCHS, TESTS
from snndeploy.train.losses import LOSSES, chosen
from snndeploy.train.optimizers import Schedule, optimizer
from snndeploy.train.precision import check_inputs, rounding
from snndeploy.train.processes import SHARED_NORM, part_of, same_statistics, statistics, summed
from snndeploy.train.rates import penalty, whole
from snndeploy.train.run import Run
from snndeploy.train.settings import Settings
from snndeploy.train.sources import Sources
from snndeploy.train.state import Epoch, State

Progress = Callable[[int, int, str], None]
EachEpoch = Callable[[int, Epoch], None]
# samples on which fewer bits are compared with 32
NOTED = 64


class Loop:
    """One run of the loop; `go` does what is left of it."""

    def __init__(
        self,
        module: torch.nn.Module,
        forward: Forward,
        sources: Sources,
        how: Settings,
        fabric: Any,
        progress: Progress | None = None,
        each_epoch: EachEpoch | None = None,
    ):
        self.module, self.forward, self.sources, self.how, self.fabric = module, forward, sources, how, fabric
        self.progress, self.each_epoch = progress, each_epoch
        self.state = State()
        self.notes: tuple[str, ...] = ()
        self.part = part_of(fabric)
        self.learned = [each for each in module.parameters() if each.requires_grad]
        if not self.learned:
            raise error("SD807", type(module).__name__, "it has no parameter that learns", "set requires_grad")
        forward.unrolled.full_states = how.precision != "32-true"
        self.optimizer = optimizer(how, module.parameters())
        self.schedule = Schedule(how, self.optimizer, sources.train.batches)
        self.wrapped, self.stepper = fabric.setup(forward.unrolled, self.optimizer)

    def go(self, run: Run | None) -> None:
        """All batches that are left. Raises KeyboardInterrupt behind a checkpoint."""
        state = self.state
        with waiting() if run is not None else _never() as stop:
            while state.epoch < self.how.epochs and not state.stopped:
                self.module.train()
                train = self.sources.train
                for batch in ahead(train, train.epoch(state.epoch, state.batch, self.part), self.fabric.device):
                    self.one_batch(batch, run)
                    self.break_off(run, stop)
                self.end_of_epoch(run)
                self.break_off(run, stop, saved=True)

    def one_batch(self, batch: Batch, run: Run | None) -> None:
        """One update."""
        how, state, several = self.how, self.state, self.part.world > 1
        inputs, labels = placed(batch.inputs, batch.labels, self.fabric.device)
        if how.precision != "32-true":
            check_inputs(inputs)
        with failing(self.where(), batch.size):
            signals = self.wrapped(inputs)
        out = output_of(signals, batch)
        loss = LOSSES[how.loss].of(out, labels, how.scale)
        aim = loss * (batch.size * batch.weight * self.part.world / batch.total) if several else loss
        away = loss.new_zeros(())
        for name, (low, high) in self.forward.bands.items():
            rate = whole(signals.counts[name] * batch.weight) / (len(out) * batch.total)
            away = away + how.rate_weight * penalty(rate, low, high)
        self.optimizer.zero_grad()
        with failing(self.where(), batch.size):
            self.fabric.backward(aim + away if self.forward.bands else aim)
        norm = self.norm()
        own = batch.size * batch.weight
        counts = {name: float(each.detach().sum()) * batch.weight for name, each in signals.counts.items()}
        right = float((chosen(out.detach(), self.forward.decision) == labels).sum()) * batch.weight
        lost, right, count, *spikes = summed(self.fabric, [loss.item() * own, right, own, *counts.values()])
        self.check(lost, norm)
        lr = self.optimizer.param_groups[0]["lr"]
        self.stepper.step()
        self.schedule.after_batch()
        same_statistics(self.fabric, self.module)
        neuron_steps = len(out) * count
        sums = state.sums
        sums.loss, sums.right, sums.count = sums.loss + lost, sums.right + right, sums.count + count
        sums.penalty += away.item() * count
        sums.neuron_steps += neuron_steps
        for name, each in zip(counts, spikes, strict=True):
            sums.spikes[name] = sums.spikes.get(name, 0.0) + each
        state.batch, state.step = state.batch + 1, state.step + 1
        row: dict[str, Any] = {"epoch": state.epoch + 1, "batch": state.batch, "samples": int(count)}
        row |= {"loss": lost / count}
        row |= {"penalty": away.item(), "accuracy": right / count, "rate": self.rate(sum(spikes), neuron_steps)}
        row |= {"lr": lr, "gradient": norm}
        if run is not None and run.logs is not None:
            run.logs.row(BATCHES, state.step, row)
        if how.test_every and state.step % how.test_every == 0:
            self.look(run)
        if run is not None and how.every and state.step % how.every == 0:
            self.save(run)
        self.tell(row)

    def look(self, run: Run | None) -> None:
        """Notes how the weights of now do on the test samples; nothing is chosen by it."""
        test, state = self.sources.test, self.state
        if test is None or run is None:
            return
        score = evaluate(self.forward, test, self.how, self.fabric, self.how.test_samples)
        row = {"step": state.step, "epoch": state.epoch + 1, "samples": score.samples, "loss": score.loss}
        if run.logs is not None:
            run.logs.row(TESTS, state.step, row | {"accuracy": score.accuracy})

    def where(self) -> str:
        return f"epoch {self.state.epoch + 1}, batch {self.state.batch + 1}"

    def norm(self) -> float:
        """Of all gradients together, before they are clipped."""
        grads = [each.grad for each in self.learned if each.grad is not None]
        norm = clip_grad_norm_(self.learned, self.how.clip) if self.how.clip is not None else get_total_norm(grads)
        return float(norm)

    def check(self, loss: float, norm: float) -> None:
        """Loss and gradients are numbers. Raises SD844; the weights are those of the batch before."""
        if all(each == each and abs(each) != float("inf") for each in (loss, norm)):
            return
        lr = self.optimizer.param_groups[0]["lr"]
        where = self.where()
        what = f"loss {loss:g}, norm of the gradients {norm:g}, at learning rate {lr:g}; the last checkpoint is whole"
        raise error("SD844", where, what, f"lower lr (now {self.how.lr:g}), or clip the gradients: clip=1 (--clip 1)")

    def rate(self, spikes: float, sample_steps: float) -> float | None:
        """Spikes per step and neuron, over all populations; None: not known, for the module is not captured."""
        neurons = sum(self.forward.sizes.values())
        return spikes / max(1.0, sample_steps * neurons) if neurons else None

    def end_of_epoch(self, run: Run | None) -> None:
        """Validation, the epoch's row, the best weights so far, and a checkpoint."""
        state, how = self.state, self.how
        sums = state.sums
        check_weights(self.module, state.epoch + 1, f"lower lr (now {how.lr:g})")
        held = self.sources.validation
        score: Score | None = None if held is None else evaluate(self.forward, held, how, self.fabric)
        done = Epoch(
            sums.loss / sums.count,
            sums.right / sums.count,
            self.rate(sum(sums.spikes.values()), sums.neuron_steps),
            None if score is None else score.loss,
            None if score is None else score.accuracy,
        )
        row: dict[str, Any] = {"epoch": state.epoch + 1, **done._asdict()}
        row["penalty"] = sums.penalty / sums.count
        row["lr"] = self.optimizer.param_groups[0]["lr"]
        row |= {f"rate of {n}": sums.spikes[n] / (sums.neuron_steps * size) for n, size in self.forward.sizes.items()}
        self.schedule.after_epoch(done.loss if score is None else score.loss)
        if run is not None and run.logs is not None:
            run.logs.row(EPOCHS, state.epoch + 1, row)
        if state.after_epoch(done, how.patience):
            state.best = {name: each.detach().cpu().clone() for name, each in self.module.state_dict().items()}
        if run is not None:
            self.save(run)
        if self.each_epoch is not None and self.part.rank == 0:
            self.each_epoch(state.epoch, done)

    def break_off(self, run: Run | None, stop: Stop, saved: bool = False) -> None:
        """Ends the run between two batches, if somebody asked for that. Raises KeyboardInterrupt."""
        if run is None or not summed(self.fabric, [float(stop.asked)])[0]:
            return
        if not saved:
            self.save(run)
        raise KeyboardInterrupt

    def save(self, run: Run) -> None:
        run.save(self.state, self.module, self.optimizer, self.schedule)

    def tell(self, row: Mapping[str, Any]) -> None:
        if self.progress is None:
            return
        state, batches = self.state, self.sources.train.batches
        so_far = state.sums
        text = f"epoch {row['epoch']}/{self.how.epochs}, loss {so_far.loss / so_far.count:.3f}, "
        text += f"{so_far.right / so_far.count:.1%}" + ("" if row["rate"] is None else f", rate {row['rate']:.3f}")
        self.progress(state.step, self.how.epochs * (batches or 0), text)

    def finish(self, run: Run | None) -> Score | None:
        """The best weights, on the CPU, scored on the test samples, and in `best.pt`."""
        if self.state.best is not None:
            self.module.load_state_dict(self.state.best)
        test = self.sources.test
        score = None if test is None else evaluate(self.forward, test, self.how, self.fabric)
        shown = (test or self.sources.validation or self.sources.train).first(NOTED)[0]
        self.notes = (SHARED_NORM,) if self.part.world > 1 and statistics(self.module) else ()
        self.notes += rounding(self.forward, shown, self.how, self.fabric.device)
        self.module.cpu().eval()
        if run is not None and run.first:
            checkpoint.save_weights(run.folder / "best.pt", self.module)
        return score


def check_weights(module: torch.nn.Module, epoch: int, fix: str) -> None:
    """All weights are numbers. Raises SD844."""
    # spikes are 0 or 1 whatever happens, so that a loss can stay finite when the weights are not
    lost = [name for name, p in module.named_parameters() if not torch.isfinite(p).all()]
    if lost:
        what = f"{', '.join(lost)} are NaN or infinite after epoch {epoch}"
        raise error("SD844", type(module).__name__, what, fix)


def _never() -> Any:
    from contextlib import nullcontext

    return nullcontext(Stop())
