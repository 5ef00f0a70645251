/* The open streams of a connection. */
#include "ops/streams.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ops/parts_ledger.h"

#define ARENA_SHARE 8u /* streams and operations in parts of all connections together keep at most an eighth of the secret memory */

struct op_streams {
	struct op_stream *slots; /* OP_STREAMS_MAX; NULL: none was needed yet, as on most connections */
	uint32_t next_handle;
	struct op_parts *parts; /* NULL: none yet */
	struct op_ring_host host; /* map NULL: none */
	struct op_ring ring;
};

struct op_streams *op_streams_new(void)
{
	return calloc(1, sizeof(struct op_streams));
}

size_t op_streams_idle_bytes(void)
{
	return sizeof(struct op_streams);
}

void op_streams_close(struct op_streams *streams, struct op_stream *stream)
{
	(void)streams;
	stream_sealer_free(stream->sealer);
	stream_opener_free(stream->opener);
	if (stream->line) ledger_give(stream->line, OP_STREAM_COST);
	*stream = (struct op_stream){ 0 };
}

void op_streams_free(struct op_streams *streams)
{
	if (!streams) return;
	for (size_t i = 0; streams->slots && i < OP_STREAMS_MAX; i++) op_streams_close(streams, &streams->slots[i]);
	free(streams->slots);
	op_parts_free(streams->parts);
	free(streams);
}

static bool is_destroyed(struct object_table *objects, const uint8_t id[static UUID_LEN])
{
	AUTO_OBJECT struct object *o = object_table_get(objects, id);
	return o && !o->material;
}

void op_streams_sweep(struct op_streams *streams, struct object_table *objects)
{
	for (size_t i = 0; streams->slots && i < OP_STREAMS_MAX; i++)
		if (streams->slots[i].handle && is_destroyed(objects, streams->slots[i].object_id)) op_streams_close(streams, &streams->slots[i]);
	if (streams->parts) op_parts_sweep(streams->parts, objects);
}

struct op_parts *op_streams_parts(struct op_streams *streams)
{
	if (!streams->parts) streams->parts = op_parts_new();
	return streams->parts;
}

static size_t kept_max(void)
{
	struct arena_stats arena;
	arena_stats(&arena);
	return arena.size / ARENA_SHARE;
}

static enum coffer_err fill(struct op_streams *streams, struct op_stream *s, const char *principal, const uint8_t object_id[static UUID_LEN])
{
	struct ledger_line *line = NULL;
	TRY(ledger_take(&line, principal, OP_STREAM_COST, kept_max()));
	if (++streams->next_handle == 0) streams->next_handle = 1;
	*s = (struct op_stream){ .handle = streams->next_handle, .line = line };
	memcpy(s->object_id, object_id, UUID_LEN);
	return ERR_OK;
}

enum coffer_err op_streams_add(struct op_streams *streams, struct stream_sealer *sealer, struct stream_opener *opener,
	const char *principal, const uint8_t object_id[static UUID_LEN], struct op_stream **out)
{
	if (!streams->slots) streams->slots = calloc(OP_STREAMS_MAX, sizeof *streams->slots);
	ENSURE(streams->slots, ERR_MEMORY);
	for (size_t i = 0; i < OP_STREAMS_MAX; i++) {
		struct op_stream *s = &streams->slots[i];
		if (s->handle) continue;
		TRY(fill(streams, s, principal, object_id));
		s->sealer = sealer;
		s->opener = opener;
		*out = s;
		return ERR_OK;
	}
	return ERR_LIMIT;
}

enum coffer_err op_streams_find(struct op_streams *streams, uint32_t handle, struct op_stream **out)
{
	for (size_t i = 0; streams->slots && handle && i < OP_STREAMS_MAX; i++) {
		if (streams->slots[i].handle != handle) continue;
		*out = &streams->slots[i];
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

void op_streams_set_host(struct op_streams *streams, const struct op_ring_host *host)
{
	streams->host = *host;
}

const struct op_ring_host *op_streams_host(const struct op_streams *streams)
{
	return streams->host.map ? &streams->host : NULL;
}

struct op_ring *op_streams_ring(struct op_streams *streams)
{
	return &streams->ring;
}

bool op_streams_opening(const struct op_streams *streams)
{
	for (size_t i = 0; streams->slots && i < OP_STREAMS_MAX; i++)
		if (streams->slots[i].opener) return true;
	return false;
}

bool op_streams_any(const struct op_streams *streams)
{
	for (size_t i = 0; streams->slots && i < OP_STREAMS_MAX; i++)
		if (streams->slots[i].handle) return true;
	return false;
}
