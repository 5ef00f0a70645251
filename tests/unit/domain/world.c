/* Both sides of a join, without token and store. */
#include "unit/domain/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "crypto/p256.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/frozen.h"

/* ---- allocations ---- */

void *__real_arena_alloc(size_t len);
void *__wrap_arena_alloc(size_t len);
void *__real_arena_realloc(void *p, size_t len);
void *__wrap_arena_realloc(void *p, size_t len);

static unsigned made, fail_at;
static bool fail_on;

static bool fails(void)
{
	made++;
	return fail_at != 0 && (made == fail_at || (fail_on && made > fail_at));
}

void *__wrap_arena_alloc(size_t len)
{
	return fails() ? NULL : __real_arena_alloc(len);
}

void *__wrap_arena_realloc(void *p, size_t len)
{
	return len && fails() ? NULL : __real_arena_realloc(p, len);
}

unsigned world_fail_nth(unsigned n, bool on)
{
	unsigned before = made;
	made = 0;
	fail_at = n;
	fail_on = on;
	return before;
}

/* ---- the node's key ---- */

void software_key_init(struct software_key *k)
{
	uint8_t bytes[ANSWER_MAX];
	*k = (struct software_key){ .asked = 0 };
	struct view d = frozen_bytes("transport-private", bytes);
	k->d = secret_copy(d.ptr, d.len);
	assert_non_null(k->d);
	assert_int_equal(p256_public_of(k->d, k->public_key), ERR_OK);
	assert_frozen("transport-public", k->public_key, sizeof k->public_key);
}

void software_key_done(struct software_key *k)
{
	secret_free(k->d);
	k->d = NULL;
}

static enum coffer_err dh(void *arg, const uint8_t peer[static HPKE_PUBLIC_LEN], struct secret **out_shared)
{
	struct software_key *k = arg;
	k->asked++;
	if (k->err) return k->err;
	AUTO_SECRET struct secret *shared = secret_new(HPKE_SHARED_LEN);
	ENSURE(shared, ERR_MEMORY);
	TRY(p256_ecdh(k->d, peer, secret_mut(shared)));
	*out_shared = TAKE(shared);
	return ERR_OK;
}

struct answer_key software_key_use(struct software_key *k)
{
	return (struct answer_key){ .dh = dh, .arg = k, .public_key = k->public_key };
}

/* ---- both sides ---- */

void world_request(const char *name, struct admission_request *out, struct buf *bytes)
{
	uint8_t frozen[ANSWER_MAX];
	buf_clear(bytes);
	assert_int_equal(buf_append(bytes, frozen_bytes(name, frozen)), ERR_OK);
	assert_int_equal(admission_request_read(buf_view(bytes), out, NULL), ERR_OK);
}

void world_plan(struct answer_plan *plan)
{
	static struct answer_root roots[2];
	rising(0x10, roots[0].node_id, UUID_LEN);
	rising(0x90, roots[1].node_id, UUID_LEN);
	roots[0].version = 11;
	roots[1].version = 12;
	*plan = (struct answer_plan){ .ring = fixture_ring(2), .domain_seed = fixture_seed(), .epoch = 7, .roots = roots, .root_count = 2 };
}

void world_plan_done(struct answer_plan *plan)
{
	ring_free(plan->ring);
	secret_free((struct secret *)(uintptr_t)plan->domain_seed);
}

struct ring *world_new_ring(void)
{
	struct domain_id domain;
	fixture_domain(&domain);
	struct ring *ring = ring_new(&domain);
	assert_non_null(ring);
	return ring;
}

struct secret *world_token(void)
{
	return rising_secret(0x80, ENROLMENT_TOKEN_LEN);
}
