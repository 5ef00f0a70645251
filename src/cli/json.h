/* JSON output. */
#ifndef COFFER_CLI_JSON_H
#define COFFER_CLI_JSON_H

#include <jansson.h>

#include "cli/cli.h"

/* Prints one document and a newline, and releases it. EXIT_DONE, or EXIT_REFUSED when doc is NULL (memory). */
int json_print(json_t *doc);
/* Text of a member, "" when it is absent or no text. Borrowed. */
const char *json_text(const json_t *doc, const char *name);

/* Integer of a member, 0 when it is absent or none. */
long long json_whole(const json_t *doc, const char *name);
/* A member of the daemon's status, which the connection is asked for: *out is the caller's to release, NULL where it is absent. An exit status. */
int json_status_part(struct cli *cli, const char *name, json_t **out);

/* The document that one call answers: connects, asks, and reads at most cap bytes. *out is the caller's to release. An exit status. */
typedef enum coffer_status json_call(struct coffer *c, char *text, size_t cap, size_t *out_len);
int json_ask(struct cli *cli, json_call *call, size_t cap, json_t **out);

#endif
