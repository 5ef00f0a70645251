/* An operation on a sealed message: its arguments checked, its fields written, its answer found. For calls (message.c) and operations sent ahead
 * (ahead.c). */
#ifndef COFFER_CLIENT_MESSAGE_H
#define COFFER_CLIENT_MESSAGE_H

#include "client/call.h"

enum message_op { MESSAGE_ENCRYPT, MESSAGE_DECRYPT, MESSAGE_REWRAP };

/* Borrows what the caller gave. */
struct message {
	enum message_op op;
	const char *key;                   /* MESSAGE_ENCRYPT */
	const struct coffer_pair *context;
	size_t context_count;
	struct view in;                    /* plaintext, or the sealed message */
	size_t size;                       /* bytes of the payload at most; message_check fills it */
};

/* COFFER_EINVAL, COFFER_ETOOLARGE, COFFER_EFOREIGN with a sentence. Not while a call is open. */
enum coffer_status message_check(struct coffer *c, struct message *m);
uint32_t message_operation(const struct message *m);
void message_put(struct coffer *c, struct writer *w, const struct message *m);
/* The result in the payload of an answer; false: it is not there. */
bool message_result(enum message_op op, struct ttlv_cursor *payload, struct view *out);
/* Bytes that it has at most. */
size_t message_result_max(const struct message *m);

#endif
