/* MAC and hash in the daemon, in as many parts as the caller has (KMIP 1.4 sections 4.33, 4.34, 4.37). */
#include <stdlib.h>
#include <string.h>

#include "client/keyinfo.h"
#include "kmip/values.h"

#define CORRELATION_MAX 64u

struct coffer_digest {
	struct coffer *c;
	uint32_t operation;
	uint32_t hashing;                /* Hash only */
	char uuid[COFFER_UUID_TEXT];     /* MAC and MAC Verify */
	uint8_t correlation[CORRELATION_MAX];
	size_t correlation_len;          /* 0: no part was sent yet */
	uint64_t socket;                 /* that the parts went over: on another one the daemon knows nothing of them */
	bool dead;
	bool ended;                      /* its result was given, or had no room */
};

static const struct { const char *name; uint32_t hashing; } hashes[] = {
	{ "sha-256", HASHING_ALGORITHM_SHA_256 }, { "sha-384", HASHING_ALGORITHM_SHA_384 }, { "sha-512", HASHING_ALGORITHM_SHA_512 },
	{ "sha-224", HASHING_ALGORITHM_SHA_224 }, { "sha-512-256", HASHING_ALGORITHM_SHA_512_256 },
	{ "sha3-256", HASHING_ALGORITHM_SHA3_256 }, { "sha3-384", HASHING_ALGORITHM_SHA3_384 }, { "sha3-512", HASHING_ALGORITHM_SHA3_512 },
};

static enum coffer_status new_digest(struct coffer *c, uint32_t operation, struct coffer_digest **out)
{
	struct coffer_digest *d = calloc(1, sizeof *d);
	if (!d) return conn_refuse(c, COFFER_EMEMORY, "out of memory");
	d->c = c;
	d->operation = operation;
	*out = d;
	return COFFER_OK;
}

enum coffer_status coffer_hash_begin(struct coffer *c, const char *algorithm, struct coffer_digest **out)
{
	uint32_t hashing = algorithm ? 0 : HASHING_ALGORITHM_SHA_256;
	if (!c) return COFFER_EINVAL;
	if (!out) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	for (size_t i = 0; algorithm && i < sizeof hashes / sizeof hashes[0]; i++)
		if (strcmp(algorithm, hashes[i].name) == 0) hashing = hashes[i].hashing;
	if (!hashing)
		return conn_refuse(c, COFFER_EUNSUPPORTED, "the hash '%.50s' is not supported; use sha-256, sha-384, sha-512 or sha3-256", algorithm);
	enum coffer_status st = new_digest(c, OPERATION_HASH, out);
	if (!st) (*out)->hashing = hashing;
	return st;
}

enum coffer_status coffer_mac_begin(struct coffer *c, const char *key, int verify, struct coffer_digest **out)
{
	char uuid[COFFER_UUID_TEXT];
	if (!c) return COFFER_EINVAL;
	if (!key || !out) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = keyinfo_resolve(c, key, uuid);
	if (!st) st = new_digest(c, verify ? OPERATION_MAC_VERIFY : OPERATION_MAC, out);
	if (!st) memcpy((*out)->uuid, uuid, sizeof uuid);
	return st;
}

void coffer_digest_close(struct coffer_digest *d)
{
	free(d);
}

static void put_parameters(struct call *call, const struct coffer_digest *d)
{
	if (d->operation != OPERATION_HASH) {
		ttlv_put_str(&call->w, TAG_UNIQUE_IDENTIFIER, d->uuid);
		return;
	}
	struct ttlv_mark mark = ttlv_begin(&call->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&call->w, TAG_HASHING_ALGORITHM, d->hashing);
	ttlv_end(&call->w, mark);
}

/* Fields in the order of tables 237, 239 and 245. */
static void put_part(struct call *call, const struct coffer_digest *d, struct view data, struct view mac, bool final)
{
	bool first = d->correlation_len == 0;
	put_parameters(call, d);
	ttlv_put_bytes(&call->w, TAG_DATA, data);
	if (mac.len) ttlv_put_bytes(&call->w, TAG_MAC_DATA, mac);
	if (!first) ttlv_put_bytes(&call->w, TAG_CORRELATION_VALUE, view_of(d->correlation, d->correlation_len));
	if (first && !final) ttlv_put_bool(&call->w, TAG_INIT_INDICATOR, true);
	if (!first && final) ttlv_put_bool(&call->w, TAG_FINAL_INDICATOR, true);
}

static bool find(struct call *call, uint32_t tag, struct ttlv_item *out)
{
	struct ttlv_cursor c = call->answer.items[0].payload;
	while (ttlv_next(&c, out))
		if (out->tag == tag) return true;
	return false;
}

static enum coffer_status keep_correlation(struct call *call, struct coffer_digest *d)
{
	struct ttlv_item item;
	struct view value;
	if (!find(call, TAG_CORRELATION_VALUE, &item) || ttlv_get_bytes(&item, &value) != ERR_OK) return call_malformed(call);
	if (value.len == 0 || value.len > CORRELATION_MAX) return call_malformed(call);
	memcpy(d->correlation, value.ptr, value.len);
	d->correlation_len = value.len;
	return COFFER_OK;
}

/* *held: the call was begun, and call_end must follow. */
static enum coffer_status send_part(struct coffer_digest *d, struct call *call, struct view data, struct view mac, bool final, bool *held)
{
	*held = false;
	if (d->ended) return conn_refuse(d->c, COFFER_ESTATE, "this calculation has ended; begin another one");
	if (d->dead) return conn_refuse(d->c, COFFER_ECLOSED, "this calculation failed before; begin it again");
	if (data.len > COFFER_MESSAGE_MAX) return conn_refuse(d->c, COFFER_ETOOLARGE, "a part has at most %u bytes", COFFER_MESSAGE_MAX);
	enum coffer_status st = call_begin(call, d->c, d->operation, data.len + mac.len + CORRELATION_MAX + 256);
	if (st) return st;
	*held = true;
	if (d->correlation_len && d->socket != d->c->socket) {
		d->dead = true;
		return conn_fail(d->c, COFFER_ECLOSED, "the daemon was started anew since this calculation began; begin it again");
	}
	d->socket = d->c->socket;
	d->dead = true; /* dead until the answer says otherwise */
	put_part(call, d, data, mac, final);
	return call_run(call, false);
}

static bool bad_part(const struct coffer_digest *d, const void *data, size_t len)
{
	return !d || (!data && len);
}

enum coffer_status coffer_digest_update(struct coffer_digest *d, const void *data, size_t len)
{
	struct call call;
	bool held;
	if (bad_part(d, data, len)) return d ? conn_refuse(d->c, COFFER_EINVAL, "an argument is missing") : COFFER_EINVAL;
	enum coffer_status st = send_part(d, &call, view_of(data, len), view_of(NULL, 0), false, &held);
	if (!held) return st;
	if (!st) st = keep_correlation(&call, d);
	if (!st) d->dead = false;
	return call_end(&call, st);
}

enum coffer_status coffer_digest_final(struct coffer_digest *d, const void *last, size_t last_len, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	struct ttlv_item item;
	struct view bytes;
	bool held;
	if (bad_part(d, last, last_len) || !out || !out_len) return d ? conn_refuse(d->c, COFFER_EINVAL, "an argument is missing") : COFFER_EINVAL;
	if (d->operation == OPERATION_MAC_VERIFY) return conn_refuse(d->c, COFFER_EINVAL, "a MAC that is checked ends with coffer_digest_check");
	enum coffer_status st = send_part(d, &call, view_of(last, last_len), view_of(NULL, 0), true, &held);
	if (!held) return st;
	uint32_t tag = d->operation == OPERATION_HASH ? TAG_DATA : TAG_MAC_DATA;
	if (!st)
		st = find(&call, tag, &item) && ttlv_get_bytes(&item, &bytes) == ERR_OK ? call_copy_out(&call, bytes, out, out_cap, out_len)
		: call_malformed(&call);
	d->ended = !st || st == COFFER_ENOSPACE;
	return call_end(&call, st);
}

enum coffer_status coffer_digest_check(struct coffer_digest *d, const void *last, size_t last_len, const void *mac, size_t mac_len, int *out_valid)
{
	struct call call;
	struct ttlv_item item;
	uint32_t validity = 0;
	bool held;
	if (bad_part(d, last, last_len) || !mac || !mac_len || !out_valid)
		return d ? conn_refuse(d->c, COFFER_EINVAL, "an argument is missing") : COFFER_EINVAL;
	if (d->operation != OPERATION_MAC_VERIFY) return conn_refuse(d->c, COFFER_EINVAL, "only coffer_mac_begin with verify checks a MAC");
	if (mac_len > COFFER_DIGEST_MAX) return conn_refuse(d->c, COFFER_EINVAL, "a MAC has at most %u bytes", COFFER_DIGEST_MAX);
	enum coffer_status st = send_part(d, &call, view_of(last, last_len), view_of(mac, mac_len), true, &held);
	if (!held) return st;
	if (!st && (!find(&call, TAG_VALIDITY_INDICATOR, &item) || ttlv_get_enum(&item, &validity) != ERR_OK)) st = call_malformed(&call);
	if (!st) *out_valid = validity == VALIDITY_INDICATOR_VALID;
	d->ended = !st;
	return call_end(&call, st);
}
