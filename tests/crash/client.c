/* crash_client SOCKET FOLDER SEED STEPS: the client of a daemon that is killed meanwhile. Carries the history of FOLDER on until STEPS steps are
 * acknowledged, repeats what was not answered with the same request id, and uses the keys between the steps. At the end it asks for everything once more:
 * registered keys are given back as they were registered, what was encrypted before is decrypted, what is destroyed neither, and no IV came twice.
 *
 * Prints "open after N ms" when the daemon takes requests, "interrupted KIND" for each request that was under way when the daemon or its token went away
 * (KIND: of a step, "use" or "test"), and at the end how many those were and the longest wait. Exit status 1: a violation. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crash/ask.h"
#include "crash/peer.h"
#include "kmip/keyblock.h"

#define USES_MAX 512u
#define TOKEN_TEST_EVERY 5u /* steps */
#define IV_MAX 16u
#define TAG_LEN 16

/* One encryption of a key. */
struct use {
	char id[UUID_TEXT_LEN + 1];
	uint8_t iv[IV_MAX], data[IV_MAX], tag[IV_MAX];
	size_t iv_len, data_len, tag_len;
};

struct client {
	struct peer peer;
	struct history history;
	struct use uses[USES_MAX];
	size_t use_count;
	unsigned told;       /* outages */
	unsigned violations;
};

static const char plain[] = "sixteen bytes ..";

static void __attribute__((format(printf, 2, 3))) violation(struct client *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	printf("VIOLATION ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	c->violations++;
}

static void note_outage(struct client *c, const char *kind)
{
	if (c->peer.outages == c->told) return;
	c->told = c->peer.outages;
	printf("interrupted %s\n", kind);
}

/* A request without a request id: nothing that changes something. */
struct question {
	struct writer w;
	struct kmip_request_mark request;
	struct kmip_item_mark item;
	struct buf frame;
};

static void question_begin(struct question *q, uint32_t operation)
{
	const struct kmip_item_id id = { .operation = operation };
	*q = (struct question){ .frame = BUF_EMPTY };
	writer_init_buf(&q->w, &q->frame, 1u << 16);
	q->request = kmip_request_begin(&q->w, KMIP_VERSION_HIGHEST, 0, 1);
	q->item = kmip_request_item_begin(&q->w, &id);
}

static enum coffer_err question_ask(struct client *c, struct question *q, const struct kmip_response_item **out)
{
	kmip_request_item_end(&q->w, q->item, NULL);
	kmip_request_end(&q->w, q->request);
	if (writer_done(&q->w) != ERR_OK) node_die("the request does not fit");
	enum coffer_err err = peer_ask(&c->peer, buf_view(&q->frame), out);
	buf_free(&q->frame);
	return err;
}

static void put_gcm(struct writer *w)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_bool(w, TAG_RANDOM_IV, true);
	ttlv_put_i32(w, TAG_TAG_LENGTH, TAG_LEN);
	ttlv_end(w, mark);
}

/* A byte string of the answer; false: it has none of that tag. */
static bool take_bytes(const struct kmip_response_item *item, uint32_t tag, uint8_t out[static IV_MAX], size_t *out_len)
{
	struct ttlv_cursor cursor = item->payload;
	struct ttlv_item field;
	struct view bytes;
	while (ttlv_next(&cursor, &field)) {
		if (field.tag != tag || ttlv_get_bytes(&field, &bytes) != ERR_OK || bytes.len > IV_MAX) continue;
		memcpy(out, bytes.ptr, bytes.len);
		*out_len = bytes.len;
		return true;
	}
	return false;
}

static enum coffer_err encrypt(struct client *c, const char id[static UUID_TEXT_LEN + 1], struct use *out)
{
	struct question q;
	const struct kmip_response_item *item;
	*out = (struct use){ .iv_len = 0 };
	memcpy(out->id, id, sizeof out->id);
	question_begin(&q, OPERATION_ENCRYPT);
	ttlv_put_str(&q.w, TAG_UNIQUE_IDENTIFIER, id);
	put_gcm(&q.w);
	ttlv_put_bytes(&q.w, TAG_DATA, view_of(plain, 16));
	enum coffer_err err = question_ask(c, &q, &item);
	note_outage(c, "use");
	TRY(err);
	bool whole = take_bytes(item, TAG_DATA, out->data, &out->data_len) && take_bytes(item, TAG_IV_COUNTER_NONCE, out->iv, &out->iv_len) &&
		take_bytes(item, TAG_AUTHENTICATED_ENCRYPTION_TAG, out->tag, &out->tag_len);
	return whole ? ERR_OK : ERR_INPUT;
}

static enum coffer_err decrypt(struct client *c, const struct use *use, uint8_t out[static IV_MAX], size_t *out_len)
{
	struct question q;
	const struct kmip_response_item *item;
	question_begin(&q, OPERATION_DECRYPT);
	ttlv_put_str(&q.w, TAG_UNIQUE_IDENTIFIER, use->id);
	put_gcm(&q.w);
	ttlv_put_bytes(&q.w, TAG_DATA, view_of(use->data, use->data_len));
	ttlv_put_bytes(&q.w, TAG_IV_COUNTER_NONCE, view_of(use->iv, use->iv_len));
	ttlv_put_bytes(&q.w, TAG_AUTHENTICATED_ENCRYPTION_TAG, view_of(use->tag, use->tag_len));
	TRY(question_ask(c, &q, &item));
	return take_bytes(item, TAG_DATA, out, out_len) ? ERR_OK : ERR_INPUT;
}

static void use_key(struct client *c, const char id[static UUID_TEXT_LEN + 1])
{
	if (c->use_count == USES_MAX) return;
	struct use *use = &c->uses[c->use_count];
	enum coffer_err err = encrypt(c, id, use);
	if (err) {
		violation(c, "%s is active and does not encrypt: %s", id, err_name(err));
		return;
	}
	for (size_t i = 0; i < c->use_count; i++)
		if (strcmp(c->uses[i].id, id) == 0 && memcmp(c->uses[i].iv, use->iv, sizeof use->iv) == 0) violation(c, "%s used an IV twice", id);
	c->use_count++;
}

static void use_newest(struct client *c)
{
	for (size_t i = c->history.count; i-- > 0;) {
		if (c->history.objects[i].state != KNOWN_ACTIVE) continue;
		use_key(c, c->history.objects[i].id);
		return;
	}
}

static void test_token(struct client *c)
{
	struct question q;
	const struct kmip_response_item *item;
	question_begin(&q, OPERATION_COFFER_TOKEN_TEST);
	enum coffer_err err = question_ask(c, &q, &item);
	note_outage(c, "test");
	if (err) violation(c, "the token is not well again: %s", err_name(err));
}

static void step(struct client *c)
{
	struct step s;
	struct buf frame = BUF_EMPTY;
	const struct kmip_response_item *item;
	history_next(&c->history, &s);
	step_build(c->history.seed, &s, &frame);
	enum coffer_err err = peer_ask(&c->peer, buf_view(&frame), &item);
	buf_free(&frame);
	note_outage(c, (char[]){ (char)s.kind, '\0' });
	if (err) {
		violation(c, "step %u (%c) is refused: %s: %.*s", s.number, (int)s.kind, err_name(err), (int)item->message.len, (const char *)item->message.ptr);
		exit(1);
	}
	step_acknowledge(&c->history, &s, item);
	use_newest(c);
	if (s.number % TOKEN_TEST_EVERY == TOKEN_TEST_EVERY - 1) test_token(c);
}

/* The key's bytes, where they can be had. */
static enum coffer_err get(struct client *c, const char *id, struct view *out)
{
	struct question q;
	const struct kmip_response_item *item;
	struct ttlv_item field;
	struct kmip_managed managed;
	question_begin(&q, OPERATION_GET);
	ttlv_put_str(&q.w, TAG_UNIQUE_IDENTIFIER, id);
	TRY(question_ask(c, &q, &item));
	struct ttlv_cursor cursor = item->payload;
	while (ttlv_next(&cursor, &field)) {
		if (!kmip_managed_is(field.tag)) continue;
		TRY(kmip_managed_parse(&field, &managed, NULL));
		*out = managed.block.material;
		return ERR_OK;
	}
	return ERR_INPUT;
}

static void await_open(struct client *c)
{
	struct view ignored;
	uint64_t began_ms = clock_mono_ms();
	enum coffer_err err = get(c, "00000000-0000-4000-8000-000000000000", &ignored);
	if (err != ERR_NOT_FOUND && err != ERR_DENIED) violation(c, "a key that does not exist: %s", err_name(err));
	printf("open after %llu ms\n", (unsigned long long)(clock_mono_ms() - began_ms));
	c->peer.outages = c->told = 0;
	c->peer.longest_ms = 0;
}

static void check_object(struct client *c, const struct known *k)
{
	uint8_t expected[STEP_MATERIAL_LEN];
	struct view material;
	enum coffer_err err = get(c, k->id, &material);
	if (k->state == KNOWN_DESTROYED) {
		if (!err) violation(c, "%s is destroyed and is given out", k->id);
		return;
	}
	if (err) {
		violation(c, "%s was acknowledged and cannot be had: %s", k->id, err_name(err));
		return;
	}
	step_material(c->history.seed, k->made_by, expected);
	if (k->registered && (material.len != sizeof expected || memcmp(material.ptr, expected, sizeof expected) != 0))
		violation(c, "%s is not what was registered", k->id);
}

static void check_use(struct client *c, const struct use *use)
{
	uint8_t back[IV_MAX];
	size_t len = 0;
	struct known *k = history_find(&c->history, use->id);
	enum coffer_err err = decrypt(c, use, back, &len);
	bool destroyed = k && k->state == KNOWN_DESTROYED;
	if (destroyed && !err) violation(c, "%s is destroyed and decrypts", use->id);
	if (!destroyed && err) violation(c, "what %s encrypted does not decrypt: %s", use->id, err_name(err));
	if (!destroyed && !err && (len != 16 || memcmp(back, plain, 16) != 0)) violation(c, "what %s encrypted decrypts to something else", use->id);
}

int main(int argc, char **argv)
{
	static struct client c;
	struct reason reason = { "" };
	if (argc != 5) {
		fprintf(stderr, "usage: crash_client SOCKET FOLDER SEED STEPS\n");
		return 2;
	}
	if (arena_init(4u << 20, false, &reason) != ERR_OK) node_die("%s", reason.text);
	c.peer = (struct peer){ .path = argv[1], .fd = -1, .in = BUF_EMPTY };
	unsigned long steps = strtoul(argv[4], NULL, 10);
	history_open(&c.history, argv[2], strtoull(argv[3], NULL, 10));
	await_open(&c);
	while (c.history.done < steps) step(&c);
	for (size_t i = 0; i < c.history.count; i++) check_object(&c, &c.history.objects[i]);
	for (size_t i = 0; i < c.use_count; i++) check_use(&c, &c.uses[i]);
	peer_close(&c.peer);
	printf("done %u steps, %zu objects, %u outages, longest %llu ms\n", c.history.done, c.history.count, c.peer.outages,
		(unsigned long long)c.peer.longest_ms);
	return c.violations ? 1 : 0;
}
