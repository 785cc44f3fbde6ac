"""A network of PyTorch as the generator, through skorch."""

import numpy as np
import pytest
from problems import moons

from skdrift import DriftGenerator
from skdrift.metrics import energy_distance

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            *(torch.nn.Linear(2, 64), torch.nn.SiLU()),
            *(torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, 2)),
        )

    def forward(self, X):
        return self.layers(X)


def test_a_network_through_skorch_learns_the_data():
    X = moons(300).astype(np.float32)
    network = skorch.NeuralNetRegressor(
        Network,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )
    torch.manual_seed(0)
    far, near = (
        energy_distance(
            DriftGenerator(
                generator=network, max_iter=n, batch_size=256, random_state=0
            )
            .fit(X)
            .sample(300),
            X,
        )
        for n in (1, 150)
    )
    assert near < 0.5 * far
