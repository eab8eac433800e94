#!/usr/bin/env python3
"""The rollup alone, by DuckDB: duckdb_rollup.py EXPORT.gz

Counts the events of one export by hour, kind, actor and status, on one thread, and prints the totals as JSON. No rule
is asked and nothing is written. DuckDB is told the columns, which is in its favour: it need not guess them, and skips
the rest.
"""

import json
import sys

import duckdb

ROLLUP = """
CREATE TEMP TABLE rollup AS
SELECT substr(eventTimestamp, 1, 13) AS hour, regexp_replace(auditPayload.type, 'AuditPayload$', '') AS kind,
       actor.id AS actor, actionStatus AS status, count(*) AS events
FROM read_json(?, format = 'newline_delimited', compression = 'gzip', ignore_errors = true,
               maximum_object_size = 16777216,
               columns = {eventTimestamp: 'VARCHAR', actionStatus: 'VARCHAR',
                          actor: 'STRUCT(id VARCHAR)', auditPayload: 'STRUCT("type" VARCHAR)'})
WHERE auditPayload.type IS NOT NULL
GROUP BY ALL
"""


def main():
    database = duckdb.connect()
    database.execute("SET threads = 1")
    database.execute(ROLLUP, [sys.argv[1]])
    kinds = dict(database.execute("SELECT kind, sum(events)::BIGINT FROM rollup GROUP BY ALL").fetchall())
    rows = database.execute("SELECT count(*) FROM rollup").fetchone()[0]
    print(json.dumps({"events": sum(kinds.values()), "kinds": kinds, "rows": rows}))


if __name__ == "__main__":
    main()
