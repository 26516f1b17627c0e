"""SQL storage of the reaction network: tables, conversion, writes, queries, migrations."""
