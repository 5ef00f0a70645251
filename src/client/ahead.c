/* Operations sent ahead: gathered in the request buffer, several in a message where that is allowed, and collected in order. */
#include <string.h>

#include "base/clock.h"
#include "base/ct.h"
#include "client/message.h"
#include "client/portion.h"
#include "kmip/alike.h"

#define MESSAGE_BYTES (15u * 1024u)     /* of a message with several operations, at most */
#define MESSAGE_ITEMS KMIP_ALIKE_ITEMS_MAX /* unless the caller wants another number: the daemon knows batches of so many by what the one before was */
#define GATHER_COUNT MESSAGE_ITEMS      /* so many operations, or … */
#define GATHER_MIN MESSAGE_BYTES        /* … so many bytes go out when they are half of what is under way, so that the daemon has work while the next ones are gathered; */
#define GATHER_COUNT_MAX (2 * MESSAGE_ITEMS) /* and so many, or … */
#define GATHER_MAX PORTION_MIN           /* … as soon as there are so many bytes, always: one wake of the daemon for all of them, and mostly one block of the kernel's */
#define GATHER_BUFFER (GATHER_MAX + MESSAGE_BYTES)
#define ANSWER_OVERHEAD 1024u           /* bytes of an answer besides its result, or of a refusal with its sentence */

static unsigned under_way(const struct ahead_queue *q)
{
	return q->next - q->first;
}

static struct ahead_message *oldest(struct ahead_queue *q)
{
	return &q->messages[q->first_message % COFFER_AHEAD];
}

static struct ahead_message *newest(struct ahead_queue *q)
{
	return &q->messages[(q->next_message - 1) % COFFER_AHEAD];
}

static void begin(struct coffer *c)
{
	pthread_mutex_lock(&c->lock);
	conn_take_back(c);
	c->text[0] = '\0';
}

static enum coffer_status end(struct coffer *c, enum coffer_status status)
{
	pthread_mutex_unlock(&c->lock);
	return status;
}

/* ---- sending ---- */

static void close_message(struct coffer *c)
{
	struct ahead_queue *q = &c->queue;
	if (!q->open) return;
	kmip_request_end_batch(&q->w, q->mark, newest(q)->items);
	q->open = false;
}

/* By when this call must be done: asked for only where it may wait. */
static uint64_t deadline_of(struct coffer *c, uint64_t *deadline_ms)
{
	if (*deadline_ms == 0) *deadline_ms = clock_mono_ms() + c->timeout_ms;
	return *deadline_ms;
}

/* Everything that was gathered. What a connection that breaks here did not send is lost like what it sent. */
static enum coffer_status flush(struct coffer *c, uint64_t deadline_ms)
{
	struct ahead_queue *q = &c->queue;
	if (!q->unsent) return COFFER_OK;
	close_message(c);
	size_t len = writer_len(&q->w);
	enum coffer_status st = conn_send(c, len, deadline_ms);
	if (q->secret) conn_keep_request(c, len);
	else conn_leave_request(c);
	q->unsent = q->gathered = 0;
	q->secret = false;
	return st;
}

/* Room for one more in the request buffer, which never moves while something is gathered in it. */
static enum coffer_status make_room(struct coffer *c, size_t need, uint64_t *deadline_ms)
{
	struct ahead_queue *q = &c->queue;
	if (q->gathered && need > q->w.max - writer_len(&q->w)) {
		enum coffer_status st = flush(c, deadline_of(c, deadline_ms));
		if (st) return st;
	}
	if (q->gathered) return COFFER_OK;
	size_t buffer = GATHER_BUFFER < c->max_memory ? GATHER_BUFFER : c->max_memory;
	enum coffer_status st = conn_prepare(c, need > buffer ? need : buffer);
	if (!st) writer_init(&q->w, c->out.ptr, c->out.cap);
	return st;
}

static void begin_message(struct ahead_queue *q)
{
	q->next_message++;
	q->unsent++;
	*newest(q) = (struct ahead_message){ .room = 0 };
}

static void open_batch(struct ahead_queue *q)
{
	q->opened_at = writer_len(&q->w);
	q->mark = kmip_request_begin_batch(&q->w, KMIP_VERSION_HIGHEST);
	q->open = true;
	begin_message(q);
}

/* A batch stays small (so it has not too many TTLV items either); what is larger goes alone. */
static bool fits(const struct coffer *c, const struct ahead_message *open, size_t size)
{
	const struct ahead_queue *q = &c->queue;
	return open->items < (c->batch ? c->batch : MESSAGE_ITEMS) && writer_len(&q->w) - q->opened_at + size <= MESSAGE_BYTES;
}
_Static_assert(MESSAGE_BYTES / TTLV_HEADER_LEN < TTLV_ITEMS_MAX, "a batch may have too many TTLV items");

static bool is_alone(const struct coffer *c)
{
	return c->batch == 1;
}

/* A message of its own, or into the open batch when it fits, else into a new one. */
static void append(struct coffer *c, const struct message *m)
{
	struct ahead_queue *q = &c->queue;
	if (is_alone(c)) {
		begin_message(q);
		newest(q)->items = 1;
		message_put_alone(c, &q->w, m);
		return;
	}
	if (q->open && !fits(c, newest(q), m->size)) close_message(c);
	if (!q->open) open_batch(q);
	message_put_item(c, &q->w, m, newest(q)->items++);
}

static void push(struct coffer *c, const struct message *m, uint64_t room)
{
	struct ahead_queue *q = &c->queue;
	q->ops[q->next++ % COFFER_AHEAD] = (uint8_t)m->op;
	q->secret = q->secret || message_is_secret(m);
	newest(q)->opens = newest(q)->opens || message_answer_is_secret(m->op);
	newest(q)->room += room;
	q->room += room;
	q->gathered++;
	c->ahead++;
}

/* The newest operation was not sent after all. */
static void pop(struct coffer *c, uint64_t room)
{
	struct ahead_queue *q = &c->queue;
	q->next--;
	q->room -= room;
	newest(q)->room -= room;
	if (--newest(q)->items == 0) q->next_message--;
	c->ahead--;
}

static enum coffer_status may_send(struct coffer *c, uint64_t room)
{
	const struct ahead_queue *q = &c->queue;
	if (c->broken) return conn_fail(c, COFFER_ECLOSED, "the connection is broken; connect again");
	if (c->ahead != under_way(q)) return conn_fail(c, COFFER_EBUSY, "segments of a stream on this connection are under way; collect them first");
	if (under_way(q) == COFFER_AHEAD) return conn_fail(c, COFFER_EBUSY, "%u operations are under way; collect one first", COFFER_AHEAD);
	if (under_way(q) && q->room + room > c->max_memory)
		return conn_fail(c, COFFER_EBUSY, "the answers under way may take all the memory of this connection; collect one first");
	return COFFER_OK;
}

/* What lies in the caller's memory goes out with the call that brought it. */
static bool is_enough(const struct coffer *c)
{
	const struct ahead_queue *q = &c->queue;
	size_t len = writer_len(&q->w);
	if (c->aside.len || q->gathered >= GATHER_COUNT_MAX || len >= GATHER_MAX) return true;
	return (q->gathered >= GATHER_COUNT || len >= GATHER_MIN) && q->gathered * 2 >= under_way(q);
}

static enum coffer_status send_ahead(struct coffer *c, struct message *m)
{
	if (!c) return COFFER_EINVAL;
	enum coffer_status st = message_check(c, m);
	if (st) return st;
	uint64_t room = message_result_max(m) + ANSWER_OVERHEAD, deadline_ms = 0;
	begin(c);
	st = may_send(c, room);
	if (!st) st = make_room(c, m->size + CALL_OVERHEAD, &deadline_ms);
	if (st) return end(c, st);
	append(c, m);
	push(c, m, room);
	PRE(writer_done(&c->queue.w) == ERR_OK); /* make_room saw to it */
	if (is_enough(c)) st = flush(c, deadline_of(c, &deadline_ms));
	if (st) pop(c, room);
	if (st) conn_settle(c);
	return end(c, st);
}

enum coffer_status coffer_encrypt_send(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	const void *plain, size_t plain_len)
{
	struct message m = { MESSAGE_ENCRYPT, key, context, context_count, view_of(plain, plain_len), 0, 0 };
	return send_ahead(c, &m);
}

enum coffer_status coffer_decrypt_send(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len)
{
	struct message m = { MESSAGE_DECRYPT, NULL, context, context_count, view_of(sealed, sealed_len), 0, 0 };
	return send_ahead(c, &m);
}

enum coffer_status coffer_rewrap_send(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len)
{
	struct message m = { MESSAGE_REWRAP, NULL, context, context_count, view_of(sealed, sealed_len), 0, 0 };
	return send_ahead(c, &m);
}

enum coffer_status coffer_flush(struct coffer *c)
{
	if (!c) return COFFER_EINVAL;
	begin(c);
	if (c->broken) return end(c, conn_fail(c, COFFER_ECLOSED, "the connection is broken; connect again"));
	return end(c, flush(c, clock_mono_ms() + c->timeout_ms));
}

unsigned coffer_under_way(const struct coffer *c)
{
	return c ? under_way(&c->queue) : 0;
}

/* ---- collecting ---- */

static enum coffer_status lost(struct coffer *c)
{
	if (c->why_unsaid) return conn_is_broken(c);
	return conn_fail(c, COFFER_ECLOSED, "the connection broke before the answer came; send the operation again over another one");
}

static enum coffer_status malformed(struct coffer *c)
{
	c->broken = c->garbled = true;
	c->queue.frame_len = 0;
	return conn_fail(c, COFFER_EPROTOCOL, "the daemon's answer is not well-formed");
}

/* Sends what is gathered. A connection that breaks at that leaves the answer that was read meanwhile: what broke it is the next operation's to say. */
static enum coffer_status flush_first(struct coffer *c, uint64_t deadline_ms)
{
	size_t size;
	bool whole = false;
	enum coffer_status st = flush(c, deadline_ms);
	if (!st || c->garbled) return st;
	enum coffer_status frame = conn_whole_frame(c, &size, &whole);
	if (frame || !whole) return frame ? frame : st;
	c->why_unsaid = true;
	c->text[0] = '\0';
	return COFFER_OK;
}

/* The answer to the oldest message, which is sent now if it was not. */
static enum coffer_status await(struct coffer *c, uint64_t deadline_ms, struct view *out)
{
	struct ahead_queue *q = &c->queue;
	size_t size;
	bool whole = false;
	if (c->garbled) return lost(c);
	enum coffer_status st = conn_whole_frame(c, &size, &whole);
	if (st) return st;
	if (!whole && c->broken) return lost(c);
	if (!whole || q->next_message - q->first_message == q->unsent) st = flush_first(c, deadline_ms);
	return st ? st : conn_receive(c, deadline_ms, out);
}

/* Whether every operation of the oldest message is answered like one before, and where the results are then. */
static bool is_alike(struct coffer *c, struct view frame)
{
	struct ahead_queue *q = &c->queue;
	unsigned count = oldest(q)->items;
	size_t at = c->forms.header.len;
	if (!answer_header_is_like(&c->forms.header, frame, count)) return false;
	for (unsigned i = 0; i < count; i++) {
		struct answer_form *form = message_answer_form(c, (enum message_op)q->ops[(q->first + i) % COFFER_AHEAD], is_alone(c));
		size_t len = answer_form_match(form, view_of(frame.ptr + at, frame.len - at), (uint8_t)i, &q->results[i].len);
		if (len == 0) return false;
		q->results[i].at = at + form->len;
		at += len;
	}
	return at == frame.len;
}

static enum coffer_status read_header(struct coffer *c, struct view frame)
{
	struct ahead_queue *q = &c->queue;
	struct kmip_response_header header;
	struct ttlv_cursor items;
	struct ttlv_limits limits = ttlv_limits_of(c->max_memory);
	if (kmip_response_open(frame, &limits, &header, &items, NULL) != ERR_OK) return malformed(c);
	q->refused = header.batch_count == 1 && oldest(q)->items > 1;
	if (!q->refused && header.batch_count != oldest(q)->items) return malformed(c);
	q->named = header.batch_count > 1;
	q->at = (size_t)(items.rest.ptr - frame.ptr);
	answer_header_keep(&c->forms.header, frame);
	return COFFER_OK;
}

static enum coffer_status open_answer(struct coffer *c)
{
	struct ahead_queue *q = &c->queue;
	struct view frame;
	enum coffer_status st = await(c, clock_mono_ms() + c->timeout_ms, &frame);
	if (st) return st;
	q->alike = is_alike(c, frame);
	if (!q->alike) st = read_header(c, frame);
	if (st) return st;
	q->frame_len = frame.len;
	q->position = 0;
	return COFFER_OK;
}

/* The oldest operation's item of the open answer; *out_after: where the next one begins. */
static enum coffer_status take_item(struct coffer *c, struct kmip_response_item *out, size_t *out_after)
{
	struct ahead_queue *q = &c->queue;
	const uint8_t *frame = c->in.ptr + c->in.begin;
	struct ttlv_cursor items = ttlv_cursor_of(view_of(frame + q->at, q->frame_len - q->at));
	if (kmip_response_take(&items, out) != ERR_OK) return malformed(c);
	bool own = !q->named || call_item_is(out, q->position);
	bool last = q->refused || oldest(q)->items == 1;
	if (!own || (q->refused && out->err == ERR_OK) || (last && ttlv_done(&items) != ERR_OK)) return malformed(c);
	*out_after = q->refused ? q->at : (size_t)(items.rest.ptr - frame);
	return COFFER_OK;
}

static enum coffer_status read_item(struct coffer *c, struct view *out, size_t *out_after)
{
	struct ahead_queue *q = &c->queue;
	struct kmip_response_item item;
	enum coffer_status st = take_item(c, &item, out_after);
	if (!st) st = call_item_status(c, &item);
	if (st) return st;
	struct view from = view_of(c->in.ptr + c->in.begin + q->at, *out_after - q->at);
	bool found = message_result(c, (enum message_op)q->ops[q->first % COFFER_AHEAD], is_alone(c), &item, from, out);
	return found ? COFFER_OK : malformed(c);
}

/* How the oldest operation ended; it stays the oldest until it is finished. */
static enum coffer_status result(struct coffer *c, struct view *out, size_t *out_after)
{
	struct ahead_queue *q = &c->queue;
	enum coffer_status st = q->frame_len ? COFFER_OK : open_answer(c);
	if (st) return st;
	if (!q->alike) return read_item(c, out, out_after);
	*out = view_of(c->in.ptr + c->in.begin + q->results[q->position].at, q->results[q->position].len);
	return COFFER_OK;
}

/* lend: the caller still looks at the answer. */
static void finish(struct coffer *c, size_t after, bool lend)
{
	struct ahead_queue *q = &c->queue;
	if (q->frame_len == 0) c->garbled = true; /* its answer was not taken: if it came it would pass for the next one's */
	q->first++;
	c->ahead--;
	q->at = after;
	q->position++;
	if (--oldest(q)->items) return;
	q->room -= oldest(q)->room;
	c->lent_sealed = !oldest(q)->opens;
	q->first_message++;
	c->lent = q->frame_len;
	if (lend) conn_settle(c);
	else conn_take_back(c);
	q->frame_len = 0;
}

static enum coffer_status check_collect(struct coffer *c, const void *out, const size_t *out_len)
{
	if (!c) return COFFER_EINVAL;
	if (!out || !out_len) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	if (under_way(&c->queue)) return COFFER_OK;
	begin(c);
	return end(c, conn_fail(c, COFFER_ESTATE, "no operation is under way"));
}

enum coffer_status coffer_collect(struct coffer *c, void *out, size_t out_cap, size_t *out_len)
{
	struct view bytes;
	size_t after = 0;
	enum coffer_status st = check_collect(c, out, out_len);
	if (st) return st;
	begin(c);
	st = result(c, &bytes, &after);
	if (!st && bytes.len > out_cap)
		return end(c, conn_fail(c, COFFER_ENOSPACE, "the out buffer has %zu bytes, %zu are needed", out_cap, bytes.len));
	if (!st) {
		if (bytes.len) memcpy(out, bytes.ptr, bytes.len);
		*out_len = bytes.len;
	}
	finish(c, after, false);
	return end(c, st);
}

enum coffer_status coffer_collect_view(struct coffer *c, const void **out, size_t *out_len)
{
	struct view bytes;
	size_t after = 0;
	enum coffer_status st = check_collect(c, out, out_len);
	if (st) return st;
	begin(c);
	st = result(c, &bytes, &after);
	if (!st) {
		*out = bytes.ptr;
		*out_len = bytes.len;
	}
	finish(c, after, !st);
	return end(c, st);
}
