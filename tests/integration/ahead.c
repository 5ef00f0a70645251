/* The client of ahead.sh: operations sent ahead to a real daemon, through libcoffer as it is installed.
 *
 *   ahead round-trip KEY THREADS COUNT AHEAD BATCH   every thread on its own connection seals COUNT messages, opens them, and compares
 *   ahead bad KEY BATCH                              every 7th of 200 is under a key that is not there, every 11th sealed one was altered
 *   ahead names KEY                                 names that are not UTF-8 among others
 *   ahead child KEY                                 a child closes its parent's stream
 *   ahead purge PREFIX                              destroys each key whose name begins so as it is listed
 *   ahead large KEY                                 messages up to 1 MiB, one call each, again and again: sealed, resealed, opened, opened where they lie, altered, without room
 *   ahead many PREFIX COUNT TAKEN                    COUNT keys at once, one of which has the name TAKEN
 * Prints one line; exit status 0 when all is as it should be. */
#include <coffer.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST 3000u
#define SLOT (LONGEST + COFFER_MESSAGE_OVERHEAD)

struct work {
	pthread_t thread;
	const char *key;
	unsigned number;
	size_t count, ahead;
	uint32_t batch;
	size_t wrong;
	char why[300];
};

static struct coffer *connect_to(uint32_t batch)
{
	struct coffer_options options = { .size = sizeof options, .server_uid = -1, .batch = batch };
	struct coffer *c = NULL;
	enum coffer_status st = coffer_connect(NULL, &options, &c);
	if (st) fprintf(stderr, "%s\n", coffer_strerror(st));
	return c;
}

/* Bytes that follow from thread and number: mostly short. */
static size_t make(unsigned thread, size_t i, uint8_t *out)
{
	uint32_t x = (uint32_t)(i * 2654435761u + thread * 40503u + 1);
	size_t len = x % 9 ? (x >> 8) % 300 : (x >> 8) % (LONGEST + 1);
	for (size_t k = 0; k < len; k++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		out[k] = (uint8_t)x;
	}
	return len;
}

static void wrong(struct work *w, size_t i, const char *what)
{
	if (w->wrong++ == 0) snprintf(w->why, sizeof w->why, "thread %u, message %zu: %s", w->number, i, what);
}

static bool seal(struct work *w, struct coffer *c, uint8_t *sealed, size_t *lengths)
{
	uint8_t plain[LONGEST];
	for (size_t sent = 0, done = 0; done < w->count; done++) {
		for (; sent < w->count && sent - done < w->ahead; sent++)
			if (coffer_encrypt_send(c, w->key, NULL, 0, plain, make(w->number, sent, plain)) != COFFER_OK) return wrong(w, sent, coffer_error(c)), false;
		if (coffer_collect(c, sealed + done * SLOT, SLOT, &lengths[done]) != COFFER_OK) return wrong(w, done, coffer_error(c)), false;
	}
	return true;
}

static bool open_again(struct work *w, struct coffer *c, const uint8_t *sealed, const size_t *lengths)
{
	uint8_t plain[LONGEST], out[LONGEST];
	const void *view = out;
	for (size_t sent = 0, done = 0; done < w->count; done++) {
		size_t len = 0;
		for (; sent < w->count && sent - done < w->ahead; sent++)
			if (coffer_decrypt_send(c, NULL, 0, sealed + sent * SLOT, lengths[sent]) != COFFER_OK) return wrong(w, sent, coffer_error(c)), false;
		enum coffer_status st = done % 2 ? coffer_collect(c, out, sizeof out, &len) : coffer_collect_view(c, &view, &len);
		if (st) return wrong(w, done, coffer_error(c)), false;
		const void *got = done % 2 ? out : view;
		if (len != make(w->number, done, plain) || (len && memcmp(got, plain, len) != 0)) wrong(w, done, "it is not what was sealed");
	}
	return true;
}

static void *run(void *arg)
{
	struct work *w = arg;
	struct coffer *c = connect_to(w->batch);
	uint8_t *sealed = malloc(w->count * SLOT);
	size_t *lengths = calloc(w->count, sizeof *lengths);
	if (!c || !sealed || !lengths) wrong(w, 0, "no connection or memory");
	else if (seal(w, c, sealed, lengths)) open_again(w, c, sealed, lengths);
	if (c && coffer_under_way(c) && !w->wrong) wrong(w, w->count, "something is still under way");
	free(sealed);
	free(lengths);
	coffer_close(c);
	return NULL;
}

static int round_trip(const char *key, unsigned threads, size_t count, size_t ahead, uint32_t batch)
{
	struct work works[8];
	size_t all = 0;
	if (threads < 1 || threads > 8 || ahead < 1) return 2;
	for (unsigned i = 0; i < threads; i++) {
		works[i] = (struct work){ .key = key, .number = i, .count = count, .ahead = ahead, .batch = batch };
		if (pthread_create(&works[i].thread, NULL, run, &works[i]) != 0) return 2;
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(works[i].thread, NULL);
		all += works[i].wrong;
		if (works[i].wrong) printf("%s; ", works[i].why);
	}
	printf("%zu messages, %zu wrong\n", count * threads, all);
	return all != 0;
}

static int bad_ones(const char *key, uint32_t batch)
{
	static uint8_t sealed[200][SLOT], out[SLOT];
	uint8_t plain[LONGEST];
	size_t lengths[200] = { 0 }, wrong_seals = 0, wrong_opens = 0, len;
	struct coffer *c = connect_to(batch);
	if (!c) return 2;
	for (size_t i = 0; i < 200; i++)
		if (coffer_encrypt_send(c, i % 7 == 3 ? "is-not-there" : key, NULL, 0, plain, make(0, i, plain))) return 2;
	for (size_t i = 0; i < 200; i++) {
		enum coffer_status st = coffer_collect(c, sealed[i], SLOT, &lengths[i]);
		if (st != (i % 7 == 3 ? COFFER_ENOTFOUND : COFFER_OK) || (st && !strstr(coffer_error(c), "no such key"))) wrong_seals++;
		if (lengths[i] && i % 11 == 5) sealed[i][lengths[i] - 1] ^= 1;
	}
	for (size_t i = 0; i < 200; i++)
		if (lengths[i] && coffer_decrypt_send(c, NULL, 0, sealed[i], lengths[i])) return 2;
	for (size_t i = 0; i < 200; i++) {
		if (!lengths[i]) continue;
		enum coffer_status st = coffer_collect(c, out, sizeof out, &len);
		if (st != (i % 11 == 5 ? COFFER_EINTEGRITY : COFFER_OK)) wrong_opens++;
		if (!st && (len != make(0, i, plain) || (len && memcmp(out, plain, len) != 0))) wrong_opens++;
	}
	printf("%zu seals and %zu opens are not as they should be, %u under way\n", wrong_seals, wrong_opens, coffer_under_way(c));
	coffer_close(c);
	return wrong_seals || wrong_opens;
}

/* One length, often enough that answers are like those before (coffer.h: a large one goes to `out` as it comes). Wrong ones. */
static unsigned large_of(struct coffer *c, const char *key, size_t len, const uint8_t *plain, uint8_t *sealed, uint8_t *out)
{
	size_t cap = len + COFFER_MESSAGE_OVERHEAD, n = 0, m = 0;
	unsigned bad = 0;
	for (unsigned round = 0; round < 3; round++) {
		bad += coffer_encrypt(c, key, NULL, 0, plain, len, sealed, cap, &n) != COFFER_OK || n != cap;
		bad += coffer_rewrap(c, NULL, 0, sealed, n, out, cap, &m) != COFFER_OK || m != cap;
		memcpy(sealed, out, m);
		bad += coffer_decrypt(c, NULL, 0, sealed, n, out, len, &m) != COFFER_OK || m != len || memcmp(out, plain, len) != 0;
		bad += coffer_decrypt(c, NULL, 0, sealed, n, out, len - 1, &m) != COFFER_ENOSPACE;
		memset(out, 7, len);
		sealed[n - 1] ^= 1;
		bad += coffer_decrypt(c, NULL, 0, sealed, n, out, len, &m) != COFFER_EINTEGRITY || m != len || out[0] != 7 || memcmp(out, out + 1, len - 1) != 0;
		sealed[n - 1] ^= 1;
		bad += coffer_decrypt(c, NULL, 0, sealed, n, sealed, cap, &m) != COFFER_OK || m != len || memcmp(sealed, plain, len) != 0;
	}
	return bad;
}

static int large(const char *key)
{
	static const size_t lengths[] = { 1000, 16383, 16384, 16385, 65536, 65537, 65543, 300001, COFFER_MESSAGE_MAX };
	uint8_t *plain = malloc(COFFER_MESSAGE_MAX), *sealed = malloc(COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD), *out = malloc(COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD);
	struct coffer *c = connect_to(0);
	unsigned bad = 0;
	if (!plain || !sealed || !out || !c) return 2;
	for (size_t i = 0; i < COFFER_MESSAGE_MAX; i++) plain[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) bad += large_of(c, key, lengths[i], plain, sealed, out);
	printf("%u wrong%s%s\n", bad, bad ? ": " : "", bad ? coffer_error(c) : "");
	coffer_close(c);
	free(plain);
	free(sealed);
	free(out);
	return bad != 0;
}

static int many(const char *prefix, size_t count, const char *taken)
{
	struct coffer_new_key *keys = calloc(count, sizeof *keys);
	char(*names)[64] = calloc(count, sizeof *names);
	struct coffer *c = connect_to(0);
	size_t created = 0, exists = 0;
	if (!keys || !names || !c) return 2;
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "%s%zu", prefix, i);
		keys[i].name = i == count / 2 ? taken : names[i];
	}
	enum coffer_status st = coffer_key_create_many(c, keys, count);
	for (size_t i = 0; i < count; i++) {
		if (!keys[i].status && strlen(keys[i].uuid) == COFFER_UUID_TEXT - 1) created++;
		if (keys[i].status == COFFER_EEXISTS && i == count / 2) exists++;
	}
	printf("%zu created, %zu taken: %s\n", created, exists, coffer_error(c));
	coffer_close(c);
	free(keys);
	free(names);
	return st != COFFER_EEXISTS || created != count - 1 || exists != 1;
}

/* Names that are not UTF-8 are refused where they are given, and nothing else with them. */
static int names(const char *key)
{
	struct coffer *c = connect_to(0);
	const struct coffer_pair pair = { "n\xe9m", "v", 1 };
	struct coffer_new_key keys[70] = { { .name = NULL } };
	char made[70][16];
	uint8_t out[128];
	size_t n;
	unsigned bad = 0, good = 0, created = 0;
	if (!c) return 2;
	bad += coffer_encrypt_send(c, key, NULL, 0, "one", 3) != COFFER_OK;
	bad += coffer_encrypt_send(c, "b\xff" "d", NULL, 0, "two", 3) != COFFER_EINVAL;
	bad += coffer_encrypt_send(c, key, &pair, 1, "two", 3) != COFFER_EINVAL;
	bad += coffer_encrypt_send(c, key, NULL, 0, "three", 5) != COFFER_OK;
	while (coffer_under_way(c)) good += coffer_collect(c, out, sizeof out, &n) == COFFER_OK;
	for (unsigned i = 0; i < 70; i++) {
		snprintf(made[i], sizeof made[i], "names-%u", i);
		keys[i].name = i == 66 ? "b\xff" : made[i];
	}
	bad += coffer_key_create_many(c, keys, 70) != COFFER_EINVAL;
	for (unsigned i = 0; i < 70; i++) {
		struct coffer_key_info info;
		created += i != 66 && coffer_key_info(c, made[i], &info) == COFFER_OK;
	}
	printf("%u sealed, %u created, %u wrong\n", good, created, bad);
	coffer_close(c);
	return 0;
}

struct purge {
	struct coffer *c;
	const char *prefix;
	unsigned seen;
	bool destroys;
};

static int purge_one(void *arg, const struct coffer_key_info *key)
{
	struct purge *p = arg;
	if (strncmp(key->name, p->prefix, strlen(p->prefix)) != 0) return 0;
	p->seen++;
	if (!p->destroys) return 0;
	return coffer_key_revoke(p->c, key->uuid, "cessation-of-operation", NULL) != COFFER_OK || coffer_key_destroy(p->c, key->uuid) != COFFER_OK;
}

/* Each key is destroyed as it is shown: none is left out. */
static int purge(const char *prefix)
{
	struct purge all = { connect_to(0), prefix, 0, true }, left = { all.c, prefix, 0, false };
	if (!all.c || coffer_key_list(all.c, purge_one, &all) || coffer_key_list(all.c, purge_one, &left)) return 2;
	printf("%u destroyed, %u left\n", all.seen, left.seen);
	coffer_close(all.c);
	return 0;
}

/* A child that closes the stream which it inherited, with segments under way and no ring, takes none of its parent's answers. */
static int child(const char *key)
{
	enum { SEGMENT = 65536 };
	static uint8_t plain[SEGMENT], out[SEGMENT + COFFER_SEGMENT_OVERHEAD];
	const struct coffer_options options = { .size = sizeof options, .server_uid = -1, .timeout_ms = 5000, .no_ring = 1 };
	uint8_t header[COFFER_STREAM_HEADER];
	struct coffer_stream *s = NULL;
	struct coffer *c = NULL;
	unsigned good = 0;
	size_t n;
	if (coffer_connect(NULL, &options, &c) || coffer_stream_seal(c, key, NULL, 0, SEGMENT, header, &s)) return 2;
	for (unsigned i = 0; i < 3; i++) good += coffer_stream_send(s, plain, sizeof plain, 0) == COFFER_OK;
	pid_t pid = fork();
	if (pid == 0) {
		coffer_stream_close(s);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid) return 2;
	while (coffer_stream_under_way(s)) good += coffer_stream_collect(s, out, sizeof out, &n) == COFFER_OK && n == sizeof out;
	good += coffer_stream_send(s, plain, 5, 1) == COFFER_OK && coffer_stream_collect(s, out, sizeof out, &n) == COFFER_OK && n == 5 + COFFER_SEGMENT_OVERHEAD;
	printf("%u good\n", good);
	coffer_stream_close(s);
	coffer_close(c);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "child") == 0) return child(argv[2]);
	if (argc == 3 && strcmp(argv[1], "names") == 0) return names(argv[2]);
	if (argc == 3 && strcmp(argv[1], "purge") == 0) return purge(argv[2]);
	if (argc == 7 && strcmp(argv[1], "round-trip") == 0)
		return round_trip(argv[2], (unsigned)strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10),
			(uint32_t)strtoul(argv[6], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "bad") == 0) return bad_ones(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "large") == 0) return large(argv[2]);
	if (argc == 5 && strcmp(argv[1], "many") == 0) return many(argv[2], strtoul(argv[3], NULL, 10), argv[4]);
	fprintf(stderr, "usage: ahead round-trip KEY THREADS COUNT AHEAD BATCH | bad KEY BATCH | large KEY | many PREFIX COUNT TAKEN | names KEY | purge PREFIX | child KEY\n");
	return 2;
}
