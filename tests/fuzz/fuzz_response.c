/* Fuzzes kmip_response_parse and libcoffer's reading of answers (src/client): the first byte chooses the call, the rest is what the daemon's end of
 * the socket says, one or several frames; with its top bit a descriptor comes with them, and streams take a ring; with the next one operations are sent
 * ahead. The library must come back with a status, inside its memory, and close; and who holds answers against those before hears what somebody hears who
 * reads each one. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/admin.h"
#include "client/conn.h"
#include "fuzz/mutator.h"

const size_t fuzz_skip = 1;

static const uint8_t sealed[COFFER_STREAM_HEADER] = "CFRM"; /* nobody opens it here */
static uint8_t out[1u << 20];

/* What a message must be for kmip_response_parse to take it. */
static void check_response(struct view in)
{
	static struct kmip_response response;
	struct reason reason = { "" };
	if (kmip_response_parse(in, NULL, &response, &reason) != ERR_OK) {
		fuzz_check_reason(&reason);
		return;
	}
	REQUIRE(response.count <= KMIP_BATCH_MAX && ttlv_check(in, NULL, NULL) == ERR_OK);
	for (size_t i = 0; i < response.count; i++) {
		const struct kmip_response_item *item = &response.items[i];
		bool failed = item->status == RESULT_STATUS_OPERATION_FAILED || item->status == RESULT_STATUS_OPERATION_UNDONE;
		REQUIRE((item->err != ERR_OK) == failed);
	}
}

static int take_key(void *arg, const struct coffer_key_info *key)
{
	(void)arg;
	REQUIRE(memchr(key->name, 0, sizeof key->name) && memchr(key->state, 0, sizeof key->state) && memchr(key->uuid, 0, sizeof key->uuid));
	return 0;
}

static int take_row(void *arg, const char *json, size_t len)
{
	(void)arg;
	return len > 0 && json[len - 1] == '\n';
}

static int take_grant(void *arg, const struct admin_grant *grant)
{
	(void)arg;
	REQUIRE(text_is_utf8(view_str(grant->principal)) && text_is_utf8(view_str(grant->role)) && text_is_utf8(view_str(grant->scope)));
	return 0;
}

#define SLOT (65536u + 4096u)
#define RING_BIT 0x80u

/* One segment where it lies. */
static void try_lent(struct coffer_stream *s)
{
	void *piece;
	const void *at;
	size_t cap, len;
	if (coffer_stream_lend(s, &piece, &cap) != COFFER_OK) return;
	memset(piece, 0x5a, cap);
	if (coffer_stream_send_lent(s, piece, sizeof sealed, 1) != COFFER_OK || coffer_stream_collect_lent(s, &at, &len) != COFFER_OK) return;
	REQUIRE(at == piece && len <= cap + COFFER_SEGMENT_OVERHEAD);
	for (size_t i = 0; i < len; i++) out[i % sizeof out] ^= ((const uint8_t *)at)[i];
	(void)coffer_stream_give_back(s, at);
}

/* One segment, the last one: anything longer would not fit into the socket. */
static void try_stream(struct coffer *c, bool seal)
{
	struct coffer_stream *s = NULL;
	size_t len;
	enum coffer_status st = seal ? coffer_stream_seal(c, "k", NULL, 0, 0, out, &s) : coffer_stream_open(c, NULL, 0, sealed, &s);
	if (!st && !c->no_ring) {
		try_lent(s);
		coffer_stream_close(s);
		return;
	}
	if (!st) st = coffer_stream_send(s, sealed, sizeof sealed, 1);
	if (!st) st = coffer_stream_collect(s, out, sizeof out, &len);
	coffer_stream_close(s);
}

#define AHEAD_BIT 0x40u
#define ROUNDS 3u

/* What came of all operations. */
struct heard {
	uint64_t sum;
	bool forget; /* nothing is remembered from one answer to the next */
};

static void hear(struct coffer *c, struct heard *h, enum coffer_status st, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	h->sum = (h->sum ^ (uint64_t)st) * 0x100000001b3u;
	for (size_t i = 0; st == COFFER_OK && i < len; i++) h->sum = (h->sum ^ b[i]) * 0x100000001b3u;
	for (const char *t = c->text; *t; t++) h->sum = (h->sum ^ (uint8_t)*t) * 0x100000001b3u;
	if (h->forget) memset(&c->forms, 0, sizeof c->forms);
}

static void try_many_keys(struct coffer *c)
{
	struct coffer_new_key keys[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
	enum coffer_status st = coffer_key_create_many(c, keys, 3);
	for (size_t i = 0; i < 3; i++) REQUIRE(memchr(keys[i].uuid, 0, sizeof keys[i].uuid) && (st || !keys[i].status));
}

/* Several under way; every one of them ends. */
static void try_ahead(struct coffer *c, struct heard *h)
{
	const void *view;
	size_t len = 0;
	REQUIRE(coffer_encrypt_send(c, "k", NULL, 0, sealed, 16) == COFFER_OK && coffer_decrypt_send(c, NULL, 0, sealed, sizeof sealed) == COFFER_OK);
	REQUIRE(coffer_rewrap_send(c, NULL, 0, sealed, sizeof sealed) == COFFER_OK);
	for (unsigned i = 0; i < 2; i++) REQUIRE(coffer_encrypt_send(c, "k", NULL, 0, sealed, i) == COFFER_OK);
	enum coffer_status st = coffer_collect_view(c, &view, &len);
	hear(c, h, st, st ? NULL : view, len);
	for (unsigned left = 4; left > 0; left--) {
		REQUIRE(coffer_under_way(c) == left);
		st = coffer_collect(c, out, sizeof out, &len);
		hear(c, h, st, out, len);
		REQUIRE(st != COFFER_ESTATE || coffer_under_way(c) == left - 1);
		REQUIRE(st != COFFER_ENOSPACE); /* out holds more than may come */
	}
	REQUIRE(coffer_under_way(c) == 0);
}

/* One at a time. */
static void try_message(struct coffer *c, struct heard *h, bool seal)
{
	size_t len = 0;
	enum coffer_status st = seal ? coffer_encrypt(c, "k", NULL, 0, sealed, 16, out, sizeof out, &len)
		: coffer_decrypt(c, NULL, 0, sealed, sizeof sealed, out, sizeof out, &len);
	hear(c, h, st, out, len);
}

#define SEAL_CALL 5u
#define OPEN_CALL 6u

/* Again and again, as long as the connection stands. */
static void try_messages(struct coffer *c, uint8_t first, struct heard *h)
{
	c->batch = first % 3 == 1;
	for (unsigned i = 0; i < ROUNDS && !c->broken; i++) {
		if (first & AHEAD_BIT) try_ahead(c, h);
		else try_message(c, h, first % 19 == SEAL_CALL);
	}
}

static void try_admin(struct coffer *c, unsigned which)
{
	struct admin_init init = { .token_uri = "tpm2:", .recovery = ADMIN_RECOVERY_SHARES, .shares = 3, .threshold = 2 };
	struct admin_init_answer answer;
	uint64_t n, first;
	size_t len;
	uint32_t ms;
	char line[256];
	switch (which) {
	case 0:
		if (admin_init(c, &init, &answer) == COFFER_OK) (void)admin_init_confirm(c, &answer, ADMIN_RECOVERY_NONE, NULL, 0);
		admin_init_answer_free(&answer);
		break;
	case 1: (void)admin_grants(c, take_grant, NULL); break;
	case 2: (void)admin_audit_show(c, 1, 1000, take_row, NULL); break;
	case 3: (void)admin_audit_verify(c, &first, &n); break;
	case 4: (void)admin_token_provision(c, "tpm2:", line, sizeof line); break;
	case 5: (void)admin_token_test(c, &ms); break;
	case 6: (void)admin_store_check(c, 0, line, sizeof line, &len); break;
	default: (void)admin_store_accept(c); break;
	}
}

static void try_call(struct coffer *c, unsigned which)
{
	struct coffer_key_info info;
	char uuid[COFFER_UUID_TEXT];
	size_t len;
	switch (which) {
	case 0: (void)coffer_key_create(c, "k", NULL, NULL, uuid); break;
	case 1: (void)coffer_key_info(c, "k", &info); break;
	case 2: (void)coffer_key_list(c, take_key, NULL); break;
	case 3: (void)coffer_key_rotate(c, "k", uuid); break;
	case 4: (void)coffer_key_destroy(c, "k"); break;
	case 7: (void)coffer_random(c, out, 32); break;
	case 8: (void)coffer_status_json(c, (char *)out, sizeof out, &len); break;
	case 9: try_stream(c, true); break;
	case 10: try_stream(c, false); break;
	default: try_admin(c, which - 11); break;
	}
}

/* Sends the answers, with a descriptor that is what a ring should be. */
static ssize_t send_with_ring(int fd, struct view answers)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { (void *)(uintptr_t)answers.ptr, answers.len };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	int memory = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	REQUIRE(memory >= 0 && ftruncate(memory, (off_t)(SLOT * COFFER_STREAM_SLOTS)) == 0);
	REQUIRE(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof memory);
	memcpy(CMSG_DATA(c), &memory, sizeof memory);
	ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
	close(memory);
	return n;
}

/* The frame at the front; all of it when there is none. */
static size_t first_frame(struct view answers)
{
	size_t size;
	if (ttlv_frame_size(answers, TAG_RESPONSE_MESSAGE, 65536, &size) != ERR_OK || size > answers.len) return answers.len;
	return size;
}

/* A connection whose other end has said everything that it will say. With a ring its descriptor comes with the second answer. */
static struct coffer *connect_to(struct view answers, bool ring, int *out_peer)
{
	int fds[2];
	struct coffer *c = calloc(1, sizeof *c);
	REQUIRE(c && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	REQUIRE(pthread_mutex_init(&c->lock, NULL) == 0);
	size_t first = ring && answers.len ? first_frame(answers) : 0;
	struct view rest = view_of(answers.ptr + first, answers.len - first);
	ssize_t n = rest.len == 0 ? 0 : ring ? send_with_ring(fds[1], rest) : send(fds[1], rest.ptr, rest.len, MSG_NOSIGNAL);
	REQUIRE(n >= 0 && shutdown(fds[1], SHUT_WR) == 0);
	if (first) { /* read already: who reads on where a descriptor lies loses it */
		c->in = (struct wire){ .ptr = malloc(first), .len = first, .cap = first };
		REQUIRE(c->in.ptr);
		memcpy(c->in.ptr, answers.ptr, first);
	}
	c->no_ring = c->without_ring = !ring;
	c->fd = fds[0];
	c->path = strdup("/nonexistent");
	c->timeout_ms = 40; /* below the pause before a reconnect */
	c->max_memory = 4u << 20;
	*out_peer = fds[1];
	return c;
}

/* SEAL_CALL and OPEN_CALL are messages too. */
static bool is_messages(uint8_t first)
{
	if (first & RING_BIT) return false;
	return first & AHEAD_BIT ? first % 3 != 2 : first % 19 == SEAL_CALL || first % 19 == OPEN_CALL;
}

static void try_all(uint8_t first, struct view answers, struct heard *h)
{
	int peer;
	struct coffer *c = connect_to(answers, first & RING_BIT, &peer);
	if (is_messages(first)) try_messages(c, first, h);
	else if ((first & (AHEAD_BIT | RING_BIT)) == AHEAD_BIT) try_many_keys(c);
	else try_call(c, first % 19);
	REQUIRE(c->in.cap <= c->max_memory && c->out.cap <= c->max_memory && c->ahead == 0);
	coffer_close(c);
	close(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard heard = { .forget = false }, read = { .forget = true };
	fuzz_arena();
	if (size < 1 || size > 65536) return 0;
	struct view answers = view_of(data + 1, size - 1);
	check_response(answers);
	try_all(data[0], answers, &heard);
	if (!is_messages(data[0])) return 0;
	try_all(data[0], answers, &read);
	REQUIRE(heard.sum == read.sum);
	return 0;
}
