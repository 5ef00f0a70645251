/* Payloads of the policy requests and replies; for channel.c alone. */
#ifndef COFFER_TOKEN_CHANNEL_POLICY_H
#define COFFER_TOKEN_CHANNEL_POLICY_H

#include "base/reader.h"
#include "base/writer.h"
#include "token/channel.h"

bool channel_is_policy(enum channel_op op);
void channel_policy_write_request(struct writer *w, const struct channel_request *request);
enum coffer_err channel_policy_read_request(struct reader *r, struct channel_request *request) MUST_USE;
void channel_policy_write_reply(struct writer *w, const struct channel_reply *reply, enum channel_op op);
enum coffer_err channel_policy_read_reply(struct reader *r, enum channel_op op, struct channel_reply *out) MUST_USE;

/* channel.c's own, shared with these. */
void channel_write_binding(struct writer *w, const struct token_binding *b);
enum coffer_err channel_read_binding(struct reader *r, struct token_binding *out) MUST_USE;
enum coffer_err channel_read_text(struct reader *r, char *out, size_t cap) MUST_USE;

#endif
