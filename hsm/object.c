/* C_FindObjects, C_GenerateKey and the full template of a master secret. */
#include "hsm/object.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "hsm/attr.h"
#include "hsm/mech.h"
#include "token/token.h"

#define FOUND_MAX 32u

/* As many handles as the module says that it wrote: a count that is too large would turn what stood there before into objects. */
static bool count_is_true(const CK_OBJECT_HANDLE *found, CK_ULONG n, CK_ULONG cap)
{
	for (CK_ULONG i = 0; i < n; i++) {
		if (i >= cap || found[i] == CK_INVALID_HANDLE) return false;
	}
	return true;
}

static enum coffer_err find_all(struct hsm_session *s, CK_ATTRIBUTE *tmpl, CK_ULONG count, CK_OBJECT_HANDLE *found,
	CK_ULONG *out_found, struct reason *reason)
{
	CK_RV init_rv = s->fn->C_FindObjectsInit(s->handle, tmpl, count);
	if (init_rv == CKR_OPERATION_ACTIVE) { /* a search that a fault cut short */
		(void)s->fn->C_FindObjectsFinal(s->handle);
		init_rv = s->fn->C_FindObjectsInit(s->handle, tmpl, count);
	}
	TRY(hsm_session_fail(s, reason, "C_FindObjectsInit", init_rv));
	CK_ULONG total = 0;
	CK_RV rv = CKR_OK;
	for (CK_ULONG i = 0; i < FOUND_MAX; i++) found[i] = CK_INVALID_HANDLE;
	while (total < FOUND_MAX) {
		CK_ULONG n = 0;
		rv = s->fn->C_FindObjects(s->handle, found + total, FOUND_MAX - total, &n);
		if (rv == CKR_OK && !count_is_true(found + total, n, FOUND_MAX - total)) rv = CKR_GENERAL_ERROR;
		if (rv != CKR_OK || n == 0) break;
		total += n;
	}
	CK_RV final_rv = s->fn->C_FindObjectsFinal(s->handle);
	TRY(hsm_session_fail(s, reason, "C_FindObjects", rv));
	TRY(hsm_session_fail(s, reason, "C_FindObjectsFinal", final_rv));
	*out_found = total;
	return ERR_OK;
}

/* Template of a search: at most class, label, id. */
struct search {
	CK_OBJECT_CLASS cls;
	char label[HSM_LABEL_MAX + 1];
	uint8_t id[HSM_ID_MAX];
	CK_ATTRIBUTE rows[3];
	CK_ULONG count;
};

static void search_init(struct search *q, CK_OBJECT_CLASS cls, const char *label, const uint8_t *id, size_t id_len)
{
	*q = (struct search){ .cls = cls };
	q->rows[q->count++] = (CK_ATTRIBUTE){ CKA_CLASS, &q->cls, sizeof q->cls };
	size_t label_len = strnlen(label, HSM_LABEL_MAX);
	if (label_len) {
		memcpy(q->label, label, label_len);
		q->rows[q->count++] = (CK_ATTRIBUTE){ CKA_LABEL, q->label, label_len };
	}
	if (id_len) {
		memcpy(q->id, id, id_len);
		q->rows[q->count++] = (CK_ATTRIBUTE){ CKA_ID, q->id, id_len };
	}
}

static enum coffer_err find_class(struct hsm_session *s, CK_OBJECT_CLASS cls, const char *label, const uint8_t *id,
	size_t id_len, CK_OBJECT_HANDLE *found, CK_ULONG *out_found, struct reason *reason)
{
	struct search q;
	search_init(&q, cls, label, id, id_len);
	return find_all(s, q.rows, q.count, found, out_found, reason);
}

enum coffer_err hsm_object_find_some(struct hsm_session *s, CK_OBJECT_CLASS cls, const char *label, const uint8_t *id, size_t id_len,
	CK_OBJECT_HANDLE *found, CK_ULONG cap, CK_ULONG *out_count, struct reason *reason)
{
	CK_OBJECT_HANDLE all[FOUND_MAX];
	CK_ULONG n = 0;
	PRE(cap <= FOUND_MAX);
	TRY(find_class(s, cls, label, id, id_len, all, &n, reason));
	*out_count = n < cap ? n : cap;
	memcpy(found, all, *out_count * sizeof *found);
	return ERR_OK;
}

static enum coffer_err read_key(struct hsm_session *s, CK_OBJECT_HANDLE h, struct hsm_key *out, struct reason *reason)
{
	struct hsm_key k = { .handle = h, .public_key = CK_INVALID_HANDLE };
	size_t label_len = 0;
	CK_ULONG type = 0;
	TRY(hsm_attr_ulong(s, h, CKA_KEY_TYPE, &type, reason));
	TRY(hsm_attr_bytes(s, h, CKA_LABEL, k.label, HSM_LABEL_MAX, &label_len, reason));
	TRY(hsm_attr_bytes(s, h, CKA_ID, k.id, sizeof k.id, &k.id_len, reason));
	k.label[label_len] = '\0';
	k.type = type;
	*out = k;
	return ERR_OK;
}

static enum coffer_err refuse_several(struct hsm_session *s, const CK_OBJECT_HANDLE *found, CK_ULONG count,
	struct reason *reason)
{
	char names[300] = "";
	for (CK_ULONG i = 0; i < count; i++) {
		struct hsm_key k;
		char id[2 * HSM_ID_MAX + 1], label[HSM_LABEL_MAX + 1];
		TRY(read_key(s, found[i], &k, reason));
		text_hex(view_of(k.id, k.id_len), id);
		text_printable(view_str(k.label), label, sizeof label);
		size_t at = strlen(names);
		(void)snprintf(names + at, sizeof names - at, "%s'%s' id %s", at ? ", " : "", label, k.id_len ? id : "(none)");
	}
	return reason_fail(reason, ERR_TOKEN_REFUSED, "several keys in the token could be the master secret: %s; name one "
		"with ;id=%%… in the token URI, or rename the others", names);
}

/* The public half of an RSA master secret: same id. */
static enum coffer_err find_public(struct hsm_session *s, struct hsm_key *k, struct reason *reason)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG n = 0;
	if (k->type != CKK_RSA || k->id_len == 0) return ERR_OK;
	TRY(find_class(s, CKO_PUBLIC_KEY, "", k->id, k->id_len, found, &n, reason));
	if (n == 1) k->public_key = found[0];
	return ERR_OK;
}

enum coffer_err hsm_object_find(struct hsm_session *s, const char *label, const uint8_t *id, size_t id_len,
	struct hsm_key *out, struct reason *reason)
{
	CK_OBJECT_HANDLE found[2 * FOUND_MAX];
	CK_ULONG secret_keys = 0, private_keys = 0;
	TRY(find_class(s, CKO_SECRET_KEY, label, id, id_len, found, &secret_keys, reason));
	TRY(find_class(s, CKO_PRIVATE_KEY, label, id, id_len, found + secret_keys, &private_keys, reason));
	CK_ULONG n = secret_keys + private_keys;
	if (n == 0) {
		/* A token whose files are out of reach also finds nothing, without an error. */
		TRY(hsm_session_token_present(s, reason));
		char id_text[2 * HSM_ID_MAX + 1];
		text_hex(view_of(id, id_len), id_text);
		return reason_fail(reason, ERR_TOKEN_KEY_MISSING, "the token does not show the master secret (label '%s', id %s); "
			"no new one is "
			"made; check the token's files and the object and id of the token URI", label, id_len ? id_text : "any");
	}
	if (n > 1) return refuse_several(s, found, n, reason);
	struct hsm_key k;
	TRY(read_key(s, found[0], &k, reason));
	TRY(find_public(s, &k, reason));
	*out = k;
	return ERR_OK;
}

/* ---- making one ---- */

/* Steps back, from the full template to what simpler tokens take. */
enum strictness { STRICT_FULL, STRICT_NO_TEMPLATES, STRICT_NO_MECHANISMS, STRICT_END };

struct making {
	CK_OBJECT_CLASS cls, inner_cls;
	CK_KEY_TYPE type;
	CK_ULONG value_len;
	CK_BBOOL yes, no, on_token, wraps, encrypts;
	char label[HSM_LABEL_MAX + 1];
	uint8_t id[HSM_ID_MAX];
	CK_MECHANISM_TYPE allowed[2];
	CK_ATTRIBUTE wrap_rows[2], unwrap_rows[3];
	CK_ATTRIBUTE rows[24];
	CK_ULONG count;
};

static void making_add(struct making *m, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG len)
{
	m->rows[m->count++] = (CK_ATTRIBUTE){ type, value, len };
}

static void making_init(struct making *m, const struct hsm_mech *mech, const char *label, const uint8_t *id,
	size_t id_len, bool on_token)
{
	bool wraps = hsm_mech_is_key_wrap(mech);
	*m = (struct making){ .cls = CKO_SECRET_KEY, .inner_cls = CKO_SECRET_KEY, .type = CKK_AES, .value_len = 32, .yes = CK_TRUE,
		.no = CK_FALSE, .on_token = on_token, .wraps = wraps, .encrypts = !wraps };
	size_t label_len = strnlen(label, HSM_LABEL_MAX);
	memcpy(m->label, label, label_len);
	if (id_len) memcpy(m->id, id, id_len);
	making_add(m, CKA_CLASS, &m->cls, sizeof m->cls);
	making_add(m, CKA_KEY_TYPE, &m->type, sizeof m->type);
	making_add(m, CKA_VALUE_LEN, &m->value_len, sizeof m->value_len);
	making_add(m, CKA_TOKEN, &m->on_token, sizeof m->on_token);
	making_add(m, CKA_PRIVATE, &m->yes, sizeof m->yes);
	making_add(m, CKA_LABEL, m->label, label_len);
	making_add(m, CKA_ID, m->id, id_len);
	making_add(m, CKA_SENSITIVE, &m->yes, sizeof m->yes);
	making_add(m, CKA_EXTRACTABLE, &m->no, sizeof m->no);
	making_add(m, CKA_WRAP, &m->wraps, sizeof m->wraps);
	making_add(m, CKA_UNWRAP, &m->wraps, sizeof m->wraps);
	making_add(m, CKA_ENCRYPT, &m->encrypts, sizeof m->encrypts);
	making_add(m, CKA_DECRYPT, &m->encrypts, sizeof m->encrypts);
	making_add(m, CKA_SIGN, &m->no, sizeof m->no);
	making_add(m, CKA_VERIFY, &m->no, sizeof m->no);
	making_add(m, CKA_DERIVE, &m->no, sizeof m->no);
	making_add(m, CKA_MODIFIABLE, &m->no, sizeof m->no);
}

/* Rows that some tokens refuse, after those of making_init. */
static void making_add_strict(struct making *m, const struct hsm_mech *mech, enum strictness strictness)
{
	if (strictness < STRICT_NO_MECHANISMS) {
		CK_ULONG n = hsm_mech_allowed(mech, m->allowed, 2);
		making_add(m, CKA_ALLOWED_MECHANISMS, m->allowed, n * sizeof m->allowed[0]);
	}
	if (strictness < STRICT_NO_TEMPLATES && m->wraps) {
		m->wrap_rows[0] = (CK_ATTRIBUTE)HSM_ATTR(CKA_CLASS, m->inner_cls);
		m->wrap_rows[1] = (CK_ATTRIBUTE)HSM_ATTR(CKA_EXTRACTABLE, m->yes);
		m->unwrap_rows[0] = (CK_ATTRIBUTE)HSM_ATTR(CKA_CLASS, m->inner_cls);
		m->unwrap_rows[1] = (CK_ATTRIBUTE)HSM_ATTR(CKA_TOKEN, m->no);
		m->unwrap_rows[2] = (CK_ATTRIBUTE)HSM_ATTR(CKA_WRAP, m->no);
		making_add(m, CKA_WRAP_TEMPLATE, m->wrap_rows, sizeof m->wrap_rows);
		making_add(m, CKA_UNWRAP_TEMPLATE, m->unwrap_rows, sizeof m->unwrap_rows);
	}
}

/* The token did not like a row of the template, as opposed to: it failed. */
static bool is_template_refusal(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_READ_ONLY ||
	       rv == CKR_TEMPLATE_INCONSISTENT;
}

enum coffer_err hsm_object_generate(struct hsm_session *s, const struct hsm_mech *mech, const char *label,
	const uint8_t *id, size_t id_len, bool on_token, struct hsm_key *out, struct reason *reason)
{
	ENSURE(id_len <= HSM_ID_MAX, ERR_BUG);
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_OBJECT_HANDLE h = CK_INVALID_HANDLE;
	CK_RV rv = CKR_TEMPLATE_INCONSISTENT;
	for (int step = STRICT_FULL; step < STRICT_END && is_template_refusal(rv); step++) {
		struct making m;
		making_init(&m, mech, label, id, id_len, on_token);
		making_add_strict(&m, mech, (enum strictness)step);
		rv = s->fn->C_GenerateKey(s->handle, &gen, m.rows, m.count, &h);
	}
	TRY(hsm_session_fail(s, reason, "C_GenerateKey", rv));
	return read_key(s, h, out, reason);
}

/* Asked of each object by itself before it is destroyed: that a search returned it is not enough. */
static bool is_temporary(struct hsm_session *s, CK_OBJECT_HANDLE h)
{
	char label[sizeof HSM_TMP_LABEL] = "";
	size_t len = 0;
	return hsm_attr_bytes(s, h, CKA_LABEL, label, sizeof label, &len, NULL) == ERR_OK && len == sizeof label - 1 &&
		memcmp(label, HSM_TMP_LABEL, len) == 0;
}

enum coffer_err hsm_object_destroy(struct hsm_session *s, const struct hsm_key *key, struct reason *reason)
{
	struct hsm_key again;
	CK_RV rv = s->fn->C_DestroyObject(s->handle, key->handle);
	if (rv == CKR_ACTION_PROHIBITED || rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_TOKEN_WRITE_PROTECTED)
		return reason_fail(reason, ERR_TOKEN_REFUSED, "the token does not let its master secret '%s' be destroyed; initialise the token with its own tool", key->label);
	TRY(hsm_session_fail(s, reason, "C_DestroyObject", rv));
	if (key->public_key != CK_INVALID_HANDLE) (void)s->fn->C_DestroyObject(s->handle, key->public_key); /* no secret */
	enum coffer_err err = hsm_object_find(s, key->label, key->id, key->id_len, &again, NULL);
	if (err == ERR_TOKEN_KEY_MISSING) return ERR_OK;
	if (err) return reason_fail(reason, err, "the token destroyed the master secret, but could not be asked whether it is gone; try again");
	return reason_fail(reason, ERR_TOKEN, "the token says that it destroyed the master secret '%s', and still shows it", key->label);
}

enum coffer_err hsm_object_sweep(struct hsm_session *s, struct reason *reason)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG n = 0;
	TRY(find_class(s, CKO_SECRET_KEY, HSM_TMP_LABEL, NULL, 0, found, &n, reason));
	for (CK_ULONG i = 0; i < n; i++) {
		if (is_temporary(s, found[i])) (void)s->fn->C_DestroyObject(s->handle, found[i]);
	}
	return ERR_OK;
}

/* The token keeps check values and has none for this key: it holds no key. */
static bool has_no_check_value(struct hsm_session *s, CK_OBJECT_HANDLE h)
{
	uint8_t value[8];
	CK_ATTRIBUTE row = HSM_ATTR(CKA_CHECK_VALUE, value);
	return s->fn->C_GetAttributeValue(s->handle, h, &row, 1) == CKR_OK && row.ulValueLen == 0;
}

/* Whether the token wraps with it. What attributes say, or do not say, is not enough to destroy a key: modules err about lengths. */
static bool can_wrap(struct hsm_session *s, const struct hsm_key *key)
{
	AUTO_SECRET struct secret *canary = secret_new(TOKEN_SECRET_LEN);
	bool can = !canary; /* not known: kept */
	for (size_t i = 0; hsm_mech_at(i) && !can; i++) {
		AUTO_BUF struct buf blob = BUF_EMPTY;
		const struct hsm_mech *mech = hsm_mech_at(i);
		if (mech->key_type == CKK_AES) can = mech->method->wrap(s, mech, key, canary, &blob, NULL) == ERR_OK;
	}
	s->last_rv = CKR_OK;
	return can;
}

/* SoftHSM writes an object attribute by attribute: first without a name, then with the whole template, at last with its value. An imported key was not made
 * in the token either, but then it was not always sensitive. */
static enum coffer_err is_torn(struct hsm_session *s, CK_OBJECT_HANDLE h, const char *label, bool *out, struct reason *reason)
{
	struct hsm_key k;
	bool local, sensitive, never;
	CK_ULONG len = 0;
	*out = false;
	enum coffer_err err = read_key(s, h, &k, reason);
	if (err == ERR_TOO_LARGE) return ERR_OK; /* somebody else's */
	TRY(err);
	TRY(hsm_attr_flag(s, h, CKA_LOCAL, &local, reason));
	TRY(hsm_attr_flag(s, h, CKA_ALWAYS_SENSITIVE, &sensitive, reason));
	TRY(hsm_attr_flag(s, h, CKA_NEVER_EXTRACTABLE, &never, reason));
	TRY(hsm_attr_ulong(s, h, CKA_VALUE_LEN, &len, reason));
	bool nameless = k.label[0] == '\0' && k.id_len == 0 && len == 0;
	bool ours = strcmp(k.label, label) == 0 && sensitive && never;
	*out = !local && (nameless || ours) && has_no_check_value(s, h) && !can_wrap(s, &k);
	return ERR_OK;
}

enum coffer_err hsm_object_sweep_torn(struct hsm_session *s, const char *label, unsigned *out_count, struct reason *reason)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG n = 0;
	*out_count = 0;
	TRY(find_class(s, CKO_SECRET_KEY, "", NULL, 0, found, &n, reason));
	for (CK_ULONG i = 0; i < n; i++) {
		bool torn;
		TRY(is_torn(s, found[i], label, &torn, reason));
		if (torn && s->fn->C_DestroyObject(s->handle, found[i]) == CKR_OK) ++*out_count;
	}
	return ERR_OK;
}
