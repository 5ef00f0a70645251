/* Page numbers kept in mind. */
#include "store/sqlite_pcache.h"

#include <stdlib.h>

struct cache {
	sqlite3_pcache *real;
	unsigned highest; /* no page has a higher number … */
	unsigned aside;   /* … but perhaps this one, which was given to a page that had another; 0: none has */
};

static sqlite3_pcache_methods2 real;

static struct cache *self(sqlite3_pcache *c)
{
	return (struct cache *)(void *)c;
}

static int start(void *arg)
{
	(void)arg;
	return real.xInit ? real.xInit(real.pArg) : SQLITE_OK;
}

static void stop(void *arg)
{
	(void)arg;
	if (real.xShutdown) real.xShutdown(real.pArg);
}

static sqlite3_pcache *create(int page_len, int extra_len, int can_drop)
{
	struct cache *c = calloc(1, sizeof *c);
	if (c) c->real = real.xCreate(page_len, extra_len, can_drop);
	if (c && c->real) return (sqlite3_pcache *)(void *)c;
	free(c);
	return NULL;
}

static void destroy(sqlite3_pcache *cache)
{
	struct cache *c = self(cache);
	real.xDestroy(c->real);
	free(c);
}

static void set_size(sqlite3_pcache *cache, int pages)
{
	real.xCachesize(self(cache)->real, pages);
}

static int count(sqlite3_pcache *cache)
{
	return real.xPagecount(self(cache)->real);
}

static sqlite3_pcache_page *fetch(sqlite3_pcache *cache, unsigned number, int make)
{
	struct cache *c = self(cache);
	if (make && number > c->highest) c->highest = number;
	return real.xFetch(c->real, number, make);
}

static void unpin(sqlite3_pcache *cache, sqlite3_pcache_page *page, int drop)
{
	real.xUnpin(self(cache)->real, page, drop);
}

/* Two that are aside are one too many to remember: then the higher number counts as any other. */
static void rekey(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned before, unsigned number)
{
	struct cache *c = self(cache);
	real.xRekey(c->real, page, before, number);
	if (before == c->aside) c->aside = 0;
	if (number <= c->highest) return;
	if (!c->aside) c->aside = number;
	else c->highest = number;
}

static void drop_from(sqlite3_pcache *cache, unsigned from)
{
	struct cache *c = self(cache);
	if (c->highest < from && c->aside < from) return;
	real.xTruncate(c->real, from);
	c->highest = from - 1;
	if (c->aside >= from) c->aside = 0;
}

static void shrink(sqlite3_pcache *cache)
{
	real.xShrink(self(cache)->real);
}

void sqlite_pcache_over(const sqlite3_pcache_methods2 *below, sqlite3_pcache_methods2 *out)
{
	real = *below;
	*out = (sqlite3_pcache_methods2){ .iVersion = 1, .xInit = start, .xShutdown = stop, .xCreate = create, .xCachesize = set_size, .xPagecount = count,
		.xFetch = fetch, .xUnpin = unpin, .xRekey = rekey, .xTruncate = drop_from, .xDestroy = destroy, .xShrink = shrink };
}

void sqlite_pcache_install(void)
{
	sqlite3_pcache_methods2 below, over;
	if (sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &below) != SQLITE_OK) return;
	if (below.xFetch == fetch) return; /* an earlier start failed */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody asks, and each piece of memory takes a lock for it */
	sqlite_pcache_over(&below, &over);
	sqlite3_config(SQLITE_CONFIG_PCACHE2, &over);
}
