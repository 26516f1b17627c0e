"""Zero-point energies, enthalpies, entropies and free energies of one structure as an ideal gas.

ASE's partition functions: rigid rotor, harmonic oscillators; the entropy of soft modes goes over into that of a free
rotor below a cut-off (quasi-RRHO, 10.1002/chem.201200497).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.thermochemistry import IdealGasThermo, RRHOMode
from numpy.typing import ArrayLike

from chem.errors import InputError
from chem.frequencies import masses_amu, rigid_motions
from chem.types import Geometry

CUTOFF_CM1 = 100.0  # as in 10.1002/chem.201200497
HIGHEST_CUTOFF_CM1 = 10_000.0  # above every vibration
HOTTEST_K = 100_000.0  # far above where the last molecule has fallen apart; at 1e300 K the numbers overflow
NOISE_CM1 = 30.0  # imaginary modes above minus this count as soft real ones
ATMOSPHERE_PA = 101325.0
REFERENCE_TEMPERATURE_K = 298.15
MOLAR_PER_CUBIC_METRE = 1000.0 * units._Nav  # molecules per cubic metre in one mol per litre


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardState:
    """What free energies refer to.

    Attributes:
        name: `1 atm`, `1 bar` or `1 M`.
        pressure_pa: Its pressure; None for a concentration, whose pressure depends on the temperature.
    """

    name: str
    pressure_pa: float | None

    def pressure_at(self, temperature_k: float) -> float:
        """Pressure of the ideal gas in this state, Pa."""
        if self.pressure_pa is not None:
            return self.pressure_pa
        return float(MOLAR_PER_CUBIC_METRE * units._k * temperature_k)


STANDARD_STATES = {
    "1 atm": StandardState(name="1 atm", pressure_pa=ATMOSPHERE_PA),
    "1 bar": StandardState(name="1 bar", pressure_pa=1e5),
    "1 M": StandardState(name="1 M", pressure_pa=None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermochemistry:
    """One structure at one temperature; energies contain the electronic energy.

    Attributes:
        temperature_k: Temperature.
        standard_state: What entropy and free energy refer to.
        electronic_energy_ev: Electronic energy.
        zero_point_energy_ev: Of the real modes.
        enthalpy_ev: Electronic, zero-point and thermal energy with pV.
        entropy_ev_per_k: Translational, rotational, vibrational and of the spin.
        symmetry_number: Rotational symmetry number that the entropy contains.
        cutoff_cm1: Where the entropy of a mode is half that of an oscillator and half that of a rotor.
        soft_modes_cm1: Imaginary frequencies that were taken for soft real ones.
    """

    temperature_k: float
    standard_state: StandardState
    electronic_energy_ev: float
    zero_point_energy_ev: float
    enthalpy_ev: float
    entropy_ev_per_k: float
    symmetry_number: int
    cutoff_cm1: float
    soft_modes_cm1: tuple[float, ...] = ()

    @property
    def gibbs_energy_ev(self) -> float:
        """H - T S."""
        return self.enthalpy_ev - self.temperature_k * self.entropy_ev_per_k

    @property
    def gibbs_energy_without_symmetry_ev(self) -> float:
        """The same with a symmetry number of one, for rates that count equivalent paths themselves."""
        return self.gibbs_energy_ev - float(units.kB) * self.temperature_k * float(np.log(self.symmetry_number))


def thermochemistry(
    geometry: Geometry,
    electronic_energy_ev: float,
    frequencies_cm1: ArrayLike,
    temperature_k: float,
    *,
    symmetry_number: int,
    standard_state: StandardState = STANDARD_STATES["1 atm"],
    is_saddle: bool = False,
    order_is_proved: bool = False,
    cutoff_cm1: float = CUTOFF_CM1,
) -> Thermochemistry:
    """Thermochemistry of a minimum, or of a saddle point without its reaction mode.

    Args:
        geometry: The stationary point.
        electronic_energy_ev: Its energy.
        frequencies_cm1: Of its modes, imaginary ones negative, shape (n_modes,).
        temperature_k: Temperature.
        symmetry_number: From `chem.symmetry`.
        standard_state: What entropy and free energy refer to.
        is_saddle: Whether the lowest mode is the reaction coordinate and left out.
        order_is_proved: Whether a check has found further imaginary modes to be noise; they count as real ones.
        cutoff_cm1: Of the quasi-RRHO entropy; 0 leaves all modes harmonic.

    Raises:
        InputError: Temperature, cut-off or symmetry number is out of range, or the modes are not those of such a point.
    """
    if not 0 < temperature_k <= HOTTEST_K:
        raise InputError(f"the temperature must be positive and at most {HOTTEST_K:.0f} K, got {temperature_k} K")
    if not 0 <= cutoff_cm1 <= HIGHEST_CUTOFF_CM1:
        raise InputError(f"the cut-off must lie in 0 to {HIGHEST_CUTOFF_CM1:.0f} cm-1, got {cutoff_cm1}")
    if symmetry_number < 1:
        raise InputError(f"the symmetry number must be at least 1, got {symmetry_number}")
    modes = np.sort(np.asarray(frequencies_cm1, dtype=np.float64))
    wanted = int(is_saddle)
    imaginary = int((modes < -NOISE_CM1).sum())
    if imaginary != wanted and not order_is_proved:
        kind = "saddle point" if is_saddle else "minimum"
        raise InputError(
            f"a {kind} has {wanted} imaginary modes, this structure has {imaginary};"
            " relax it further, or say what it is"
        )
    modes = modes[wanted:]
    soft = tuple(float(mode) for mode in modes if mode < 0)
    energies = np.maximum(np.abs(modes), 1.0) * units.invcm
    atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions, masses=masses_amu(geometry.numbers))
    gas = IdealGasThermo(
        vib_energies=energies,
        geometry=_shape(geometry),
        potentialenergy=electronic_energy_ev,
        atoms=atoms,
        symmetrynumber=symmetry_number,
        spin=0.5 * (geometry.multiplicity - 1),
        vib_selection="all",
    )
    pressure = standard_state.pressure_at(temperature_k)
    entropy = float(gas.get_entropy(temperature_k, pressure, verbose=False))
    if cutoff_cm1 > 0 and len(energies):
        inertia = float(np.mean(atoms.get_moments_of_inertia()))
        for energy in energies:
            mode = RRHOMode(energy, inertia, tau=cutoff_cm1)
            harmonic = mode.get_vib_entropy_contribution(temperature_k)
            entropy += float(mode.get_entropy(temperature_k, contributions=False) - harmonic)
    return Thermochemistry(
        temperature_k=temperature_k,
        standard_state=standard_state,
        electronic_energy_ev=electronic_energy_ev,
        zero_point_energy_ev=float(gas.get_ZPE_correction()),
        enthalpy_ev=float(gas.get_enthalpy(temperature_k, verbose=False)),
        entropy_ev_per_k=entropy,
        symmetry_number=symmetry_number,
        cutoff_cm1=cutoff_cm1,
        soft_modes_cm1=soft,
    )


def _shape(geometry: Geometry) -> str:
    if geometry.n_atoms == 1:
        return "monatomic"
    return "linear" if rigid_motions(geometry).shape[1] == 5 else "nonlinear"
