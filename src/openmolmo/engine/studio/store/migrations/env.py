"""What Alembic runs: the migrations, on the connection that :mod:`openmolmo.engine.studio.store.schema` opened."""

from __future__ import annotations

from alembic import context

from openmolmo.engine.studio.store.tables import Base

__all__: list[str] = []

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot change a column in place
)
with context.begin_transaction():
    context.run_migrations()
