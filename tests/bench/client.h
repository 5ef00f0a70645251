/* A client of the benches: one connection, one request under way. Whatever fails ends the program. */
#ifndef COFFER_TESTS_BENCH_CLIENT_H
#define COFFER_TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "kmip/message.h"

#define REQUEST_MAX (256u * 1024u)
#define ANSWER_MAX (1024u * 1024u)

struct client {
	int fd;
	uint8_t *out, *in;
	size_t len, got;
	uint32_t first, count; /* of the batch under way */
	uint64_t begun_ns;
};

_Noreturn void die(const char *what);
/* Ends the program with a sentence. */
void must(bool ok, const char *what);
uint64_t now_ns(void);
/* Numbers that a seed repeats (splitmix64). */
uint64_t next_random(uint64_t *state);
int open_file(const char *path, int flags);
/* False: nobody listens. */
bool try_client(struct client *c, const char *path);
void open_client(struct client *c, const char *path);
void close_client(struct client *c);
void put_text(struct writer *w, const char *name, const char *word, unsigned number);
void put_name(struct writer *w, unsigned number);
/* The payload of Create: an AES-256 key that may be used at once, with a Name and an indexed attribute of its own. named false: neither. */
void put_create(struct writer *w, unsigned number, bool named);
void begin_message(struct client *c, struct writer *w, uint32_t count, struct kmip_request_mark *out);
void end_message(struct client *c, struct writer *w, struct kmip_request_mark mark);
/* number NULL: without a Unique Batch Item ID. */
struct kmip_item_mark begin_item(struct writer *w, uint32_t operation, uint8_t *number);
void send_all(struct client *c);
/* Reads what there is. True when the answer is whole. */
bool receive_some(struct client *c);
void ask(struct client *c);
/* The answer, which is no refusal; until the next call. */
const struct kmip_response *answer_of(struct client *c);
/* Quarters, median and 99th percentile in microseconds; sorts. */
void say(const char *what, uint64_t *times, size_t count);

#endif
