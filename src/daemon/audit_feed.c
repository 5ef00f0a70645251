/* Reading on the store thread, putting on the sink's own. */
#include "daemon/audit_feed.h"

#include <stdlib.h>
#include <string.h>

#include "audit/line.h"
#include "audit/page.h"
#include "base/clock.h"
#include "base/text.h"
#include "ops/dispatch.h"

#define ROWS_PER_PAGE 64u          /* for as long the store thread is held */
#define FEED_BYTES (256u * 1024u)
#define ROWS_BYTES (FEED_BYTES - AUDIT_LINE_MAX - 4096u) /* a page ends when it is longer than this */
#define CHECKPOINT_ROWS 1024u

enum { SEVERITY_NOTE = CONFIG_AUDIT_NOTICE };

enum coffer_err audit_feed_init(struct audit_feed *f, struct engine *engine, const struct audit_sink_ops *ops, struct audit_sink *sink)
{
	uint8_t *lines = malloc(FEED_BYTES);
	ENSURE(lines, ERR_MEMORY);
	*f = (struct audit_feed){ .engine = engine, .ops = ops, .sink = sink, .lines = lines };
	return ERR_OK;
}

void audit_feed_done(struct audit_feed *f)
{
	if (f->sink) f->ops->close(f->sink);
	free(f->lines);
	*f = (struct audit_feed){ .engine = NULL };
}

uint64_t audit_feed_pause(const struct audit_feed *f, uint64_t most_ms)
{
	uint64_t now = clock_mono_ms();
	if (!f->due_ms) return most_ms;
	if (f->due_ms <= now) return 1;
	return f->due_ms - now < most_ms ? f->due_ms - now : most_ms;
}

const char *audit_feed_trouble(enum coffer_err err)
{
	switch (err) {
	case ERR_FULL: return "its disk is full";
	case ERR_DENIED: return "it may not be written: it must be a file of the daemon's user, in a folder that this user may write";
	case ERR_NOT_FOUND: return "its folder is not there";
	case ERR_BUSY: return "it does not take what is sent";
	case ERR_CLOSED: return "nobody listens there";
	case ERR_CORRUPT: return "the audit log does not open ('coffer audit verify')";
	default: return err_text(err);
	}
}

/* ---- on the store thread ---- */

/* What a record is worth to who reads syslog. */
static unsigned severity_of(const struct audit_event *event)
{
	const struct op_row *row = event->operation ? dispatch_find(event->operation) : NULL;
	if (event->status) return CONFIG_AUDIT_WARNING;
	return row && row->audit == OP_AUDIT_COUNTED ? CONFIG_AUDIT_INFO : CONFIG_AUDIT_NOTICE;
}

struct fill {
	struct audit_feed *feed;
	struct writer w;
	bool ending;
	size_t rows;
	enum config_audit_level level;
};

static void begin_line(struct fill *fill, unsigned severity)
{
	if (fill->feed->ops->levels) writer_u8(&fill->w, (uint8_t)('0' + severity));
}

static enum coffer_err take_row(void *arg, const struct audit_event *event, const struct audit_links *links)
{
	struct fill *fill = arg;
	struct audit_feed *f = fill->feed;
	unsigned severity = severity_of(event);
	if (writer_len(&fill->w) > ROWS_BYTES) return ERR_LIMIT;
	if (!f->ops->levels || severity <= (unsigned)fill->level) {
		begin_line(fill, severity);
		audit_line_record(event, links, &fill->w);
		writer_u8(&fill->w, '\n');
		TRY(writer_done(&fill->w));
	}
	fill->rows++;
	f->next.seq = event->seq;
	memcpy(f->next.link, links->link, sizeof f->next.link);
	memcpy(f->next.digest, links->digest, sizeof f->next.digest);
	return ERR_OK;
}

/* Behind what is in the batch, up to record `to`. */
static enum coffer_err put_gap(struct fill *fill, struct txn *txn, uint64_t to, const char *why)
{
	struct audit_gap gap;
	TRY(audit_page_gap(txn, &fill->feed->next, to, view_str(why), &gap));
	begin_line(fill, CONFIG_AUDIT_WARNING);
	audit_line_gap(ring_domain(txn_ring(txn)), &gap, &fill->w);
	writer_u8(&fill->w, '\n');
	fill->rows++;
	fill->feed->batch_lost += to - fill->feed->next.seq;
	fill->feed->next = gap.to;
	return writer_done(&fill->w);
}

/* The record behind next does not open, or is not there: a gap up to the first one whose place can be read. */
static enum coffer_err put_damage(struct fill *fill, struct txn *txn)
{
	struct audit_place place;
	enum coffer_err err = audit_page_place_behind(txn, fill->feed->next.seq, &place);
	if (err == ERR_NOT_FOUND) return ERR_CORRUPT;
	return err ? err : put_gap(fill, txn, place.seq, "the node cannot open them: they are damaged");
}

static bool wants_checkpoint(const struct fill *fill, uint64_t length)
{
	const struct audit_feed *f = fill->feed;
	uint64_t unsigned_rows = f->next.seq - f->signed_to;
	if (unsigned_rows == 0) return false;
	if (unsigned_rows >= CHECKPOINT_ROWS || (f->due_ms && clock_mono_ms() >= f->due_ms)) return true;
	if (fill->ending && f->next.seq == length) return true;
	return fill->rows && f->ops->wants_checkpoint(f->sink, f->engine->config, writer_len(&fill->w));
}

static enum coffer_err put_checkpoint(struct fill *fill, struct txn *txn)
{
	struct audit_checkpoint checkpoint;
	TRY(audit_page_checkpoint(txn, fill->feed->next.seq, &checkpoint));
	begin_line(fill, SEVERITY_NOTE);
	audit_line_checkpoint(ring_domain(txn_ring(txn)), &checkpoint, &fill->w);
	writer_u8(&fill->w, '\n');
	fill->feed->batch.sealed = true;
	return writer_done(&fill->w);
}

static enum coffer_err fill_rows(struct fill *fill, struct txn *txn, uint64_t length)
{
	struct audit_feed *f = fill->feed;
	uint64_t gone = audit_chain_base(fill->feed->engine->audit)->seq;
	if (f->place.seq >= length) return ERR_OK;
	if (f->place.seq < gone && !f->ops->levels) return ERR_STATE;
	bool away = f->place.seq < gone || length - f->place.seq > f->engine->config->audit_queue;
	if (f->ops->levels && away) return put_gap(fill, txn, length, "the receiver was away for too long");
	uint64_t left = length - f->place.seq;
	enum coffer_err err = audit_page_rows(txn, f->place.seq + 1, left < ROWS_PER_PAGE ? (size_t)left : ROWS_PER_PAGE, take_row, fill);
	if (err == ERR_LIMIT) return ERR_OK;
	if (err == ERR_CORRUPT || (!err && !fill->rows)) return fill->rows ? ERR_OK : put_damage(fill, txn);
	return err;
}

static enum coffer_err fill_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct fill *fill = arg;
	struct audit_feed *f = fill->feed;
	(void)reason;
	ENSURE(engine->audit, ERR_SEALED);
	uint64_t length = audit_chain_length(engine->audit);
	writer_rewind(&fill->w, 0);
	fill->rows = 0;
	f->next = f->place;
	f->batch_lost = 0;
	f->batch = (struct audit_batch){ .place = &f->next, .first = f->place.seq + 1 };
	if (f->ops->wants_header(f->sink)) {
		begin_line(fill, SEVERITY_NOTE);
		audit_line_header(ring_domain(txn_ring(txn)), &f->place, &fill->w);
		writer_u8(&fill->w, '\n');
	}
	size_t head = writer_len(&fill->w);
	TRY(fill_rows(fill, txn, length));
	if (wants_checkpoint(fill, length)) TRY(put_checkpoint(fill, txn));
	if (writer_len(&fill->w) == head) writer_rewind(&fill->w, 0); /* no header alone */
	f->batch.last = f->next.seq;
	return writer_done(&fill->w);
}

struct where {
	struct audit_feed *feed;
	uint64_t seq;       /* in: where to go on; UINT64_MAX: at the newest */
	struct audit_place said; /* of that record, by an archive; seq 0: nothing says it */
	uint64_t lost;      /* out: records that a receiver does not get, because they were taken out */
	bool compare;       /* feed->place is what the sink says */
	bool other;         /* out: the store says otherwise */
};

static bool is_same_place(const struct audit_place *a, const struct audit_place *b)
{
	return a->seq == b->seq && memcmp(a->link, b->link, sizeof a->link) == 0 && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* Behind the record that is named, where the store has that one; a file else begins with the first record that the store has. A receiver that was away while records were
 * taken out does not get them. */
static enum coffer_err begin_behind(struct where *w, struct txn *txn, uint64_t length, uint64_t gone)
{
	struct audit_feed *f = w->feed;
	if (w->seq > length) w->seq = f->ops->levels ? length : 0;
	if (w->seq < gone) {
		w->lost = f->ops->levels ? gone - w->seq : 0;
		w->seq = gone;
	}
	TRY(audit_page_place(txn, w->seq, &f->place));
	if (w->said.seq != w->seq || is_same_place(&w->said, &f->place)) return ERR_OK;
	return audit_page_place(txn, gone, &f->place); /* the archive is of another state of this store */
}

static enum coffer_err where_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct where *w = arg;
	struct audit_feed *f = w->feed;
	struct audit_place place;
	(void)reason;
	ENSURE(engine->audit, ERR_SEALED);
	uint64_t length = audit_chain_length(engine->audit);
	if (w->compare) {
		w->other = f->place.seq > length;
		if (w->other) return ERR_OK;
		enum coffer_err err = audit_page_place(txn, f->place.seq, &place);
		w->other = err == ERR_NOT_FOUND; /* what follows was taken out of the store */
		if (w->other) return ERR_OK;
		TRY(err);
		w->other = !is_same_place(&place, &f->place);
		return ERR_OK;
	}
	return begin_behind(w, txn, length, audit_chain_base(engine->audit)->seq);
}

/* ---- on its own thread ---- */

static enum coffer_err on_store(struct audit_feed *f, engine_store_fn *fn, void *arg)
{
	struct engine *e = f->engine;
	struct reason ignored = { "" };
	return e->on_store(e, fn, arg, &ignored);
}

/* A file that was moved away ends where it ended: what has no checkpoint behind it there gets one at the beginning of the next. */
static enum coffer_err begin_anew(struct audit_feed *f, uint64_t seq, const struct audit_place *said)
{
	struct where where = { .feed = f, .seq = seq, .said = *said };
	if (f->known && !(f->ops->lost && f->ops->lost(f->sink))) return ERR_OK;
	f->known = false;
	TRY(on_store(f, where_on_store, &where));
	f->signed_to = f->place.seq;
	f->lost += where.lost;
	return ERR_OK;
}

static enum coffer_err locate(struct audit_feed *f)
{
	struct audit_place place = { .seq = 0 };
	uint64_t seq = 0, signed_to = 0;
	f->batch.len = 0;
	enum coffer_err err = f->ops->locate(f->sink, &f->engine->domain, &place, &signed_to, &seq);
	if (err == ERR_NOT_FOUND) {
		TRY(begin_anew(f, seq, &place));
	} else {
		struct where where = { .feed = f, .compare = true };
		TRY(err);
		f->place = place;
		f->signed_to = signed_to;
		f->known = false;
		TRY(on_store(f, where_on_store, &where));
		if (where.other) {
			TRY(f->ops->put_aside(f->sink));
			return ERR_STATE; /* once more, with what is there now */
		}
	}
	f->due_ms = f->place.seq > f->signed_to ? clock_mono_ms() + f->engine->config->audit_checkpoint_interval_ms : 0;
	f->known = f->located = true;
	return ERR_OK;
}

static enum coffer_err fill(struct audit_feed *f, bool ending)
{
	struct fill fill = { .feed = f, .ending = ending, .level = f->engine->config->audit_syslog_level };
	writer_init(&fill.w, f->lines, FEED_BYTES - 1);
	enum coffer_err err = on_store(f, fill_on_store, &fill);
	if (err) {
		if (err == ERR_STATE) f->located = f->known = false; /* records behind it were taken out: where it is, is looked at again */
		f->batch.len = 0;
		return err;
	}
	f->batch.at = f->lines;
	f->batch.len = writer_len(&fill.w);
	f->lines[f->batch.len] = '\0';
	return ERR_OK;
}

/* The batch is there. */
static void settle(struct audit_feed *f)
{
	f->place = f->next;
	f->lost += f->batch_lost;
	f->batch_lost = 0;
	if (f->batch.sealed) {
		f->signed_to = f->place.seq;
		f->due_ms = 0;
	}
	if (f->place.seq > f->signed_to && !f->due_ms) f->due_ms = clock_mono_ms() + f->engine->config->audit_checkpoint_interval_ms;
}

struct too_long {
	struct audit_feed *feed;
	uint64_t seq;
	struct audit_place at; /* out: that record's */
	struct writer w;
};

static enum coffer_err gap_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct too_long *t = arg;
	struct audit_place before;
	struct audit_gap gap;
	(void)engine;
	(void)reason;
	writer_rewind(&t->w, 0);
	TRY(audit_page_place(txn, t->seq - 1, &before));
	TRY(audit_page_gap(txn, &before, t->seq, view_str("it is too long for the receiver"), &gap));
	t->at = gap.to;
	writer_u8(&t->w, '0' + CONFIG_AUDIT_WARNING);
	audit_line_gap(ring_domain(txn_ring(txn)), &gap, &t->w);
	writer_u8(&t->w, '\n');
	return writer_done(&t->w);
}

/* A gap takes the place of the line at the front of the batch. Any other line than a record is short. */
static enum coffer_err skip_line(struct audit_feed *f)
{
	static const char record[] = "{\"seq\":";
	uint8_t line[2048];
	struct too_long t = { .feed = f };
	const uint8_t *end = memchr(f->batch.at, '\n', f->batch.len), *at = f->batch.at + sizeof record;
	size_t len = end ? (size_t)(end - f->batch.at) + 1 : f->batch.len, digits = 0;
	ENSURE(len > sizeof record + 1 && memcmp(f->batch.at + 1, record, sizeof record - 1) == 0, ERR_TOO_LARGE);
	while (at[digits] >= '0' && at[digits] <= '9' && digits < 20) digits++;
	TRY(text_parse_u64(view_of(at, digits), &t.seq));
	ENSURE(t.seq > 0, ERR_BUG);
	writer_init(&t.w, line, sizeof line);
	TRY(on_store(f, gap_on_store, &t));
	struct audit_batch gap = f->batch;
	gap.at = line;
	gap.len = writer_len(&t.w);
	gap.place = &t.at; /* as far as it is told by now: the rest of the batch is not */
	TRY(f->ops->put(f->sink, f->engine->config, &gap));
	f->batch.at += len;
	f->batch.len -= len;
	f->batch_lost++;
	return ERR_OK;
}

static enum coffer_err put(struct audit_feed *f)
{
	enum coffer_err err = f->ops->put(f->sink, f->engine->config, &f->batch);
	if (err == ERR_TOO_LARGE && f->ops->levels) {
		TRY(skip_line(f));
		if (f->batch.len) return ERR_OK;
		err = ERR_OK;
	}
	if (!err) {
		settle(f);
		return ERR_OK;
	}
	/* What a file holds after a failure it says itself; a disk that was too full to take the batch has not changed it. */
	bool took_it = f->batch.len == 0;
	if (!f->ops->levels && (err != ERR_FULL || took_it)) {
		f->located = false;
		f->batch.len = 0;
	}
	return err == ERR_STATE ? ERR_OK : err;
}

enum coffer_err audit_feed_step(struct audit_feed *f, bool ending, bool *idle)
{
	enum engine_state state = engine_state_get(f->engine);
	bool away = f->engine->store_away || f->engine->store_hangs; /* no trouble of the receiver: it goes on when the store answers */
	*idle = away || (state != ENGINE_OPEN && state != ENGINE_DRAINING);
	if (*idle) return ERR_OK;
	if (!f->located) {
		enum coffer_err err = locate(f);
		if (err == ERR_STATE) return ERR_OK;
		if (err == ERR_SEALED) *idle = true;
		return err == ERR_SEALED ? ERR_OK : err;
	}
	if (f->batch.len == 0) {
		TRY(fill(f, ending));
		if (f->batch.len == 0) {
			*idle = f->next.seq == f->place.seq;
			f->place = f->next; /* records below the level leave no line */
			return ERR_OK;
		}
	}
	return put(f);
}
