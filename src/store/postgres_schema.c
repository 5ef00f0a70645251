/* The schema: made in one transaction, under a lock that all nodes take, and known by its number afterwards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_internal.h"

/* "cofferDB": nodes that start at the same time make the schema one after another. */
#define SCHEMA_LOCK "7165065833436954690"

/* A released step is never edited; a change of the schema is a new one. bytea compares as memcmp does, the shorter one first. */
static const char *const step_1[] = {
	"CREATE TABLE record (tbl smallint NOT NULL, id bytea NOT NULL, version bigint NOT NULL, state bigint NOT NULL, generation bigint NOT NULL,"
	" header bytea NOT NULL, idx bytea NOT NULL, body bytea NOT NULL, PRIMARY KEY (tbl, id))",
	"ALTER TABLE record ALTER header SET STORAGE EXTERNAL, ALTER idx SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL", /* sealed bytes do not compress */
	"CREATE TABLE search (tbl smallint NOT NULL, idx smallint NOT NULL, token bytea NOT NULL, id bytea NOT NULL, PRIMARY KEY (tbl, idx, token, id))",
	"CREATE INDEX search_row ON search (tbl, id)",
	"CREATE TABLE writer (id bigint NOT NULL PRIMARY KEY, seen bigint NOT NULL)",
	"CREATE FUNCTION coffer_put(t smallint, i bytea, v bigint, s bigint, g bigint, h bytea, x bytea, b bytea, r smallint) RETURNS bigint LANGUAGE plpgsql AS $$"
	" BEGIN"
	"  IF r = 1 THEN"
	"   INSERT INTO record (tbl, id, version, state, generation, header, idx, body) VALUES (t, i, v, s, g, h, x, b)"
	"    ON CONFLICT (tbl, id) DO UPDATE SET version = v, state = s, generation = g, header = h, idx = x, body = b;"
	"   DELETE FROM search WHERE tbl = t AND id = i;"
	"  ELSE"
	"   INSERT INTO record (tbl, id, version, state, generation, header, idx, body) VALUES (t, i, v, s, g, h, x, b) ON CONFLICT (tbl, id) DO NOTHING;"
	"   IF NOT FOUND THEN RETURN 0; END IF;"
	"  END IF;"
	"  INSERT INTO search (tbl, idx, token, id) SELECT t, get_byte(x, 2 + k * 33), substr(x, 4 + k * 33, 32), i"
	"   FROM generate_series(0, (length(x) - 2) / 33 - 1) k;"
	"  RETURN 1;"
	" END $$",
	"CREATE FUNCTION coffer_erase(t smallint, i bytea) RETURNS bigint LANGUAGE plpgsql AS $$"
	" BEGIN"
	"  DELETE FROM record WHERE tbl = t AND id = i;"
	"  IF NOT FOUND THEN RETURN 0; END IF;"
	"  DELETE FROM search WHERE tbl = t AND id = i;"
	"  RETURN 1;"
	" END $$",
	"CREATE TABLE coffer (program text NOT NULL PRIMARY KEY, schema bigint NOT NULL)",
	"INSERT INTO coffer (program, schema) VALUES ('coffer', 1)",
};

static enum coffer_err line(struct postgres_store *s, const char *sql, struct reason *reason)
{
	PGresult *result = NULL;
	enum coffer_err err = postgres_line(s, sql, &result, reason);
	PQclear(result);
	return err;
}

/* One bigint; *out 0 where there is no row. */
static enum coffer_err number(struct postgres_store *s, const char *sql, uint64_t *out, struct reason *reason)
{
	PGresult *result = NULL;
	enum coffer_err err = postgres_line(s, sql, &result, reason);
	*out = 0;
	if (!err && PQntuples(result) > 0) err = postgres_load_u64(result, 0, 0, out);
	PQclear(result);
	return err;
}

static enum coffer_err make(struct postgres_store *s, struct reason *reason)
{
	char sql[128];
	uint64_t there;
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_namespace WHERE nspname = '%s'", s->schema);
	TRY(number(s, sql, &there, reason)); /* IF NOT EXISTS would want the right to make schemas also where there is one */
	snprintf(sql, sizeof sql, "CREATE SCHEMA %s", s->schema);
	if (!there) TRY(line(s, sql, reason));
	for (size_t i = 0; i < sizeof step_1 / sizeof step_1[0]; i++) TRY(line(s, step_1[i], reason));
	return ERR_OK;
}

/* Inside a transaction, whose lock ends with it. */
static enum coffer_err make_or_compare(struct postgres_store *s, struct reason *reason)
{
	uint64_t ours, others, version;
	char sql[256];
	TRY(line(s, "SELECT pg_advisory_xact_lock(" SCHEMA_LOCK ")", reason));
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '%s' AND c.relname = 'coffer'", s->schema);
	TRY(number(s, sql, &ours, reason));
	if (!ours) {
		snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '%s'", s->schema);
		TRY(number(s, sql, &others, reason));
		if (others)
			return reason_fail(reason, ERR_SCHEMA, "the schema %s of the database belongs to another program; give the store another one", s->schema);
		return make(s, reason);
	}
	TRY(number(s, "SELECT schema FROM coffer WHERE program = 'coffer'", &version, reason));
	if (version > STORE_SCHEMA_VERSION)
		return reason_fail(reason, ERR_SCHEMA, "the schema %s of the database has number %llu and this program knows numbers up to %u; use the newer version of "
			"Coffer that wrote it", s->schema, (unsigned long long)version, STORE_SCHEMA_VERSION);
	if (version == 0) return reason_fail(reason, ERR_SCHEMA, "the schema %s of the database has lost its number; restore the database", s->schema);
	return ERR_OK;
}

enum coffer_err postgres_schema(struct postgres_store *s, struct reason *reason)
{
	TRY(line(s, "BEGIN ISOLATION LEVEL READ COMMITTED", reason)); /* sees what the one before has made */
	TRY(make_or_compare(s, reason)); /* a failure ends the connection, and the transaction with it */
	return line(s, "COMMIT", reason);
}
