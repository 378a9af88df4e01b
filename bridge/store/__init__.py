"""Storage: SQLModel tables, migrations, the SQL state and block store, the signers' mark file and the checker."""
