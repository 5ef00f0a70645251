/* The list of endorsement certificates: table 5. */
#include "domain/endorsement.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "domain/record_list.h"
#include "keyring/domain_record.h"

#define RECORD_PREFIX "endorsement-" /* and the first half of the digest */

_Static_assert(ENDORSEMENTS_MAX <= RECORD_LIST_MAX && RECORD_LIST_ID_LEN <= ENDORSEMENT_DIGEST_LEN, "a list of records");

static bool is_sound(const struct endorsement *e)
{
	struct view name = view_of(e->name, strnlen(e->name, sizeof e->name));
	struct view principal = view_of(e->principal, strnlen(e->principal, sizeof e->principal));
	return name.len >= 1 && name.len <= ADMISSION_NAME_MAX && text_is_utf8(name) && principal.len >= 1 && principal.len <= ENDORSEMENT_PRINCIPAL_MAX && text_is_utf8(principal);
}

enum coffer_err endorsement_put(struct store *store, struct ring *ring, const struct endorsement *e)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[RECORD_LIST_NAME_LEN];
	struct writer w;
	ENSURE(is_sound(e), ERR_FIELD);
	record_list_name(RECORD_PREFIX, e->digest, name);
	writer_init_buf(&w, &plain, DOMAIN_RECORD_MAX);
	writer_bytes(&w, view_of(e->digest, sizeof e->digest));
	writer_u64(&w, e->listed_ms);
	writer_view_u32(&w, view_of(e->principal, strnlen(e->principal, ENDORSEMENT_PRINCIPAL_MAX)));
	writer_view_u32(&w, view_of(e->name, strnlen(e->name, ADMISSION_NAME_MAX)));
	writer_view_u32(&w, view_of(e->used_by, e->used ? UUID_LEN : 0));
	TRY(writer_done(&w));
	return domain_record_put(store, ring, name, buf_view(&plain));
}

static enum coffer_err read_record(struct view plain, struct endorsement *e)
{
	struct reader r;
	struct view principal, name, used_by;
	reader_init(&r, plain);
	TRY(reader_bytes(&r, e->digest, sizeof e->digest));
	TRY(reader_u64(&r, &e->listed_ms));
	TRY(reader_view_u32(&r, ENDORSEMENT_PRINCIPAL_MAX, &principal));
	TRY(reader_view_u32(&r, ADMISSION_NAME_MAX, &name));
	TRY(reader_view_u32(&r, UUID_LEN, &used_by));
	ENSURE(principal.len && name.len && (used_by.len == 0 || used_by.len == UUID_LEN), ERR_CORRUPT);
	memcpy(e->principal, principal.ptr, principal.len);
	memcpy(e->name, name.ptr, name.len);
	e->used = used_by.len != 0;
	if (e->used) memcpy(e->used_by, used_by.ptr, UUID_LEN);
	TRY(reader_end(&r));
	return is_sound(e) ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err get_named(struct store *store, struct ring *ring, const uint8_t *id, struct endorsement *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct endorsement e = { .used = false };
	char name[RECORD_LIST_NAME_LEN];
	record_list_name(RECORD_PREFIX, id, name);
	TRY(domain_record_get(store, ring, name, &plain));
	ENSURE(read_record(buf_view(&plain), &e) == ERR_OK && memcmp(e.digest, id, RECORD_LIST_ID_LEN) == 0, ERR_CORRUPT);
	*out = e;
	return ERR_OK;
}

enum coffer_err endorsement_get(struct store *store, struct ring *ring, const uint8_t digest[static ENDORSEMENT_DIGEST_LEN], struct endorsement *out)
{
	struct endorsement e = { .used = false };
	TRY(get_named(store, ring, digest, &e));
	ENSURE(memcmp(e.digest, digest, sizeof e.digest) == 0, ERR_NOT_FOUND);
	*out = e;
	return ERR_OK;
}

enum coffer_err endorsement_erase(struct store *store, const uint8_t digest[static ENDORSEMENT_DIGEST_LEN])
{
	char name[RECORD_LIST_NAME_LEN];
	record_list_name(RECORD_PREFIX, digest, name);
	return domain_record_erase(store, name);
}

/* ---- all of them ---- */

enum coffer_err endorsement_each(struct store *store, struct ring *ring, endorsement_fn *fn, void *arg)
{
	struct record_list list;
	TRY(record_list_gather(store, RECORD_PREFIX, ENDORSEMENTS_MAX, &list));
	for (size_t i = 0; i < list.count; i++) {
		struct endorsement e = { .used = false };
		TRY(get_named(store, ring, list.ids[i], &e));
		TRY(fn(arg, &e));
	}
	return ERR_OK;
}

enum coffer_err endorsement_erase_open(struct store *store, struct ring *ring, const char *maker, unsigned *out)
{
	struct record_list list;
	*out = 0;
	TRY(record_list_gather(store, RECORD_PREFIX, ENDORSEMENTS_MAX, &list));
	for (size_t i = 0; i < list.count; i++) {
		struct endorsement e = { .used = false };
		TRY(get_named(store, ring, list.ids[i], &e));
		if (e.used || (maker && strcmp(e.principal, maker) != 0)) continue;
		TRY(endorsement_erase(store, e.digest));
		++*out;
	}
	return ERR_OK;
}
