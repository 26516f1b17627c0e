"""SQL storage of the reaction network: tables, conversion, writes, queries, migrations.

Open a database with `db.engine.open_database`, write inside `db.engine.writing`, read inside `db.engine.reading`.
`db.store` keeps species, reactions, candidates and results; `db.campaigns` what belongs to a campaign; `db.work` hands
out calculations; `db.queries` and `db.totals` answer questions.
"""
