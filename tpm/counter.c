/* Finding, making, reading and raising the NV counter. */
#include "tpm/counter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <tss2/tss2_mu.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"

#define FORMAT 1u
#define VALUE_LEN 8u
#define CODE_MASK 0xFFFFu
#define ATTRIBUTES (TPMA_NV_AUTHWRITE | TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA | \
	(TPMA_NV)((TPMA_NV)TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))
_Static_assert(TOKEN_COUNTER_OWNER_LEN == HASH_SHA256_LEN, "the owner digest is a policy digest");

/* One NV index as it is now. */
struct place {
	bool there;
	ESYS_TR handle;      /* ESYS_TR_NONE unless it is there */
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;     /* size 0: of a digest that none of ours has */
};

/* What one use of the counter works with. */
struct use {
	struct tpm_device *dev;
	ESYS_TR session;
	const struct token_counter_wish *wish;
	struct reason *reason;
};

static enum coffer_err name_of(const TPMS_NV_PUBLIC *pub, TPM2B_NAME *out)
{
	uint8_t bytes[sizeof *pub + 16], digest[HASH_SHA256_LEN];
	size_t len = 0;
	struct writer w;
	*out = (TPM2B_NAME){ .size = 0 };
	if (pub->nameAlg != TPM2_ALG_SHA256) return ERR_OK;
	ENSURE(Tss2_MU_TPMS_NV_PUBLIC_Marshal(pub, bytes, sizeof bytes, &len) == TSS2_RC_SUCCESS, ERR_TOKEN);
	TRY(hash_sha256(view_of(bytes, len), digest));
	writer_init(&w, out->name, sizeof out->name);
	writer_u16(&w, pub->nameAlg);
	writer_bytes(&w, view_of(digest, sizeof digest));
	TRY(writer_done(&w));
	out->size = (UINT16)writer_len(&w);
	return ERR_OK;
}

static void leave(struct use *u, struct place *p)
{
	if (p->handle == ESYS_TR_NONE) return;
	tpm_session_forget(u->dev, u->session, p->handle);
	(void)Esys_TR_Close(u->dev->esys, &p->handle);
	p->handle = ESYS_TR_NONE;
}

/* Reads the public area through the session; what the answer calls its Name is not looked at. */
static enum coffer_err look(struct use *u, uint32_t index, struct place *out)
{
	TPM2B_NV_PUBLIC *pub = NULL;
	TPM2B_NAME *name = NULL;
	*out = (struct place){ .handle = ESYS_TR_NONE };
	TRY(tpm_session_encrypt(u->dev, u->session, false, true, u->reason));
	struct tpm_call c = tpm_call_begin(u->dev, "TPM2_NV_ReadPublic");
	while (tpm_call_again(&c))
		c.rc = Esys_TR_FromTPMPublic(u->dev->esys, index, u->session, ESYS_TR_NONE, ESYS_TR_NONE, &out->handle);
	if (tpm_err_map(c.rc).err == ERR_TOKEN_KEY_MISSING) {
		out->handle = ESYS_TR_NONE;
		return ERR_OK;
	}
	TRY(tpm_call_end(&c, u->reason));
	c = tpm_call_begin(u->dev, "TPM2_NV_ReadPublic");
	while (tpm_call_again(&c))
		c.rc = Esys_NV_ReadPublic(u->dev->esys, out->handle, u->session, ESYS_TR_NONE, ESYS_TR_NONE, &pub, &name);
	enum coffer_err err = tpm_call_end(&c, u->reason);
	POST(err || pub);
	if (!err) {
		out->there = true;
		out->pub = pub->nvPublic;
		err = name_of(&out->pub, &out->name);
	}
	Esys_Free(pub);
	Esys_Free(name);
	if (err) leave(u, out);
	return err;
}

static void template_of(uint32_t index, const uint8_t owner[static TOKEN_COUNTER_OWNER_LEN], TPM2B_NV_PUBLIC *out)
{
	*out = (TPM2B_NV_PUBLIC){ .nvPublic = { .nvIndex = index, .nameAlg = TPM2_ALG_SHA256, .attributes = ATTRIBUTES,
		.authPolicy = { .size = TOKEN_COUNTER_OWNER_LEN }, .dataSize = VALUE_LEN } };
	memcpy(out->nvPublic.authPolicy.buffer, owner, TOKEN_COUNTER_OWNER_LEN);
}

static bool is_owners(const struct use *u, const struct place *p, uint32_t index)
{
	const TPMS_NV_PUBLIC *pub = &p->pub;
	return p->there && pub->nvIndex == index && pub->nameAlg == TPM2_ALG_SHA256 && pub->dataSize == VALUE_LEN &&
		(pub->attributes & ~TPMA_NV_WRITTEN) == ATTRIBUTES && pub->authPolicy.size == TOKEN_COUNTER_OWNER_LEN &&
		memcmp(pub->authPolicy.buffer, u->wish->owner, TOKEN_COUNTER_OWNER_LEN) == 0;
}

static void fill_auth(const struct use *u, TPM2B_AUTH *out)
{
	*out = (TPM2B_AUTH){ .size = TOKEN_COUNTER_AUTH_LEN };
	PRE(u->wish->auth.len == TOKEN_COUNTER_AUTH_LEN);
	memcpy(out->buffer, u->wish->auth.ptr, TOKEN_COUNTER_AUTH_LEN);
}

static enum coffer_err take_auth(struct use *u, const struct place *p)
{
	TPM2B_AUTH auth;
	fill_auth(u, &auth);
	TSS2_RC rc = Esys_TR_SetAuth(u->dev->esys, p->handle, &auth);
	wipe(&auth, sizeof auth);
	return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_err_fail(u->reason, "Esys_TR_SetAuth", rc);
}

/* A wrong authorization value is an answer and no failure of the token. */
static bool is_refused(TSS2_RC rc)
{
	return rc != TSS2_RC_SUCCESS && tpm_err_map(rc).err == ERR_AUTH;
}

static enum coffer_err read_value(struct use *u, const struct place *p, struct token_counter_answer *out)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	struct reader r;
	TRY(take_auth(u, p));
	TRY(tpm_session_encrypt(u->dev, u->session, false, true, u->reason));
	out->state = TOKEN_COUNTER_WELL;
	out->value = 0;
	struct tpm_call c = tpm_call_begin(u->dev, "TPM2_NV_Read");
	while (tpm_call_again(&c))
		c.rc = Esys_NV_Read(u->dev->esys, p->handle, p->handle, u->session, ESYS_TR_NONE, ESYS_TR_NONE, VALUE_LEN, 0, &data);
	if ((c.rc & CODE_MASK) == TPM2_RC_NV_UNINITIALIZED) return ERR_OK;
	if (is_refused(c.rc)) {
		out->state = TOKEN_COUNTER_OTHER;
		return ERR_OK;
	}
	TRY(tpm_call_end(&c, u->reason));
	POST(data);
	reader_init(&r, view_of(data->buffer, data->size <= sizeof data->buffer ? data->size : 0));
	enum coffer_err err = reader_u64(&r, &out->value);
	if (!err) err = reader_end(&r);
	Esys_Free(data);
	return err ? reason_fail(u->reason, ERR_TOKEN, "TPM2_NV_Read: the TPM gives something else than a counter's value") : ERR_OK;
}

static enum coffer_err increment(struct use *u, const struct place *p)
{
	TRY(tpm_session_encrypt(u->dev, u->session, false, false, u->reason));
	struct tpm_call c = tpm_call_begin(u->dev, "TPM2_NV_Increment");
	while (tpm_call_again(&c))
		c.rc = Esys_NV_Increment(u->dev->esys, p->handle, p->handle, u->session, ESYS_TR_NONE, ESYS_TR_NONE);
	return tpm_call_end(&c, u->reason);
}

/* ---- making ---- */

static enum coffer_err write_ref(const struct place *p, struct token_counter_ref *out)
{
	struct token_counter_ref ref = { .len = 0 };
	struct writer w;
	writer_init(&w, ref.data, sizeof ref.data);
	writer_u8(&w, FORMAT);
	writer_u32(&w, p->pub.nvIndex);
	writer_view_u16(&w, view_of(p->name.name, p->name.size));
	TRY(writer_done(&w));
	ref.len = writer_len(&w);
	(void)snprintf(ref.place, sizeof ref.place, "NV index 0x%08" PRIX32, p->pub.nvIndex);
	*out = ref;
	return ERR_OK;
}

/* The TSS keeps the value that it was given until it is given another; without an object it refuses before anything is sent. */
static void forget_defined(struct use *u, TPM2B_NV_PUBLIC *template)
{
	const TPM2B_AUTH zeros = { .size = TOKEN_COUNTER_AUTH_LEN };
	(void)Esys_NV_DefineSpace_Async(u->dev->esys, TPM_NO_SUCH_OBJECT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &zeros, template);
}

static enum coffer_err define(struct use *u, uint32_t index)
{
	TPM2B_NV_PUBLIC template;
	TPM2B_AUTH auth;
	ESYS_TR handle = ESYS_TR_NONE;
	template_of(index, u->wish->owner, &template);
	fill_auth(u, &auth);
	enum coffer_err err = tpm_session_encrypt(u->dev, u->session, true, false, u->reason);
	struct tpm_call c = tpm_call_begin(u->dev, "TPM2_NV_DefineSpace");
	while (!err && tpm_call_again(&c))
		c.rc = Esys_NV_DefineSpace(u->dev->esys, ESYS_TR_RH_OWNER, u->session, ESYS_TR_NONE, ESYS_TR_NONE, &auth, &template, &handle);
	wipe(&auth, sizeof auth);
	forget_defined(u, &template);
	if (!err) err = tpm_call_end(&c, u->reason);
	struct place made = { .handle = handle };
	leave(u, &made);
	return err;
}

static enum coffer_err undefine(struct use *u, const struct place *p)
{
	ESYS_TR handle = p->handle;
	TRY(tpm_session_encrypt(u->dev, u->session, false, false, u->reason));
	struct tpm_call c = tpm_call_begin(u->dev, "TPM2_NV_UndefineSpace");
	while (tpm_call_again(&c))
		c.rc = Esys_NV_UndefineSpace(u->dev->esys, ESYS_TR_RH_OWNER, handle, u->session, ESYS_TR_NONE, ESYS_TR_NONE);
	return tpm_call_end(&c, u->reason);
}

/* Where the owner's counters are. */
struct found {
	uint32_t well, free; /* 0: none */
	bool other;          /* one that does not take the authorization value */
};

static enum coffer_err judge_place(struct use *u, struct place *p, uint32_t index, bool clear, struct found *found)
{
	struct token_counter_answer answer = { .value = 0 };
	if (!p->there) {
		if (!found->free) found->free = index;
		return ERR_OK;
	}
	if (!is_owners(u, p, index)) return ERR_OK;
	TRY(read_value(u, p, &answer));
	if (answer.state == TOKEN_COUNTER_WELL) {
		if (!found->well) found->well = index;
		return ERR_OK;
	}
	if (!clear) {
		found->other = true;
		return ERR_OK;
	}
	tpm_session_forget(u->dev, u->session, p->handle);
	TRY(undefine(u, p));
	p->handle = ESYS_TR_NONE; /* the TSS forgot it with the index */
	if (!found->free) found->free = index;
	return ERR_OK;
}

static enum coffer_err search(struct use *u, bool clear, struct found *out)
{
	struct found found = { .well = 0 };
	for (uint32_t i = 0; i < TPM_COUNTER_PLACES; i++) {
		struct place p;
		TRY(look(u, TPM_COUNTER_FIRST + i, &p));
		enum coffer_err err = judge_place(u, &p, TPM_COUNTER_FIRST + i, clear, &found);
		leave(u, &p);
		TRY(err);
	}
	*out = found;
	return ERR_OK;
}

/* The first raise sets WRITTEN, so the Name is that after it. */
static enum coffer_err begin(struct use *u, uint32_t index, struct token_counter_answer *out)
{
	struct place p;
	TRY(look(u, index, &p));
	enum coffer_err err = is_owners(u, &p, index) ? take_auth(u, &p) : reason_fail(u->reason, ERR_TOKEN, "the TPM lost the counter that it just made");
	if (!err) err = increment(u, &p);
	leave(u, &p);
	TRY(err);
	TRY(look(u, index, &p));
	err = is_owners(u, &p, index) ? read_value(u, &p, out) : reason_fail(u->reason, ERR_TOKEN, "the TPM lost the counter that it just made");
	if (!err && (out->state != TOKEN_COUNTER_WELL || out->value == 0))
		err = reason_fail(u->reason, ERR_TOKEN, "the TPM does not count: its new counter could not be raised");
	if (!err) err = write_ref(&p, &out->ref);
	leave(u, &p);
	return err;
}

static enum coffer_err make(struct use *u, struct token_counter_answer *out)
{
	struct found found;
	TRY(search(u, u->wish->replace, &found));
	if (!found.well && found.other) {
		out->state = TOKEN_COUNTER_OTHER;
		return ERR_OK;
	}
	if (!found.well && !found.free)
		return reason_fail(u->reason, ERR_FULL, "the NV indexes 0x%08X to 0x%08X are all taken; remove one that is not needed with tpm2_nvundefine",
			TPM_COUNTER_FIRST, TPM_COUNTER_FIRST + TPM_COUNTER_PLACES - 1);
	if (!found.well) TRY(define(u, found.free));
	return begin(u, found.well ? found.well : found.free, out);
}

/* ---- removing ---- */

/* By the owner digest alone: who destroyed the master secret may have no record with the authorization value any more. */
static enum coffer_err drop_at(struct use *u, uint32_t index, bool *out_removed)
{
	struct place p;
	*out_removed = false;
	TRY(look(u, index, &p));
	enum coffer_err err = ERR_OK;
	if (is_owners(u, &p, index)) {
		err = undefine(u, &p);
		*out_removed = !err;
		if (!err) p.handle = ESYS_TR_NONE; /* the TSS forgot it with the index */
	}
	leave(u, &p);
	return err;
}

static enum coffer_err drop(struct use *u, struct token_counter_answer *out)
{
	for (uint32_t i = 0; i < TPM_COUNTER_PLACES; i++) {
		const uint32_t index = TPM_COUNTER_FIRST + i;
		struct place p;
		bool removed;
		TRY(drop_at(u, index, &removed));
		if (!removed) continue;
		TRY(look(u, index, &p));
		bool there = p.there;
		leave(u, &p);
		if (there) return reason_fail(u->reason, ERR_TOKEN, "the TPM says that it removed the counter at 0x%08" PRIX32 ", and still shows it", index);
	}
	out->state = TOKEN_COUNTER_NONE;
	return ERR_OK;
}

/* ---- using ---- */

static enum coffer_err read_ref(const struct token_counter_ref *ref, uint32_t *out_index, struct view *out_name)
{
	struct reader r;
	uint8_t format;
	reader_init(&r, view_of(ref->data, ref->len));
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_u32(&r, out_index));
	TRY(reader_view_u16(&r, sizeof((TPM2B_NAME *)NULL)->name, out_name));
	return reader_end(&r);
}

static enum coffer_err find(struct use *u, struct token_counter_answer *out)
{
	struct found found;
	TRY(search(u, false, &found));
	out->state = found.well ? TOKEN_COUNTER_WELL : found.other ? TOKEN_COUNTER_OTHER : TOKEN_COUNTER_NONE;
	return ERR_OK;
}

static enum coffer_err read_or_raise(struct use *u, bool raise, struct token_counter_answer *out)
{
	struct place p;
	struct view name;
	uint32_t index;
	if (read_ref(&u->wish->ref, &index, &name) != ERR_OK)
		return reason_fail(u->reason, ERR_CORRUPT, "the reference to the token's counter is not one of a TPM");
	TRY(look(u, index, &p));
	if (!p.there) {
		out->state = TOKEN_COUNTER_NONE;
		return ERR_OK;
	}
	enum coffer_err err = ERR_OK;
	if (!view_equal(view_of(p.name.name, p.name.size), name)) out->state = TOKEN_COUNTER_OTHER;
	else err = read_value(u, &p, out);
	if (!err && raise && out->state == TOKEN_COUNTER_WELL && out->value == u->wish->from) {
		err = increment(u, &p);
		if (!err) err = read_value(u, &p, out);
	}
	leave(u, &p);
	return err;
}

static enum coffer_err raise_it(struct use *u, struct token_counter_answer *out)
{
	return read_or_raise(u, true, out);
}

static enum coffer_err read_it(struct use *u, struct token_counter_answer *out)
{
	return u->wish->ref.len ? read_or_raise(u, false, out) : find(u, out);
}

static enum coffer_err in_session(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	enum coffer_err (*fn)(struct use *u, struct token_counter_answer *out), struct token_counter_answer *out, struct reason *reason)
{
	struct use u = { .dev = dev, .session = ESYS_TR_NONE, .wish = wish, .reason = reason };
	struct token_counter_answer answer = { .value = 0 };
	TRY(tpm_session_open(dev, key->primary, &u.session, reason));
	enum coffer_err err = fn(&u, &answer);
	tpm_device_flush(dev, &u.session);
	tpm_device_scrub(dev);
	if (!err) *out = answer;
	return err;
}

enum coffer_err tpm_counter_make(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, make, out, reason);
}

enum coffer_err tpm_counter_read(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, read_it, out, reason);
}

enum coffer_err tpm_counter_raise(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, raise_it, out, reason);
}

enum coffer_err tpm_counter_drop(struct tpm_device *dev, const struct tpm_key *key, const struct token_counter_wish *wish,
	struct token_counter_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, drop, out, reason);
}
