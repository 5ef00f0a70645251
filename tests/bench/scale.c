/* A client that fills a store and times operations on it, over the socket of cofferd; the other half is part_e.py.
 *
 *   bench_scale SOCKET fill IDS FROM TO CONNECTIONS     creates keys FROM to TO-1 in batches; their UUIDs go into the file IDS, 16 bytes each
 *   bench_scale SOCKET time IDS WHAT ROUNDS SEED        one request at a time: get, seal, name, attribute, none; prints quantiles in microseconds
 *   bench_scale SOCKET ready SECONDS                    waits until the daemon says that it is open; prints CLOCK_MONOTONIC of then, in seconds
 *
 * Time in a request is the client's: from the first byte that is sent to the last of the answer. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

#define BATCH KMIP_BATCH_MAX
#define CONNECTIONS_MAX 1024u
#define WARM_UP 64u /* requests before the ones that count */

/* ---- fill ---- */

static void begin_batch(struct client *c, uint32_t first, uint32_t count)
{
	struct writer w;
	struct kmip_request_mark message;
	begin_message(c, &w, count, &message);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t number = (uint8_t)i;
		struct kmip_item_mark item = begin_item(&w, OPERATION_CREATE, &number);
		put_create(&w, first + i, true);
		kmip_request_item_end(&w, item, NULL);
	}
	end_message(c, &w, message);
	c->first = first;
	c->count = count;
	send_all(c);
}

static void keep_ids(struct client *c, int ids)
{
	const struct kmip_response *answer = answer_of(c);
	must(answer->count == c->count, "not every key was answered");
	for (size_t i = 0; i < answer->count; i++) {
		struct ttlv_cursor payload = answer->items[i].payload;
		uint32_t type;
		struct view text;
		uint8_t id[UUID_LEN];
		must(ttlv_take_enum(&payload, TAG_OBJECT_TYPE, &type) == ERR_OK && ttlv_take_text(&payload, TAG_UNIQUE_IDENTIFIER, &text) == ERR_OK &&
			text_parse_uuid(text, id) == ERR_OK, "a Create's answer");
		must(pwrite(ids, id, sizeof id, (off_t)(c->first + i) * UUID_LEN) == UUID_LEN, "the file of ids");
	}
}

/* Gives the client its next batch, or ends it. */
static bool go_on(struct client *c, uint32_t *next, uint32_t to)
{
	uint32_t count = to - *next < BATCH ? to - *next : BATCH;
	if (count == 0) return false;
	begin_batch(c, *next, count);
	*next += count;
	return true;
}

static void fill(const char *path, const char *ids_path, uint32_t from, uint32_t to, uint32_t count)
{
	static struct client clients[CONNECTIONS_MAX];
	static struct pollfd polls[CONNECTIONS_MAX];
	uint32_t next = from, open = 0;
	uint64_t begun = now_ns();
	int ids = open_file(ids_path, O_WRONLY | O_CREAT);
	for (uint32_t i = 0; i < count; i++) {
		open_client(&clients[i], path);
		polls[i] = (struct pollfd){ clients[i].fd, POLLIN, 0 };
		if (go_on(&clients[i], &next, to)) open++;
		else polls[i].fd = -1;
	}
	while (open) {
		must(poll(polls, count, 60000) > 0, "cofferd does not answer");
		for (uint32_t i = 0; i < count; i++) {
			if (polls[i].fd < 0 || !polls[i].revents || !receive_some(&clients[i])) continue;
			keep_ids(&clients[i], ids);
			if (go_on(&clients[i], &next, to)) continue;
			polls[i].fd = -1;
			open--;
		}
	}
	for (uint32_t i = 0; i < count; i++) close_client(&clients[i]);
	must(close(ids) == 0, "the file of ids");
	printf("%u created %.0f /s\n", to - from, (double)(to - from) * 1e9 / (double)(now_ns() - begun));
}

/* ---- time ---- */

struct ids {
	int fd;
	uint32_t count;
};

static void id_text(const struct ids *ids, uint32_t number, char out[static UUID_TEXT_LEN + 1])
{
	uint8_t id[UUID_LEN];
	must(pread(ids->fd, id, sizeof id, (off_t)number * UUID_LEN) == UUID_LEN, "the file of ids");
	text_uuid(id, out);
}

static void put_get(struct writer *w, const struct ids *ids, uint32_t number)
{
	char id[UUID_TEXT_LEN + 1];
	id_text(ids, number, id);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, id);
}

static void put_seal(struct writer *w, const struct ids *ids, uint32_t number)
{
	static const uint8_t message[256];
	put_get(w, ids, number);
	ttlv_put_bytes(w, TAG_COFFER_PLAINTEXT, view_of(message, sizeof message));
}

static void put_by_name(struct writer *w, const struct ids *ids, uint32_t number)
{
	(void)ids;
	put_name(w, number);
}

static void put_by_attribute(struct writer *w, const struct ids *ids, uint32_t number)
{
	(void)ids;
	put_text(w, "x-number", "number", number);
}

static void put_nothing(struct writer *w, const struct ids *ids, uint32_t number)
{
	(void)ids;
	put_text(w, "x-number", "none", number);
}

static const struct {
	const char *name;
	uint32_t operation;
	void (*put)(struct writer *w, const struct ids *ids, uint32_t number);
} kinds[] = {
	{ "get", OPERATION_GET, put_get },
	{ "seal", OPERATION_COFFER_SEAL, put_seal },
	{ "name", OPERATION_LOCATE, put_by_name },
	{ "attribute", OPERATION_LOCATE, put_by_attribute },
	{ "none", OPERATION_LOCATE, put_nothing },
};

static void time_one(struct client *c, size_t kind, const struct ids *ids, uint32_t number)
{
	struct writer w;
	struct kmip_request_mark message;
	begin_message(c, &w, 1, &message);
	struct kmip_item_mark item = begin_item(&w, kinds[kind].operation, NULL);
	kinds[kind].put(&w, ids, number);
	kmip_request_item_end(&w, item, NULL);
	end_message(c, &w, message);
}

static void time_kind(const char *path, size_t kind, const struct ids *ids, size_t rounds, uint64_t seed)
{
	struct client c;
	uint64_t *times = malloc(rounds * sizeof *times);
	must(times && ids->count && rounds, "nothing to time");
	open_client(&c, path);
	for (size_t i = 0; i < WARM_UP + rounds; i++) {
		time_one(&c, kind, ids, (uint32_t)(next_random(&seed) % ids->count));
		uint64_t begun = now_ns();
		ask(&c);
		if (i >= WARM_UP) times[i - WARM_UP] = now_ns() - begun;
		answer_of(&c);
	}
	say(kinds[kind].name, times, rounds);
	free(times);
	close_client(&c);
}

static void time_it(const char *path, const char *ids_path, const char *what, size_t rounds, uint64_t seed)
{
	struct ids ids = { .fd = open_file(ids_path, O_RDONLY) };
	struct stat st;
	must(fstat(ids.fd, &st) == 0, "the file of ids");
	ids.count = (uint32_t)(st.st_size / UUID_LEN);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, what) == 0) time_kind(path, i, &ids, rounds, seed);
	close(ids.fd);
}

/* ---- ready ---- */

static bool is_open(const char *path)
{
	struct client c;
	struct writer w;
	struct kmip_request_mark message;
	if (!try_client(&c, path)) return false;
	begin_message(&c, &w, 1, &message);
	kmip_request_item_end(&w, begin_item(&w, OPERATION_COFFER_STATUS, NULL), NULL);
	end_message(&c, &w, message);
	ask(&c);
	static const char open[] = "\"state\":\"open\"";
	bool is = memmem(c.in, c.got, open, sizeof open - 1) != NULL;
	close_client(&c);
	return is;
}

static void wait_ready(const char *path, double seconds)
{
	uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);
	while (!is_open(path)) {
		must(now_ns() < until, "the daemon did not open");
		usleep(500);
	}
	printf("ready %.6f\n", (double)now_ns() / 1e9);
}

static uint32_t number_of(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	must(*text && !*end && n >= least && n <= most, "a number is wrong");
	return (uint32_t)n;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[2] : "";
	if (argc == 7 && !strcmp(verb, "fill"))
		fill(argv[1], argv[3], number_of(argv[4], 0, UINT32_MAX), number_of(argv[5], 1, UINT32_MAX), number_of(argv[6], 1, CONNECTIONS_MAX));
	else if (argc == 7 && !strcmp(verb, "time"))
		time_it(argv[1], argv[3], argv[4], number_of(argv[5], 1, 10000000), number_of(argv[6], 0, UINT32_MAX));
	else if (argc == 4 && !strcmp(verb, "ready")) wait_ready(argv[1], atof(argv[3]));
	else die("usage: bench_scale SOCKET fill IDS FROM TO CONNECTIONS | time IDS WHAT ROUNDS SEED | ready SECONDS");
	return 0;
}
