"""The health record: schema, migrations, and the one guarded door to every patient."""
