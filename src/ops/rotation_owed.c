/* The record `rotation-owed`, and what is known of it. */
#include "ops/rotation_owed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/reader.h"
#include "keyring/domain_record.h"
#include "ops/rotation_internal.h"

#define RECORD "rotation-owed"

struct kept {
	struct rotation *rotation;
	struct rotation_owed owed;
};

static void keep(void *arg)
{
	struct kept *k = arg;
	pthread_mutex_lock(&k->rotation->lock);
	k->rotation->owed = k->owed;
	pthread_mutex_unlock(&k->rotation->lock);
	free(k);
}

/* In memory with the commit; where its outcome is not known it is read again. */
static enum coffer_err keep_on_commit(struct engine *engine, struct txn *txn, const struct rotation_owed *owed)
{
	if (!engine->rotation) return ERR_OK;
	struct kept *k = malloc(sizeof *k);
	ENSURE(k, ERR_MEMORY);
	*k = (struct kept){ engine->rotation, *owed };
	enum coffer_err err = txn_on_commit(txn, keep, free, k);
	if (err) free(k);
	else rotation_owed_look_again(engine);
	return err;
}

enum coffer_err rotation_owe(struct engine *engine, struct txn *txn, const char *node)
{
	uint8_t plain[4 + 8 + 4 + ADMISSION_NAME_MAX];
	struct rotation_owed owed = { .generation = ring_newest(txn_ring(txn)), .since_ms = clock_wall_s() * 1000 };
	struct writer w;
	snprintf(owed.node, sizeof owed.node, "%s", node);
	TRY(keep_on_commit(engine, txn, &owed));
	writer_init(&w, plain, sizeof plain);
	writer_u32(&w, owed.generation);
	writer_u64(&w, owed.since_ms);
	writer_view_u32(&w, view_str(owed.node));
	TRY(writer_done(&w));
	return domain_record_put(txn_store(txn), txn_ring(txn), RECORD, writer_view(&w));
}

enum coffer_err rotation_owe_nothing(struct engine *engine, struct txn *txn)
{
	TRY(keep_on_commit(engine, txn, &(struct rotation_owed){ .generation = 0 }));
	return domain_record_erase(txn_store(txn), RECORD);
}

void rotation_owed_look_again(struct engine *engine)
{
	if (engine->rotation) engine->rotation->owed_unread = true;
}

bool rotation_owed_unread(struct engine *engine)
{
	return engine->rotation && engine->rotation->owed_unread;
}

static enum coffer_err read_record(struct view plain, struct rotation_owed *out)
{
	struct reader r;
	struct view node;
	reader_init(&r, plain);
	TRY(reader_u32(&r, &out->generation));
	TRY(reader_u64(&r, &out->since_ms));
	TRY(reader_view_u32(&r, ADMISSION_NAME_MAX, &node));
	TRY(reader_end(&r));
	ENSURE(out->generation != 0, ERR_CORRUPT);
	if (node.len) memcpy(out->node, node.ptr, node.len);
	return ERR_OK;
}

enum coffer_err rotation_owed_read(struct engine *engine)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct rotation *r = engine->rotation;
	struct rotation_owed owed = { .generation = 0 };
	struct ring *ring = txn_ring(engine->txn);
	if (!r || !ring || !r->owed_unread) return ERR_OK;
	enum coffer_err err = domain_record_get(engine->store, ring, RECORD, &plain);
	if (!err) err = read_record(buf_view(&plain), &owed);
	if (err && err != ERR_NOT_FOUND && err != ERR_CORRUPT && err != ERR_VERSION && err != ERR_FIELD) return err;
	if (err && err != ERR_NOT_FOUND) log_error("whether the data key must be changed because a node was removed cannot be read: %s; run 'coffer rotate data-key' where one was", err_text(err));
	if (err) owed = (struct rotation_owed){ .generation = 0 };
	r->owed_unread = false;
	pthread_mutex_lock(&r->lock);
	memcpy(owed.why, r->owed.why, sizeof owed.why);
	r->owed = owed;
	pthread_mutex_unlock(&r->lock);
	return ERR_OK;
}

/* Under the lock. A node has no slot of what came after it was removed. */
static bool is_owed(const struct rotation *r)
{
	return r->owed.generation != 0 && r->owed.generation >= r->newest;
}

bool rotation_is_owed(struct engine *engine)
{
	struct rotation *r = engine->rotation;
	if (!r) return false;
	pthread_mutex_lock(&r->lock);
	bool owed = is_owed(r);
	pthread_mutex_unlock(&r->lock);
	return owed;
}

void rotation_owed_waits(struct engine *engine, const char *why)
{
	struct rotation *r = engine->rotation;
	pthread_mutex_lock(&r->lock);
	bool news = why[0] && strcmp(why, r->owed.why) != 0;
	snprintf(r->owed.why, sizeof r->owed.why, "%s", why);
	pthread_mutex_unlock(&r->lock);
	if (news) log_warn("a node was removed and still knows the data key in force, which is changed as soon as it can be: %s", why);
}

void rotation_owed_sentence(const struct rotation *r, char out[static REASON_MAX])
{
	out[0] = '\0';
	if (is_owed(r))
		snprintf(out, REASON_MAX, "node '%s' was removed and knows generation %u: the master server changes the data key as soon as it can%s%.320s", r->owed.node, r->owed.generation,
			r->owed.why[0] ? "; it waits: " : "", r->owed.why);
}
