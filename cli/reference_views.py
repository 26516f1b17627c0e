"""What the columns of the SQL views mean, in words, for the reference."""

from __future__ import annotations

UNITS = {
    "_kcal_mol": "kcal/mol",
    "_ev": "eV",
    "seconds": "s",
    "_gib": "GiB",
    "_at": "UTC",
    "charge": "e",
}

VIEWS = {
    "calculation_ranking": "Calculations of each reaction by what they are worth; place 1 is shown.",
    "change_log": "What entered the database, and when: behind `cairn query changes`.",
    "cost_summary": "What calculations cost, by kind and level: behind `cairn query costs`.",
    "failure_summary": "What failed, by kind, level and reason: behind `cairn query failures`.",
    "level_difference": "Reactions with barriers at two levels of theory: behind `cairn query levels`.",
    "reaction_summary": "One row for each reaction with its best barrier: behind `cairn query reactions`.",
    "side_minimum": "Lowest known energies of the species of one side of a reaction, apart from each other.",
    "species_energy": "Lowest known energy of each species at each level; mirror images share it.",
    "species_step": "One row for each reaction and species in it, in the direction away from the species,"
    " which is forward: behind `cairn query neighbours`.",
    "species_summary": "One row for each species: behind `cairn query species`.",
    "transition_state_ranking": "Those of each reaction: best verdict, latest level, lowest barrier; place 1 is shown.",
}

COLUMNS = {
    "abandoned_attempts": "attempts that were cut short, whose cost is not known",
    "barrier_error_kcal_mol": "expected error of an estimate to the level's own barrier; NULL if none is expected",
    "barrier_forward_kcal_mol": "electronic energy of the transition state above the reactant end of its path",
    "barrier_reverse_kcal_mol": "the same above the product end",
    "calculation_id": "the calculation",
    "calculations": "how many ended",
    "charge": "of the molecule",
    "cpu_seconds": "CPU time of the workers; NULL where none was measured",
    "degeneracy": "symmetry-equivalent atom maps",
    "difference_forward_kcal_mol": "the later level's forward barrier less the first's",
    "difference_reverse_kcal_mol": "the same of the reverse barriers",
    "energy_ev": "lowest electronic energy known; NULL if there is none",
    "energy_key": "identity of a species up to mirror image",
    "error_ev": "expected error of an estimate",
    "example_calculation_id": "one of the calculations that failed so",
    "failure_kind": "what went wrong, such as not_converged; NULL where nothing did",
    "failure_message": "the same in a sentence",
    "failure_stage": "step at which it went wrong, such as saddle or frequencies",
    "formula": "molecular formula in Hill order",
    "forward_ev": "barrier forward",
    "from_barrier_error_kcal_mol": "expected error of an estimate at the first level",
    "from_barrier_forward_kcal_mol": "barrier at the level that was known first",
    "from_barrier_reverse_kcal_mol": "the same in the reverse direction",
    "from_level_key": "level that was known first",
    "from_smiles": "SMILES of the side with the species",
    "from_verdict": "verdict of the barrier at the first level",
    "gradient_calls": "energy-and-gradient evaluations",
    "happened_at": "when it entered",
    "height_above_product_minima_kcal_mol": "transition state above the products apart, each in its lowest known"
    " conformer; NULL if one was never alone",
    "height_above_reactant_minima_kcal_mol": "the same above the reactants",
    "hessian_calls": "analytic Hessians; NULL where no program told",
    "kind": "kind of calculation",
    "level_key": "level of theory: method, basis, options",
    "mapped_smiles": "reaction SMILES with a map number on every atom",
    "multiplicity": "2S+1",
    "n_reactions": "reactions the species takes part in",
    "outcome": "what became of the search: intended, unintended, failed, barrierless, estimated, computed or pending;"
    " NULL where nothing was queued or found",
    "own_outcome": "what became of this calculation, in the words of `outcome`",
    "peak_memory_gib": "largest memory of a worker",
    "place": "rank among all levels, from 1",
    "place_at_level": "rank at its level, from 1",
    "product_smiles": "SMILES of the products, joined by dots",
    "reactant_smiles": "SMILES of the reactants, joined by dots",
    "reaction_id": "the reaction",
    "reaction_key": "identity of the reaction, the same in every database",
    "reverse_ev": "barrier in reverse",
    "scf_cycles": "cycles of the self-consistent field; NULL where no program told",
    "seconds": "wall time",
    "side": "reactant or product",
    "smiles": "SMILES of the species",
    "species_id": "the species",
    "species_key": "identity of the species, the same in every database",
    "stoichiometric_count": "how many of the species stand on that side",
    "to_smiles": "SMILES of the other side",
    "transition_state_id": "the transition state; NULL where there is none",
    "verdict": "passed, failed, could_not_check or estimated; NULL without a transition state",
    "verified_reactions": "reactions with a transition state that passed every check, found by these calculations",
    "wall_seconds": "wall time; calculations side by side add up",
    "what": "species, reaction, transition_state or verdict",
}


def unit_of(column: str) -> str:
    """Unit of a column, from the end of its name; empty for numbers without one and for words."""
    return next((unit for ending, unit in UNITS.items() if column.endswith(ending)), "")
