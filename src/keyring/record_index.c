/* Index tokens and the index column. */
#include "keyring/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/reader.h"
#include "base/writer.h"

#define HEAD_LEN 6u /* table u8 | index u8 | length u32 */

enum coffer_err record_token(struct ring *ring, uint32_t generation, enum store_table table, uint8_t index,
	struct view value, uint8_t out[static STORE_TOKEN_LEN])
{
	uint8_t head[HEAD_LEN], token[STORE_TOKEN_LEN];
	struct writer w;
	ENSURE(value.len <= UINT32_MAX, ERR_TOO_LARGE);
	writer_init(&w, head, sizeof head);
	writer_u8(&w, (uint8_t)table);
	writer_u8(&w, index);
	writer_u32(&w, (uint32_t)value.len);
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), value };
	TRY(ring_hmac(ring, generation, SUBKEY_INDEX, parts, 2, token));
	memcpy(out, token, sizeof token);
	return ERR_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, STORE_INDEX_ENTRY_LEN);
}

static enum coffer_err fill_entries(struct ring *ring, uint32_t generation, enum store_table table,
	const struct record_index_entry *entries, size_t count, uint8_t (*to)[STORE_INDEX_ENTRY_LEN])
{
	for (size_t i = 0; i < count; i++) {
		to[i][0] = entries[i].index;
		TRY(record_token(ring, generation, table, entries[i].index, entries[i].value, to[i] + 1));
	}
	return ERR_OK;
}

enum coffer_err record_index(struct ring *ring, uint32_t generation, enum store_table table,
	const struct record_index_entry *entries, size_t count, struct buf *out)
{
	uint8_t made[STORE_INDEX_MAX][STORE_INDEX_ENTRY_LEN];
	size_t kept = 0;
	struct writer w;
	ENSURE(count <= STORE_INDEX_MAX, ERR_LIMIT);
	TRY(fill_entries(ring, generation, table, entries, count, made));
	if (count) qsort(made, count, sizeof made[0], by_bytes);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || memcmp(made[i], made[i - 1], sizeof made[i]) != 0) kept++;
	writer_init_buf(&w, out, 2 + kept * STORE_INDEX_ENTRY_LEN);
	writer_u16(&w, (uint16_t)kept);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || memcmp(made[i], made[i - 1], sizeof made[i]) != 0) writer_bytes(&w, view_of(made[i], sizeof made[i]));
	return writer_done(&w);
}

bool record_index_has(struct view index_column, uint8_t index, const uint8_t token[static STORE_TOKEN_LEN])
{
	struct reader r;
	uint16_t count;
	bool found = false;
	reader_init(&r, index_column);
	if (reader_u16(&r, &count) != ERR_OK || count > STORE_INDEX_MAX) return false;
	for (uint16_t i = 0; i < count; i++) {
		uint8_t number;
		struct view entry;
		if (reader_u8(&r, &number) != ERR_OK || reader_view(&r, STORE_TOKEN_LEN, &entry) != ERR_OK) return false;
		if (number == index && view_equal(entry, view_of(token, STORE_TOKEN_LEN))) found = true;
	}
	return found && reader_end(&r) == ERR_OK;
}
