/* Opening the store in a database. */
#include "daemon/database.h"

#include <stdio.h>
#include <string.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"
#include "crypto/rng.h"
#include "daemon/link.h"
#include "daemon/store_care.h"

#define WRITER_TEXT 16u /* hexadecimal digits */

static enum coffer_err make_writer(const char *path, uint64_t *out, struct reason *reason)
{
	char text[WRITER_TEXT + 2];
	TRY(rng_bytes(out, sizeof *out));
	snprintf(text, sizeof text, "%016llx\n", (unsigned long long)*out);
	return fdio_write_file_atomic(path, 0600, view_str(text), reason);
}

static bool parse_writer(struct view text, uint64_t *out)
{
	uint64_t value = 0;
	if (text.len != WRITER_TEXT + 1 || text.ptr[WRITER_TEXT] != '\n') return false;
	for (size_t i = 0; i < WRITER_TEXT; i++) {
		const char *digits = "0123456789abcdef", *at = memchr(digits, text.ptr[i], 16);
		if (!at) return false;
		value = value << 4 | (uint64_t)(at - digits);
	}
	*out = value;
	return true;
}

/* Made once for a state folder, before there is a node: a copy of the folder has the same, and the database lets one of them write. */
static enum coffer_err read_writer(const struct config *config, uint64_t *out, struct reason *reason)
{
	char path[4096];
	AUTO_BUF struct buf text = BUF_EMPTY;
	if (snprintf(path, sizeof path, "%s/" DATABASE_WRITER_NAME, config->state_dir) >= (int)sizeof path)
		return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	enum coffer_err err = fdio_read_file(path, 64, &text, reason);
	if (err == ERR_NOT_FOUND) {
		if (reason) reason->text[0] = '\0';
		return make_writer(path, out, reason);
	}
	TRY(err);
	if (parse_writer(buf_view(&text), out)) return ERR_OK;
	return reason_fail(reason, ERR_USAGE, "%s is not 16 hexadecimal digits and an end of line; remove it, and the next start makes a new one", path);
}

enum coffer_err database_connect(struct daemon *d, const struct database_address *at, struct store **out, enum coffer_err *out_lost, struct reason *reason)
{
	const struct config *c = d->config;
	struct remote_config config = { .conninfo = at->conninfo, .schema = at->schema, .passfile = at->passfile,
		.connect_ms = c->store_connect_ms, .statement_ms = c->store_statement_ms };
	TRY(read_writer(c, &config.writer, reason));
	return store_open_remote(&config, link_store_spawner(d), out, out_lost, reason);
}

enum coffer_err database_open(struct daemon *d, struct store **out, struct reason *reason)
{
	const struct config *c = d->config;
	const struct database_address at = { c->store_conninfo, c->store_schema, c->store_passfile };
	enum coffer_err lost = ERR_OK;
	TRY(database_connect(d, &at, out, &lost, reason));
	d->care.remote = true;
	d->engine.database = *out;
	if (!lost) return ERR_OK;
	log_error("the database is not there yet: %s", reason_text(reason, lost));
	if (reason) reason->text[0] = '\0';
	store_care_away(d);
	return ERR_OK;
}
