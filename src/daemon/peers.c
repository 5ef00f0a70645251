/* The table of peers. */
#include "daemon/peers.h"

#include <stdlib.h>
#include <string.h>

#include "access/quota.h"
#include "crypto/rng.h"

#define BUCKETS 4096u

struct peers {
	pthread_mutex_t lock;
	uint64_t seed;                  /* so that nobody can choose principals that fall together */
	size_t max, count;
	struct peer *newest, *oldest;   /* without a connection, by when they left */
	struct peer *buckets[BUCKETS];
};

struct peers *peers_new(size_t max)
{
	struct peers *peers = calloc(1, sizeof *peers);
	if (!peers) return NULL;
	peers->max = max;
	if (rng_bytes((uint8_t *)&peers->seed, sizeof peers->seed) != ERR_OK || pthread_mutex_init(&peers->lock, NULL) != 0) {
		free(peers);
		return NULL;
	}
	return peers;
}

void peers_free(struct peers *peers)
{
	if (!peers) return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct peer *p = peers->buckets[i], *next; p; p = next) {
			next = p->chain;
			free(p);
		}
	}
	pthread_mutex_destroy(&peers->lock);
	free(peers);
}

/* FNV-1a. */
static struct peer **bucket_of(struct peers *peers, const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ peers->seed;
	for (; *text; text++) hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return &peers->buckets[(hash ^ hash >> 32) % BUCKETS];
}

static struct peer *find(struct peers *peers, const char *text)
{
	for (struct peer *p = *bucket_of(peers, text); p; p = p->chain)
		if (strcmp(p->principal.text, text) == 0) return p;
	return NULL;
}

static void unlink_idle(struct peers *peers, struct peer *p)
{
	if (p->newer) p->newer->older = p->older;
	else peers->newest = p->older;
	if (p->older) p->older->newer = p->newer;
	else peers->oldest = p->newer;
	p->newer = p->older = NULL;
}

/* Who left first is forgotten. False: everybody is connected. */
static bool forget_one(struct peers *peers)
{
	struct peer *p = peers->oldest;
	if (!p) return false;
	unlink_idle(peers, p);
	struct peer **at = bucket_of(peers, p->principal.text);
	while (*at != p) at = &(*at)->chain;
	*at = p->chain;
	peers->count--;
	free(p);
	return true;
}

static enum coffer_err add(struct peers *peers, const struct principal *principal, struct peer **out, struct reason *reason)
{
	if (peers->count == peers->max && !forget_one(peers))
		return reason_fail(reason, ERR_LIMIT, "%zu users are connected, the most there can be; try again later", peers->max);
	struct peer *p = calloc(1, sizeof *p);
	ENSURE(p, ERR_MEMORY);
	p->principal = *principal;
	struct peer **bucket = bucket_of(peers, principal->text);
	p->chain = *bucket;
	*bucket = p;
	peers->count++;
	*out = p;
	return ERR_OK;
}

static enum coffer_err enter(struct peers *peers, const struct principal *principal, uint32_t most, struct peer **out, struct reason *reason)
{
	struct peer *p = find(peers, principal->text);
	if (!p) TRY(add(peers, principal, &p, reason));
	else if (p->connections == 0) unlink_idle(peers, p);
	else TRY(quota_check_connections(most, p->connections, reason));
	PRE(p);
	p->connections++;
	*out = p;
	return ERR_OK;
}

enum coffer_err peers_enter(struct peers *peers, const struct principal *principal, uint32_t most, struct peer **out, struct reason *reason)
{
	pthread_mutex_lock(&peers->lock);
	enum coffer_err err = enter(peers, principal, most, out, reason);
	pthread_mutex_unlock(&peers->lock);
	return err;
}

void peers_leave(struct peers *peers, struct peer *peer)
{
	pthread_mutex_lock(&peers->lock);
	if (--peer->connections == 0) {
		peer->older = peers->newest;
		if (peers->newest) peers->newest->newer = peer;
		else peers->oldest = peer;
		peers->newest = peer;
	}
	pthread_mutex_unlock(&peers->lock);
}

size_t peers_count(struct peers *peers)
{
	pthread_mutex_lock(&peers->lock);
	size_t count = peers->count;
	pthread_mutex_unlock(&peers->lock);
	return count;
}
