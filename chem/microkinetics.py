"""What a mechanism does with time: mass action solved by Cantera, at one temperature and pressure.

A reactor of constant pressure is held at its temperature, as a bath does. Cantera's CVODES integrates and follows the
sensitivities; nothing of the mechanism is changed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from chem.errors import CalculationError, ConfigurationError
from chem.flux import balanced_turns
from chem.kinetics import BOLTZMANN_EV_PER_K
from chem.mechanism import BAR_PA, POLYNOMIAL_TEMPERATURES_K, TEMPERATURES_K, Mechanism, MechanismReaction
from chem.thermochemistry import ATMOSPHERE_PA
from chem.units import KCAL_MOL_PER_EV

if TYPE_CHECKING:
    import cantera

FloatArray = NDArray[np.float64]

ANY_PRESSURE_PA = (1.0, 1e9)  # of series that do not depend on it
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-9, 1e-18
MOST_STEPS = 200_000
QUANTILES = (0.025, 0.5, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactorConditions:
    """What the mechanism is exposed to.

    Attributes:
        temperature_k: Temperature, constant.
        pressure_bar: Pressure, constant.
        time_s: For how long.
    """

    temperature_k: float = 500.0
    pressure_bar: float = 1.0
    time_s: float = 3600.0

    def __post_init__(self) -> None:
        """Positive, and a temperature that the expressions were fitted for."""
        for name in ("pressure_bar", "time_s"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be positive, got {getattr(self, name)}")
        low, high = TEMPERATURES_K
        if not low <= self.temperature_k <= high:
            raise ConfigurationError(
                f"rate expressions hold from {low:.0f} to {high:.0f} K, not at {self.temperature_k} K"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeProfile:
    """How a mechanism goes on.

    Attributes:
        times_s: Ascending, the start included, shape (n_times,).
        mole_fractions: By key of the species, shape (n_times,) each.
        net_turns: By key of the reaction: how often it went forward more than backward, per molecule at the start.
    """

    times_s: FloatArray
    mole_fractions: Mapping[str, FloatArray]
    net_turns: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What the height of one reaction does to the amount of one species at the end.

    Attributes:
        reaction_key: Whose transition state.
        sensitivity: d ln (mole fraction) / d ln k, both directions of the reaction scaled alike.
        factor_95: By which the error bar of the height changes the mole fraction, to first order; None without one.
    """

    reaction_key: str
    sensitivity: float
    factor_95: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """Mole fractions of one species when heights vary within their error bars.

    Attributes:
        times_s: Shape (n_times,).
        quantiles: Rows for `QUANTILES`, shape (3, n_times).
        n_samples: Runs that it is from.
    """

    times_s: FloatArray
    quantiles: FloatArray
    n_samples: int


def cantera_solution(mechanism: Mechanism) -> cantera.Solution:
    """A mechanism as Cantera's ideal-gas solution; species carry their SMILES and reactions their keys as notes.

    Raises:
        ConfigurationError: Cantera is not installed.
    """
    ct = load_cantera()
    species = []
    low, high = POLYNOMIAL_TEMPERATURES_K
    for each in mechanism.species.values():
        one = ct.Species(each.name, dict(each.composition))
        coefficients = list(each.polynomial.coefficients)
        one.thermo = ct.NasaPoly2(low, high, ATMOSPHERE_PA, [high, *coefficients, *coefficients])
        one.update_user_data({"note": each.species.smiles})
        species.append(one)
    reactions = [_cantera_reaction(ct, mechanism, each) for each in mechanism.reactions.values()]
    solution: cantera.Solution = ct.Solution(
        thermo="ideal-gas", kinetics="gas", species=species, reactions=reactions, name="network"
    )
    return solution


def load_cantera() -> Any:
    """The library, loaded where it is needed: it takes a second.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import cantera  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f"kinetics of a network needs Cantera: pip install cantera ({error})") from error
    return cantera


def _cantera_reaction(ct: Any, mechanism: Mechanism, reaction: MechanismReaction) -> Any:
    def side(keys: Sequence[str]) -> dict[str, float]:
        names = [mechanism.species[key].name for key in keys]
        return {name: float(names.count(name)) for name in names}

    order = len(reaction.proved.reactants)
    scale = 1e-3 ** (order - 1)  # of cm^3 mol^-1 in m^3 kmol^-1
    series = np.array(reaction.rate.coefficients)
    series[0] += np.log10(scale)
    rate = ct.ChebyshevRate(reaction.rate.temperatures_k, ANY_PRESSURE_PA, series[:, None])
    made = ct.Reaction(side(reaction.proved.reactants), side(reaction.proved.products), rate)
    made.update_user_data({"note": f"{reaction.proved.key}, {reaction.proved.verdict.value} at {mechanism.level_key}"})
    made.duplicate = True
    return made


class MicrokineticModel:
    """A mechanism in a reactor, from the same start as often as one likes.

    Args:
        mechanism: Species and reactions.
        start: Mole fractions of the species at the start by key; they are scaled to add up to one.
        conditions: Temperature, pressure and time.

    Raises:
        ConfigurationError: A species of the start takes part in no reaction, or an amount is not positive.
    """

    def __init__(self, mechanism: Mechanism, start: Mapping[str, float], conditions: ReactorConditions) -> None:
        strange = sorted(start.keys() - mechanism.species.keys())
        if strange:
            raise ConfigurationError(f"{', '.join(strange)} takes part in no reaction with a rate")
        if not start or any(not amount > 0 for amount in start.values()):
            raise ConfigurationError("give at least one species to start from, in a positive amount")
        self.mechanism, self.conditions = mechanism, conditions
        self._ct = load_cantera()
        self.gas = cantera_solution(mechanism)
        self._start = {mechanism.species[key].name: amount for key, amount in start.items()}
        self._place = {key: self.gas.species_index(each.name) for key, each in mechanism.species.items()}
        self._reactions = {key: place for place, key in enumerate(mechanism.reactions)}

    def times(self, n: int) -> FloatArray:
        """Moments to look at: zero, then evenly in the logarithm over twelve decades up to the end."""
        end = self.conditions.time_s
        return np.concatenate([[0.0], np.geomspace(end * 1e-12, end, n - 1)])

    def run(self, n_times: int = 100) -> TimeProfile:
        """Integrate to the end.

        Raises:
            CalculationError: The integration failed.
        """
        reactor, network = self._network()
        end = self.conditions.time_s
        moments, amounts, fractions, ahead, back = [0.0], [self._amounts(reactor)], [self.gas.X.copy()], [], []
        ahead.append(self.gas.forward_rates_of_progress * reactor.volume)
        back.append(self.gas.reverse_rates_of_progress * reactor.volume)
        while network.time < end:
            try:
                network.step()
            except self._ct.CanteraError as error:
                raise _failed(error) from error
            moments.append(network.time)
            amounts.append(self._amounts(reactor))
            fractions.append(self.gas.X.copy())
            ahead.append(self.gas.forward_rates_of_progress * reactor.volume)
            back.append(self.gas.reverse_rates_of_progress * reactor.volume)
        at, times = np.array(moments), self.times(n_times)
        total = float(amounts[0].sum())
        within = np.minimum(at, end)  # the last step goes beyond the end
        forward, reverse = (np.trapezoid(np.array(each), within, axis=0) / total for each in (ahead, back))
        made = _at(end, at, np.array(amounts)) / total - amounts[0] / total
        change = csr_array(self.gas.product_stoich_coeffs - self.gas.reactant_stoich_coeffs)
        net = balanced_turns(change, made, forward, reverse)
        return TimeProfile(
            times_s=times,
            mole_fractions={
                key: np.interp(times, at, np.array(fractions)[:, place]) for key, place in self._place.items()
            },
            net_turns={key: float(net[place]) for key, place in self._reactions.items()},
        )

    def _amounts(self, reactor: Any) -> FloatArray:
        amounts: FloatArray = self.gas.concentrations * reactor.volume
        return amounts

    def equilibrium(self) -> dict[str, float]:
        """Mole fractions by key at infinite time, were every species within reach of every other."""
        self._reset()
        self.gas.equilibrate("TP")
        return {key: float(self.gas.X[place]) for key, place in self._place.items()}

    def influences(self, species_key: str) -> list[Influence]:
        """What each height does to a species at the end, the strongest first.

        Raises:
            CalculationError: The integration failed.
        """
        _, network = self._network(sensitive=True)
        self._advance_to_end(network)
        thermal = BOLTZMANN_EV_PER_K * self.conditions.temperature_k * KCAL_MOL_PER_EV
        name = self.mechanism.species[species_key].name
        found = []
        for key, place in self._reactions.items():
            value = float(network.sensitivity(name, place))
            bar = self.mechanism.reactions[key].proved.error_bar_95_kcal_mol
            factor = None if bar is None else float(np.exp(min(abs(value) * bar / thermal, 700.0)))
            found.append(Influence(reaction_key=key, sensitivity=value, factor_95=factor))
        return sorted(found, key=lambda each: -abs(each.sensitivity))

    def bands(self, species_keys: Sequence[str], *, n_samples: int, seed: int, n_times: int = 60) -> dict[str, Band]:
        """Mole fractions when every height is drawn from its error bar, a normal distribution, on its own.

        Args:
            species_keys: Of which species.
            n_samples: Runs.
            seed: Of the draws.
            n_times: Moments.

        Raises:
            CalculationError: An integration failed.
        """
        generator = np.random.default_rng(seed)
        thermal = BOLTZMANN_EV_PER_K * self.conditions.temperature_k * KCAL_MOL_PER_EV
        bars = [each.proved.error_bar_95_kcal_mol or 0.0 for each in self.mechanism.reactions.values()]
        drawn = generator.standard_normal((n_samples, len(bars))) * np.array(bars) / 1.96
        times = self.times(n_times)
        runs = np.zeros((n_samples, len(species_keys), n_times))
        places = [self._place[key] for key in species_keys]
        try:
            for number, heights in enumerate(drawn):
                for place, height in enumerate(heights):
                    self.gas.set_multiplier(float(np.exp(-height / thermal)), place)
                _, network = self._network()
                runs[number, :, 0] = self.gas.X[places]
                for column, moment in enumerate(times[1:], 1):
                    self._advance_until(network, moment)
                    runs[number, :, column] = self.gas.X[places]
        finally:
            self.gas.set_multiplier(1.0)
        return {
            key: Band(times_s=times, quantiles=np.quantile(runs[:, row], QUANTILES, axis=0), n_samples=n_samples)
            for row, key in enumerate(species_keys)
        }

    def _reset(self) -> None:
        self.gas.TPX = self.conditions.temperature_k, self.conditions.pressure_bar * BAR_PA, self._start

    def _network(self, *, sensitive: bool = False) -> tuple[Any, Any]:
        """A reactor at its start, and what integrates it; it writes into `self.gas` as it goes."""
        self._reset()
        reactor = self._ct.IdealGasConstPressureReactor(self.gas, energy="off", clone=False)
        network = self._ct.ReactorNet([reactor])
        if sensitive:
            for place in range(len(self._reactions)):
                reactor.add_sensitivity_reaction(place)
        network.rtol, network.atol = RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE
        network.max_steps = MOST_STEPS
        return reactor, network

    def _advance_until(self, network: Any, moment: float) -> None:
        try:
            network.advance(moment)
        except self._ct.CanteraError as error:
            raise _failed(error) from error

    def _advance_to_end(self, network: Any) -> None:
        self._advance_until(network, self.conditions.time_s)


def _at(moment: float, moments: FloatArray, values: FloatArray) -> FloatArray:
    """Rows between two rows."""
    place = int(np.clip(np.searchsorted(moments, moment), 1, len(moments) - 1))
    share = (moment - moments[place - 1]) / (moments[place] - moments[place - 1])
    row: FloatArray = values[place - 1] + share * (values[place] - values[place - 1])
    return row


def _failed(error: Exception) -> CalculationError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not set(line.strip()) <= {"*"}]
    return CalculationError("kinetics", f"the rate equations could not be integrated: {' '.join(lines[:3])}")
