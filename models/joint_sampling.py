"""Drawing reactions: what is known stays, everything else comes down from noise, each object in a frame of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.guidance import Preference, guided, slope_at_expected
from models.diffusion.noise import NoiseSource, projected
from models.diffusion.parametrisations import Predictor, converted
from models.diffusion.processes import VariancePreserving
from models.diffusion.samplers import follow_flow, prior_state, sample_ancestral
from models.joint import N_OBJECTS, Joint, ObjectBatch, objects_of
from models.reaction_batch import ReactionBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSampling:
    """How reactions are drawn.

    Attributes:
        n_steps: Steps from noise to structures, at least 2; `flow` evaluates the network twice in each but the last.
        sampler: `flow` (deterministic after its start) or `ancestral`.
        guidance: Strength of the lean toward what is preferred, in the second half of the steps; 0 for none.
    """

    n_steps: int = 50
    sampler: str = "ancestral"
    guidance: float = 0.0

    def __post_init__(self) -> None:
        """Values are in range."""
        if self.sampler not in ("flow", "ancestral"):
            raise ConfigurationError(f"sampler {self.sampler!r} is unknown; give flow or ancestral")
        if self.n_steps < 2:
            raise ConfigurationError(f"n_steps is {self.n_steps}; give 2 or more")
        if self.guidance < 0:
            raise ConfigurationError(f"guidance is {self.guidance}; give 0 or more")


def noise_of_seeds(mask: Tensor, seeds: Sequence[int], dtype: torch.dtype = torch.float32) -> NoiseSource:
    """Noise of which each system draws its own, so that a sample does not depend on what is drawn beside it.

    Args:
        mask: 1 where an atom is, shape (batch, objects, n_atoms); the same for all objects of a system.
        seeds: One for each system.
        dtype: Of the noise.

    Returns:
        Source of tensors of shape (batch, objects, n_atoms, 3), each object centred.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    sizes = [int(size) for size in mask[:, 0].sum(-1)]

    def drawn() -> Tensor:
        noise = torch.zeros((*mask.shape, 3), dtype=dtype)
        for row, (generator, size) in enumerate(zip(generators, sizes, strict=True)):
            noise[row, :, :size] = torch.randn(mask.shape[1], size, 3, generator=generator, dtype=dtype)
        return projected(noise.to(mask.device), mask, centered=True)

    return drawn


@torch.no_grad()
def draw_reactions(
    model: Joint,
    batch: ReactionBatch,
    known: Collection[int],
    config: JointSampling,
    noise: NoiseSource,
    preference: Preference | None = None,
) -> Tensor:
    """Reactant, transition state and product of every entry of a batch.

    Args:
        model: The network.
        batch: Atoms, and the known ends with their bonds; what is not known is not read.
        known: Which objects are known: {REACTANT}, {REACTANT, PRODUCT}, or none where whole reactions are drawn.
        config: How.
        noise: Source of centred noise for the objects that are not known, shape (B, objects, N, 3).
        preference: Of objects, shape (B, 3, N, 3), Angstrom, the logarithm of how much they are wanted, shape (B,).

    Returns:
        Shape (B, 3, N, 3), Angstrom; what is known as it was given, all else centred.
    """
    process, scale = model.config.process, model.config.scale_angstrom
    free = [place for place in range(N_OBJECTS) if place not in known]
    if not free:
        raise ConfigurationError("all three objects are known; nothing is left to draw")
    given = objects_of(batch, scale)
    predict = _predictor(model, batch, given, free)
    mask = batch.mask.unsqueeze(1).expand(-1, len(free), -1)
    if preference is not None and config.guidance > 0.0:

        def wanted(clean: Tensor) -> Tensor:
            objects = given.clone()
            objects[:, free] = clean
            return preference(objects * scale)

        predict = _leaning(process, predict, mask, wanted, config.guidance)
    state = prior_state(process, mask, noise)
    times = process.schedule.descending_times(min(config.n_steps, process.schedule.n_steps))
    # No network is asked at time 0, which means known: the last step goes from the time before it to clean structures.
    if config.sampler == "flow":
        values = follow_flow(process, predict, state, times[:-1], solver="heun")
    else:
        values = sample_ancestral(process, predict, state, times[:-1], noise)
    last = times[-2].to(mask.device).expand(len(batch))
    clean = converted(predict(values, last), values, last, process, source="noise", target="clean")
    result = given * scale
    result[:, free] = process.project(clean, mask) * scale
    return result


def _leaning(
    process: VariancePreserving, predict: Predictor, mask: Tensor, wanted: Preference, strength: float
) -> Predictor:
    """A predictor that is guided once structures can be told: in the second half of the process."""

    def leaning(values: Tensor, times: Tensor) -> Tensor:
        noise = predict(values, times)
        if int(times.max()) > process.schedule.n_steps // 2:
            return noise
        lean = guided(
            process,
            lambda _values, _times: noise,
            lambda at, when: slope_at_expected(process, noise, at, when, mask, wanted),
            strength,
        )
        return lean(values, times)

    return leaning


def _predictor(model: Joint, batch: ReactionBatch, given: Tensor, free: list[int]) -> Predictor:
    """The noise on the objects that are not known, as a function of their values and of integer times, shape (B,)."""
    objects = ObjectBatch(
        numbers=batch.numbers,
        mask=batch.mask,
        values=given,
        time=given.new_zeros(len(batch), N_OBJECTS),
        bonded=batch.bonded,
        together=batch.together,
    )

    def predict(values: Tensor, times: Tensor) -> Tensor:
        all_values, time = given.clone(), objects.time.clone()
        all_values[:, free] = values
        time[:, free] = (times.to(values) / model.config.n_steps).unsqueeze(-1)
        noise: Tensor = model(replace(objects, values=all_values, time=time))
        return noise[:, free]

    return predict
