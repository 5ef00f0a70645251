/* A server in a thread, on a Unix socket in a folder of its own, that says what a test wants. The functions that serve run in the server's
 * thread: they do not assert but end the connection, and the client's side of the test shows it. */
#ifndef COFFER_TESTS_CLIENT_SERVER_H
#define COFFER_TESTS_CLIENT_SERVER_H

#include <pthread.h>
#include <stdbool.h>

#include "client/include/coffer.h"
#include "kmip/message.h"

struct server;
typedef void server_fn(struct server *s);

struct server {
	char dir[64], path[96];
	int listener, fd;        /* fd: the one connection */
	pthread_t thread;
	bool ended;              /* the thread was joined */
	server_fn *serve;
	void *arg;
	/* the request that server_read took last */
	uint8_t *frame;
	struct kmip_request request;
	/* the answer that is being written */
	uint8_t *out;
	struct writer w;
	struct kmip_response_mark mark;
	struct kmip_item_mark item;
};

#define SERVER_FRAME_MAX (4u * 1024u * 1024u)

/* Listens, accepts one connection, serves it, closes it. */
struct server *server_start(server_fn *serve, void *arg);
/* Ends when serve has returned; close the client's side first. */
void server_stop(struct server *s);
/* Waits until serve has returned. */
void server_wait_end(struct server *s);
/* Connected with these options; 0: the default. */
struct coffer *server_connect(struct server *s, uint32_t timeout_ms, size_t max_memory);

/* Reads one request; false at the end or when it is not one well-formed request. */
bool server_read(struct server *s);
/* The same, of up to KMIP_BATCH_MAX items. */
bool server_read_batch(struct server *s);
/* Begins an answer of several items, which are put to s->w; then server_end_batch, which returns the frame. */
void server_begin_batch(struct server *s);
struct view server_end_batch(struct server *s, uint32_t items);
/* The payload of the request read last. */
struct ttlv_cursor *server_fields(struct server *s);
/* Begins a good answer: put the fields to s->w, then server_end, which returns the frame. */
void server_begin(struct server *s);
struct view server_end(struct server *s);
/* A refusal that names its error. */
struct view server_refuse(struct server *s, enum coffer_err err, const char *text);
bool server_write(struct server *s, struct view bytes);
/* Waits until the client has closed. */
void server_wait_for_close(struct server *s);

#endif
