"""Learned models: one equivariant backbone, one diffusion library, and the generator of transition states.

`reactdiff` is the generator, `confidence` says how far to trust what it gives, `evaluation` measures both. Trained
weights lie in `weights/` with their card. Training needs torch, e3nn, numpy, safetensors and yaml alone.
"""
