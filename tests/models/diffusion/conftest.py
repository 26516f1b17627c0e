"""Gaussian data, for which the best prediction at every time is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from models.diffusion.noise import projected

N_SYSTEMS = 1500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianData:
    """x_0 ~ N(mean, covariance) over the atoms of one structure, in a batch padded by one atom.

    The covariance acts on the flattened coordinates of the atoms that are there; it may be singular.
    """

    mean: torch.Tensor  # (3 n,)
    covariance: torch.Tensor  # (3 n, 3 n)
    centered: bool

    @property
    def n_atoms(self):
        return len(self.mean) // 3

    def mask(self, n_systems=N_SYSTEMS):
        mask = torch.ones(n_systems, self.n_atoms + 1)
        mask[:, -1] = 0
        return mask

    def padded(self, flat):
        return torch.cat([flat.unflatten(-1, (self.n_atoms, 3)), torch.zeros(len(flat), 1, 3, dtype=flat.dtype)], dim=1)

    def flat(self, values):
        return values[:, : self.n_atoms].flatten(1)

    def root(self):
        values, vectors = torch.linalg.eigh(self.covariance)
        return vectors * values.clamp_min(0).sqrt()

    def draw(self, n_systems, generator):
        noise = torch.randn(n_systems, len(self.mean), generator=generator, dtype=self.mean.dtype)
        return self.padded(self.mean + noise @ self.root().T)

    def clean(self, alpha, sigma):
        """E[x_0 | x_t] = mean + alpha C (alpha^2 C + sigma^2)^-1 (x_t - alpha mean), as a function of x_t."""
        gain = (
            alpha
            * self.covariance
            @ torch.linalg.inv(alpha**2 * self.covariance + sigma**2 * torch.eye(len(self.mean), dtype=self.mean.dtype))
        )
        return lambda noised: self.padded(self.mean + (self.flat(noised) - alpha * self.mean) @ gain.T)

    def noise_predictor(self, process):
        """E[eps | x_t] = sigma (alpha^2 C + sigma^2)^-1 (x_t - alpha mean), regular at sigma = 0 too."""

        def predict(noised, time):
            alpha, sigma = float(process.schedule.alpha(time[0])), float(process.schedule.sigma(time[0]))
            total = alpha**2 * self.covariance + sigma**2 * torch.eye(len(self.mean), dtype=self.mean.dtype)
            gain = sigma * torch.linalg.pinv(total, hermitian=True, rtol=1e-12)
            return self.padded((self.flat(noised) - alpha * self.mean) @ gain.T)

        return predict


def anisotropic():
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    spread = torch.tensor([0.2, 0.4, 0.6, 1.0, 1.5, 2.0], dtype=torch.float64)
    mean = torch.tensor([1.0, -2.0, 0.5, 0.0, 1.5, -1.0], dtype=torch.float64)
    return GaussianData(mean=mean, covariance=turn @ torch.diag(spread**2) @ turn.T, centered=False)


def centered():
    whole = torch.diag(torch.tensor([0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 0.4, 0.6, 0.8], dtype=torch.float64) ** 2)
    projection = projected(torch.eye(9, dtype=torch.float64).unflatten(-1, (3, 3)), torch.ones(9, 3), centered=True)
    matrix = projection.flatten(1)
    mean = torch.tensor([1.0, 0.0, -1.0, -1.0, 2.0, 0.0, 0.0, -2.0, 1.0], dtype=torch.float64)
    return GaussianData(mean=mean, covariance=matrix @ whole @ matrix, centered=True)


@pytest.fixture(params=[anisotropic, centered], ids=["anisotropic", "centered"])
def data(request):
    return request.param()


@pytest.fixture
def anisotropic_data():
    return anisotropic()


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


@pytest.fixture
def assert_same_distribution():
    """Mean and covariance of samples agree with the data, within sampling error and a stated bias."""

    def check(samples, data, bias):
        flat = data.flat(samples)
        standard_error = float(data.covariance.diagonal().max().sqrt()) * len(flat) ** -0.5
        assert (flat.mean(0) - data.mean).abs().max() < 4 * standard_error + bias
        spread, wanted = torch.cov(flat.T), data.covariance
        assert (spread - wanted).abs().max() < (6 * len(flat) ** -0.5 + bias) * float(wanted.abs().max())
        deviations, expected = flat.std(0), wanted.diagonal().sqrt()
        assert ((deviations - expected).abs() < (4 * (2 * len(flat)) ** -0.5 + bias) * expected + 1e-6).all()
        assert (samples[:, -1] == 0).all()

    return check
