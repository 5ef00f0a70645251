/* The audit log is exported to a file, signed by the token, and its old records leave the store. Whatever fails: every record is in the files once, what the token signed holds, and the chain verifies
 * from the first record that is left. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/proof.h"
#include "audit/signer_record.h"
#include "crypto/ecdsa.h"
#include "daemon/audit_feed.h"
#include "fault/founding.h"
#include "fault/scenario.h"
#include "ops/audit_keep.h"
#include "ops/audit_signer.h"
#include "unit/store/fault_vfs.h"

#define FILES_MAX 256
#define FILE_BYTES (1u << 20)

/* As house_send, around what a thread of the daemon does by itself. */
static void into_the_way(void)
{
	fault_back();
	fault_vfs_pause(false);
}

static void out_of_the_way(void)
{
	fault_vfs_pause(true);
	fault_aside();
}

static struct engine *engine_of(struct yard *y)
{
	return &y->house->daemon.engine;
}

static enum coffer_err append(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct audit_event event = { .principal = view_str("node"), .details = view_str("a record") };
	(void)reason;
	for (unsigned i = 0; i < *(const unsigned *)arg; i++) TRY(audit_append(engine->audit, txn, &event));
	return ERR_OK;
}

static void records(struct yard *y, unsigned count)
{
	MUST_OK(engine_of(y)->on_store(engine_of(y), append, &count, NULL));
}

/* ---- export ---- */

static struct {
	struct yard *yard;
	struct audit_feed feed;
	char dir[64], path[96];
} export;

static void *open_export(void)
{
	export.yard = founding_open();
	snprintf(export.dir, sizeof export.dir, "/tmp/coffer-fault-export-XXXXXX");
	MUST(mkdtemp(export.dir));
	snprintf(export.path, sizeof export.path, "%s/audit", export.dir);
	export.yard->house->config.audit_archive_size = 4096;
	export.yard->house->config.audit_checkpoint_interval_ms = 1000000;
	export.yard->house->config.audit_archives_keep = 0;
	struct audit_sink *sink = audit_sink_file_new(export.path);
	MUST(sink && audit_feed_init(&export.feed, engine_of(export.yard), &audit_sink_file, sink) == ERR_OK);
	return export.yard;
}

static void close_export(void *place)
{
	audit_feed_done(&export.feed);
	house_remove_folder(export.dir);
	founding_close(place);
}

static void prepare_export(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	founding_recover(y->house, false);
	records(y, 12);
}

static enum coffer_err run_export(void *place, unsigned k)
{
	struct yard *y = place;
	bool idle = false;
	enum coffer_err err = ERR_OK;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) founding_recover(y->house, false);
	into_the_way();
	for (unsigned i = 0; i < 50 && !err && !idle; i++) err = audit_feed_step(&export.feed, true, &idle);
	out_of_the_way();
	MUST(err || idle);
	return err;
}

static void found_something(void *arg, const struct audit_finding *f)
{
	house_die("%s: %s %llu to %llu (%s line %llu) %s", (const char *)arg, audit_finding_name(f->kind), (unsigned long long)f->from, (unsigned long long)f->to, f->file ? f->file : "",
		(unsigned long long)f->line, f->detail);
}

static void read_file(struct audit_proof *proof, const char *name)
{
	static char bytes[FILE_BYTES];
	char path[512];
	snprintf(path, sizeof path, "%s/%s", export.dir, name);
	FILE *f = fopen(path, "r");
	MUST(f);
	size_t len = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	MUST(len < sizeof bytes);
	audit_proof_file(proof, name);
	for (char *at = bytes, *end; at < bytes + len; at = end + 1) {
		end = memchr(at, '\n', (size_t)(bytes + len - at));
		MUST(end);
		audit_proof_line(proof, view_of((const uint8_t *)at, (size_t)(end - at)));
	}
}

static int is_part(const struct dirent *e)
{
	return e->d_name[0] != '.' && strstr(e->d_name, "aside") == NULL && strcmp(e->d_name, "audit") != 0;
}

/* The archives in order, and then the live file: every record once. */
static void judge_export(void *place, unsigned k)
{
	struct engine *e = engine_of(place);
	struct audit_trust trust = { .by_key = true };
	struct audit_proof_result result;
	struct dirent **names;
	(void)k;
	memcpy(trust.key, e->domain.public_key, sizeof trust.key);
	struct audit_proof *proof = audit_proof_new(&trust, found_something, export.path);
	int count = scandir(export.dir, &names, is_part, alphasort);
	MUST(proof && count >= 0 && count < FILES_MAX);
	for (int i = 0; i < count; i++) {
		read_file(proof, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (access(export.path, F_OK) == 0) read_file(proof, "audit");
	audit_proof_end(proof, false, &result);
	audit_proof_free(proof);
	MUST(result.first == 1 && result.last == audit_chain_length(e->audit) && result.signed_to == result.last && export.feed.lost == 0);
}

/* ---- the token's signature ---- */

static char pem[512];

static enum coffer_err on_signer(unsigned op, const struct token_signer_wish *wish, struct token_signer_answer *out)
{
	struct ecdsa_public key;
	AUTO_SECRET struct secret *secret = secret_copy(pem, strlen(pem));
	ENSURE(secret, ERR_MEMORY);
	*out = (struct token_signer_answer){ .there = true, .ref = { .data = { 3 }, .len = 1 } };
	TRY(ecdsa_public_from_pem(view_str(pem), &key));
	memcpy(out->public_key, key.point, sizeof out->public_key);
	if (op == CHANNEL_SIGNER) return ERR_OK;
	uint8_t signature[ECDSA_SIGNATURE_MAX];
	TRY(ecdsa_sign_with_pem(secret, view_of(wish->digest, sizeof wish->digest), signature));
	memcpy(out->signature, signature, sizeof out->signature);
	return ERR_OK;
}

static void *open_signed(void)
{
	FILE *f = fopen(FAULT_VECTORS "/witness-key-a.pem", "r");
	MUST(f);
	pem[fread(pem, 1, sizeof pem - 1, f)] = '\0';
	fclose(f);
	struct yard *y = founding_open();
	y->token.on_signer = on_signer;
	y->house->config.audit_token_interval_ms = 1;
	engine_of(y)->audit_signer = audit_signer_new();
	MUST(engine_of(y)->audit_signer);
	return y;
}

static void close_signed(void *place)
{
	struct audit_signer *signer = engine_of(place)->audit_signer;
	founding_close(place);
	audit_signer_free(signer);
}

static uint64_t signed_before, length_before;

static enum coffer_err look_signed(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct signer_record record = SIGNER_RECORD_NONE;
	(void)engine, (void)reason;
	enum coffer_err err = signer_record_read(txn_store(txn), txn_ring(txn), &record);
	*(uint64_t *)arg = err ? 0 : record.signed_to;
	signer_record_clear(&record);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void prepare_signed(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	founding_recover(y->house, false);
	records(y, 2);
	y->house->now_s += 10;
	MUST_OK(engine_of(y)->on_store(engine_of(y), look_signed, &signed_before, NULL));
	length_before = audit_chain_length(engine_of(y)->audit);
}

static enum coffer_err run_signed(void *place, unsigned k)
{
	struct yard *y = place;
	uint64_t again;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) founding_recover(y->house, false);
	into_the_way();
	enum coffer_err err = audit_signer_step(engine_of(y), &again);
	out_of_the_way();
	return err;
}

struct last {
	struct engine *engine;
	bool seen;
};

static enum coffer_err take_last(void *arg, const struct audit_event *event)
{
	struct last *l = arg;
	struct audit_witness w;
	if (!audit_witness_is(event)) return ERR_OK;
	MUST_OK(audit_witness_read(event, &w));
	MUST_OK(audit_witness_verify(&l->engine->domain, &w));
	MUST(w.at.seq < event->seq);
	l->seen = w.at.seq >= length_before;
	return ERR_OK;
}

static enum coffer_err look_at_chain(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct last *l = arg;
	uint64_t bad;
	MUST_OK(audit_verify(engine->audit, txn, &bad, reason));
	return audit_read(engine->audit, txn, length_before, SIZE_MAX, take_last, l);
}

/* Row and record are of one transaction. */
static void judge_signed(void *place, unsigned k)
{
	struct engine *e = engine_of(place);
	struct last l = { .engine = e };
	uint64_t now;
	(void)k;
	MUST_OK(e->on_store(e, look_signed, &now, NULL));
	MUST(now >= length_before && now > signed_before);
	MUST_OK(e->on_store(e, look_at_chain, &l, NULL));
	MUST(l.seen);
}

/* ---- records that leave the store ---- */

static uint64_t base_before;

static void *open_kept(void)
{
	struct yard *y = founding_open();
	y->house->config.audit_keep = AUDIT_KEEP_LEAST;
	records(y, AUDIT_KEEP_LEAST);
	return y;
}

static void prepare_kept(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	founding_recover(y->house, false);
	base_before = audit_chain_base(engine_of(y)->audit)->seq;
	uint64_t wanted = base_before + AUDIT_KEEP_LEAST + 256 + 8, length = audit_chain_length(engine_of(y)->audit);
	if (length < wanted) records(y, (unsigned)(wanted - length));
}

static enum coffer_err run_kept(void *place, unsigned k)
{
	struct yard *y = place;
	bool more;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) founding_recover(y->house, false);
	struct engine *e = engine_of(y);
	if (audit_chain_base(e->audit)->seq > base_before) return ERR_OK; /* a commit whose outcome was not known */
	into_the_way();
	enum coffer_err err = audit_keep_step(e, audit_chain_length(e->audit), &more);
	out_of_the_way();
	return err;
}

static enum coffer_err look_kept(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	uint64_t bad;
	(void)arg;
	MUST_OK(audit_verify(engine->audit, txn, &bad, reason));
	return ERR_OK;
}

static void judge_kept(void *place, unsigned k)
{
	struct engine *e = engine_of(place);
	(void)k;
	MUST(audit_chain_base(e->audit)->seq == base_before + 256);
	MUST_OK(e->on_store(e, look_kept, NULL, NULL));
}

const struct scenario audit_scenarios[] = {
	{ .name = "audit export", .places = AT_HOUSE | AT(CALL), .rounds = 30, .each = 12, .stride = 3, .open = open_export, .prepare = prepare_export, .run = run_export, .judge = judge_export,
	  .close = close_export },
	{ .name = "audit signed by the token", .places = AT_HOUSE | AT(TOKEN) | AT(WIRE), .rounds = 30, .each = 12, .stride = 29, .open = open_signed, .prepare = prepare_signed, .run = run_signed,
	  .judge = judge_signed, .close = close_signed },
	{ .name = "audit signed by the token, first", .places = AT(HEAP) | AT(ARENA) | AT(DISK) | AT(TOKEN) | AT(WIRE), .rounds = 1, .each = 6, .stride = 29, .open = open_signed,
	  .prepare = prepare_signed, .run = run_signed, .judge = judge_signed, .close = close_signed },
	{ .name = "audit records leave the store", .places = AT(HEAP) | AT(ARENA) | AT(OPENSSL) | AT(SQLITE) | AT(DISK), .rounds = 30, .each = 3, .stride = 997, .open = open_kept,
	  .prepare = prepare_kept, .run = run_kept, .judge = judge_kept, .close = founding_close_as_place },
	{ .name = NULL },
};
