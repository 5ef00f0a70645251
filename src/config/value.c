/* Values of configuration keys, by kind. */
#include "config/value.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"

#define PATH_TEXT_MAX 4095u /* bytes, PATH_MAX without NUL */
#define URI_TEXT_MAX 1024u
#define TEXT_MAX 4096u
#define USER_TEXT_MAX 64u
#define USERS_TEXT_MAX 1024u
#define NODE_NAME_MAX 64u
#define NAME_TEXT_MAX 255u
#define NAMES_TEXT_MAX (CONFIG_PINS_MAX * (NAME_TEXT_MAX + 1))
#define SHOWN_MAX 65

static const char *const kind_names[] = {
	[CONFIG_SOCKET] = "path", [CONFIG_PATH] = "path", [CONFIG_OPTIONAL_PATH] = "path", [CONFIG_STORE] = "word", [CONFIG_TEXT] = "text",
	[CONFIG_URI] = "token URI", [CONFIG_USER] = "user", [CONFIG_SINK] = "yes, no or path", [CONFIG_ENVIRONMENT] = "words", [CONFIG_U32] = "number",
	[CONFIG_MODE] = "octal number", [CONFIG_SIZE] = "size", [CONFIG_MS] = "duration", [CONFIG_BOOL] = "yes or no",
	[CONFIG_LEVEL] = "word", [CONFIG_SEED] = "word", [CONFIG_BULK] = "word", [CONFIG_ENGINE] = "word", [CONFIG_AUDIT_LEVEL] = "word",
	[CONFIG_START] = "word", [CONFIG_NODE_ROLE] = "word", [CONFIG_NODE_NAME] = "text", [CONFIG_NAMES] = "names", [CONFIG_WORDS] = "users", [CONFIG_COMMAND] = "command",
};

struct word {
	const char *word;
	int value;
};

static const struct word levels[] = {
	{ "error", LOG_LEVEL_ERROR }, { "warn", LOG_LEVEL_WARN }, { "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG }, { NULL, 0 },
};

static const struct word seeds[] = {
	{ "accept", CONFIG_SEED_ACCEPT }, { "ignore", CONFIG_SEED_IGNORE }, { "refuse", CONFIG_SEED_REFUSE }, { NULL, 0 },
};

static const struct word bulks[] = {
	{ "counted", CONFIG_BULK_COUNTED }, { "full", CONFIG_BULK_FULL }, { NULL, 0 },
};

static const struct word starts[] = {
	{ "unattended", CONFIG_START_UNATTENDED }, { "attended", CONFIG_START_ATTENDED }, { NULL, 0 },
};

static const struct word node_roles[] = {
	{ "standby", CONFIG_NODE_STANDBY }, { "member", CONFIG_NODE_MEMBER }, { NULL, 0 },
};

static const struct word engines[] = {
	{ "auto", CONFIG_AEAD_AUTO }, { "openssl", CONFIG_AEAD_OPENSSL }, { "ipsec-mb", CONFIG_AEAD_IPSEC_MB }, { NULL, 0 },
};

static const struct word audit_levels[] = {
	{ "info", CONFIG_AUDIT_INFO }, { "notice", CONFIG_AUDIT_NOTICE }, { "warning", CONFIG_AUDIT_WARNING }, { NULL, 0 },
};

const char *config_kind_name(enum config_kind kind)
{
	return kind_names[kind];
}

static void *field(const struct config_key *key, struct config *config)
{
	return (char *)config + key->offset;
}

static const void *const_field(const struct config_key *key, const struct config *config)
{
	return (const char *)config + key->offset;
}

static bool is_text(enum config_kind kind)
{
	return kind <= CONFIG_WORDS;
}

static const char *text_of(const struct config_key *key, const struct config *config)
{
	return *(char *const *)const_field(key, config);
}

static enum coffer_err fail(const struct ini_line *line, const char *what, struct reason *reason)
{
	char shown[SHOWN_MAX];
	text_printable(view_str(line->value), shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' %s", line->file, line->line, line->key, shown, what);
}

static enum coffer_err check_path(const struct ini_line *line, size_t max, struct reason *reason)
{
	size_t len = strlen(line->value);
	if (line->value[0] != '/') return fail(line, "is not an absolute path; begin it with '/'", reason);
	if (line->value[len - 1] == '/' && len > 1) return fail(line, "ends in '/'; leave that out", reason);
	if (len > max)
		return reason_fail(reason, ERR_USAGE, "%s:%u: %s: the path is longer than %zu bytes", line->file, line->line, line->key,
			max);
	return ERR_OK;
}

/* Names as in environ(7): letters, digits and '_', not beginning with a digit. */
static bool is_assignment(const char *word, size_t len)
{
	size_t name = 0;
	while (name < len && (word[name] == '_' || (word[name] >= 'A' && word[name] <= 'Z') ||
			(word[name] >= 'a' && word[name] <= 'z') || (name && word[name] >= '0' && word[name] <= '9')))
		name++;
	return name > 0 && name < len && word[name] == '=';
}

static enum coffer_err check_environment(const struct ini_line *line, struct reason *reason)
{
	unsigned count = 0;
	for (const char *at = line->value; *(at += strspn(at, " \t"));) {
		size_t len = strcspn(at, " \t");
		if (!is_assignment(at, len)) return fail(line, "is not a list of NAME=VALUE words", reason);
		if (++count > CONFIG_ENVIRONMENT_MAX) return fail(line, "has more than 16 NAME=VALUE words", reason);
		at += len;
	}
	return ERR_OK;
}

static enum coffer_err check_names(const struct ini_line *line, struct reason *reason)
{
	unsigned count = 0;
	if (strlen(line->value) > NAMES_TEXT_MAX) return fail(line, "has more than 16384 bytes", reason);
	if (!text_is_utf8(view_str(line->value))) return fail(line, "is not UTF-8", reason);
	for (const char *at = line->value; *(at += strspn(at, " \t"));) {
		size_t len = strcspn(at, " \t");
		if (len > NAME_TEXT_MAX) return fail(line, "has a name of more than 255 bytes", reason);
		if (++count > CONFIG_PINS_MAX) return fail(line, "has more than 64 names", reason);
		at += len;
	}
	return ERR_OK;
}

static enum coffer_err check_users(const struct ini_line *line, struct reason *reason)
{
	if (strlen(line->value) > USERS_TEXT_MAX || strpbrk(line->value, "\t:/,")) return fail(line, "is not a list of user names or ids separated by blanks", reason);
	return ERR_OK;
}

static enum coffer_err check_node_name(const struct ini_line *line, struct reason *reason)
{
	char shown[2 * NODE_NAME_MAX];
	text_printable(view_str(line->value), shown, sizeof shown);
	if (strlen(line->value) > NODE_NAME_MAX || strcmp(shown, line->value) != 0) return fail(line, "is not a name of at most 64 printable bytes", reason);
	return ERR_OK;
}

/* No quoting and no shell: words are what stands between blanks. */
static enum coffer_err check_command(const struct ini_line *line, struct reason *reason)
{
	unsigned words = 0;
	if (!line->value[0]) return ERR_OK;
	if (line->value[0] != '/') return fail(line, "does not begin with the absolute path of a program", reason);
	if (strlen(line->value) > CONFIG_COMMAND_MAX)
		return reason_fail(reason, ERR_USAGE, "%s:%u: %s: the command has more than %u bytes; put it into a script", line->file, line->line, line->key, CONFIG_COMMAND_MAX);
	for (const char *at = line->value; *(at += strspn(at, " \t")); at += strcspn(at, " \t")) words++;
	if (words > CONFIG_COMMAND_WORDS) return fail(line, "has more than 16 words; put them into a script", reason);
	return ERR_OK;
}

static enum coffer_err check_text(const struct config_key *key, const struct ini_line *line, struct reason *reason)
{
	const char *value = line->value;
	switch (key->kind) {
	case CONFIG_SOCKET:
		return check_path(line, sizeof ((struct sockaddr_un *)NULL)->sun_path - 1, reason);
	case CONFIG_OPTIONAL_PATH:
		return value[0] ? check_path(line, PATH_TEXT_MAX, reason) : ERR_OK;
	case CONFIG_SINK:
		if (strcmp(value, "no") == 0 || strcmp(value, "yes") == 0) return ERR_OK;
		if (value[0] != '/') return fail(line, "is not yes, no or the path of a socket", reason);
		return check_path(line, sizeof ((struct sockaddr_un *)NULL)->sun_path - 1, reason);
	case CONFIG_PATH:
		return check_path(line, PATH_TEXT_MAX, reason);
	case CONFIG_STORE:
		return strcmp(value, "sqlite") == 0 || strcmp(value, "postgres") == 0 ? ERR_OK : fail(line, "is not sqlite or postgres", reason);
	case CONFIG_TEXT:
		return strlen(value) <= TEXT_MAX ? ERR_OK : fail(line, "has more than 4096 bytes", reason);
	case CONFIG_URI:
		if (!value[0] || ((strncmp(value, "tpm2:", 5) == 0 || strncmp(value, "pkcs11:", 7) == 0) && strlen(value) <= URI_TEXT_MAX))
			return ERR_OK;
		return fail(line, "is not a token URI; it begins with tpm2: or pkcs11: and has at most 1024 bytes", reason);
	case CONFIG_USER:
		if (value[0] && strlen(value) <= USER_TEXT_MAX && !strpbrk(value, " \t:/")) return ERR_OK;
		return fail(line, "is not a user name or id", reason);
	case CONFIG_COMMAND:
		return check_command(line, reason);
	case CONFIG_WORDS:
		return check_users(line, reason);
	case CONFIG_NAMES:
		return check_names(line, reason);
	case CONFIG_NODE_NAME:
		return check_node_name(line, reason);
	default:
		return check_environment(line, reason);
	}
}

static enum coffer_err set_text(const struct config_key *key, const struct ini_line *line, struct config *config,
	struct reason *reason)
{
	char **at = field(key, config);
	TRY(check_text(key, line, reason));
	char *copy = strdup(line->value);
	ENSURE(copy, ERR_MEMORY);
	free(*at);
	*at = copy;
	return ERR_OK;
}

static enum coffer_err set_mode(const struct config_key *key, const struct ini_line *line, uint32_t *out, struct reason *reason)
{
	size_t digits = strspn(line->value, "01234567");
	unsigned long mode = 0;
	if (digits >= 3 && digits <= 4 && line->value[digits] == '\0') mode = strtoul(line->value, NULL, 8);
	if (mode < key->min || mode > key->max) return fail(line, "is not octal permission bits from 0600 to 0777", reason);
	*out = (uint32_t)mode;
	return ERR_OK;
}

static enum coffer_err find_word(const struct ini_line *line, const struct word *words, const char *otherwise, int *out,
	struct reason *reason)
{
	for (; words->word; words++) {
		if (strcmp(line->value, words->word) != 0) continue;
		*out = words->value;
		return ERR_OK;
	}
	return fail(line, otherwise, reason);
}

static enum coffer_err set_level(const struct ini_line *line, enum log_level *out, struct reason *reason)
{
	int level = 0;
	TRY(find_word(line, levels, "is not error, warn, info or debug", &level, reason));
	*out = (enum log_level)level;
	return ERR_OK;
}

static enum coffer_err set_seed(const struct ini_line *line, enum config_seed *out, struct reason *reason)
{
	int seed = 0;
	TRY(find_word(line, seeds, "is not accept, ignore or refuse", &seed, reason));
	*out = (enum config_seed)seed;
	return ERR_OK;
}

static enum coffer_err set_bulk(const struct ini_line *line, enum config_bulk *out, struct reason *reason)
{
	int bulk = 0;
	TRY(find_word(line, bulks, "is not counted or full", &bulk, reason));
	*out = (enum config_bulk)bulk;
	return ERR_OK;
}

static enum coffer_err set_engine(const struct ini_line *line, enum config_aead *out, struct reason *reason)
{
	int engine = 0;
	TRY(find_word(line, engines, "is not auto, openssl or ipsec-mb", &engine, reason));
	*out = (enum config_aead)engine;
	return ERR_OK;
}

static enum coffer_err set_start(const struct ini_line *line, enum config_start *out, struct reason *reason)
{
	int start = 0;
	TRY(find_word(line, starts, "is not unattended or attended", &start, reason));
	*out = (enum config_start)start;
	return ERR_OK;
}

static enum coffer_err set_node_role(const struct ini_line *line, enum config_node_role *out, struct reason *reason)
{
	int role = 0;
	TRY(find_word(line, node_roles, "is not standby or member; who is master server is decided by the nodes, and by 'coffer promote'", &role, reason));
	*out = (enum config_node_role)role;
	return ERR_OK;
}

static enum coffer_err set_audit_level(const struct ini_line *line, enum config_audit_level *out, struct reason *reason)
{
	int level = 0;
	TRY(find_word(line, audit_levels, "is not info, notice or warning", &level, reason));
	*out = (enum config_audit_level)level;
	return ERR_OK;
}

enum coffer_err config_value_set(const struct config_key *key, const struct ini_line *line, struct config *config,
	struct reason *reason)
{
	uint64_t number = 0, max = key->max;
	void *out = field(key, config);
	if (is_text(key->kind)) return set_text(key, line, config, reason);
	switch (key->kind) {
	case CONFIG_MODE:
		return set_mode(key, line, out, reason);
	case CONFIG_BOOL:
		return ini_bool(line, out, reason);
	case CONFIG_LEVEL:
		return set_level(line, out, reason);
	case CONFIG_SEED:
		return set_seed(line, out, reason);
	case CONFIG_BULK:
		return set_bulk(line, out, reason);
	case CONFIG_ENGINE:
		return set_engine(line, out, reason);
	case CONFIG_START:
		return set_start(line, out, reason);
	case CONFIG_AUDIT_LEVEL:
		return set_audit_level(line, out, reason);
	case CONFIG_NODE_ROLE:
		return set_node_role(line, out, reason);
	case CONFIG_SIZE:
		if (max > SIZE_MAX) max = SIZE_MAX;
		TRY(ini_size(line, key->min, max, &number, reason));
		*(size_t *)out = (size_t)number;
		return ERR_OK;
	case CONFIG_MS:
		return ini_duration_ms(line, key->min, max, out, reason);
	default:
		TRY(ini_u64(line, key->min, max, &number, reason));
		*(uint32_t *)out = (uint32_t)number;
		return ERR_OK;
	}
}

static size_t field_size(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_SIZE:
		return sizeof(size_t);
	case CONFIG_MS:
		return sizeof(uint64_t);
	case CONFIG_BOOL:
		return sizeof(bool);
	case CONFIG_LEVEL:
		return sizeof(enum log_level);
	case CONFIG_SEED:
		return sizeof(enum config_seed);
	case CONFIG_BULK:
		return sizeof(enum config_bulk);
	case CONFIG_ENGINE:
		return sizeof(enum config_aead);
	case CONFIG_START:
		return sizeof(enum config_start);
	case CONFIG_AUDIT_LEVEL:
		return sizeof(enum config_audit_level);
	case CONFIG_NODE_ROLE:
		return sizeof(enum config_node_role);
	default:
		return sizeof(uint32_t);
	}
}

bool config_value_equal(const struct config_key *key, const struct config *a, const struct config *b)
{
	if (is_text(key->kind)) return strcmp(text_of(key, a), text_of(key, b)) == 0;
	return memcmp(const_field(key, a), const_field(key, b), field_size(key->kind)) == 0;
}

enum coffer_err config_value_copy(const struct config_key *key, const struct config *from, struct config *to)
{
	if (!is_text(key->kind)) {
		memcpy(field(key, to), const_field(key, from), field_size(key->kind));
		return ERR_OK;
	}
	char *copy = strdup(text_of(key, from));
	ENSURE(copy, ERR_MEMORY);
	free(*(char **)field(key, to));
	*(char **)field(key, to) = copy;
	return ERR_OK;
}

void config_value_free(const struct config_key *key, struct config *config)
{
	if (!is_text(key->kind)) return;
	free(*(char **)field(key, config));
	*(char **)field(key, config) = NULL;
}
