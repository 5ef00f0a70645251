/* The client of the benches. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Noreturn void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void must(bool ok, const char *what)
{
	if (!ok) die(what);
}

uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Numbers that a seed repeats (splitmix64). */
uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	must(fd >= 0, "the file of ids cannot be opened");
	return fd;
}

bool try_client(struct client *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	must(strlen(path) < sizeof address.sun_path, "the socket's path is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	*c = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .out = malloc(REQUEST_MAX), .in = malloc(ANSWER_MAX) };
	must(c->fd >= 0 && c->out && c->in, "no memory, or no descriptors");
	if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) == 0) return true;
	close_client(c);
	return false;
}

void open_client(struct client *c, const char *path)
{
	must(try_client(c, path), "cofferd cannot be reached");
}

void close_client(struct client *c)
{
	close(c->fd);
	free(c->out);
	free(c->in);
}

static struct ttlv_mark begin_attribute(struct writer *w, const char *name)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, name);
	return mark;
}

static void put_number(struct writer *w, const char *name, int32_t value)
{
	struct ttlv_mark mark = begin_attribute(w, name);
	ttlv_put_i32(w, TAG_ATTRIBUTE_VALUE, value);
	ttlv_end(w, mark);
}

void put_text(struct writer *w, const char *name, const char *word, unsigned number)
{
	char text[64];
	struct ttlv_mark mark = begin_attribute(w, name);
	snprintf(text, sizeof text, "%s %u", word, number);
	ttlv_put_str(w, TAG_ATTRIBUTE_VALUE, text);
	ttlv_end(w, mark);
}

void put_name(struct writer *w, unsigned number)
{
	char text[64];
	struct ttlv_mark mark = begin_attribute(w, "Name"), value = ttlv_begin(w, TAG_ATTRIBUTE_VALUE);
	snprintf(text, sizeof text, "key-%u", number);
	ttlv_put_str(w, TAG_NAME_VALUE, text);
	ttlv_put_enum(w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	ttlv_end(w, value);
	ttlv_end(w, mark);
}

/* An AES-256 key that may be used at once, with a Name and an indexed attribute of its own. named false: neither. */
void put_create(struct writer *w, unsigned number, bool named)
{
	struct ttlv_mark mark;
	ttlv_put_enum(w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark template = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
	mark = begin_attribute(w, "Cryptographic Algorithm");
	ttlv_put_enum(w, TAG_ATTRIBUTE_VALUE, CRYPTOGRAPHIC_ALGORITHM_AES);
	ttlv_end(w, mark);
	put_number(w, "Cryptographic Length", 256);
	put_number(w, "Cryptographic Usage Mask", 12);
	mark = begin_attribute(w, "Activation Date");
	ttlv_put_time(w, TAG_ATTRIBUTE_VALUE, 1);
	ttlv_end(w, mark);
	if (named) put_name(w, number);
	if (named) put_text(w, "x-number", "number", number);
	ttlv_end(w, template);
}

void begin_message(struct client *c, struct writer *w, uint32_t count, struct kmip_request_mark *out)
{
	writer_init(w, c->out, REQUEST_MAX);
	*out = kmip_request_begin(w, KMIP_VERSION_HIGHEST, 0, count);
}

void end_message(struct client *c, struct writer *w, struct kmip_request_mark mark)
{
	kmip_request_end(w, mark);
	must(writer_done(w) == ERR_OK, "a request is too large");
	c->len = writer_len(w);
}

struct kmip_item_mark begin_item(struct writer *w, uint32_t operation, uint8_t *number)
{
	struct kmip_item_id id = { .operation = operation, .has_unique_id = number != NULL };
	if (number) id.unique_id = view_of(number, 1);
	return kmip_request_item_begin(w, &id);
}

void send_all(struct client *c)
{
	for (size_t sent = 0; sent < c->len;) {
		ssize_t n = send(c->fd, c->out + sent, c->len - sent, MSG_NOSIGNAL);
		must(n > 0 || errno == EINTR, "the connection was lost");
		if (n > 0) sent += (size_t)n;
	}
	c->got = 0;
}

/* True when the answer is whole. */
bool receive_some(struct client *c)
{
	size_t size = 0;
	ssize_t n = recv(c->fd, c->in + c->got, ANSWER_MAX - c->got, 0);
	must(n > 0 || errno == EINTR, "the connection was closed");
	if (n > 0) c->got += (size_t)n;
	if (c->got < TTLV_HEADER_LEN) return false;
	must(ttlv_frame_size(view_of(c->in, TTLV_HEADER_LEN), TAG_RESPONSE_MESSAGE, ANSWER_MAX, &size) == ERR_OK, "no answer");
	return c->got >= size;
}

void ask(struct client *c)
{
	send_all(c);
	while (!receive_some(c)) {
	}
}

const struct kmip_response *answer_of(struct client *c)
{
	static struct kmip_response answer;
	must(kmip_response_parse(view_of(c->in, c->got), NULL, &answer, NULL) == ERR_OK, "the answer is malformed");
	for (size_t i = 0; i < answer.count; i++) {
		const struct view why = answer.items[i].message;
		if (answer.items[i].err == ERR_OK) continue;
		fprintf(stderr, "bench: refused: %.*s\n", (int)why.len, (const char *)why.ptr);
		exit(1);
	}
	return &answer;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void say(const char *what, uint64_t *times, size_t count)
{
	qsort(times, count, sizeof *times, compare);
	printf("%s %.1f %.1f %.1f %.1f\n", what, (double)times[count / 4] / 1e3, (double)times[count / 2] / 1e3, (double)times[count / 4 * 3] / 1e3,
		(double)times[count - 1 - count / 100] / 1e3);
}
