/* JSON output. */
#ifndef COFFER_CLI_JSON_H
#define COFFER_CLI_JSON_H

#include <jansson.h>

/* Prints one document and a newline, and releases it. EXIT_DONE, or EXIT_REFUSED when doc is NULL (memory). */
int json_print(json_t *doc);
/* Text of a member, "" when it is absent or no text. Borrowed. */
const char *json_text(const json_t *doc, const char *name);

#endif
