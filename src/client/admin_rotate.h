/* Calls that change the data key and the master secret. Conventions of admin.h. */
#ifndef COFFER_CLIENT_ADMIN_ROTATE_H
#define COFFER_CLIENT_ADMIN_ROTATE_H

#include <stdbool.h>

#include "client/include/coffer.h"

struct secret;

/* *out_generation = the new one, which is in force; records are sealed again in the background (coffer_status_json, "rotation"). */
enum coffer_status admin_rotate_data_key(struct coffer *c, uint32_t *out_generation);
/* token_uri: another token's; NULL: another master secret in the same one. pin: of that token, or without one of the token that an earlier change left, with a NUL behind it; NULL: none. line, old: one line about the new one, and what became of the old one;
 * NUL-terminated. */
enum coffer_status admin_rotate_master(struct coffer *c, const char *token_uri, bool forget_old, const struct secret *pin, char *line, size_t line_cap, char *old, size_t old_cap);
/* key, a name or a UUID, is replaced every interval_s seconds by the daemon; 0: no more. */
enum coffer_status admin_key_schedule(struct coffer *c, const char *key, uint32_t interval_s);

#endif
