/* The table of configuration keys, and loading a file by it. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ini.h"
#include "base/text.h"
#include "config/value.h"

#define SHOWN_MAX 65
#define NODES_LEASE "lease_time"

static const char lease_hint[] = "how long a KMIP client may use a key is kmip_lease_time";

enum { RESTART = false, RELOAD = true };

static const struct config_key keys[] = {
#define KEY(name, kind, field, initial, min, max, when, help) \
	{ #name, CONFIG_##kind, offsetof(struct config, field), initial, min, max, when, help },
#include "config/keys.def"
#undef KEY
};

static const char *const key_names[] = {
#define KEY(name, kind, field, initial, min, max, when, help) #name,
#include "config/keys.def"
#undef KEY
	NULL
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

struct loading {
	struct config config;
	unsigned seen[KEY_COUNT]; /* line where the key was given, 0: not yet */
};

static void free_strings(struct config *config)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		config_value_free(&keys[i], config);
}

static enum coffer_err fill_defaults(struct config *config)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		struct ini_line line = { "default", 1, "", keys[i].name, keys[i].initial };
		TRY(config_value_set(&keys[i], &line, config, NULL));
	}
	return ERR_OK;
}

enum coffer_err config_defaults(struct config *out)
{
	struct config config = { .socket = NULL };
	enum coffer_err err = fill_defaults(&config);
	if (err == ERR_OK) *out = config;
	else free_strings(&config);
	return err;
}

static enum coffer_err fail_unknown(const struct ini_line *line, struct reason *reason)
{
	char shown[SHOWN_MAX];
	const char *near = ini_nearest(line->key, key_names);
	text_printable(view_str(line->key), shown, sizeof shown);
	if (near)
		return reason_fail(reason, ERR_USAGE, "%s:%u: unknown key '%s'; did you mean '%s'?", line->file, line->line, shown, near);
	return reason_fail(reason, ERR_USAGE, "%s:%u: unknown key '%s'; cofferd.conf(5) lists all", line->file, line->line, shown);
}

/* The key had that other meaning once. */
static enum coffer_err add_hint(enum coffer_err err, struct reason *reason)
{
	size_t len = reason ? strlen(reason->text) : 0;
	if (reason) snprintf(reason->text + len, sizeof reason->text - len, "; %s", lease_hint);
	return err;
}

static enum coffer_err take_line(void *arg, const struct ini_line *line, struct reason *reason)
{
	struct loading *loading = arg;
	if (line->section[0] && strcmp(line->section, "cofferd") != 0)
		return reason_fail(reason, ERR_USAGE, "%s:%u: unknown section '[%s]'; the keys stand without one or below [cofferd]",
			line->file, line->line, line->section);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strcmp(line->key, keys[i].name) != 0) continue;
		if (loading->seen[i])
			return reason_fail(reason, ERR_USAGE, "%s:%u: %s: given twice, first in line %u", line->file, line->line, line->key,
				loading->seen[i]);
		loading->seen[i] = line->line;
		enum coffer_err err = config_value_set(&keys[i], line, &loading->config, reason);
		return err == ERR_USAGE && strcmp(line->key, NODES_LEASE) == 0 ? add_hint(err, reason) : err;
	}
	return fail_unknown(line, reason);
}

static bool is_given(const struct loading *loading, const char *key, unsigned *out_line)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strcmp(key, keys[i].name) != 0) continue;
		*out_line = loading->seen[i];
		return *out_line != 0;
	}
	return false;
}

/* What the folder of a file is really called, and the file's name behind it; as it is written where the folder is not there. */
static void real_path(const char *file, char *out, size_t cap)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(file, '/');
	snprintf(folder, sizeof folder, "%.*s", slash && slash > file ? (int)(slash - file) : 1, file);
	AUTO_FREE char *real = slash ? realpath(folder, NULL) : NULL;
	if (!real) snprintf(out, cap, "%s", file);
	else snprintf(out, cap, "%s/%s", strcmp(real, "/") == 0 ? "" : real, slash + 1);
}

/* The audit log's copy grows and is renamed: it must not be a file that the daemon reads, or stand among them, where zeroising and restoring look. */
static enum coffer_err check_export(const char *path, const struct config *config, struct reason *reason)
{
	const char *const own[] = { config->socket, config->pid_file, config->monitor_pid_file, path };
	char export[PATH_MAX + NAME_MAX + 2], other[sizeof export], inside[sizeof export];
	if (!config->audit_export_file[0]) return ERR_OK;
	real_path(config->audit_export_file, export, sizeof export);
	snprintf(inside, sizeof inside, "%s/.", config->state_dir);
	real_path(inside, other, sizeof other);
	size_t len = strlen(other) - 1; /* with its slash */
	if (strncmp(export, other, len) == 0)
		return reason_fail(reason, ERR_USAGE, "%s: audit_export_file is inside of state_dir, among the daemon's own files; give the copy a folder of its own", path);
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		real_path(own[i], other, sizeof other);
		if (strcmp(export, other) == 0)
			return reason_fail(reason, ERR_USAGE, "%s: audit_export_file names %.200s, a file of the daemon's own; give the copy a file of its own", path, own[i]);
	}
	return ERR_OK;
}

static enum coffer_err check_shared(const char *path, const struct loading *loading, struct reason *reason)
{
	unsigned line;
	const struct config *config = &loading->config;
	if (config->store_shared && strcmp(config->store, "postgres") != 0)
		return reason_fail(reason, ERR_USAGE, "%s: store_shared = yes needs store = postgres: several nodes write one store only there", path);
	if (!config->store_shared && is_given(loading, NODES_LEASE, &line))
		return reason_fail(reason, ERR_USAGE, "%s:%u: " NODES_LEASE " is about the nodes of a domain (store_shared = yes); %s", path, line, lease_hint);
	return ERR_OK;
}

static enum coffer_err check_store(const char *path, const struct config *config, struct reason *reason)
{
	const char *schema = config->store_schema;
	size_t len = strlen(schema);
	if (strcmp(config->store, "postgres") == 0 && !config->store_conninfo[0])
		return reason_fail(reason, ERR_USAGE, "%s: store = postgres needs store_conninfo; say there how the database is reached", path);
	if (strcmp(config->store, "postgres") != 0 && config->store_conninfo[0])
		return reason_fail(reason, ERR_USAGE, "%s: store_conninfo is given, and the store is %s; set store = postgres, or leave it out", path, config->store);
	if (len < 1 || len > 40 || strspn(schema, "abcdefghijklmnopqrstuvwxyz0123456789_") != len || (schema[0] >= '0' && schema[0] <= '9'))
		return reason_fail(reason, ERR_USAGE, "%s: store_schema: '%.64s' is not 1 to 40 of a-z, 0-9 and _, not a digit first", path, schema);
	return ERR_OK;
}

static enum coffer_err check_together(const char *path, const struct config *config, struct reason *reason)
{
	if (config->stop_timeout_ms < config->drain_timeout_ms)
		return reason_fail(reason, ERR_USAGE, "%s: stop_timeout is shorter than drain_timeout; make it longer", path);
	if (config->pid_file[0] && strcmp(config->pid_file, config->monitor_pid_file) == 0)
		return reason_fail(reason, ERR_USAGE, "%s: pid_file and monitor_pid_file name the same file", path);
	TRY(check_store(path, config, reason));
	return check_export(path, config, reason);
}

static enum coffer_err read_up_to(int fd, uint8_t *bytes, size_t cap, size_t *out_len)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t n = read(fd, bytes + len, cap - len);
		if (n < 0 && errno == EINTR) continue;
		ENSURE(n >= 0, ERR_IO);
		if (n == 0) break;
		len += (size_t)n;
	}
	*out_len = len;
	return ERR_OK;
}

/* fdio_read_file needs the arena, whose size stands in this file. */
static enum coffer_err parse_file(const char *path, struct loading *loading, struct reason *reason)
{
	AUTO_FREE uint8_t *bytes = malloc(INI_FILE_MAX + 1);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ENSURE(bytes, ERR_MEMORY);
	if (fd < 0)
		return reason_fail(reason, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open the configuration %s: %m", path);
	if (read_up_to(fd, bytes, INI_FILE_MAX + 1, &len) != ERR_OK)
		return reason_fail(reason, ERR_IO, "cannot read the configuration %s: %m", path);
	TRY(ini_parse(path, view_of(bytes, len), take_line, loading, reason));
	TRY(check_together(path, &loading->config, reason));
	return check_shared(path, loading, reason);
}

enum coffer_err config_load(const char *path, struct config *out, struct reason *reason)
{
	struct loading loading = { .seen = { 0 } };
	enum coffer_err err = fill_defaults(&loading.config);
	if (err == ERR_OK) err = parse_file(path, &loading, reason);
	if (err == ERR_OK) *out = loading.config;
	else free_strings(&loading.config);
	return err;
}

void config_free(struct config *config)
{
	if (!config) return;
	free_strings(config);
	*config = (struct config){ .socket = NULL };
}

enum coffer_err config_reload(const char *path, const struct config *running, struct config *out,
	config_restart_fn *needs_restart, void *arg, struct reason *reason)
{
	struct config fresh;
	TRY(config_load(path, &fresh, reason));
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (keys[i].reload || config_value_equal(&keys[i], running, &fresh)) continue;
		enum coffer_err err = config_value_copy(&keys[i], running, &fresh);
		if (err != ERR_OK) {
			free_strings(&fresh);
			return err;
		}
		if (needs_restart) needs_restart(arg, keys[i].name);
	}
	*out = fresh;
	return ERR_OK;
}

void config_print_help(FILE *out)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		fprintf(out, "%s\t%s\t%s\t%s\t%s\n", keys[i].name, config_kind_name(keys[i].kind), keys[i].initial,
			keys[i].reload ? "reload" : "restart", keys[i].help);
}
