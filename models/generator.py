"""The diffusion generator as a `chem.generator.Generator`: end points in, ranked candidates with confidence out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from chem.alignment import align
from chem.generator import EndPoints
from chem.perception import perceive_graph
from chem.types import TSCandidate
from models.checkpoints import Checkpoint, read_checkpoint, shipped
from models.confidence import Scorer, load_scorer
from models.generator_sampling import Samples, SamplingConfig, chunks, device_of, draw
from models.reactdiff import ReactDiff, ReactDiffConfig
from models.reaction_batch import ReactionArrays, collate
from models.start import with_start

KIND = "reactdiff"
MAX_ATOMS = 50


class DiffusionGenerator:
    """Generates, scores and ranks transition states with trained weights.

    Args:
        checkpoint: Weights of the generator; None takes those that Cairn ships.
        confidence: Weights of the scorer; None takes those that Cairn ships.
        sampling: How candidates are drawn.
        device: `auto`, `cpu` or `cuda`.
        scored: Score the candidates; without, they come in the order drawn and carry no confidence.

    Raises:
        ConfigurationError: A checkpoint is missing, damaged, of another model, or made for another generator.
    """

    name = KIND

    def __init__(
        self,
        *,
        checkpoint: Path | None = None,
        confidence: Path | None = None,
        sampling: SamplingConfig | None = None,
        device: str = "auto",
        scored: bool = True,
    ) -> None:
        self.sampling = SamplingConfig() if sampling is None else sampling
        self.device = device_of(device)
        self.checkpoint: Checkpoint = shipped(KIND) if checkpoint is None else read_checkpoint(checkpoint, KIND)
        self.model = ReactDiff(self.checkpoint.configuration(ReactDiffConfig))
        self.checkpoint.load_into(self.model)
        self.model.to(self.device).eval()
        self.scorer: Scorer | None = None
        if scored:
            self.scorer = load_scorer(confidence, generator_sha256=self.checkpoint.sha256).to(self.device)

    def unsupported(self, ends: EndPoints) -> tuple[str, ...]:
        """Why the network cannot read a reaction, one sentence for each reason; empty when it can."""
        known = set(self.model.config.backbone.elements)
        strange = sorted(
            {s for s, n in zip(ends.reactant.symbols, ends.reactant.numbers, strict=True) if n not in known}
        )
        reasons = []
        if strange:
            reasons.append(f"the generator was not trained on {', '.join(strange)}")
        return tuple(reasons)

    def unscored(self, ends: EndPoints) -> tuple[str, ...]:
        """Why nothing is known of the confidence in a reaction; empty when it is inside what the scorer has seen."""
        reasons = list(self.unsupported(ends))
        if ends.reactant.n_atoms > MAX_ATOMS:
            reasons.append(f"{ends.reactant.n_atoms} atoms are more than the {MAX_ATOMS} that the confidence covers")
        if ends.reactant.charge != 0:
            reasons.append(f"the generator was not trained on charge {ends.reactant.charge:+d}")
        if ends.reactant.multiplicity != 1:
            reasons.append(f"the generator was not trained on multiplicity {ends.reactant.multiplicity}")
        if min(len(perceive_graph(side).fragments) for side in (ends.reactant, ends.product)) > 1:
            reasons.append("the generator was not trained on reactions with several molecules on both sides")
        return tuple(reasons)

    def samples(
        self, reactions: Sequence[ReactionArrays], progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[list[int], Samples]]:
        """Draw in chunks that fit into memory.

        Args:
            reactions: Any number, any sizes.
            progress: Told how many reactions are done after each chunk.

        Yields:
            Places in the input and their samples, the order of the chunks being by size.
        """
        done = 0
        for places in chunks([len(each.numbers) for each in reactions], self.sampling.n_drawn, self.device):
            batch = with_start(collate([reactions[place] for place in places])).to(self.device)
            yield places, Samples(batch=batch, positions=draw(self.model, batch, self.sampling))
            done += len(places)
            if progress is not None:
                progress(done)

    def generate(
        self, reactions: Sequence[EndPoints], progress: Callable[[int], None] | None = None
    ) -> list[list[TSCandidate]]:
        """Candidates of each reaction, best first, superposed on the reactant; none where it cannot be read."""
        results: list[list[TSCandidate]] = [[] for _ in reactions]
        readable = [place for place, ends in enumerate(reactions) if not self.unsupported(ends)]
        arrays = [
            ReactionArrays(
                numbers=np.array(reactions[place].reactant.numbers),
                ends=np.stack([reactions[place].reactant.positions, reactions[place].product.positions]),
            )
            for place in readable
        ]
        for places, drawn in self.samples(arrays, progress):
            scores = None if self.scorer is None else self.scorer.score(drawn.batch, drawn.positions)
            positions = drawn.positions.cpu().double().numpy()
            for row, place in enumerate(places):
                ends = reactions[readable[place]]
                n_atoms = ends.reactant.n_atoms
                reasons = self.unscored(ends)
                order = range(positions.shape[1]) if scores is None else scores.order(row)
                results[readable[place]] = [
                    TSCandidate(
                        geometry=ends.reactant.with_positions(
                            align(positions[row, which, :n_atoms], ends.reactant.positions)
                        ),
                        generator=self.name,
                        reaction_key=ends.reaction_key,
                        checkpoint_hash=self.checkpoint.sha256,
                        seed=self.sampling.seed,
                        sample=which,
                        confidence=None if scores is None else 0.0 if reasons else scores.confidence(row, which),
                        expected_error_kcal_mol=None
                        if scores is None or reasons
                        else scores.expected_error_kcal_mol(row, which),
                        unscored_reasons=reasons,
                    )
                    for which in order
                ]
        return results
