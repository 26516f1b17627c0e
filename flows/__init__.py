"""Prefect flows: order, fan-out and branching of a campaign; no chemistry."""
