"""What to try about failures, for people: by stage and kind, as `chem.outcomes.Failure` names them."""

from __future__ import annotations

from chem.outcomes import Failure, Stage

# Settings are those of configs/explore.yaml.
BY_KIND: dict[str, str] = {
    "attempts_exhausted": "workers died or hung on it: look at their log, then at `workers.job_timeout_s` and"
    " `workers.job_memory_gib`, and start the campaign again",
    "below_end": "the candidate is no transition state; let it be searched: `verify: all`",
    "broken": "the candidate fell apart; let it be searched: `verify: all`",
    "budget": "give it more gradient calls: `search.budget_gradient_calls`, or of end points"
    " `end_points.budget_gradient_calls`",
    "calculator": "the ASE calculator failed; run it on the structure alone with `cairn thermo`",
    "clash": "two atoms ran into each other; more end points or candidates start elsewhere: `end_points.n_conformers`,"
    " `candidates`",
    "collapsed": "that side is no minimum at this level, or one without a barrier to fall from; look at what it became,"
    " and try another level",
    "conformational": "a step between conformers was found; search further candidates: `candidates`, `search.use_neb`",
    "constraint": "the reacting distances could not be held; a band may do better: `search.use_neb`",
    "electronic_state": "two electronic states lie close; give the other multiplicity, or another functional",
    "element": "the level has no parameters for an element: name another with `level`",
    "embedding": "no structure fits both sides; embed more: `end_points.n_embeddings`",
    "lewis": "no Lewis structure has these charges and spins; check charge and multiplicity of the species",
    "memory": "give a job more memory: `workers.job_memory_gib`, or take density fitting or a smaller basis",
    "no_ends": "its path was not followed to both ends; search it again at the level: `cairn verify`",
    "no_parameters": "MMFF94 does not know the molecule: choose another `relaxation.method`",
    "not_converged": "more steps and other starts: `search.saddle_gradient_calls`, `candidates`; of end points"
    " `end_points.max_steps`; or search at another level: `cairn verify --undecided`",
    "numerical": "the geometry ran away; other starts may not: `candidates`, `end_points.n_conformers`",
    "other_reaction": "the stored path is another reaction's; search this one again: `cairn verify --undecided`",
    "positions": "atoms flew apart; other starts may not: `candidates`, `end_points.n_conformers`",
    "response": "the coupled-perturbed equations did not converge; another functional or basis may",
    "same_bonds": "both ends relaxed to one molecule: at this level there is no such step; try another level",
    "scf": "the self-consistent field did not converge: check charge and multiplicity, or take another level for it",
    "stereo": "a centre was inverted on the way; more end points may keep it: `end_points.n_conformers`",
    "wrong_order": "the minimum keeps an imaginary mode; more conformers start elsewhere: `end_points.n_conformers`",
    "wrong_saddle_order": "a stationary point with other than one imaginary mode: further candidates or a tighter"
    " `search.fmax_ev_per_angstrom`, or another level with `cairn verify --undecided`",
}
BY_STAGE_AND_KIND: dict[tuple[Stage, str], str] = {
    (Stage.PREPARE, "budget"): "give the end points more gradient calls: `end_points.budget_gradient_calls`",
    (Stage.PREPARE, "not_converged"): "give the relaxations more steps: `end_points.max_steps`, or start from relaxed"
    " guesses: `relaxation.method`",
    (Stage.SADDLE, "budget"): "give the search more gradient calls: `search.budget_gradient_calls`,"
    " `search.saddle_gradient_calls`; of a verification `verification.budget_gradient_calls`",
    (Stage.FREQUENCIES, "budget"): "give the attempt more gradient calls: `search.attempt_gradient_calls`",
    (Stage.IRC, "budget"): "give the attempt more gradient calls: `search.attempt_gradient_calls`",
    (Stage.IRC, "not_converged"): "the path did not end in a minimum: more gradient calls for the attempt,"
    " `search.attempt_gradient_calls`, or another level with `cairn verify --undecided`",
}
UNKNOWN = "no remedy is known for this kind: read its message, and the attempts of the example in the report"


def remedy(failure: Failure) -> str:
    """What to try about a failure, in a sentence."""
    return BY_STAGE_AND_KIND.get((failure.stage, failure.kind)) or BY_KIND.get(failure.kind, UNKNOWN)
