"""How good generated transition states are: geometries, confidence, barriers and speed."""
