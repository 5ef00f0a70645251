/* The token proxy of the node, for handlers that only look. Admin lane. */
#ifndef COFFER_OPS_TOKEN_OF_H
#define COFFER_OPS_TOKEN_OF_H

#include "ops/op.h"

/* NULL before init. From when it is set the proxy stays the same one until the process ends. Never waits: an opening under way holds admin_lock for as long as the token takes. */
struct token_proxy *token_of(struct engine *engine);
/* Once in a process, admin_lock held. */
void token_set(struct engine *engine, struct token_proxy *proxy);

/* A proxy of the token of this URI, opened with the PIN where one is given (else as the URI says), attached where there is a binding. Borrows all; caller frees *out. Admin lane. */
enum coffer_err token_begin(struct engine *engine, const char *uri, const struct token_binding *binding, struct view pin, struct token_proxy **out, struct reason *reason) MUST_USE;

/* The Token URI of a payload, NUL-terminated; an empty one is that of the configuration. ERR_USAGE. */
enum coffer_err token_uri_take(struct op_ctx *ctx, struct ttlv_cursor *payload, char out[static TOKEN_URI_MAX + 1]) MUST_USE;
/* One line for people: which master secret in which device. */
void token_line_put(struct writer *out, const struct token_info *info);

#endif
