"""How much of each species a network makes at given conditions: mass-action kinetics from the seeds on.

Barriers are counted from complexes in contact, so the rate constant of n molecules is
k = (kT / h) V^(n - 1) exp(-E / kT) (Eyring, 10.1063/1.1749604, without entropies), V the volume in which two molecules
touch. Both directions of a step share their transition state, and heights are made consistent first
(`chem.consistency`): equilibria come out right, and nothing runs in circles. A step that would turn more than 1e11
times is slowed down to that, both ways alike, which moves no equilibrium; how a species branches between two such steps
is not resolved, and both then carry more than the slower one should.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import lsqr

from chem.consistency import consistent
from chem.errors import CalculationError, ConfigurationError
from chem.kinetics import BOLTZMANN_EV_PER_K, PLANCK_EV_S
from chem.network import Step
from chem.units import KCAL_MOL_PER_EV

CONTACT_VOLUME_L_PER_MOL = 0.3  # a sphere of 5 Angstrom around a molecule
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-12  # of the amount of all seeds
FASTEST_TURNS = 1e11  # of a step over the whole time: what is faster drowns what is slow in rounding
QUADRATURE_ERROR = 1e-4  # relative, of the turns of a direction

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the network is exposed to.

    Attributes:
        temperature_k: Temperature.
        time_s: For how long.
        concentration_mol_per_l: Of each seed at the start.
    """

    temperature_k: float = 500.0
    time_s: float = 3600.0
    concentration_mol_per_l: float = 1.0

    def __post_init__(self) -> None:
        """All are positive."""
        for name in ("temperature_k", "time_s", "concentration_mol_per_l"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFlux:
    """What went through a step, mol/L over the whole time.

    Attributes:
        net: Forward less reverse.
        forward: Forward alone, which in a fast equilibrium is far more.
        reverse: Reverse alone.
    """

    net: float
    forward: float
    reverse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flux:
    """What a network does at given conditions.

    Attributes:
        shares: What of each species was made in net by some step, or there at the start, over the amount of all
            seeds; not less than its largest share at any time.
        final_shares: What of each species is there at the end, over the same.
        steps: By key of the step.
    """

    shares: Mapping[str, float]
    final_shares: Mapping[str, float]
    steps: Mapping[str, StepFlux]


def rate_constant(barrier_kcal_mol: float, molecules: int, temperature_k: float) -> float:
    """Rate constant of a direction, s^-1 for one molecule, L mol^-1 s^-1 for two, and so on."""
    thermal = BOLTZMANN_EV_PER_K * temperature_k
    exponent = -barrier_kcal_mol / KCAL_MOL_PER_EV / thermal
    return float(thermal / PLANCK_EV_S * CONTACT_VOLUME_L_PER_MOL ** (molecules - 1) * np.exp(exponent))


def simulate(seeds: Iterable[str], steps: Iterable[Step], conditions: Conditions) -> Flux:
    """Let the seeds react.

    Args:
        seeds: Keys of the species at hand.
        steps: Known reactions; those of one key are one reaction.
        conditions: Temperature, time and concentration.

    Raises:
        CalculationError: The equations could not be integrated.
    """
    known = consistent(list({step.key: step for step in steps}.values()))
    at_hand = set(seeds)
    names = sorted(at_hand.union(*(step.reactants + step.products for step in known)))
    start = np.array([conditions.concentration_mol_per_l * (name in at_hand) for name in names])
    total = float(start.sum())
    kinetics = _MassAction(known, names, conditions)
    largest, final, forward, reverse = kinetics.integrate(start, conditions.time_s, ABSOLUTE_TOLERANCE * total)
    net = balanced_turns(kinetics.change, final - start, forward, reverse)
    made = kinetics.change.multiply(net[None, :]).maximum(0.0).sum(axis=1)
    shares = np.maximum(made + start, largest) / total
    return Flux(
        shares=dict(zip(names, shares.tolist(), strict=True)),
        final_shares=dict(zip(names, (final / total).tolist(), strict=True)),
        steps={
            step.key: StepFlux(net=float(difference), forward=float(ahead), reverse=float(back))
            for step, difference, ahead, back in zip(known, net, forward, reverse, strict=True)
        },
    )


def balanced_turns(change: csr_array, made: FloatArray, forward: FloatArray, reverse: FloatArray) -> FloatArray:
    """Net turns of each step that account for what was made of each species.

    The difference of the two directions of a fast equilibrium is lost in their size. So each difference is moved, as
    little as its uncertainty allows, until matter is balanced (data reconciliation, least squares).

    Args:
        change: Molecules of each species that one turn of each step makes, shape (n_species, n_steps).
        made: Of each species, shape (n_species,), in any unit.
        forward: Turns of each step forward, in that unit.
        reverse: Turns of each step in reverse.
    """
    difference = forward - reverse
    uncertainty = QUADRATURE_ERROR * (forward + reverse)
    missing = made - change @ difference
    moved = lsqr(change.multiply(uncertainty[None, :]), missing, atol=1e-14, btol=1e-14)[0]
    balanced: FloatArray = difference + uncertainty * moved
    return balanced


class _MassAction:
    """The rate equations of a network; concentrations in mol/L, time in s.

    Attributes:
        change: Molecules of each species that one turn of each step makes, shape (n_species, n_steps).
    """

    def __init__(self, steps: Sequence[Step], names: Sequence[str], conditions: Conditions) -> None:
        index = {name: number for number, name in enumerate(names)}
        self._n_species, self._n_steps = len(names), len(steps)
        most = max((len(side) for step in steps for side in (step.reactants, step.products)), default=1)
        # One row a direction, all forward ones first; a place that nobody takes points behind the last species.
        self._partners = np.full((2 * len(steps), most), len(names))
        self._rates = np.zeros(2 * len(steps))
        entries: list[tuple[int, int, float]] = []
        for number, step in enumerate(steps):
            rows = number, number + len(steps)
            raised = max(0.0, -step.barrier_forward_kcal_mol, -step.barrier_reverse_kcal_mol)
            for row, sign, (before, _, height, _) in zip(rows, (-1.0, 1.0), step.directions, strict=True):
                self._partners[row, : len(before)] = [index[each] for each in before]
                # Neither way is faster than without a barrier.
                self._rates[row] = rate_constant(height + raised, len(before), conditions.temperature_k)
                entries.extend((index[each], number, sign) for each in before)
            self._rates[[*rows]] *= min(1.0, FASTEST_TURNS / conditions.time_s / self._rates[[*rows]].max())
        species, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        self.change = csr_array(coo_array((values, (species, columns)), shape=(len(names), len(steps))))

    def integrate(
        self, start: FloatArray, time_s: float, tolerance: float
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Largest and final concentrations; turns of each step forward and in reverse; all in mol/L."""
        solution = solve_ivp(
            self._derivative,
            (0.0, time_s),
            start,
            method="BDF",
            jac=self._jacobian,
            rtol=RELATIVE_TOLERANCE,
            atol=tolerance,
            dense_output=True,
        )
        if not solution.success:
            raise CalculationError("kinetics", f"the rate equations could not be integrated: {solution.message}")
        turns = np.zeros(2 * self._n_steps)
        for begin, end in pairwise(solution.t):
            for place, weight in zip(*np.polynomial.legendre.leggauss(3), strict=True):
                moment = begin + 0.5 * (place + 1.0) * (end - begin)
                turns += 0.5 * weight * (end - begin) * self._turns(solution.sol(moment))
        amounts = np.maximum(solution.y, 0.0)
        return amounts.max(axis=1), amounts[:, -1], turns[: self._n_steps], turns[self._n_steps :]

    def _turns(self, amounts: FloatArray) -> FloatArray:
        """Rate of each direction, mol/L/s."""
        rates: FloatArray = self._rates * self._partner_amounts(amounts).prod(axis=1)
        return rates

    def _derivative(self, _: float, amounts: FloatArray) -> FloatArray:
        turns = self._turns(amounts)
        derivative: FloatArray = self.change @ (turns[: self._n_steps] - turns[self._n_steps :])
        return derivative

    def _jacobian(self, _: float, amounts: FloatArray) -> csr_array:
        of_partners = self._partner_amounts(amounts)
        rows, columns, values = [], [], []
        for place in range(self._partners.shape[1]):
            taken = np.flatnonzero(self._partners[:, place] < self._n_species)
            others = np.delete(of_partners[taken], place, axis=1).prod(axis=1)
            rows.append(taken)
            columns.append(self._partners[taken, place])
            values.append(self._rates[taken] * others)
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        slopes = csr_array(coo_array(entries, shape=(2 * self._n_steps, self._n_species)))
        return csr_array(self.change @ (slopes[: self._n_steps] - slopes[self._n_steps :]))

    def _partner_amounts(self, amounts: FloatArray) -> FloatArray:
        """Concentrations of the partners of each direction, 1 in an empty place, shape (2 n_steps, most)."""
        padded = np.append(np.maximum(amounts, 0.0), 1.0)
        gathered: FloatArray = padded[self._partners]
        return gathered
