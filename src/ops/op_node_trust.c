/* Node Trust, Node Trusted, Node Untrust: TPMs that may let a node join by their endorsement certificate (docs/formats.md section 23.3). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/endorsement.h"
#include "kmip/tags.h"
#include "ops/json_out.h"
#include "ops/nodes.h"
#include "ops/quorum_ask.h"
#include "ops/tables.h"

#define ONE_MAX 1024u
#define LIST_MAX (512u * 1024u)
#define SHORT 4u /* bytes of the digest that make up a name */

/* ---- those that are there ---- */

struct find {
	struct view name, digest; /* its text, in lower-case hex */
	struct endorsement found; /* the first that has either */
	bool is_there;
	unsigned count;
};

static enum coffer_err look(void *arg, const struct endorsement *e)
{
	struct find *f = arg;
	char digest[ENDORSEMENT_DIGEST_TEXT];
	text_hex(view_of(e->digest, sizeof e->digest), digest);
	f->count++;
	if (f->is_there || (!view_equal_str(f->name, e->name) && !view_equal_str(f->digest, digest))) return ERR_OK;
	f->found = *e;
	f->is_there = true;
	return ERR_OK;
}

static enum coffer_err walk(struct op_ctx *ctx, endorsement_fn *fn, void *arg)
{
	enum coffer_err err = endorsement_each(txn_store(ctx->txn), txn_ring(ctx->txn), fn, arg);
	return err ? reason_default(&ctx->reason, err, "the records of the endorsement certificates cannot be read: %s", err_text(err)) : ERR_OK;
}

static void put_entry(struct json_out *j, const struct endorsement *e)
{
	char digest[ENDORSEMENT_DIGEST_TEXT], node[UUID_TEXT_LEN + 1];
	text_hex(view_of(e->digest, sizeof e->digest), digest);
	json_begin(j, NULL);
	json_str(j, "digest", digest);
	json_str(j, "name", e->name);
	json_str(j, "state", e->used ? "used" : "open");
	json_str(j, "by", e->principal);
	json_u64(j, "listed", e->listed_ms / 1000);
	if (e->used) {
		text_uuid(e->used_by, node);
		json_str(j, "node", node);
	}
	json_end(j);
}

/* ---- listed ---- */

static enum coffer_err take_wish(struct op_ctx *ctx, struct ttlv_cursor *payload, struct endorsement *e)
{
	struct view digest, name;
	bool has_name = false;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_CERTIFICATE_DIGEST, &digest));
	TRY(ttlv_take_optional_text(payload, TAG_COFFER_CERTIFICATE_NAME, &name, &has_name));
	TRY(ttlv_done(payload));
	if (digest.len != ENDORSEMENT_DIGEST_LEN) return reason_fail(&ctx->reason, ERR_FIELD, "the digest of a certificate is SHA-256 of its DER: 32 bytes");
	memcpy(e->digest, digest.ptr, digest.len);
	if (has_name) return nodes_take_name(name, "an endorsement certificate", e->name, &ctx->reason);
	text_hex(view_of(e->digest, SHORT), e->name);
	return ERR_OK;
}

/* Its TPM lets a node in: as grave as approving it. */
static enum coffer_err ask_quorum(struct op_ctx *ctx, const struct endorsement *e, const char *digest)
{
	char act[ADMISSION_NAME_MAX + ENDORSEMENT_DIGEST_TEXT + 128];
	snprintf(act, sizeof act, "list the endorsement certificate '%s' (SHA-256 %s), by whose TPM one node joins", e->name, digest);
	return quorum_ask(ctx, act);
}

static enum coffer_err check_new(struct op_ctx *ctx, const struct endorsement *e, const char *digest)
{
	struct find f = { .name = view_str(e->name), .digest = view_str(digest) };
	TRY(walk(ctx, look, &f));
	if (f.is_there && memcmp(f.found.digest, e->digest, sizeof e->digest) == 0)
		return reason_fail(&ctx->reason, ERR_EXISTS, "this endorsement certificate is listed as '%s'%s", f.found.name, f.found.used ? " and admitted its node; 'coffer node untrust-ek' it first, to admit another one" : "");
	if (f.is_there) return reason_fail(&ctx->reason, ERR_EXISTS, "there is an endorsement certificate '%s'; take another name, or see 'coffer node trusted-eks'", e->name);
	if (f.count >= ENDORSEMENTS_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "the domain lists at most %u endorsement certificates; take those off that admitted their nodes", ENDORSEMENTS_MAX);
	return ERR_OK;
}

enum coffer_err op_node_trust(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	char digest[ENDORSEMENT_DIGEST_TEXT], entry[ONE_MAX];
	struct endorsement e = { .listed_ms = clock_date_s() * 1000 };
	struct writer w;
	struct json_out j = { .w = &w };
	TRY(take_wish(ctx, payload, &e));
	TRY(nodes_check_master(ctx->engine, &ctx->reason));
	text_hex(view_of(e.digest, sizeof e.digest), digest);
	snprintf(e.principal, sizeof e.principal, "%s", ctx->principal->text);
	TRY(check_new(ctx, &e, digest));
	TRY(ask_quorum(ctx, &e, digest));
	TRY(endorsement_put(txn_store(ctx->txn), txn_ring(ctx->txn), &e));
	writer_init(&w, entry, sizeof entry);
	put_entry(&j, &e);
	ttlv_put_text(out, TAG_COFFER_JSON, writer_view(&w));
	size_t len = strlen(ctx->detail); /* who approved it */
	snprintf(ctx->detail + len, sizeof ctx->detail - len, "%sendorsement certificate '%s' listed: SHA-256 %s", len ? "; " : "", e.name, digest);
	log_info("endorsement certificate '%s' listed by %s: one node may join by its TPM", e.name, e.principal);
	return ERR_OK;
}

/* ---- shown ---- */

struct list {
	struct json_out j;
	bool has_one;
};

static enum coffer_err list_one(void *arg, const struct endorsement *e)
{
	struct list *l = arg;
	if (l->has_one) writer_u8(l->j.w, ',');
	l->has_one = true;
	l->j.has_member = false;
	put_entry(&l->j, e);
	return ERR_OK;
}

enum coffer_err op_node_trusted(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct writer w;
	struct list l = { .j = { .w = &w }, .has_one = false };
	TRY(ttlv_done(payload));
	writer_init_buf(&w, &text, LIST_MAX);
	writer_bytes(&w, view_str("{\"certificates\":["));
	TRY(walk(ctx, list_one, &l));
	writer_bytes(&w, view_str("]}"));
	TRY(writer_done(&w));
	ttlv_put_text(out, TAG_COFFER_JSON, buf_view(&text));
	return ERR_OK;
}

/* ---- taken off ---- */

enum coffer_err op_node_untrust(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct find f = { .is_there = false };
	TRY(ttlv_take_text(payload, TAG_COFFER_CERTIFICATE_NAME, &f.name));
	TRY(ttlv_done(payload));
	TRY(nodes_check_master(ctx->engine, &ctx->reason));
	f.digest = f.name;
	TRY(walk(ctx, look, &f));
	if (!f.is_there) return reason_fail(&ctx->reason, ERR_NOT_FOUND, "no endorsement certificate with this name or digest is listed; see 'coffer node trusted-eks'");
	TRY(endorsement_erase(txn_store(ctx->txn), f.found.digest));
	ttlv_put_str(out, TAG_COFFER_CERTIFICATE_NAME, f.found.name);
	snprintf(ctx->detail, sizeof ctx->detail, "endorsement certificate '%s' not listed any more; %s", f.found.name, f.found.used ? "a node joined by it" : "nobody joined by it");
	return ERR_OK;
}
