/* Seeds of the channel to coffer-stored: each request, each answer, and whole conversations. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/seeds.h"
#include "store/remote_wire.h"

static const uint8_t index_column[2 + STORE_INDEX_ENTRY_LEN] = { 0, 1, 7 };

static struct store_row row(void)
{
	return (struct store_row){ .id = { 'i', 'd' }, .id_len = 2, .version = 1, .state = 2, .generation = 3, .header = view_str("h"),
		.index = view_of(index_column, sizeof index_column), .body = view_str("body") };
}

static struct view place(const struct remote_request *q)
{
	return q->op == REMOTE_SCAN || q->op == REMOTE_FIND ? view_of(NULL, 0) : view_str("id");
}

static struct remote_request request(enum remote_op op, unsigned flags)
{
	struct remote_request q = { .op = op, .flags = flags, .table = STORE_OBJECT, .index = 7, .limit = 5, .row = row() };
	q.id = place(&q);
	if (op == REMOTE_FIND) q.token = view_of(index_column + 3, STORE_TOKEN_LEN);
	if (op == REMOTE_SAME) q.token = view_of(index_column, sizeof index_column);
	q.open.writer = 1;
	q.open.connect_ms = q.open.statement_ms = 5000;
	q.open.conninfo = view_str("host=/run/postgresql dbname=coffer");
	q.open.schema = view_str("coffer");
	return q;
}

static void put_frame(struct writer *w, const struct remote_request *q)
{
	struct writer_mark mark = writer_reserve_u32(w);
	remote_encode_request(q, w);
	writer_fill_len(w, mark);
}

static void seed_requests(void)
{
	static const char *const names[REMOTE_OP_END] = { "", "open", "get", "put", "erase", "scan", "count", "find", "survey", "same", "orphans", "strays",
		"savepoint", "release", "commit", "rollback", "hold", "news" };
	for (unsigned op = REMOTE_OPEN; op < REMOTE_OP_END; op++) {
		uint8_t bytes[SEED_MAX];
		char name[32];
		struct writer w;
		struct remote_request q = request((enum remote_op)op, op == REMOTE_GET ? REMOTE_BEGIN : 0);
		writer_init(&w, bytes, sizeof bytes);
		writer_u8(&w, 0);
		remote_encode_request(&q, &w);
		REQUIRE(writer_done(&w) == ERR_OK);
		snprintf(name, sizeof name, "request-%s", names[op]);
		seed_write("stored", name, writer_view(&w));
	}
}

static void seed_answer(const char *name, const struct remote_answer *a)
{
	uint8_t bytes[SEED_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u8(&w, (uint8_t)a->op);
	remote_encode_answer(a, &w);
	REQUIRE(writer_done(&w) == ERR_OK);
	seed_write("stored", name, writer_view(&w));
}

static void seed_answers(void)
{
	uint8_t bytes[512], ids[64];
	struct writer w, i;
	struct store_row one = row();
	writer_init(&w, bytes, sizeof bytes);
	remote_put_row(&w, &one, true);
	writer_init(&i, ids, sizeof ids);
	remote_put_id(&i, view_str("id"));
	seed_answer("answer-get", &(struct remote_answer){ .op = REMOTE_GET, .row = one });
	seed_answer("answer-refused", &(struct remote_answer){ .op = REMOTE_COMMIT, .err = ERR_BUSY, .text = view_str("try again") });
	seed_answer("answer-count", &(struct remote_answer){ .op = REMOTE_COUNT, .number = 5 });
	seed_answer("answer-scan", &(struct remote_answer){ .op = REMOTE_SCAN, .count = 1, .more = true, .items = writer_view(&w) });
	seed_answer("answer-survey", &(struct remote_answer){ .op = REMOTE_SURVEY, .count = 1, .place = view_str("ie"), .items = writer_view(&w) });
	seed_answer("answer-find", &(struct remote_answer){ .op = REMOTE_FIND, .count = 1, .items = writer_view(&i) });
	seed_answer("answer-same", &(struct remote_answer){ .op = REMOTE_SAME, .same = true });
	seed_answer("answer-news", &(struct remote_answer){ .op = REMOTE_NEWS, .same = true });
	seed_answer("answer-open", &(struct remote_answer){ .op = REMOTE_OPEN, .open = { 150004, 7000000000000000001, 2, view_str("localhost:5432") } });
}

static void seed_talk(const char *name, const struct remote_request *list, size_t count)
{
	uint8_t bytes[SEED_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u8(&w, UINT8_MAX);
	for (size_t i = 0; i < count; i++) put_frame(&w, &list[i]);
	REQUIRE(writer_done(&w) == ERR_OK);
	seed_write("stored", name, writer_view(&w));
}

void seeds_stored(void)
{
	const struct remote_request talk[] = {
		request(REMOTE_OPEN, 0), request(REMOTE_GET, REMOTE_BEGIN), request(REMOTE_SAVEPOINT, REMOTE_QUIET), request(REMOTE_PUT, REMOTE_QUIET | REMOTE_REPLACE),
		request(REMOTE_RELEASE, REMOTE_QUIET | REMOTE_KEEP), request(REMOTE_COMMIT, 0), request(REMOTE_SCAN, 0), request(REMOTE_FIND, 0), request(REMOTE_SURVEY, 0),
		request(REMOTE_ORPHANS, 0), request(REMOTE_SAME, 0), request(REMOTE_STRAYS, 0), request(REMOTE_ERASE, REMOTE_BEGIN), request(REMOTE_ROLLBACK, REMOTE_QUIET),
	};
	const struct remote_request looks[] = {
		request(REMOTE_OPEN, 0), request(REMOTE_NEWS, 0), request(REMOTE_GET, REMOTE_BEGIN | REMOTE_READING), request(REMOTE_SURVEY, 0), request(REMOTE_ROLLBACK, REMOTE_QUIET),
		request(REMOTE_SCAN, REMOTE_BEGIN | REMOTE_READING), request(REMOTE_ERASE, 0),
	};
	const struct remote_request early[] = { request(REMOTE_GET, 0) };
	const struct remote_request wrong[] = { request(REMOTE_OPEN, 0), request(REMOTE_PUT, 0) };
	seed_requests();
	seed_answers();
	seed_talk("talk", talk, sizeof talk / sizeof talk[0]);
	seed_talk("talk-reading", looks, sizeof looks / sizeof looks[0]);
	seed_talk("talk-not-open", early, 1);
	seed_talk("talk-no-transaction", wrong, 2);
}
