"""Pure chemistry: types, graphs, enumeration, geometry, potentials, saddle search."""
