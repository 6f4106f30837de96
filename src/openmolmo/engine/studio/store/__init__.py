"""Tables and databases of the studio: SQLite on one machine, PostgreSQL for a team."""
