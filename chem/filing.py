"""Where a transition state belongs: the reaction that its path connects, whatever was searched for."""

from __future__ import annotations

from dataclasses import replace

from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.identity import make_reaction, mapping_form
from chem.outcomes import Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.perception import perceive_graph
from chem.search_checks import check_mode
from chem.types import Reaction


def reactions_found(result: SearchResult, searched: Reaction) -> tuple[SearchResult, dict[int, Reaction]]:
    """Name the reactions that the unintended transition states of a search really are.

    Their checks are put anew for the reaction they belong to: the ends match by construction, and the mode is held
    against the bonds that change there. Ends without a Lewis structure leave the transition state unfiled, as it is.

    Args:
        result: Atoms in the order of the searched reaction.
        searched: The reaction that was searched for.

    Returns:
        The result with those checks, and by index of the attempt the reaction, written from `reactant_end` to
        `product_end`.
    """
    attempts = list(result.attempts)
    found: dict[int, Reaction] = {}
    for index, attempt in enumerate(attempts):
        state = attempt.transition_state
        if attempt.outcome is not Outcome.UNINTENDED or state is None:
            continue
        if state.reactant_end is None or state.product_end is None:
            continue
        before = inherit_stereo(perceive_graph(state.reactant_end), searched.reactant_graph)
        after = inherit_stereo(perceive_graph(state.product_end), searched.reactant_graph)
        try:
            reaction = make_reaction(before, after)
            opposite = make_reaction(after, before)
        except CalculationError:
            continue
        # Two searches may find one reaction from opposite sides: it is stored in one direction, whoever comes first.
        if [each.key for each in opposite.reactants] < [each.key for each in reaction.reactants]:
            reaction, state = opposite, state.turned()
            before, after = after, before
        found[index] = reaction
        attempts[index] = replace(attempt, transition_state=_judged_anew(state, before, after, searched))
    return replace(result, attempts=tuple(attempts)), found


def inherit_stereo(graph: MolecularGraph, template: MolecularGraph) -> MolecularGraph:
    """The graph with the template's stereo layer where the neighbours of an element are the same on both."""
    same = {atom for atom in range(graph.n_atoms) if graph.neighbors[atom] == template.neighbors[atom]}
    return graph.with_stereo(
        frozenset(each for each in template.tetrahedral if each[0] in same),
        frozenset(each for each in template.double_bonds if {each[0], each[1]} <= same),
    )


def in_order_of(state: TransitionState, reaction: Reaction) -> TransitionState:
    """A transition state of a reaction that was found by the search for another, in the atom order of its own.

    Args:
        state: With both ends, in the direction of the reaction.
        reaction: The reaction that its ends are; like atoms of one constitution may change places.

    Raises:
        CalculationError: The ends are not those of the reaction.
    """
    if state.reactant_end is None or state.product_end is None:
        raise CalculationError("no_ends", "the transition state has no ends to compare with its reaction")
    before, after = perceive_graph(state.reactant_end), perceive_graph(state.product_end)
    if before.bonds == reaction.reactant_graph.bonds and after.bonds == reaction.product_graph.bonds:
        return state
    found, wanted = mapping_form(before, after), mapping_form(reaction.reactant_graph, reaction.product_graph)
    if found.certificate != wanted.certificate:
        raise CalculationError("other_reaction", "the ends of the transition state are not those of its reaction")
    place = dict(zip(wanted.order, found.order, strict=True))
    order = tuple(place[atom] for atom in range(len(place)))
    return replace(
        state,
        geometry=state.geometry.permuted(order),
        reactant_end=state.reactant_end.permuted(order),
        product_end=state.product_end.permuted(order),
        imaginary_mode=None if state.imaginary_mode is None else state.imaginary_mode[list(order)],
    )


def _judged_anew(
    state: TransitionState, before: MolecularGraph, after: MolecularGraph, searched: Reaction
) -> TransitionState:
    checks: list[Check] = []
    for check in state.verdict.checks:
        if check.name is CheckName.IRC_ENDS_MATCH and check.status is Status.FAILED:
            evidence = {**check.evidence, "filed_under_its_own_ends": True, "searched_key": searched.key}
            checks.append(Check(name=check.name, status=Status.PASSED, evidence=evidence))
        elif check.name is CheckName.MODE_MOVES_CHANGING_BONDS and state.imaginary_mode is not None:
            checks.append(check_mode(state.geometry, state.imaginary_mode, before, after))
        else:
            checks.append(check)
    return replace(state, verdict=Verdict(checks=tuple(checks)))
