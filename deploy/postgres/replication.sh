#!/usr/bin/env bash
# Run once by the database's image: the standby and the fetcher of WAL may come from the same network.
echo "host replication careloop samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
