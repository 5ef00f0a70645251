/* What is not a request: the start on a store, files, recovery shares, the client library. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sign.h"
#include "fault/scenario.h"
#include "keyring/identity.h"
#include "ops/alert.h"
#include "recovery/recovery.h"
#include "unit/client/server.h"
#include "unit/ops/fake_token.h"
#include "unit/ops/fixture.h"
#include "unit/store/fault_vfs.h"

#define AT_FILES (AT(CALL) | AT(EINTR) | AT(SHORT))

/* Into the faults' way and out of it. */
static void step_in(void)
{
	fault_vfs_pause(false);
	fault_back();
}

static enum coffer_err step_out(enum coffer_err err, const struct reason *reason)
{
	fault_aside();
	fault_vfs_pause(true);
	if (err && reason && reason->text[0]) house_words(view_str(reason->text));
	return err;
}

/* ---- start ---- */

static void *open_settled(void)
{
	struct house *h = house_open();
	for (unsigned i = 0; i < 4; i++) {
		struct ask a;
		char name[32];
		snprintf(name, sizeof name, "old-%u", i);
		ask_one(&a, OPERATION_CREATE);
		ask_key(&a, &(struct key_wish){ .name = name, .group = "pay" }, HOUSE_NOW_S);
		ask_item_end(&a, NULL);
		ask_end(&a);
		house_must(h, &a);
	}
	house_down(h);
	return h;
}

static enum coffer_err run_start(void *place, unsigned k)
{
	struct house *h = place;
	(void)k;
	step_in();
	return step_out(house_up(h), &h->reason);
}

static void judge_start(void *place, unsigned k)
{
	(void)k;
	house_judge(place);
	house_down(place);
}

static void close_settled(void *place)
{
	MUST_OK(house_up(place));
	house_close(place);
}

/* ---- configuration ---- */

struct folder { char dir[64], path[96]; };

static void *open_folder(void)
{
	struct folder *f = calloc(1, sizeof *f);
	MUST(f);
	snprintf(f->dir, sizeof f->dir, "/dev/shm/coffer-fault-XXXXXX");
	MUST(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/file", f->dir);
	return f;
}

static void close_folder(void *place)
{
	struct folder *f = place;
	char path[96];
	snprintf(path, sizeof path, "%s/node.id", f->dir);
	unlink(f->path);
	unlink(path);
	MUST(rmdir(f->dir) == 0); /* nothing else is left behind */
	free(f);
}

static void *open_config(void)
{
	struct folder *f = open_folder();
	FILE *out = fopen(f->path, "w");
	MUST(out);
	fputs("socket = /run/a/b.sock\ntoken = tpm2:device\nmax_message = 2M\n# a remark\nrate_limit = 5\nlog_level = debug\n", out);
	fclose(out);
	return f;
}

static enum coffer_err run_config(void *place, unsigned k)
{
	struct folder *f = place;
	struct config config = { .max_message = 1 };
	struct reason reason = { "" };
	(void)k;
	step_in();
	enum coffer_err err = step_out(config_load(f->path, &config, &reason), &reason);
	if (err) {
		MUST(config.max_message == 1 && !config.socket); /* untouched */
		return err;
	}
	MUST(config.max_message == 2u << 20 && config.rate_limit == 5 && strcmp(config.token, "tpm2:device") == 0);
	config_free(&config);
	return ERR_OK;
}

/* ---- node.id ---- */

static void fill_identity(struct identity *id, unsigned k)
{
	memset(id, 0, sizeof *id);
	memset(&id->domain, (int)(k % 200 + 1), sizeof id->domain);
	snprintf(id->token_kind, sizeof id->token_kind, "tpm2");
	snprintf(id->token_uri, sizeof id->token_uri, "tpm2:device?k=%u", k);
	memcpy(id->binding.mechanism, "fake-xor", sizeof "fake-xor");
	id->binding.data_len = 1;
}

static void write_old_identity(void *place, unsigned k)
{
	struct folder *f = place;
	struct identity id;
	fill_identity(&id, k);
	MUST_OK(identity_write(f->dir, &id, NULL));
}

static bool holds(const struct folder *f, unsigned k)
{
	struct identity want, got;
	fill_identity(&want, k);
	MUST_OK(identity_read(f->dir, &got, NULL));
	return strcmp(want.token_uri, got.token_uri) == 0;
}

static enum coffer_err run_identity(void *place, unsigned k)
{
	struct folder *f = place;
	struct identity id, got;
	struct reason reason = { "" };
	fill_identity(&id, k + 1);
	step_in();
	enum coffer_err err = identity_write(f->dir, &id, &reason);
	if (!err) err = identity_read(f->dir, &got, &reason);
	step_out(err, &reason);
	if (err) MUST(holds(f, k) || holds(f, k + 1)); /* the old one or the new one */
	else MUST(strcmp(got.token_uri, id.token_uri) == 0);
	return err;
}

static void judge_identity(void *place, unsigned k)
{
	MUST(holds(place, k + 1));
}

/* ---- recovery shares ---- */

struct vault { struct domain_id domain; struct ring *ring; struct secret *seed; };

static void *open_vault(void)
{
	struct vault *v = calloc(1, sizeof *v);
	struct secret *key = secret_new(DATA_KEY_LEN);
	MUST(v && key);
	memset(secret_mut(key), 0x33, DATA_KEY_LEN);
	v->seed = secret_new(32);
	MUST(v->seed);
	memset(secret_mut(v->seed), 0x44, 32);
	MUST_OK(sign_public_of(v->seed, v->domain.public_key));
	v->ring = ring_new(&v->domain);
	MUST(v->ring);
	MUST_OK(ring_add(v->ring, 1, &key));
	return v;
}

static void close_vault(void *place)
{
	struct vault *v = place;
	secret_free(v->seed);
	ring_free(v->ring);
	free(v);
}

/* Two of three, made and read. */
static enum coffer_err make_and_prove(struct vault *v, struct store_row *row, struct buf *body, struct buf texts[static 3], struct reason *reason)
{
	TRY(recovery_new_shares(v->ring, v->seed, 2, 3, row, body, texts, reason));
	const struct view shares[] = { buf_view(&texts[2]), buf_view(&texts[0]) };
	return recovery_prove_shares(&v->domain, row, shares, 2, reason);
}

static enum coffer_err run_shares(void *place, unsigned k)
{
	struct store_row row;
	struct buf body = BUF_EMPTY, texts[3] = { BUF_EMPTY, BUF_EMPTY, BUF_EMPTY };
	struct reason reason = { "" };
	(void)k;
	memset(&row, 0, sizeof row);
	step_in();
	enum coffer_err err = step_out(make_and_prove(place, &row, &body, texts, &reason), &reason);
	buf_free(&body);
	for (size_t i = 0; i < 3; i++) buf_free(&texts[i]);
	return err;
}

/* ---- the token, over its proxy ---- */

static enum coffer_err token_answers(void)
{
	return fault_strikes(FAULT_AT_TOKEN) ? (enum coffer_err)fault_code() : ERR_OK;
}

static enum coffer_err use_token(struct token_proxy *p, struct reason *reason)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *plain = secret_new(TOKEN_SECRET_LEN);
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	uint8_t random[16];
	ENSURE(plain, ERR_MEMORY);
	TRY(token_proxy_provision(p, &binding, reason));
	TRY(token_proxy_wrap(p, plain, &blob, reason));
	TRY(token_proxy_unwrap(p, buf_view(&blob), &back, reason));
	if (!secret_equal(plain, back)) house_die("the token gave back another secret");
	return token_proxy_random(p, random, sizeof random, reason);
}

static enum coffer_err run_token(void *place, unsigned k)
{
	struct fake_token token;
	struct token_proxy *p = NULL;
	struct reason reason = { "" };
	(void)place;
	(void)k;
	fake_token_init(&token);
	token.on_thread = fault_aside;
	token.on_call = token_answers;
	const struct token_proxy_config config = { .uri = "tpm2:device", .spawner = &token.spawner, .deadline_ms = 600, .probe_interval_ms = 60000 };
	step_in();
	enum coffer_err err = token_proxy_new(&config, &p, &reason);
	if (!err) err = use_token(p, &reason);
	step_out(err, &reason);
	if (err && reason.text[0]) MUST(strlen(reason.text) > 10);
	token_proxy_free(p);
	fake_token_done(&token);
	return err;
}

/* ---- the client library ---- */

#define UUID "01234567-89ab-4def-8123-456789abcdef"

/* The first connection breaks after the first request; the second answers everything. */
static void serve(struct server *s)
{
	fault_aside();
	if (!server_read(s)) return;
	for (;;) {
		server_begin(s);
		if (s->request.items[0].id.operation == OPERATION_CREATE) {
			ttlv_put_enum(&s->w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
			ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, UUID);
		} else {
			ttlv_put_bytes(&s->w, TAG_COFFER_SEALED_DATA, view_str("sealed"));
		}
		if (!server_write(s, server_end(s))) return;
		if (!server_read(s)) {
			close(s->fd);
			s->fd = accept(s->listener, NULL, NULL);
			if (s->fd < 0 || !server_read(s)) return;
		}
	}
}

static void *open_nothing(void)
{
	return calloc(1, 1);
}

static enum coffer_err from_status(enum coffer_status st)
{
	switch (st) {
	case COFFER_OK: return ERR_OK;
	case COFFER_EMEMORY: return ERR_MEMORY;
	case COFFER_ECLOSED: case COFFER_EUNREACHABLE: case COFFER_ETIMEOUT: return ERR_CLOSED;
	case COFFER_EIO: return ERR_IO;
	default: house_die("the client says %s", coffer_strerror(st));
	}
}

static enum coffer_status use(const char *path, struct coffer **c)
{
	struct coffer_options options = { .size = sizeof options, .timeout_ms = 400, .server_uid = -1 };
	char uuid[COFFER_UUID_TEXT];
	uint8_t out[512];
	size_t len;
	enum coffer_status st = coffer_connect(path, &options, c);
	if (!st) st = coffer_key_create(*c, "new", NULL, NULL, uuid);
	if (!st) st = coffer_encrypt(*c, "new", NULL, 0, "plain", 5, out, sizeof out, &len);
	return st;
}

static enum coffer_err run_client(void *place, unsigned k)
{
	struct server *s = server_start(serve, NULL);
	struct coffer *c = NULL;
	(void)place;
	(void)k;
	step_in();
	enum coffer_status st = use(s->path, &c);
	step_out(ERR_OK, NULL);
	if (st && c && !coffer_error(c)[0]) house_die("the client has no sentence for %s", coffer_strerror(st));
	coffer_close(c);
	server_stop(s);
	return from_status(st);
}

/* ---- alerts that are kept over a restart ---- */

static enum coffer_err keep_alerts(struct alerts *a, struct alerts **out_again)
{
	static uint8_t record[ALERT_RECORD_MAX];
	size_t len;
	alert_set(a, ALERT_STORE_FULL, ALERT_BAD, "full");
	alerts_look(a);
	alert_happened(a, ALERT_TEST, "test");
	TRY(alerts_save(a, record, sizeof record, &len));
	*out_again = alerts_new();
	ENSURE(*out_again, ERR_MEMORY);
	TRY(alerts_load(*out_again, view_of(record, len)));
	if (alert_happened(*out_again, ALERT_TEST, "test") != 0 || alert_happened(*out_again, ALERT_TAKEOVER, "x") != 3) house_die("alerts are not what was kept");
	return ERR_OK;
}

static enum coffer_err run_alerts(void *place, unsigned k)
{
	(void)place;
	(void)k;
	struct alerts *again = NULL;
	step_in();
	struct alerts *a = alerts_new();
	enum coffer_err err = a ? keep_alerts(a, &again) : ERR_MEMORY;
	alerts_free(again);
	alerts_free(a);
	return step_out(err, NULL);
}

#define FILES .open = open_folder, .close = close_folder
const struct scenario other_scenarios[] = {
	{ .name = "start on a store", .places = (AT_HOUSE | AT(CALL)) & ~AT(RANDOM), .rounds = 2000, .open = open_settled, .run = run_start, .judge = judge_start,
	  .close = close_settled },
	{ .name = "configuration", .places = AT(HEAP) | AT(ARENA) | AT_FILES, .rounds = 2000, .open = open_config, .run = run_config, .close = close_folder },
	{ .name = "node.id written and read", .places = AT(HEAP) | AT(ARENA) | AT_FILES, .rounds = 2000, .prepare = write_old_identity, .run = run_identity,
	  .judge = judge_identity, FILES },
	{ .name = "alerts kept over a restart", .places = AT(HEAP), .rounds = 200, .open = open_nothing, .run = run_alerts, .close = free },
	{ .name = "recovery shares made and read", .places = AT(HEAP) | AT(ARENA) | AT(OPENSSL) | AT(RANDOM), .rounds = 2000, .stride = 23, .open = open_vault,
	  .run = run_shares, .close = close_vault },
	{ .name = "token: provision, wrap, unwrap, random", .places = AT(HEAP) | AT(ARENA) | AT(CALL) | AT(EINTR) | AT(SHORT) | AT(TOKEN), .rounds = 2000,
	  .open = open_nothing, .run = run_token, .close = free },
	{ .name = "client: connect, create, encrypt", .places = AT(HEAP) | AT(ARENA) | AT_FILES, .rounds = 2000, .open = open_nothing, .run = run_client,
	  .close = free },
	{ .name = NULL },
};
