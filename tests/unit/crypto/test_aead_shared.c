/* Opening ciphertext that somebody else can change meanwhile: it is fetched once, and what was fetched is what is checked. */
#include "unit/crypto/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"

#define PIECES 4u
#define TEXT_LEN (PIECES * AEAD_SHARED_PIECE) /* bytes; a piece is whole pages, and the tag has its own */
#define MAPPED (TEXT_LEN + AEAD_SHARED_PIECE)

static const uint8_t nonce[AEAD_NONCE_LEN] = { 7 };

/* One memory mapped twice: as the reader sees it, and as the other process writes it. */
static struct {
	uint8_t *reader, *writer;
	unsigned opened[PIECES + 1]; /* how often the reader came to a piece (the last one holds the tag) */
	int at;                      /* the piece that is open to the reader, or -1 */
} shared = { .at = -1 };
static struct aead_key *key;
static uint8_t *plain, *scratch;
static unsigned cipher_reads_shared; /* calls of the cipher on memory that the other process can write */

/* The engine in use, which tells of every address it is given. */
static struct aead_engine spy;
static const struct aead_engine *engine;

static void look(const uint8_t *in)
{
	if (in >= shared.reader && in < shared.reader + MAPPED) cipher_reads_shared++;
}

static enum coffer_err open_piece(struct aead_key *k, struct aead_run *run, struct view in, uint8_t *out)
{
	look(in.ptr);
	return engine->open_piece(k, run, in, out);
}

static enum coffer_err open_end(struct aead_key *k, struct aead_run *run, const uint8_t *tag)
{
	look(tag);
	return engine->open_end(k, run, tag);
}

static enum coffer_err open_whole(struct aead_key *k, const uint8_t *new_key, const uint8_t *with, const struct view *aad, size_t aad_count,
	struct view ct, const uint8_t *tag, uint8_t *out_pt)
{
	look(ct.ptr);
	return engine->open(k, new_key, with, aad, aad_count, ct, tag, out_pt);
}

static void use_spy(void)
{
	engine = aead_engine_used();
	spy = *engine;
	spy.open_piece = open_piece;
	spy.open_end = open_end;
	spy.open = open_whole;
	aead_engine_use(&spy);
}

static int make(void **state)
{
	uint8_t key_bytes[32];
	if (support_setup(state) != 0) return -1;
	support_rising(key_bytes, sizeof key_bytes, 1);
	int fd = memfd_create("shared", MFD_CLOEXEC);
	assert_true(fd >= 0 && ftruncate(fd, MAPPED) == 0);
	shared.writer = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	shared.reader = mmap(NULL, MAPPED, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(shared.writer != MAP_FAILED && shared.reader != MAP_FAILED);
	close(fd);
	plain = arena_alloc(TEXT_LEN);
	scratch = arena_alloc(TEXT_LEN);
	assert_true(plain != NULL && scratch != NULL);
	support_rising(plain, TEXT_LEN, 3);
	use_spy();
	assert_ok(aead_key_new(key_bytes, sizeof key_bytes, &key));
	return 0;
}

static int done(void **state)
{
	(void)state;
	aead_key_free(key);
	arena_free(plain);
	arena_free(scratch);
	return munmap(shared.reader, MAPPED) + munmap(shared.writer, MAPPED);
}

/* Seals the first len bytes of plain into the shared memory. */
static struct view seal(size_t len)
{
	assert_ok(aead_seal(key, nonce, NULL, 0, view_of(plain, len), shared.writer, shared.writer + len));
	return view_of(shared.reader, len + AEAD_TAG_LEN);
}

/* The reader came to a piece that is closed: the one before is spoilt and closed, this one opened. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	uint8_t *where = info->si_addr;
	if (where < shared.reader || where >= shared.reader + MAPPED) {
		(void)sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	int piece = (int)((size_t)(where - shared.reader) / AEAD_SHARED_PIECE);
	if (shared.at >= 0) {
		memset(shared.writer + (size_t)shared.at * AEAD_SHARED_PIECE, 0xEE, AEAD_SHARED_PIECE);
		(void)mprotect(shared.reader + (size_t)shared.at * AEAD_SHARED_PIECE, AEAD_SHARED_PIECE, PROT_NONE);
	}
	shared.at = piece;
	shared.opened[piece]++;
	(void)mprotect(shared.reader + (size_t)piece * AEAD_SHARED_PIECE, AEAD_SHARED_PIECE, PROT_READ);
}

static void watch(void)
{
	const struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	assert_int_equal(sigaction(SIGSEGV, &act, NULL), 0);
	memset(shared.opened, 0, sizeof shared.opened);
	shared.at = -1;
	assert_int_equal(mprotect(shared.reader, MAPPED, PROT_NONE), 0);
}

static void unwatch(void)
{
	assert_int_equal(mprotect(shared.reader, MAPPED, PROT_READ), 0);
	assert_int_equal(sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL), 0);
}

static void every_piece_is_fetched_once_and_may_be_spoilt_at_once(void **state)
{
	(void)state;
	struct view sealed = seal(TEXT_LEN);
	cipher_reads_shared = 0;
	watch();
	enum coffer_err err = aead_open_shared(key, nonce, sealed, scratch);
	unwatch();
	assert_ok(err);
	assert_int_equal(cipher_reads_shared, 0);
	assert_memory_equal(scratch, plain, TEXT_LEN);
	for (unsigned i = 0; i <= PIECES; i++) assert_int_equal(shared.opened[i], 1);
}

/* The watch sees a reader that comes back: the control of the test above. */
static void watch_counts_a_second_look(void **state)
{
	(void)state;
	(void)seal(TEXT_LEN);
	uint8_t before = shared.writer[0], later;
	watch();
	uint8_t first = ((volatile uint8_t *)shared.reader)[0];
	uint8_t other = ((volatile uint8_t *)shared.reader)[AEAD_SHARED_PIECE];
	later = ((volatile uint8_t *)shared.reader)[0];
	unwatch();
	assert_int_equal(first, before);
	assert_int_equal(later, 0xEE);
	cipher_reads_shared = 0;
	assert_err(aead_open(key, nonce, NULL, 0, view_of(shared.reader, 64), shared.reader, scratch), ERR_CONTEXT);
	assert_int_equal(cipher_reads_shared, 1);
	assert_int_equal(shared.opened[0], 2);
	assert_int_equal(shared.opened[1], 1);
	(void)other;
}

static void lengths_of_every_kind_open_as_with_aead_open(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 255, 4096, AEAD_SHARED_PIECE - 1, AEAD_SHARED_PIECE, AEAD_SHARED_PIECE + 1,
		2 * AEAD_SHARED_PIECE - 16, 3 * AEAD_SHARED_PIECE + 7, TEXT_LEN };
	uint8_t *again = arena_alloc(TEXT_LEN);
	(void)state;
	assert_non_null(again);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		size_t len = lengths[i];
		struct view sealed = seal(len);
		assert_ok(aead_open_shared(key, nonce, sealed, scratch));
		assert_ok(aead_open(key, nonce, NULL, 0, view_of(sealed.ptr, len), sealed.ptr + len, again));
		assert_true(ct_equal(scratch, plain, len) && ct_equal(again, plain, len));
	}
	arena_free(again);
}

static void wrong_bytes_are_refused_and_scratch_is_wiped(void **state)
{
	static const size_t places[] = { 0, AEAD_SHARED_PIECE - 1, AEAD_SHARED_PIECE, TEXT_LEN - 1, TEXT_LEN, TEXT_LEN + AEAD_TAG_LEN - 1 };
	(void)state;
	struct view sealed = seal(TEXT_LEN);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		shared.writer[places[i]] ^= 0x20;
		memset(scratch, 'x', TEXT_LEN);
		assert_err(aead_open_shared(key, nonce, sealed, scratch), ERR_CONTEXT);
		assert_true(ct_is_zero(scratch, TEXT_LEN));
		shared.writer[places[i]] ^= 0x20;
	}
	assert_err(aead_open_shared(key, nonce, view_of(sealed.ptr, AEAD_TAG_LEN - 1), scratch), ERR_TRUNCATED);
	assert_ok(aead_open_shared(key, nonce, sealed, scratch));
}

static atomic_bool stop;

/* Changes one byte of every piece and of the tag to and fro. */
static void *flip(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		for (size_t i = 0; i <= PIECES; i++) {
			atomic_uchar *p = (atomic_uchar *)(shared.writer + i * AEAD_SHARED_PIECE);
			atomic_fetch_xor(p, 0x80);
			atomic_fetch_xor(p, 0x80);
		}
	return NULL;
}

static void bytes_changed_meanwhile_give_the_sealed_text_or_nothing(void **state)
{
	pthread_t thread;
	unsigned opened = 0;
	(void)state;
	struct view sealed = seal(TEXT_LEN);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, flip, NULL), 0);
	for (unsigned i = 0; i < 300; i++) {
		enum coffer_err err = aead_open_shared(key, nonce, sealed, scratch);
		if (err == ERR_OK) opened++;
		else assert_err(err, ERR_CONTEXT);
		if (err == ERR_OK) assert_true(ct_equal(scratch, plain, TEXT_LEN));
		else assert_true(ct_is_zero(scratch, TEXT_LEN));
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	print_message("%u of 300 opened while bytes were changed\n", opened);
	assert_ok(aead_open_shared(key, nonce, sealed, scratch));
}

/* Every byte, and none beside. */
static void what_was_opened_is_copied_back_whole(void **state)
{
	enum { ROOM = 40000 };
	static const size_t lens[] = { 0, 1, 16383, 16384, 16385, 32768, 39998 };
	static uint8_t from[ROOM], to[ROOM];
	(void)state;
	for (size_t i = 0; i < ROOM; i++) from[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		memset(to, 0xee, ROOM);
		aead_copy_back(to + 1, from, lens[i]);
		assert_memory_equal(to + 1, from, lens[i]);
		assert_int_equal(to[0], 0xee);
		assert_int_equal(to[1 + lens[i]], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_is_fetched_once_and_may_be_spoilt_at_once),
		cmocka_unit_test(watch_counts_a_second_look),
		cmocka_unit_test(lengths_of_every_kind_open_as_with_aead_open),
		cmocka_unit_test(wrong_bytes_are_refused_and_scratch_is_wiped),
		cmocka_unit_test(bytes_changed_meanwhile_give_the_sealed_text_or_nothing),
		cmocka_unit_test(what_was_opened_is_copied_back_whole),
	};
	return cmocka_run_group_tests(tests, make, done);
}
