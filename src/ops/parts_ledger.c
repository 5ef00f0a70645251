/* Accounts of principals. */
#include "ops/parts_ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 64u

struct ledger_line {
	struct ledger_line *next;
	size_t kept, refs;
	unsigned bucket;
	char principal[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the three below */
static struct ledger_line *buckets[BUCKETS];
static size_t kept_by_all;

static unsigned bucket_of(const char *principal)
{
	unsigned h = 5381;
	for (; *principal; principal++) h = h * 33 + (unsigned char)*principal;
	return h % BUCKETS;
}

static struct ledger_line *find(const char *principal)
{
	unsigned bucket = bucket_of(principal);
	for (struct ledger_line *l = buckets[bucket]; l; l = l->next)
		if (strcmp(l->principal, principal) == 0) return l;
	size_t len = strlen(principal) + 1;
	struct ledger_line *l = calloc(1, sizeof *l + len);
	if (!l) return NULL;
	memcpy(l->principal, principal, len);
	l->bucket = bucket;
	l->next = buckets[bucket];
	buckets[bucket] = l;
	return l;
}

static void drop(struct ledger_line *line)
{
	struct ledger_line **at = &buckets[line->bucket];
	if (line->refs > 0) return;
	while (*at != line) at = &(*at)->next;
	*at = line->next;
	free(line);
}

/* Half of what the others leave. */
static bool fits(const struct ledger_line *l, size_t bytes, size_t most)
{
	size_t others = kept_by_all - l->kept;
	size_t share = others < most ? (most - others) / 2 : 0;
	return l->kept <= share && bytes <= share - l->kept;
}

enum coffer_err ledger_take(struct ledger_line **line, const char *principal, size_t bytes, size_t most)
{
	pthread_mutex_lock(&lock);
	struct ledger_line *l = *line ? *line : find(principal);
	enum coffer_err err = !l ? ERR_MEMORY : fits(l, bytes, most) ? ERR_OK : ERR_BUSY;
	if (!err) {
		l->kept += bytes;
		kept_by_all += bytes;
		if (!*line) l->refs++;
		*line = l;
	} else if (l && !*line) {
		drop(l);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

void ledger_give(struct ledger_line *line, size_t bytes)
{
	if (!line) return;
	pthread_mutex_lock(&lock);
	line->kept -= bytes;
	kept_by_all -= bytes;
	line->refs--;
	drop(line);
	pthread_mutex_unlock(&lock);
}
