"""Copulas and trained generators, from packages that the benchmarks do not require.

A generator is a function of the training rows, the number of rows to draw and the seed,
as in ``generators.py``. Install ``copulas pyvinecopulib ctgan torch zuko`` to run them.

* gaussian_copula: the model behind GaussianCopula of SDV, with its default choice of a
  parametric distribution for every column;
* vine_copula: a vine of pairs, parametric or not, by pyvinecopulib, with margins by
  interpolated quantiles;
* CTGAN and TVAE with their defaults (300 epochs);
* spline_flow: a neural spline flow by zuko, of three transforms with networks of two
  layers of 64; a fifth of the training rows ends the training.
"""

import contextlib
import copy
import io

import numpy as np
from sklearn.preprocessing import StandardScaler

# Training of the spline flow.
BATCH, PATIENCE, MOST_EPOCHS = 64, 30, 500


class SplineFlow:
    """Neural spline flow, trained until rows that it does not see get less likely."""

    def __init__(self, train, seed):
        import torch
        import zuko

        torch.manual_seed(seed)
        torch.set_num_threads(1)
        rows = torch.tensor(train, dtype=torch.float32)
        rows = rows[torch.randperm(len(rows))]
        validation, rows = rows.split([len(rows) // 5, len(rows) - len(rows) // 5])
        self._flow = zuko.flows.NSF(
            rows.shape[1], transforms=3, hidden_features=(64, 64)
        )
        adam = torch.optim.AdamW(self._flow.parameters(), lr=1e-3, weight_decay=1e-4)
        best, since = np.inf, 0
        for _ in range(MOST_EPOCHS):
            for part in torch.randperm(len(rows)).split(BATCH):
                adam.zero_grad()
                (-self._flow().log_prob(rows[part]).mean()).backward()
                torch.nn.utils.clip_grad_norm_(self._flow.parameters(), 5.0)
                adam.step()
            with torch.no_grad():
                loss = -self._flow().log_prob(validation).mean().item()
            since += 1
            if loss < best:
                best, since = loss, 0
                state = copy.deepcopy(self._flow.state_dict())
            if since >= PATIENCE:
                break
        self._flow.load_state_dict(state)

    def score_samples(self, X):
        """Log-density of rows."""
        import torch

        with torch.no_grad():
            rows = torch.tensor(X, dtype=torch.float32)
            return self._flow().log_prob(rows).double().numpy()

    def sample(self, n, seed):
        """Draw rows."""
        import torch

        torch.manual_seed(seed)
        with torch.no_grad():
            return self._flow().sample((n,)).double().numpy()


def spline_flow(train, n, seed):
    """Draw from a neural spline flow."""
    scaler = StandardScaler().fit(train)
    rows = SplineFlow(scaler.transform(train), seed).sample(n, seed)
    return scaler.inverse_transform(rows)


def gaussian_copula(train, n, seed):
    """Draw from a Gaussian copula with the distribution that fits each column best."""
    import pandas
    from copulas.multivariate import GaussianMultivariate

    model = GaussianMultivariate(random_state=seed)
    model.fit(pandas.DataFrame(train).add_prefix("x"))
    return model.sample(n).to_numpy()


def vine_copula(train, n, seed):
    """Draw from a vine copula, with quantiles of the data as margins."""
    import pyvinecopulib

    # Equal values are ranked at random, or columns of few values would have no copula.
    u = pyvinecopulib.to_pseudo_obs(train, ties_method="random", seeds=[seed + 1])
    controls = pyvinecopulib.FitControlsVinecop(num_threads=1)
    model = pyvinecopulib.Vinecop.from_data(u, controls=controls)
    drawn = model.simulate(n, seeds=[seed + 1])
    columns = zip(train.T, drawn.T, strict=True)
    return np.column_stack([np.quantile(x, levels) for x, levels in columns])


def _trained(name, train, n, seed):
    import ctgan
    import pandas
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (ctgan draws from it)
    model = getattr(ctgan, name)()
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(pandas.DataFrame(train).add_prefix("x"))
        model.set_random_state(seed)
        return model.sample(n).to_numpy(dtype=float)


def conditional_gan(train, n, seed):
    """Draw from CTGAN."""
    return _trained("CTGAN", train, n, seed)


def variational_autoencoder(train, n, seed):
    """Draw from TVAE."""
    return _trained("TVAE", train, n, seed)
