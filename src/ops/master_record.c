/* The record of a change of the master secret, and where the next one stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/reader.h"
#include "crypto/rng.h"
#include "domain/node_record.h"
#include "keyring/domain_record.h"
#include "ops/rotation_master.h"
#include "token/place.h"

#define RECORD_SHARED "master-change" /* of programs that knew one node a domain */
#define RECORD_PREFIX "master-change-"
/* format - 1 is the sum of these */
#define WITH_LEFT 1u /* a counter that was left */
#define WITH_REFUSED 2u
#define KIND_MAX 15u
#define MECHANISM_MAX 39u
#define DEFAULT_TPM_HANDLE 0x81010C0Fu
#define ID_LEN 16u

struct others {
	const uint8_t *own;
	bool found;
	bool own_found; /* this node's */
};

static enum coffer_err take_text(struct reader *r, size_t max, char *out)
{
	struct view text;
	TRY(reader_view_u32(r, max, &text));
	ENSURE(text.len == 0 || memchr(text.ptr, 0, text.len) == NULL, ERR_CORRUPT);
	if (text.len) memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return ERR_OK;
}

static enum coffer_err decode(struct view plain, struct master_record *out)
{
	struct reader r;
	struct view data;
	uint8_t format;
	reader_init(&r, plain);
	TRY(reader_u8(&r, &format));
	ENSURE(format >= 1 && format - 1u <= (WITH_LEFT | WITH_REFUSED), ERR_VERSION);
	out->refused = ((format - 1u) & WITH_REFUSED) != 0;
	TRY(reader_u8(&r, &out->phase));
	ENSURE(out->phase == 1 || out->phase == 2, ERR_CORRUPT);
	TRY(take_text(&r, TOKEN_URI_MAX, out->uri));
	TRY(take_text(&r, KIND_MAX, out->kind));
	TRY(reader_bytes(&r, out->binding.master_secret_id, TOKEN_MS_ID_LEN));
	TRY(take_text(&r, MECHANISM_MAX, out->binding.mechanism));
	TRY(reader_view_u32(&r, TOKEN_BINDING_MAX, &data));
	if (data.len) memcpy(out->binding.data, data.ptr, data.len);
	out->binding.data_len = data.len;
	if ((format - 1u) & WITH_LEFT) {
		TRY(anchor_record_read_name(&r, &out->left));
		TRY(reader_u64(&r, &out->left.counter));
	}
	return reader_end(&r);
}

enum coffer_err master_record_read(struct txn *txn, struct master_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[STORE_ID_MAX + 1];
	*out = (struct master_record){ .phase = 0 };
	domain_record_node_name(RECORD_PREFIX, ring_domain(txn_ring(txn)), name);
	enum coffer_err err = domain_record_get(txn_store(txn), txn_ring(txn), name, &plain);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	err = decode(buf_view(&plain), out);
	if (err) anchor_record_clear(&out->left);
	return err == ERR_OK || err == ERR_VERSION ? err : ERR_CORRUPT;
}

bool master_record_is(const struct store_row *row)
{
	const size_t len = sizeof RECORD_PREFIX - 1;
	return view_equal_str(view_of(row->id, row->id_len), RECORD_SHARED) || (row->id_len > len && memcmp(row->id, RECORD_PREFIX, len) == 0);
}

enum coffer_err master_record_erase(struct txn *txn, const uint8_t node_id[static UUID_LEN])
{
	struct domain_id domain = *ring_domain(txn_ring(txn));
	char name[STORE_ID_MAX + 1];
	memcpy(domain.node_id, node_id, UUID_LEN);
	domain_record_node_name(RECORD_PREFIX, &domain, name);
	return domain_record_erase(txn_store(txn), name);
}

static enum coffer_err note_other(void *arg, const struct node_record *node)
{
	struct others *o = arg;
	if (memcmp(node->node_id, o->own, UUID_LEN) != 0) o->found = true;
	return ERR_OK;
}

static enum coffer_err look_for_own(struct txn *txn, const char *name, bool *out_found)
{
	struct store_row row;
	enum coffer_err err = store_get(txn_store(txn), STORE_DOMAIN, view_str(name), &row);
	*out_found = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Whose it is among several nodes, now or once, nothing says: then it is left as it stands. */
enum coffer_err master_record_take_over(struct txn *txn)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[STORE_ID_MAX + 1];
	struct others others = { .own = ring_domain(txn_ring(txn))->node_id };
	enum coffer_err err = domain_record_get(txn_store(txn), txn_ring(txn), RECORD_SHARED, &plain);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	if (!err) err = node_record_each(txn_store(txn), txn_ring(txn), note_other, &others);
	domain_record_node_name(RECORD_PREFIX, ring_domain(txn_ring(txn)), name);
	if (!err && !others.found) err = look_for_own(txn, name, &others.own_found);
	if (err || others.found || others.own_found) {
		log_warn("a change of the master secret that an earlier program began is not taken over: %s", err ? err_text(err) : others.found ? "the domain has, or had, other nodes"
			: "the node has one of its own, which comes first");
		return err_class(err) == ERR_CLASS_memory || err_class(err) == ERR_CLASS_io ? err : ERR_OK;
	}
	TRY(domain_record_put(txn_store(txn), txn_ring(txn), name, buf_view(&plain)));
	return domain_record_erase(txn_store(txn), RECORD_SHARED);
}

enum coffer_err master_record_put(struct txn *txn, const struct master_record *record)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct writer w;
	if (record->phase == 0) return master_record_erase(txn, ring_domain(txn_ring(txn))->node_id);
	char name[STORE_ID_MAX + 1];
	domain_record_node_name(RECORD_PREFIX, ring_domain(txn_ring(txn)), name);
	writer_init_buf(&w, &plain, DOMAIN_RECORD_MAX);
	writer_u8(&w, (uint8_t)(1 + (record->left.auth ? WITH_LEFT : 0) + (record->refused ? WITH_REFUSED : 0)));
	writer_u8(&w, record->phase);
	writer_view_u32(&w, view_str(record->uri));
	writer_view_u32(&w, view_str(record->kind));
	writer_bytes(&w, view_of(record->binding.master_secret_id, TOKEN_MS_ID_LEN));
	writer_view_u32(&w, view_str(record->binding.mechanism));
	writer_view_u32(&w, view_of(record->binding.data, record->binding.data_len));
	if (record->left.auth) {
		anchor_record_write_name(&w, &record->left);
		writer_u64(&w, record->left.counter);
	}
	TRY(writer_done(&w));
	return domain_record_put(txn_store(txn), txn_ring(txn), name, buf_view(&plain));
}

/* Another handle: the ones that follow. */
static enum coffer_err next_handle(const char *uri, unsigned n, char *out)
{
	const char *at = strstr(uri, "handle=0x");
	unsigned long handle = at ? strtoul(at + 7, NULL, 16) : DEFAULT_TPM_HANDLE;
	int len = at ? snprintf(out, TOKEN_URI_MAX + 1, "%.*shandle=0x%08lX%s", (int)(at - uri), uri, handle + n, at + 7 + 10)
	             : snprintf(out, TOKEN_URI_MAX + 1, "%s%chandle=0x%08lX", uri, strchr(uri, '?') ? '&' : '?', handle + n);
	return len > 0 && (size_t)len <= TOKEN_URI_MAX ? ERR_OK : ERR_TOO_LARGE;
}

/* A new random CKA_ID in the path, in place of the one that is there. */
static enum coffer_err next_id(const char *uri, char *out)
{
	uint8_t id[ID_LEN];
	char text[3 * ID_LEN + 1];
	size_t path = strcspn(uri, "?");
	const char *old = token_place_id(uri);
	TRY(rng_bytes(id, sizeof id));
	for (size_t i = 0; i < ID_LEN; i++) snprintf(text + 3 * i, 4, "%%%02X", id[i]);
	size_t before = old ? (size_t)(old - uri) : path;
	size_t end = old ? before + strcspn(old, ";?") : path;
	const char *join = old || (before && uri[before - 1] == ':') ? "" : ";";
	int len = snprintf(out, TOKEN_URI_MAX + 1, "%.*s%sid=%s%s", (int)before, uri, join, text, uri + end);
	return len > 0 && (size_t)len <= TOKEN_URI_MAX ? ERR_OK : ERR_TOO_LARGE;
}

enum coffer_err master_next_uri(const char *uri, unsigned n, char out[static TOKEN_URI_MAX + 1])
{
	return strncmp(uri, "tpm2:", 5) == 0 ? next_handle(uri, n, out) : next_id(uri, out);
}
