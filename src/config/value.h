/* One configuration key: its row of the table, and how its value is parsed, compared and copied. For config/ alone. */
#ifndef COFFER_CONFIG_VALUE_H
#define COFFER_CONFIG_VALUE_H

#include "base/ini.h"
#include "config/config.h"

enum config_kind {
	CONFIG_SOCKET, CONFIG_PATH, CONFIG_OPTIONAL_PATH, CONFIG_STORE, CONFIG_TEXT, CONFIG_URI, CONFIG_USER, CONFIG_SINK, CONFIG_ENVIRONMENT, CONFIG_COMMAND,
	CONFIG_NODE_NAME, CONFIG_NAMES, CONFIG_WORDS, /* texts */
	CONFIG_U32, CONFIG_MODE, CONFIG_SIZE, CONFIG_MS, CONFIG_BOOL, CONFIG_LEVEL, CONFIG_SEED, CONFIG_BULK, CONFIG_ENGINE, CONFIG_START,
	CONFIG_AUDIT_LEVEL, CONFIG_NODE_ROLE
};

struct config_key {
	const char *name;
	enum config_kind kind;
	size_t offset;        /* of the field in struct config */
	const char *initial;  /* default, as written in a file */
	uint64_t min, max;
	bool reload;          /* may change while running */
	const char *help;
};

/* Parses line->value into the key's field. ERR_USAGE with "FILE:LINE: key: …", ERR_MEMORY. */
enum coffer_err config_value_set(const struct config_key *key, const struct ini_line *line, struct config *config,
	struct reason *reason) MUST_USE;
bool config_value_equal(const struct config_key *key, const struct config *a, const struct config *b);
/* ERR_MEMORY leaves `to` as it was. */
enum coffer_err config_value_copy(const struct config_key *key, const struct config *from, struct config *to) MUST_USE;
void config_value_free(const struct config_key *key, struct config *config);
/* For help: "path", "number", "duration" … */
const char *config_kind_name(enum config_kind kind);

#endif
