/* Names of records, and back. */
#include "domain/record_list.h"

#include <string.h>

#include "base/text.h"

void record_list_name(const char *prefix, const uint8_t id[static RECORD_LIST_ID_LEN], char out[static RECORD_LIST_NAME_LEN])
{
	size_t len = strnlen(prefix, RECORD_LIST_NAME_LEN - 2 * RECORD_LIST_ID_LEN - 1);
	memcpy(out, prefix, len);
	text_hex(view_of(id, RECORD_LIST_ID_LEN), out + len);
}

struct gather {
	struct record_list *list;
	const char *prefix;
	size_t prefix_len, max;
};

/* Ids alone: a scan makes no other call. */
static enum coffer_err take_id(void *arg, const struct store_row *row)
{
	const struct gather *g = arg;
	if (row->id_len < g->prefix_len || memcmp(row->id, g->prefix, g->prefix_len) != 0) return ERR_EXISTS; /* behind them */
	if (row->id_len != g->prefix_len + 2 * RECORD_LIST_ID_LEN || g->list->count == g->max) return ERR_CORRUPT;
	ENSURE(text_unhex(view_of(row->id + g->prefix_len, 2 * RECORD_LIST_ID_LEN), g->list->ids[g->list->count], RECORD_LIST_ID_LEN) == ERR_OK, ERR_CORRUPT);
	g->list->count++;
	return ERR_OK;
}

enum coffer_err record_list_gather(struct store *store, const char *prefix, size_t max, struct record_list *out)
{
	struct gather g = { out, prefix, strlen(prefix), max };
	PRE(max <= RECORD_LIST_MAX);
	out->count = 0;
	enum coffer_err err = store_scan(store, STORE_DOMAIN, view_str(prefix), false, max + 1, take_id, &g);
	return err == ERR_EXISTS ? ERR_OK : err;
}
