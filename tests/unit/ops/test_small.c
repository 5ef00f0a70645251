/* A small request in the steady state takes no memory and no lock: counted at the calls of our own code, and, through its allocator, of OpenSSL. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/ossl_mem.h"
#include "kmip/alike.h"
#include "unit/ops/vendor.h"

#define WARM_UP 40u
#define ROUNDS 960u /* fewer than the first block of GCM invocations (objects/seal_budget.h) */
#define TEXT_LEN 256u

/* ---- the linker sends these calls here (--wrap) ---- */

static atomic_uint memory, locks;

#define COUNTED(counter, type, name, params, args) \
	type __real_##name params;                 \
	type __wrap_##name params;                 \
	type __wrap_##name params                  \
	{                                          \
		counter++;                         \
		return __real_##name args;         \
	}

COUNTED(memory, void *, malloc, (size_t len), (len))
COUNTED(memory, void *, calloc, (size_t n, size_t len), (n, len))
COUNTED(memory, void *, realloc, (void *p, size_t len), (p, len))
COUNTED(memory, void *, arena_alloc, (size_t len), (len))
COUNTED(memory, void *, arena_realloc, (void *p, size_t len), (p, len))
COUNTED(locks, int, pthread_mutex_lock, (pthread_mutex_t *m), (m))
COUNTED(locks, int, pthread_rwlock_rdlock, (pthread_rwlock_t *l), (l))
COUNTED(locks, int, pthread_rwlock_wrlock, (pthread_rwlock_t *l), (l))

/* ---- requests as a connection runs them ---- */

struct small {
	struct fix *f;
	char id[UUID_TEXT_LEN + 1];
	struct kmip_request room;
	struct kmip_alike alike;
	struct request request;
	struct principal admin;
	struct buf answers;
};

static void params(struct ask *a, uint32_t mode)
{
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, mode);
	if (mode == BLOCK_CIPHER_MODE_CBC) ttlv_put_enum(&a->w, TAG_PADDING_METHOD, PADDING_METHOD_PKCS5);
	ttlv_put_bool(&a->w, TAG_RANDOM_IV, true);
	ttlv_end(&a->w, mark);
}

static void end(struct ask *a)
{
	ask_item_end(a, NULL);
	ask_end(a);
}

static void ask_encrypt(struct small *s, struct ask *a, uint32_t mode)
{
	static const uint8_t text[TEXT_LEN];
	ask_one(a, OPERATION_ENCRYPT);
	ask_id(a, s->id);
	params(a, mode);
	ttlv_put_bytes(&a->w, TAG_DATA, view_of(text, sizeof text));
	end(a);
}

static void ask_seal(struct small *s, struct ask *a)
{
	static const uint8_t text[TEXT_LEN];
	(void)s;
	ask_one(a, OPERATION_COFFER_SEAL);
	ask_id(a, s->id);
	ttlv_put_bytes(&a->w, TAG_COFFER_PLAINTEXT, view_of(text, sizeof text));
	end(a);
}

/* Once, on any lane: the field of its answer that has this tag. */
static void take_field(struct small *s, struct ask *a, uint32_t tag, struct buf *out)
{
	struct answer answer;
	fix_send(s->f, ADMIN, a, &answer);
	struct ttlv_cursor payload = answer_payload(&answer, 0);
	struct ttlv_item item;
	buf_clear(out);
	while (ttlv_next(&payload, &item))
		if (item.tag == tag) assert_int_equal(buf_append(out, item.value), ERR_OK);
	assert_true(out->len > 0);
	answer_free(&answer);
}

static void ask_open(struct small *s, struct ask *a)
{
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	ask_seal(s, a);
	take_field(s, a, TAG_COFFER_SEALED_DATA, &sealed);
	ask_one(a, OPERATION_COFFER_OPEN);
	ttlv_put_bytes(&a->w, TAG_COFFER_SEALED_DATA, buf_view(&sealed));
	end(a);
}

static void ask_decrypt(struct small *s, struct ask *a)
{
	struct answer answer;
	struct ask first;
	ask_encrypt(s, &first, BLOCK_CIPHER_MODE_GCM);
	fix_send(s->f, ADMIN, &first, &answer);
	struct ttlv_cursor payload = answer_payload(&answer, 0);
	struct ttlv_item item;
	ask_one(a, OPERATION_DECRYPT);
	ask_id(a, s->id);
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_end(&a->w, mark);
	while (ttlv_next(&payload, &item))
		if (item.tag != TAG_UNIQUE_IDENTIFIER) ttlv_put_item(&a->w, item.tag, &item);
	end(a);
	answer_free(&answer);
}

/* Behind the answers that are there, in room that is lent. */
static void run_one(struct small *s, struct view frame)
{
	struct request *r = &s->request;
	request_begin(r);
	r->lent_frame = frame;
	r->lent_parsed = &s->room;
	r->lent_alike = &s->alike;
	r->answer = s->answers;
	r->answer_at = s->answers.len;
	assert_int_equal(request_classify(r), ERR_OK);
	assert_int_equal(request_run(r, s->f->worker, NULL), ERR_OK);
	s->answers = r->answer;
	r->answer = BUF_EMPTY;
	r->answer_at = 0;
	request_done(r);
}

/* Memory taken and locks taken by ROUNDS requests. */
static void count_rounds(struct small *s, struct ask *a, unsigned *out_memory, unsigned *out_locks)
{
	unsigned memory_before = 0, locks_before = 0;
	for (unsigned i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP) {
			memory_before = memory;
			locks_before = locks;
		}
		if (i % 16 == 0) buf_clear(&s->answers);
		run_one(s, buf_view(&a->frame));
	}
	*out_memory = memory - memory_before;
	*out_locks = locks - locks_before;
	buf_free(&a->frame);
}

static void assert_takes_nothing(struct small *s, struct ask *a)
{
	unsigned more_memory, more_locks;
	struct kmip_response last;
	count_rounds(s, a, &more_memory, &more_locks);
	assert_int_equal(kmip_response_parse(request_answer(&(struct request){ .answer = s->answers, .answer_at = s->answers.len - s->answers.len / 8 }),
		NULL, &last, NULL), ERR_OK); /* the last of 8 of one size */
	assert_int_equal(last.items[0].err, ERR_OK);
	assert_int_equal(more_memory, 0);
	assert_int_equal(more_locks, 0);
}

static void encrypt_takes_no_memory_and_no_lock(void **state)
{
	struct small *s = *state;
	struct ask a;
	AUTO_BUF struct buf data = BUF_EMPTY;
	ask_encrypt(s, &a, BLOCK_CIPHER_MODE_GCM);
	take_field(s, &a, TAG_DATA, &data); /* sets invocations aside */
	ask_encrypt(s, &a, BLOCK_CIPHER_MODE_GCM);
	assert_takes_nothing(s, &a);
}

static void decrypt_takes_no_memory_and_no_lock(void **state)
{
	struct small *s = *state;
	struct ask a;
	ask_decrypt(s, &a);
	assert_takes_nothing(s, &a);
}

static void seal_takes_no_memory_and_no_lock(void **state)
{
	struct small *s = *state;
	struct ask a;
	ask_seal(s, &a);
	assert_takes_nothing(s, &a);
}

/* As libcoffer asks for a key. */
static void a_name_takes_no_lock(void **state)
{
	static const uint8_t text[TEXT_LEN];
	struct small *s = *state;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_SEAL);
	ttlv_put_str(&a.w, TAG_COFFER_KEY_NAME, "small");
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, view_of(text, sizeof text));
	end(&a);
	assert_takes_nothing(s, &a);
}

static void open_takes_no_memory_and_no_lock(void **state)
{
	struct small *s = *state;
	struct ask a;
	ask_open(s, &a);
	assert_takes_nothing(s, &a);
}

/* So the counters count: a mode without a warm context makes one each time. */
static void a_mode_without_a_warm_context_is_counted(void **state)
{
	struct small *s = *state;
	struct ask a;
	unsigned more_memory, more_locks;
	ask_encrypt(s, &a, BLOCK_CIPHER_MODE_CBC);
	count_rounds(s, &a, &more_memory, &more_locks);
	assert_true(more_memory >= ROUNDS);
	s->f->engine.grants_version++; /* looks for the grants again */
	unsigned before = locks;
	ask_seal(s, &a);
	run_one(s, buf_view(&a.frame));
	buf_free(&a.frame);
	assert_true(locks > before);
}

/* Who keeps a request for another thread has it whole, when what was lent is overwritten. */
static void a_request_that_is_kept_needs_nothing_that_was_lent(void **state)
{
	struct small *s = *state;
	struct ask a;
	struct kmip_response response;
	struct request *r = &s->request;
	ask_seal(s, &a);
	request_begin(r);
	r->lent_frame = buf_view(&a.frame);
	r->lent_parsed = &s->room;
	assert_int_equal(request_classify(r), ERR_OK);
	assert_int_equal(request_keep(r), ERR_OK);
	memset(&s->room, 0xa5, sizeof s->room);
	buf_clear(&a.frame);
	assert_int_equal(request_run(r, s->f->worker, NULL), ERR_OK);
	assert_int_equal(kmip_response_parse(request_answer(r), NULL, &response, NULL), ERR_OK);
	assert_int_equal(response.items[0].err, ERR_OK);
	request_done(r);
	buf_free(&a.frame);
}

/* A refusal behind other answers takes back no more than its own. */
static void a_failure_leaves_the_answers_before_it(void **state)
{
	struct small *s = *state;
	struct ask a;
	ask_seal(s, &a);
	run_one(s, buf_view(&a.frame));
	size_t first = s->answers.len;
	struct request *r = &s->request;
	request_begin(r);
	r->lent_frame = view_of(a.frame.ptr, a.frame.len - 8);
	r->lent_parsed = &s->room;
	r->answer = s->answers;
	r->answer_at = first;
	assert_int_not_equal(request_classify(r), ERR_OK);
	request_fail(r, ERR_MEMORY, NULL);
	s->answers = r->answer;
	r->answer = BUF_EMPTY;
	request_done(r);
	struct kmip_response response;
	assert_int_equal(kmip_response_parse(view_of(s->answers.ptr, first), NULL, &response, NULL), ERR_OK);
	assert_int_equal(response.items[0].err, ERR_OK);
	assert_int_equal(kmip_response_parse(view_of(s->answers.ptr + first, s->answers.len - first), NULL, &response, NULL), ERR_OK);
	assert_int_not_equal(response.items[0].err, ERR_OK);
	buf_free(&a.frame);
}

static int start(void **state)
{
	struct small *s = calloc(1, sizeof *s);
	if (!s || fix_start((void **)&s->f) != 0) return -1;
	s->request.engine = &s->f->engine;
	s->request.streams = s->f->streams;
	principal_from_uid(ADMIN, 1, &s->admin);
	s->request.principal = &s->admin;
	fix_create(s->f, ADMIN, &(struct key_wish){ .name = "small" }, s->id);
	clock_set_source(NULL); /* one that is replaced has a lock */
	*state = s;
	return 0;
}

static int stop(void **state)
{
	struct small *s = *state;
	void *f = s->f;
	buf_free(&s->answers);
	kmip_alike_done(&s->alike);
	int failed = fix_stop(&f);
	free(s);
	return failed;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		CASE(encrypt_takes_no_memory_and_no_lock),
		CASE(decrypt_takes_no_memory_and_no_lock),
		CASE(seal_takes_no_memory_and_no_lock),
		CASE(a_name_takes_no_lock),
		CASE(open_takes_no_memory_and_no_lock),
		CASE(a_mode_without_a_warm_context_is_counted),
		CASE(a_request_that_is_kept_needs_nothing_that_was_lent),
		CASE(a_failure_leaves_the_answers_before_it),
	};
	struct reason reason = { "" };
	if (arena_init(32u << 20, false, &reason) != ERR_OK || ossl_mem_install() != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
