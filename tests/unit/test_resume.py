"""Training that is killed at any moment and started again ends in the weights of training that was not, to the bit."""

import json
import subprocess
import sys

# One process imports torch; every training run is a child of it that ends by SIGKILL or by itself.
SCRIPT = '''
import hashlib, json, os, pathlib, random, signal, sys, time, traceback
import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from ptguide.training import Checkpoints, fit

# What a first step imports on its way: seconds, and all moments of all runs would fall into them.
import filelock, torch._dynamo

SAMPLES, FEATURES, CLASSES = 150, 6, 3
STEPS = 40
folder = pathlib.Path(sys.argv[1])


class Noisy(Dataset):
    """Every sample draws from each kind of random number that augmentations draw from."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(SAMPLES, FEATURES, generator=generator)
        self.targets = self.inputs[:, :CLASSES].argmax(dim=1)

    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        noise = torch.rand(()) + random.random() + numpy.random.rand()
        return self.inputs[index] + 0.1 * noise, self.targets[index]


def train(run, shuffler, every):
    torch.manual_seed(1), random.seed(2), numpy.random.seed(3)
    model = nn.Sequential(
        nn.Linear(FEATURES, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, CLASSES)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(4) if shuffler == "own" else None
    # 150 samples in batches of 8: 19 batches, the last with 6; 2 of them a step: the last step has one
    data = DataLoader(Noisy(), batch_size=8, shuffle=True, generator=generator)
    validation = DataLoader(Noisy(), batch_size=50)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=STEPS)
    checkpoints = Checkpoints(folder / run, every=every)
    history = fit(
        model,
        data,
        nn.functional.cross_entropy,
        optimizer,
        epochs=4,
        validation=validation,
        schedule=schedule,
        schedule_every="step",
        clip_norm=1.0,
        accumulate=2,
        checkpoints=checkpoints,
    )
    moments = [tensor for entry in optimizer.state_dict()["state"].values() for tensor in entry.values()]
    found = {
        "weights": digest(tensor.numpy().tobytes() for tensor in model.state_dict().values()),
        "optimizer": digest(tensor.numpy().tobytes() for tensor in moments),
        "history": history.as_dict(),
        "next random numbers": [torch.rand(1).item(), random.random(), numpy.random.rand()],
    }
    (folder / f"{run}.json").write_text(json.dumps(found))


def digest(parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


def start(*run):
    pid = os.fork()
    if pid == 0:
        try:
            train(*run)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return pid


def finish(*run):
    """Train until the end, and return what came out, and the seconds that it took."""
    started = time.perf_counter()
    status = os.waitpid(start(*run), 0)[1]
    assert status == 0, status
    return json.loads((folder / f"{run[0]}.json").read_text()), time.perf_counter() - started


def newest(run):
    """Return the step of the newest checkpoint."""
    return max((int(path.name[5:13]) for path in (folder / run).glob("step-*.pt")), default=0)


torch.set_num_threads(1)
finish("warm", "global", 3)
moments = random.Random(0)
outcomes = []
for shuffler, every in (("global", 3), ("own", 1)):
    whole, seconds = finish(f"whole-{every}", shuffler, every)
    for number in range(10):
        run = f"killed-{every}-{number}", shuffler, every
        # A busy machine may take many times as long as it took for the whole run: the moment is one of its progress.
        after, rest = divmod(STEPS * moments.random(), 1)
        pid = start(*run)
        while newest(run[0]) < after and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.001)
        time.sleep(rest * seconds / STEPS)
        os.kill(pid, signal.SIGKILL)
        killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        step = newest(run[0])
        resumed, _ = finish(*run)
        different = [name for name, value in whole.items() if resumed[name] != value]
        outcomes.append({"killed": killed, "step": step, "different": different})
print(json.dumps(outcomes))
'''


def test_training_that_is_killed_at_20_random_moments_ends_in_the_same_weights(tmp_path):
    command = [sys.executable, "-W", "error", "-c", SCRIPT, tmp_path]
    outcomes = json.loads(subprocess.check_output(command, text=True))
    assert [outcome["different"] for outcome in outcomes] == [[]] * 20
    # The moments are spread over the run: nearly all of the 20 are killed while they train, after different steps.
    assert sum(outcome["killed"] for outcome in outcomes) >= 18
    assert len({outcome["step"] for outcome in outcomes if outcome["killed"]}) >= 6
