/* A daemon as its client sees it: one connection, made anew whenever it is lost, and every request repeated until it is answered. What the daemon campaign
 * talks through. One thread. */
#ifndef COFFER_TESTS_CRASH_PEER_H
#define COFFER_TESTS_CRASH_PEER_H

#include "base/buf.h"
#include "kmip/message.h"

#define PEER_PATIENCE_MS 20000u /* without an answer for so long: dies */

struct peer {
	const char *path;          /* of the socket; borrowed */
	int fd;                    /* -1: not connected */
	struct buf in;             /* the answer that `response` points into */
	struct kmip_response response;
	unsigned outages;          /* requests whose answer was lost, or that were refused for now */
	uint64_t longest_ms;       /* until such a request was answered */
};

/* Sends one request again and again until it is carried out or refused for good; what a restart explains (sealed, busy, token or store away) is asked
 * again. The item's error; *out lives until the next call. The frame stays the caller's. */
enum coffer_err peer_ask(struct peer *p, struct view frame, const struct kmip_response_item **out);
void peer_close(struct peer *p);

#endif
