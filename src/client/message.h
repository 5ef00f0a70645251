/* An operation on a sealed message: its arguments checked, its fields written, its answer found. For calls (message.c) and operations sent ahead
 * (ahead.c). */
#ifndef COFFER_CLIENT_MESSAGE_H
#define COFFER_CLIENT_MESSAGE_H

#include "client/call.h"

enum message_op { MESSAGE_ENCRYPT, MESSAGE_DECRYPT, MESSAGE_REWRAP };

/* Borrows what the caller gave. */
struct message {
	enum message_op op;
	const char *key;                   /* MESSAGE_ENCRYPT; else NULL */
	const struct coffer_pair *context;
	size_t context_count;
	struct view in;                    /* plaintext, or the sealed message */
	size_t key_len;                    /* message_check fills these */
	size_t size;                       /* bytes of the payload at most */
};

/* COFFER_EINVAL, COFFER_ETOOLARGE, COFFER_EFOREIGN with a sentence. Not while a call is open. */
enum coffer_status message_check(struct coffer *c, struct message *m);
/* Writes it: a whole message, or item `number` of a batch that is open. */
void message_put_alone(struct coffer *c, struct writer *w, const struct message *m);
void message_put_item(struct coffer *c, struct writer *w, const struct message *m, uint8_t number);
/* What answers to an operation are held against: those to a message alone, or to an item of a batch. */
struct answer_form *message_answer_form(struct coffer *c, enum message_op op, bool alone);
/* Whether its request, and the answer to it, have to be wiped: they hold plaintext, or what callers say about it. */
bool message_is_secret(const struct message *m);
bool message_answer_is_secret(enum message_op op);
/* The result in the payload of an item that was taken from `from`; false: it is not there. Keeps the form; in a
 * batch only that of an item with a number, which all have where there are several. */
bool message_result(struct coffer *c, enum message_op op, bool alone, struct kmip_response_item *item, struct view from, struct view *out);
/* Bytes that it has at most. */
size_t message_result_max(const struct message *m);

#endif
