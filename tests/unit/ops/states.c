/* The table of states and events, and keys in each state. */
#include "unit/ops/states.h"

#include <string.h>

#include "crypto/envelope.h"
#include "objects/dates.h"
#include "unit/ops/attrs.h"
#include "unit/ops/life.h"
#include "unit/ops/vendor.h"

const enum object_state states_all[STATES] = { OBJECT_PRE_ACTIVE, OBJECT_ACTIVE, OBJECT_DEACTIVATED, OBJECT_COMPROMISED, OBJECT_DESTROYED,
	OBJECT_DESTROYED_COMPROMISED };

void states_name(struct states_subject *s, struct fix *f, unsigned number)
{
	*s = (struct states_subject){ .f = f };
	snprintf(s->name, sizeof s->name, "subject %u", number);
	snprintf(s->other_name, sizeof s->other_name, "other %u", number);
}

/* ---- into each state ---- */

static uint32_t simple(struct states_subject *s, uint32_t operation)
{
	return life_ask(s->f, ADMIN, operation, s->id, NULL, NULL, NULL);
}

static void create(struct states_subject *s, bool active)
{
	struct life_key key = { .name = s->name, .activation_s = active ? NOW_S : 0, .has_limits = true,
		.mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT | CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE |
			CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY | CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY,
		.limits = { .has_total = true, .total = 1000000, .has_unit = true, .unit = USAGE_LIMITS_UNIT_BYTE } };
	life_create(s->f, &key, s->id);
	key.name = s->other_name;
	key.activation_s = NOW_S;
	life_create(s->f, &key, s->other);
}

/* A message sealed with the other key, said to be this one's: for a key that was never active. */
static void forge(struct states_subject *s)
{
	uint8_t uuid[UUID_LEN], foreign[UUID_LEN];
	vendor_seal(s->f, ADMIN, s->other_name, "ledger", view_str("words"), &s->sealed);
	assert_int_equal(text_parse_uuid(view_str(s->id), uuid), ERR_OK);
	assert_int_equal(text_parse_uuid(view_str(s->other), foreign), ERR_OK);
	uint8_t *at = memmem(s->sealed.ptr, s->sealed.len, foreign, UUID_LEN);
	assert_non_null(at);
	memcpy(at, uuid, UUID_LEN);
}

void states_bring(struct states_subject *s, enum object_state state)
{
	bool compromised = state == OBJECT_COMPROMISED || state == OBJECT_DESTROYED_COMPROMISED;
	create(s, state != OBJECT_PRE_ACTIVE);
	if (state == OBJECT_PRE_ACTIVE) forge(s);
	else vendor_seal(s->f, ADMIN, s->name, "ledger", view_str("words"), &s->sealed);
	if (state != OBJECT_PRE_ACTIVE && state != OBJECT_ACTIVE)
		assert_int_equal(life_revoke(s->f, ADMIN, s->id, compromised ? REVOCATION_REASON_CODE_KEY_COMPROMISE
			: REVOCATION_REASON_CODE_SUPERSEDED), LIFE_DONE);
	if (state == OBJECT_DESTROYED || state == OBJECT_DESTROYED_COMPROMISED) assert_int_equal(simple(s, OPERATION_DESTROY), LIFE_DONE);
}

/* ---- the events ---- */

static uint32_t activate(struct states_subject *s) { return simple(s, OPERATION_ACTIVATE); }
static uint32_t destroy(struct states_subject *s) { return simple(s, OPERATION_DESTROY); }
static uint32_t rekey(struct states_subject *s) { return simple(s, OPERATION_RE_KEY); }
static uint32_t archive(struct states_subject *s) { return simple(s, OPERATION_ARCHIVE); }
static uint32_t recover(struct states_subject *s) { return simple(s, OPERATION_RECOVER); }
static uint32_t get(struct states_subject *s) { return simple(s, OPERATION_GET); }
static uint32_t get_attributes(struct states_subject *s) { return simple(s, OPERATION_GET_ATTRIBUTES); }
static uint32_t list_attributes(struct states_subject *s) { return simple(s, OPERATION_GET_ATTRIBUTE_LIST); }
static uint32_t lease(struct states_subject *s) { return simple(s, OPERATION_OBTAIN_LEASE); }
static uint32_t encrypt(struct states_subject *s) { return life_cipher(s->f, ADMIN, OPERATION_ENCRYPT, s->id, 32); }
static uint32_t decrypt(struct states_subject *s) { return life_cipher(s->f, ADMIN, OPERATION_DECRYPT, s->id, 32); }

#define REVOKE(name, code) static uint32_t revoke_##name(struct states_subject *s) { return life_revoke(s->f, ADMIN, s->id, REVOCATION_REASON_CODE_##code); }
REVOKE(unspecified, UNSPECIFIED)
REVOKE(key_compromise, KEY_COMPROMISE)
REVOKE(ca_compromise, CA_COMPROMISE)
REVOKE(affiliation, AFFILIATION_CHANGED)
REVOKE(superseded, SUPERSEDED)
REVOKE(cessation, CESSATION_OF_OPERATION)
REVOKE(withdrawn, PRIVILEGE_WITHDRAWN)

static void put_cmac(struct ask *a, const void *arg)
{
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_CMAC);
	ttlv_end(&a->w, mark);
	ttlv_put_bytes(&a->w, TAG_DATA, view_str("some data"));
	if (arg) ttlv_put_bytes(&a->w, TAG_MAC_DATA, view_str("0123456789abcdef"));
}

static uint32_t mac(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_MAC, s->id, put_cmac, NULL, NULL); }
static uint32_t mac_verify(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_MAC_VERIFY, s->id, put_cmac, "", NULL); }

static void put_wrap(struct ask *a, const void *arg)
{
	struct ttlv_mark spec = ttlv_begin(&a->w, TAG_KEY_WRAPPING_SPECIFICATION);
	ttlv_put_enum(&a->w, TAG_WRAPPING_METHOD, WRAPPING_METHOD_ENCRYPT);
	struct ttlv_mark info = ttlv_begin(&a->w, TAG_ENCRYPTION_KEY_INFORMATION);
	ttlv_put_str(&a->w, TAG_UNIQUE_IDENTIFIER, arg);
	ttlv_end(&a->w, info);
	ttlv_end(&a->w, spec);
}

/* The key wraps another one. Without Cryptographic Parameters of its own it is refused at last with Item Not Found: it passed the state. */
static uint32_t wrap(struct states_subject *s)
{
	uint32_t reason = life_ask(s->f, ADMIN, OPERATION_GET, s->other, put_wrap, s->id, NULL);
	return reason == RESULT_REASON_ITEM_NOT_FOUND ? LIFE_DONE : reason;
}

static void put_plain(struct ask *a, const void *arg)
{
	(void)arg;
	ttlv_put_bytes(&a->w, TAG_COFFER_PLAINTEXT, view_str("words"));
}

static void put_sealed(struct ask *a, const void *arg)
{
	vendor_put_context(a, "app", "ledger");
	ttlv_put_bytes(&a->w, TAG_COFFER_SEALED_DATA, buf_view(arg));
}

static uint32_t seal(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_COFFER_SEAL, s->id, put_plain, NULL, NULL); }
static uint32_t open_sealed(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_COFFER_OPEN, NULL, put_sealed, &s->sealed, NULL); }
static void put_interval(struct ask *a, const void *arg)
{
	(void)arg;
	ttlv_put_interval(&a->w, TAG_COFFER_ROTATE_INTERVAL, 86400);
}
static uint32_t set_rotation(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_COFFER_SET_ROTATION, s->id, put_interval, NULL, NULL); }
static uint32_t rewrap(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_COFFER_REWRAP, NULL, put_sealed, &s->sealed, NULL); }
static uint32_t begin_stream(struct states_subject *s) { return simple(s, OPERATION_COFFER_SEAL_STREAM); }

static void put_mask(struct ask *a, const void *arg)
{
	ttlv_put_i32(&a->w, TAG_CRYPTOGRAPHIC_USAGE_MASK, *(const int32_t *)arg);
}

static uint32_t check_mask(struct states_subject *s, int32_t mask) { return life_ask(s->f, ADMIN, OPERATION_CHECK, s->id, put_mask, &mask, NULL); }
static uint32_t check_encrypt(struct states_subject *s) { return check_mask(s, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT); }
static uint32_t check_decrypt(struct states_subject *s) { return check_mask(s, CRYPTOGRAPHIC_USAGE_MASK_DECRYPT); }

static void put_units(struct ask *a, const void *arg)
{
	(void)arg;
	ttlv_put_i64(&a->w, TAG_USAGE_LIMITS_COUNT, 5);
}

static uint32_t allocate(struct states_subject *s) { return life_ask(s->f, ADMIN, OPERATION_GET_USAGE_ALLOCATION, s->id, put_units, NULL, NULL); }

static uint32_t set_date(struct states_subject *s, enum kmip_attr attr)
{
	struct given now;
	AUTO_OBJECT struct object *o = life_stored(s->f, s->id);
	const char *name = kmip_attr_row(attr)->name;
	given_time(&now, NOW_S);
	return attrset_count(&o->attrs, attr) ? attr_modify(s->f, s->id, name, &now) : attr_add(s->f, s->id, name, &now);
}

static uint32_t date_activates(struct states_subject *s) { return set_date(s, ATTR_ACTIVATION_DATE); }
static uint32_t date_deactivates(struct states_subject *s) { return set_date(s, ATTR_DEACTIVATION_DATE); }
static uint32_t date_stops(struct states_subject *s) { return set_date(s, ATTR_PROTECT_STOP_DATE); }

static uint32_t add_note(struct states_subject *s)
{
	struct given note;
	given_text(&note, "words");
	return attr_add(s->f, s->id, "x-note", &note);
}

/* ---- the table ---- */

#define TO(state) { LIFE_DONE, OBJECT_##state }
#define OK { LIFE_DONE, 0 }
#define DENY { RESULT_REASON_PERMISSION_DENIED, 0 }
#define ILL { RESULT_REASON_ILLEGAL_OPERATION, 0 }
#define GONE { RESULT_REASON_ITEM_NOT_FOUND, 0 }

const struct states_event states_events[] = {
	/*                                           pre-active       active           deactivated      compromised               destroyed                 destr.-comp. */
	{ "Activate", activate,                    { TO(ACTIVE),      DENY,            DENY,            DENY,                     DENY,                     DENY } },
	{ "Revoke: Unspecified", revoke_unspecified, { ILL,           TO(DEACTIVATED), ILL,             ILL,                      ILL,                      ILL } },
	{ "Revoke: Key Compromise", revoke_key_compromise, { TO(COMPROMISED), TO(COMPROMISED), TO(COMPROMISED), ILL, TO(DESTROYED_COMPROMISED), ILL } },
	{ "Revoke: CA Compromise", revoke_ca_compromise, { TO(COMPROMISED), TO(COMPROMISED), TO(COMPROMISED), ILL, TO(DESTROYED_COMPROMISED), ILL } },
	{ "Revoke: Affiliation Changed", revoke_affiliation, { ILL,   TO(DEACTIVATED), ILL,             ILL,                      ILL,                      ILL } },
	{ "Revoke: Superseded", revoke_superseded, { ILL,             TO(DEACTIVATED), ILL,             ILL,                      ILL,                      ILL } },
	{ "Revoke: Cessation", revoke_cessation,   { ILL,             TO(DEACTIVATED), ILL,             ILL,                      ILL,                      ILL } },
	{ "Revoke: Withdrawn", revoke_withdrawn,   { ILL,             TO(DEACTIVATED), ILL,             ILL,                      ILL,                      ILL } },
	{ "Destroy", destroy,                      { TO(DESTROYED),   DENY,            TO(DESTROYED),   TO(DESTROYED_COMPROMISED), DENY,                    DENY } },
	{ "Activation Date := now", date_activates, { TO(ACTIVE),     DENY,            DENY,            DENY,                     DENY,                     DENY } },
	{ "Deactivation Date := now", date_deactivates, { OK,         TO(DEACTIVATED), DENY,            DENY,                     DENY,                     DENY } },
	{ "Protect Stop Date := now", date_stops,  { OK,              OK,              DENY,            DENY,                     DENY,                     DENY } },
	{ "Add x-note", add_note,                  { OK,              OK,              OK,              OK,                       OK,                       OK } },
	{ "Set Rotation", set_rotation,            { OK,              OK,              OK,              OK,                       DENY,                     DENY } },
	{ "Re-key", rekey,                         { OK,              OK,              OK,              OK,                       DENY,                     DENY } },
	{ "Archive", archive,                      { OK,              OK,              OK,              OK,                       OK,                       OK } },
	{ "Recover", recover,                      { OK,              OK,              OK,              OK,                       OK,                       OK } },
	{ "Get", get,                              { OK,              OK,              OK,              OK,                       GONE,                     GONE } },
	{ "Get Attributes", get_attributes,        { OK,              OK,              OK,              OK,                       OK,                       OK } },
	{ "Get Attribute List", list_attributes,   { OK,              OK,              OK,              OK,                       OK,                       OK } },
	{ "Obtain Lease", lease,                   { OK,              OK,              OK,              DENY,                     DENY,                     DENY } },
	{ "Check: Encrypt", check_encrypt,         { DENY,            OK,              DENY,            DENY,                     ILL,                      ILL } },
	{ "Check: Decrypt", check_decrypt,         { DENY,            OK,              OK,              OK,                       ILL,                      ILL } },
	{ "Get Usage Allocation", allocate,        { ILL,             OK,              ILL,             ILL,                      ILL,                      ILL } },
	{ "Encrypt", encrypt,                      { DENY,            OK,              DENY,            DENY,                     DENY,                     DENY } },
	{ "Decrypt", decrypt,                      { DENY,            OK,              OK,              OK,                       DENY,                     DENY } },
	{ "MAC", mac,                              { DENY,            OK,              DENY,            DENY,                     DENY,                     DENY } },
	{ "MAC Verify", mac_verify,                { DENY,            OK,              OK,              OK,                       DENY,                     DENY } },
	{ "wrap another key", wrap,                { DENY,            OK,              DENY,            DENY,                     DENY,                     DENY } },
	{ "Seal", seal,                            { DENY,            OK,              DENY,            DENY,                     DENY,                     DENY } },
	{ "Open", open_sealed,                     { DENY,            OK,              OK,              OK,                       DENY,                     DENY } },
	{ "Rewrap", rewrap,                        { DENY,            OK,              DENY,            DENY,                     DENY,                     DENY } },
	{ "Seal Stream", begin_stream,             { DENY,            OK,              DENY,            DENY,                     DENY,                     DENY } },
};
const size_t states_event_count = sizeof states_events / sizeof states_events[0];

/* ---- the walk ---- */

bool states_is_recover(const struct states_event *e)
{
	return e->run == recover;
}

uint32_t states_archive(struct states_subject *s)
{
	return archive(s);
}

enum object_state states_of(struct states_subject *s, uint32_t *out_version)
{
	AUTO_OBJECT struct object *o = life_stored(s->f, s->id);
	if (out_version) *out_version = o->record_version;
	return dates_state(o, s->f->now_s);
}

enum object_state states_walk(struct states_subject *s, const struct states_event *e, enum object_state from)
{
	const struct states_cell *cell = &e->cells[from - OBJECT_PRE_ACTIVE];
	uint32_t before, after;
	enum object_state is = states_of(s, &before);
	if (is != from) fail_msg("a key that was %s is %s", lifecycle_name(from), lifecycle_name(is));
	uint32_t reason = e->run(s);
	if (reason != cell->reason) fail_msg("%s of a key that is %s: Result Reason %u, not %u", e->name, lifecycle_name(from), reason, cell->reason);
	enum object_state to = states_of(s, &after), expected = cell->to ? cell->to : from;
	if (to != expected) fail_msg("%s of a key that is %s makes it %s, not %s", e->name, lifecycle_name(from), lifecycle_name(to), lifecycle_name(expected));
	if (reason != LIFE_DONE && before != after) fail_msg("%s of a key that is %s was refused and wrote it", e->name, lifecycle_name(from));
	return to;
}
