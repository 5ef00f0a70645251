/* coffer metrics: the status as numbers, in the text format that Prometheus and the textfile collector of its node exporter read. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"

#define STATUS_MAX (64u * 1024u)

/* One number of the status. */
struct metric {
	const char *name;
	const char *type;           /* "gauge", or "counter": since the daemon started, or since its token or domain was made */
	const char *help;
	const char *part, *member;  /* where it stands; part NULL: at the top. One that is not there is not printed */
	const char *well;           /* the member is a text: 1 where it is this one, else 0 */
};

static const struct metric metrics[] = {
	{ "coffer_open", "gauge", "1 when the domain is open", NULL, "state", "open" },
	{ "coffer_sealed", "gauge", "1 when the node waits to be unsealed", NULL, "state", "sealed" },
	{ "coffer_fault", "gauge", "1 when the node refuses its store or itself", NULL, "state", "fault" },
	{ "coffer_uptime_seconds", "gauge", "since the daemon started", NULL, "uptime_s", NULL },
	{ "coffer_clock_behind_seconds", "gauge", "how far the clock is behind the audit log, where it is", NULL, "clock_behind_s", NULL },
	{ "coffer_ring_generation", "gauge", "generation of the newest data key", NULL, "generation", NULL },
	{ "coffer_ring_generations", "gauge", "data keys that records still need", "rotation", "generations", NULL },
	{ "coffer_opened_by_token", "gauge", "1 when the token opened the domain, 0 when people did", NULL, "opened_by", "token" },
	{ "coffer_recovery_drilled_timestamp_seconds", "gauge", "last drill of the recovery in force; 0: never", NULL, "recovery_drilled_at", NULL },
	{ "coffer_objects_in_memory", "gauge", "objects that are kept in memory", NULL, "objects_in_memory", NULL },
	{ "coffer_objects_open", "gauge", "objects that are kept open", "objects", "open", NULL },
	{ "coffer_objects_open_limit", "gauge", "as many may be", "objects", "open_limit", NULL },
	{ "coffer_requests_total", "counter", "requests since the daemon started", NULL, "requests", NULL },
	{ "coffer_requests_refused_total", "counter", "connections and requests that were refused", NULL, "refused", NULL },
	{ "coffer_bulk_bytes_total", "counter", "bytes that were encrypted and decrypted", NULL, "bulk_bytes", NULL },
	{ "coffer_connections", "gauge", "connections now", NULL, "connections", NULL },
	{ "coffer_connections_limit", "gauge", "as many may be", NULL, "connections_limit", NULL },
	{ "coffer_backups", "gauge", "backups on record", "backup", "count", NULL },
	{ "coffer_backup_age_seconds", "gauge", "since the newest backup was made", "backup", "age_s", NULL },
	{ "coffer_backup_verified_age_seconds", "gauge", "since the newest verified backup was made", "backup", "verified_age_s", NULL },
	{ "coffer_backup_max_age_seconds", "gauge", "backup_max_age: older ones are told every day; 0: none is", "backup", "max_age_s", NULL },
	{ "coffer_anchor_ok", "gauge", "1 when the counter in the token is raised in time, or there is none to raise", "rollback", "health", "well" },
	{ "coffer_anchor_raises_total", "counter", "raises of the counter in the token since it was made", "rollback", "raises", NULL },
	{ "coffer_anchor_raises_left", "gauge", "raises that the token is good for", "rollback", "raises_left", NULL },
	{ "coffer_anchor_unanchored_commits", "gauge", "commits that an older copy of the store could undo unnoticed", "rollback", "unanchored", NULL },
	{ "coffer_anchor_overridden_total", "counter", "times that an administrator took a store against the counter", "rollback", "overridden", NULL },
	{ "coffer_audit_records_total", "counter", "records of this node's audit log", NULL, "audit_records", NULL },
	{ "coffer_token_ok", "gauge", "1 when the token answers", "token", "health", "well" },
	{ "coffer_token_probe_age_seconds", "gauge", "since the token was asked last", "token", "probe_age_s", NULL },
	{ "coffer_token_restarts_total", "counter", "times that its helper was started again", "token", "restarts", NULL },
	{ "coffer_store_ok", "gauge", "1 when the store takes changes", NULL, "store_health", "well" },
	{ "coffer_cache_ready", "gauge", "1 when the node could start from its cache of the database", "cache", "state", "ready" },
	{ "coffer_cache_serving", "gauge", "1 when the node was opened from it, because the database did not answer", "cache", "serving", "yes" },
	{ "coffer_cache_rows", "gauge", "records that it has", "cache", "rows", NULL },
	{ "coffer_cache_bytes", "gauge", "of them", "cache", "bytes", NULL },
	{ "coffer_cache_limit_bytes", "gauge", "as many may be", "cache", "limit", NULL },
	{ "coffer_cache_held_audit_records", "gauge", "audit records of the time without the database that are not in the audit log yet", "cache", "held_audit_records", NULL },
	{ "coffer_cache_as_of_timestamp_seconds", "gauge", "until then the changes of the other nodes are in it; 0: not known", "cache", "as_of", NULL },
	{ "coffer_integrity_ok", "gauge", "1 when the store is what was written", "integrity", "health", "well" },
	{ "coffer_integrity_faults", "gauge", "faults that the last pass over the store found", "integrity", "faults", NULL },
	{ "coffer_integrity_checked_timestamp_seconds", "gauge", "end of the last pass over the store; 0: none yet", "integrity", "checked_at", NULL },
	{ "coffer_secret_memory_bytes", "gauge", "locked memory for keys and messages", "memory", "size", NULL },
	{ "coffer_secret_memory_used_bytes", "gauge", "of it in use", "memory", "used", NULL },
	{ "coffer_secret_memory_used_max_bytes", "gauge", "most that was in use", "memory", "used_max", NULL },
	{ "coffer_secret_memory_refused_total", "counter", "times that there was none left", "memory", "refused", NULL },
	{ "coffer_alerts_total", "counter", "events since the domain was made", "alerts", "newest", NULL },
	{ "coffer_alerts_pending", "gauge", "events that notify_command was not told yet", "alerts", "pending", NULL },
	{ "coffer_alerts_dropped_total", "counter", "events that it will not be told any more", "alerts", "dropped", NULL },
	{ "coffer_master", "gauge", "1 when this node is master server of its domain", "lead", "role", "master" },
	{ "coffer_epoch", "gauge", "epoch of the lease as this node saw it last", "lead", "epoch", NULL },
	{ "coffer_lag_milliseconds", "gauge", "since this node last read what the other nodes changed", "lead", "lag_ms", NULL },
	{ "coffer_format_level", "gauge", "format level of the domain", "lead", "format_level", NULL },
	{ "coffer_format_level_known", "gauge", "format level that this node's program knows", "lead", "format_level_known", NULL },
	{ "coffer_sealing_allowed", "gauge", "1 when a master server is there, or was within encrypt_grace", "lead", "sealing", "yes" },
	{ "coffer_nodes", "gauge", "members of the domain", NULL, "nodes_count", NULL },
	{ "coffer_nodes_silent", "gauge", "members that gave no sign of life for three refresh intervals", NULL, "nodes_silent", NULL },
	{ "coffer_heap_used_bytes", "gauge", "ordinary memory in use", "heap", "used", NULL },
};
#define METRICS (sizeof metrics / sizeof metrics[0])

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void plain(FILE *out, const char *name, const char *help, int64_t value)
{
	head(out, name, "gauge", help);
	fprintf(out, "%s %" PRId64 "\n", name, value);
}

/* A label's value: what would end it is escaped, and what is no text is left out. */
static void label(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"') putc('\\', out);
		if ((unsigned char)*text >= 0x20) putc(*text, out);
	}
}

static void put(FILE *out, const json_t *doc, const struct metric *m)
{
	const json_t *value = json_object_get(m->part ? json_object_get(doc, m->part) : doc, m->member);
	if (!value) return;
	head(out, m->name, m->type, m->help);
	if (m->well) fprintf(out, "%s %d\n", m->name, strcmp(json_string_value(value) ? json_string_value(value) : "", m->well) == 0);
	else fprintf(out, "%s %" JSON_INTEGER_FORMAT "\n", m->name, json_integer_value(value));
}

/* One sample a copy of the audit log. */
static void put_exports(FILE *out, const json_t *doc, const char *name, const char *type, const char *help, json_int_t (*of)(const json_t *doc, const json_t *export))
{
	const char *key;
	json_t *export, *exports = json_object_get(doc, "audit_exports");
	if (json_object_size(exports) == 0) return;
	head(out, name, type, help);
	json_object_foreach(exports, key, export) {
		fprintf(out, "%s{export=\"", name);
		label(out, key);
		fprintf(out, "\"} %" JSON_INTEGER_FORMAT "\n", of(doc, export));
	}
}

static json_int_t pending_of(const json_t *doc, const json_t *export)
{
	json_int_t all = json_integer_value(json_object_get(doc, "audit_records")), there = json_integer_value(json_object_get(export, "records"));
	return all > there ? all - there : 0;
}

static json_int_t ok_of(const json_t *doc, const json_t *export)
{
	(void)doc;
	return strcmp(json_text(export, "state"), "well") == 0;
}

static json_int_t lost_of(const json_t *doc, const json_t *export)
{
	(void)doc;
	return json_integer_value(json_object_get(export, "lost"));
}

/* One sample a node of the domain that gave a sign of life. */
static void put_nodes(FILE *out, const json_t *doc, const char *name, const char *help, const char *member)
{
	const char *id;
	json_t *node, *nodes = json_object_get(doc, "nodes");
	if (json_object_size(nodes) == 0) return;
	head(out, name, "gauge", help);
	json_object_foreach(nodes, id, node) {
		if (!json_object_get(node, member)) continue;
		fprintf(out, "%s{node=\"", name);
		label(out, json_text(node, "name"));
		fprintf(out, "\"} %" JSON_INTEGER_FORMAT "\n", json_integer_value(json_object_get(node, member)));
	}
}

static void put_backup(FILE *out, const json_t *doc)
{
	const json_t *backup = json_object_get(doc, "backup"), *age = json_object_get(backup, "verified_age_s");
	json_int_t max_age = json_integer_value(json_object_get(backup, "max_age_s"));
	if (!backup || strcmp(json_text(backup, "by"), "database") == 0) return;
	plain(out, "coffer_backup_verified", "1 when there is a verified backup, and none is older than backup_max_age where that is set",
		age && (max_age == 0 || json_integer_value(age) < max_age));
}

/* One sample a condition, before it is ever raised. */
static void put_alerts(FILE *out, const json_t *doc)
{
	const char *name;
	json_t *raised, *alerts = json_object_get(doc, "alerts"), *conditions = json_object_get(alerts, "conditions");
	if (!alerts) return;
	plain(out, "coffer_alert_command_ok", "0 when notify_command failed the last time", strcmp(json_text(alerts, "command"), "failing") != 0);
	if (json_object_size(conditions) == 0) return;
	head(out, "coffer_alert", "gauge", "1 while the condition stands");
	json_object_foreach(conditions, name, raised) {
		fputs("coffer_alert{event=\"", out);
		label(out, name);
		fprintf(out, "\"} %" JSON_INTEGER_FORMAT "\n", json_integer_value(raised));
	}
}

/* doc NULL: no daemon answers. */
static void print_metrics(FILE *out, const json_t *doc)
{
	plain(out, "coffer_up", "1 when the daemon answers", doc != NULL);
	if (!doc) return;
	head(out, "coffer_info", "gauge", "version and state of the daemon");
	fputs("coffer_info{version=\"", out);
	label(out, json_text(doc, "version"));
	fputs("\",state=\"", out);
	label(out, json_text(doc, "state"));
	fputs("\"} 1\n", out);
	for (size_t i = 0; i < METRICS; i++) put(out, doc, &metrics[i]);
	put_backup(out, doc);
	put_alerts(out, doc);
	put_exports(out, doc, "coffer_audit_export_pending", "gauge", "records that a copy of the audit log lacks", pending_of);
	put_exports(out, doc, "coffer_audit_export_ok", "gauge", "1 when the copy takes records", ok_of);
	put_nodes(out, doc, "coffer_node_seen_timestamp_seconds", "when a node of the domain last gave a sign of life, by its own clock", "seen_at");
	put_nodes(out, doc, "coffer_node_lag_milliseconds", "since a node of the domain last read what the others changed, as it last said", "lag_ms");
	put_nodes(out, doc, "coffer_node_generation", "generation of the newest data key that a node has", "generation");
	put_exports(out, doc, "coffer_audit_export_lost_total", "counter", "records that the copy was not given: it was away for too long, or could not take them", lost_of);
}

static int write_text(const char *path, const char *text, size_t len)
{
	struct output output;
	int status = output_open(path, &output);
	if (status) return status;
	status = output_write(&output, (const uint8_t *)text, len);
	if (!status) status = output_commit(&output);
	output_abandon(&output);
	return status;
}

/* Whole or not at all: who collects the file must not see half of it. */
static int publish(const char *path, const json_t *doc)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out) return cli_fail(EXIT_REFUSED, "out of memory");
	print_metrics(out, doc);
	bool whole = fclose(out) == 0;
	int status = whole ? write_text(path, text, len) : cli_fail(EXIT_REFUSED, "out of memory");
	free(text);
	return status;
}

int cmd_metrics(struct cli *cli, const struct cmd_args *args)
{
	static char text[STATUS_MAX];
	const char *path = args_get(cli->cmd, args, "output");
	size_t len;
	int connected = cli_connect(cli);
	if (connected == EXIT_NO_DAEMON) {
		int status = publish(path, NULL);
		return status ? status : connected;
	}
	if (connected) return connected;
	enum coffer_status st = coffer_status_json(cli->conn, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL);
	if (!doc) return cli_fail(EXIT_REFUSED, "the daemon's status is no JSON");
	if (cli->json) return json_print(doc);
	int status = publish(path, doc);
	json_decref(doc);
	return status;
}
