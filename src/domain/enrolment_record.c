/* What the domain keeps of its enrolment tokens: table 5. */
#include "domain/enrolment.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "domain/record_list.h"
#include "keyring/domain_record.h"

#define RECORD_PREFIX "enrolment-"

_Static_assert(ADMISSION_ENROLMENT_ID_LEN == RECORD_LIST_ID_LEN && ENROLMENTS_MAX <= RECORD_LIST_MAX, "a list of records");

void enrolment_clear(struct enrolment *e)
{
	secret_free(e->key);
	*e = (struct enrolment){ .key = NULL };
}

static bool is_sound(const struct enrolment *e)
{
	struct view name = view_of(e->name, strnlen(e->name, sizeof e->name));
	return e->key && secret_len(e->key) == ENROLMENT_KEY_LEN && name.len >= 1 && name.len <= ADMISSION_NAME_MAX && text_is_utf8(name) && e->uses >= 1 &&
		e->uses <= ENROLMENT_USES_MAX && e->used_count <= e->uses;
}

enum coffer_err enrolment_put(struct store *store, struct ring *ring, const struct enrolment *e)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[RECORD_LIST_NAME_LEN];
	struct writer w;
	ENSURE(is_sound(e), ERR_FIELD);
	record_list_name(RECORD_PREFIX, e->id, name);
	writer_init_buf(&w, &plain, DOMAIN_RECORD_MAX);
	writer_bytes(&w, secret_view(e->key));
	writer_u64(&w, e->made_ms);
	writer_u64(&w, e->ends_ms);
	writer_u64(&w, e->revoked_ms);
	writer_view_u32(&w, view_of(e->principal, strnlen(e->principal, ENROLMENT_PRINCIPAL_MAX)));
	writer_view_u32(&w, view_of(e->name, strnlen(e->name, ADMISSION_NAME_MAX)));
	writer_u8(&w, (uint8_t)e->uses);
	writer_u8(&w, (uint8_t)e->used_count);
	for (unsigned i = 0; i < e->used_count; i++) writer_bytes(&w, view_of(e->used_by[i], UUID_LEN));
	TRY(writer_done(&w));
	return domain_record_put(store, ring, name, buf_view(&plain));
}

static enum coffer_err read_uses(struct reader *r, struct enrolment *e)
{
	uint8_t uses, used;
	TRY(reader_u8(r, &uses));
	TRY(reader_u8(r, &used));
	ENSURE(uses >= 1 && uses <= ENROLMENT_USES_MAX && used <= uses, ERR_CORRUPT);
	e->uses = uses;
	for (e->used_count = 0; e->used_count < used; e->used_count++) TRY(reader_bytes(r, e->used_by[e->used_count], UUID_LEN));
	return reader_end(r);
}

static enum coffer_err read_record(struct view plain, struct enrolment *e)
{
	struct reader r;
	struct view key, principal, name;
	reader_init(&r, plain);
	TRY(reader_view(&r, ENROLMENT_KEY_LEN, &key));
	TRY(reader_u64(&r, &e->made_ms));
	TRY(reader_u64(&r, &e->ends_ms));
	TRY(reader_u64(&r, &e->revoked_ms));
	TRY(reader_view_u32(&r, ENROLMENT_PRINCIPAL_MAX, &principal));
	TRY(reader_view_u32(&r, ADMISSION_NAME_MAX, &name));
	ENSURE(principal.len >= 1 && text_is_utf8(principal) && name.len >= 1 && text_is_utf8(name), ERR_CORRUPT);
	memcpy(e->principal, principal.ptr, principal.len);
	memcpy(e->name, name.ptr, name.len);
	TRY(read_uses(&r, e));
	e->key = secret_copy(key.ptr, key.len);
	return e->key ? ERR_OK : ERR_MEMORY;
}

enum coffer_err enrolment_get(struct store *store, struct ring *ring, const uint8_t id[static ADMISSION_ENROLMENT_ID_LEN], struct enrolment *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct enrolment e = { .key = NULL };
	char name[RECORD_LIST_NAME_LEN];
	record_list_name(RECORD_PREFIX, id, name);
	TRY(domain_record_get(store, ring, name, &plain));
	enum coffer_err err = read_record(buf_view(&plain), &e);
	if (err) return err == ERR_MEMORY ? err : ERR_CORRUPT;
	memcpy(e.id, id, sizeof e.id);
	*out = e;
	return ERR_OK;
}

/* ---- all of them ---- */

enum coffer_err enrolment_each(struct store *store, struct ring *ring, enrolment_fn *fn, void *arg)
{
	struct record_list list;
	TRY(record_list_gather(store, RECORD_PREFIX, ENROLMENTS_MAX, &list));
	for (size_t i = 0; i < list.count; i++) {
		struct enrolment e = { .key = NULL };
		TRY(enrolment_get(store, ring, list.ids[i], &e));
		enum coffer_err err = fn(arg, &e);
		enrolment_clear(&e);
		TRY(err);
	}
	return ERR_OK;
}

enum coffer_err enrolment_tidy(struct store *store, struct ring *ring, uint64_t now_ms)
{
	struct record_list list;
	char name[RECORD_LIST_NAME_LEN];
	TRY(record_list_gather(store, RECORD_PREFIX, ENROLMENTS_MAX, &list));
	for (size_t i = 0; i < list.count; i++) {
		struct enrolment e = { .key = NULL };
		TRY(enrolment_get(store, ring, list.ids[i], &e));
		bool old = now_ms >= e.ends_ms && now_ms - e.ends_ms >= ENROLMENT_KEEP_MS;
		enrolment_clear(&e);
		if (!old) continue;
		record_list_name(RECORD_PREFIX, list.ids[i], name);
		TRY(domain_record_erase(store, name));
	}
	return ERR_OK;
}

enum coffer_err enrolment_revoke_open(struct store *store, struct ring *ring, const char *maker, uint64_t now_ms, unsigned *out)
{
	struct record_list list;
	*out = 0;
	TRY(record_list_gather(store, RECORD_PREFIX, ENROLMENTS_MAX, &list));
	for (size_t i = 0; i < list.count; i++) {
		struct enrolment e = { .key = NULL };
		enum coffer_err err = ERR_OK;
		TRY(enrolment_get(store, ring, list.ids[i], &e));
		if (!e.revoked_ms && e.used_count < e.uses && (!maker || strcmp(e.principal, maker) == 0)) {
			e.revoked_ms = now_ms;
			err = enrolment_put(store, ring, &e);
			++*out;
		}
		enrolment_clear(&e);
		TRY(err);
	}
	return ERR_OK;
}
