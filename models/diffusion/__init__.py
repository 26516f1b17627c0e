"""Diffusion and straight-path processes on padded batches of points: schedules, samplers, likelihood; no chemistry."""
