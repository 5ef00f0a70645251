/* Whether it is time to say that a backup is missing. */
#include "ops/backup_watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/reader.h"
#include "keyring/domain_record.h"
#include "ops/backup_status.h"
#include "recovery/recovery.h"

#define RECORD "unbacked"
#define DAY_S UINT64_C(86400)

/* When it was told last; 0: never. */
static enum coffer_err read_told(struct txn *txn, uint64_t *out_s)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct reader r;
	uint64_t ms;
	enum coffer_err err = domain_record_get(txn_store(txn), txn_ring(txn), RECORD, &plain);
	if (err == ERR_NOT_FOUND) {
		*out_s = 0;
		return ERR_OK;
	}
	TRY(err);
	reader_init(&r, buf_view(&plain));
	ENSURE(reader_u64(&r, &ms) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
	*out_s = ms / 1000;
	return ERR_OK;
}

static enum coffer_err write_told(struct txn *txn, uint64_t now_s)
{
	uint8_t bytes[8];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u64(&w, now_s * 1000);
	TRY(writer_done(&w));
	return domain_record_put(txn_store(txn), txn_ring(txn), RECORD, writer_view(&w));
}

static enum coffer_err take_time(void *arg, const struct audit_event *event)
{
	*(uint64_t *)arg = event->time_ms / 1000;
	return ERR_OK;
}

/* A store that several nodes share is in the backups of the database, of which nothing is known here. */
static bool is_expected(const struct engine *engine)
{
	return engine->config->backup_max_age_ms != 0 && !engine->config->store_shared;
}

/* Without recovery there is nothing that an operator could do. */
static bool has_recovery(struct txn *txn)
{
	struct recovery_record record;
	return recovery_get(txn_store(txn), txn_ring(txn), &record) != ERR_OK || record.version != 0;
}

/* *out_age_s: of the newest verified backup, or of this node's audit log where there is none; a log whose first records were taken out is old. */
static enum coffer_err is_missing(struct engine *engine, struct txn *txn, uint64_t now_s, bool *out_missing, bool *out_none, uint64_t *out_age_s)
{
	struct backup_status status;
	uint64_t since_s = 0, limit_s = engine->config->backup_max_age_ms / 1000;
	TRY(backup_status_read(txn, &status));
	*out_none = status.verified_made_ms == 0;
	if (!*out_none) since_s = status.verified_made_ms / 1000;
	else if (audit_chain_base(engine->audit)->seq == 0) TRY(audit_read(engine->audit, txn, 1, 1, take_time, &since_s));
	if (*out_none && limit_s > DAY_S) limit_s = DAY_S;
	*out_age_s = now_s > since_s ? now_s - since_s : 0;
	*out_missing = *out_age_s >= limit_s && has_recovery(txn);
	return ERR_OK;
}

static void say(struct backup_watch *w, bool none, uint64_t age_s)
{
	if (none) snprintf(w->sentence, sizeof w->sentence, "no backup of this node was ever verified: run 'coffer backup create' and 'coffer backup verify'");
	else
		snprintf(w->sentence, sizeof w->sentence, "the newest verified backup is %" PRIu64 " days and %" PRIu64 " hours old: run 'coffer backup create' and "
			"'coffer backup verify'", age_s / DAY_S, age_s % DAY_S / 3600);
}

static enum coffer_err tell(struct engine *engine, struct txn *txn, uint64_t now_s, struct backup_watch *w)
{
	const struct audit_event event = { .principal = view_str("node"), .status = 1, .details = view_str(w->sentence) };
	TRY(write_told(txn, now_s));
	TRY(audit_append(engine->audit, txn, &event));
	w->told = true;
	return ERR_OK;
}

enum coffer_err backup_watch(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct backup_watch *w = arg;
	uint64_t now_s = clock_date_s(), told_s, age_s;
	bool missing, none;
	(void)reason;
	w->told = w->judged = w->missing = false;
	if (!is_expected(engine)) {
		w->judged = true;
		return ERR_OK;
	}
	if (!engine->audit || !txn_ring(txn) || audit_chain_length(engine->audit) == 0) return ERR_OK;
	TRY(is_missing(engine, txn, now_s, &missing, &none, &age_s));
	w->judged = true;
	w->missing = missing;
	if (!missing) return ERR_OK;
	say(w, none, age_s);
	TRY(read_told(txn, &told_s));
	if (told_s > now_s) return write_told(txn, now_s); /* a clock was ahead */
	if (w->hushed || (told_s && now_s - told_s < BACKUP_WATCH_AGAIN_MS / 1000)) return ERR_OK;
	return tell(engine, txn, now_s, w);
}
