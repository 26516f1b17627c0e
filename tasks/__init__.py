"""Prefect tasks: one thin wrapper per pure function, and the worker processes they use."""
