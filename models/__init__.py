"""Learned models. Empty until the transition-state generator arrives."""
