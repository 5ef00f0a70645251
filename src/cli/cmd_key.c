/* coffer key …: keys by name. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/when.h"
#include "client/admin_rotate.h"

#define INTERVAL_WANTED "--rotate-every wants a number with s, m, h, d, w or y, such as 90d: 1 s to 136 y"

static void add_time(json_t *doc, const char *name, uint64_t unix_s)
{
	char text[32];
	if (!unix_s) return;
	when_text(unix_s, text);
	json_object_set_new(doc, name, json_string(text));
}

static void add_text(json_t *doc, const char *name, const char *text)
{
	if (text[0]) json_object_set_new(doc, name, json_string(text));
}

static json_t *key_json(const struct coffer_key_info *k)
{
	json_t *doc = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "uuid", k->uuid, "algorithm", k->algorithm, "length_bits",
		(json_int_t)k->length_bits, "version", (json_int_t)k->version, "state", k->state, "owner", k->owner);
	add_text(doc, "name", k->name);
	add_text(doc, "group", k->group);
	add_text(doc, "replaced_by", k->replaced_by);
	add_text(doc, "replaces", k->replaces);
	add_time(doc, "created", k->created_s);
	add_time(doc, "activated", k->activated_s);
	add_time(doc, "deactivated", k->deactivated_s);
	add_time(doc, "compromised", k->compromised_s);
	add_time(doc, "destroyed", k->destroyed_s);
	if (k->rotate_every_s) json_object_set_new(doc, "rotate_every", json_integer((json_int_t)k->rotate_every_s));
	add_time(doc, "rotates", k->rotates_s);
	add_time(doc, "rotated", k->rotated_s);
	return doc;
}

static void print_time(const char *what, uint64_t unix_s)
{
	char text[32];
	if (!unix_s) return;
	when_text(unix_s, text);
	printf("%-13s %s\n", what, text);
}

static void print_key(const struct coffer_key_info *k)
{
	if (k->name[0]) printf("%-13s %s\n", "name", k->name);
	printf("%-13s %s\n%-13s %s-%u\n%-13s %u\n%-13s %s\n%-13s %s\n", "uuid", k->uuid, "algorithm", k->algorithm, k->length_bits, "version",
		k->version, "state", k->state, "owner", k->owner);
	if (k->group[0]) printf("%-13s %s\n", "group", k->group);
	print_time("created", k->created_s);
	print_time("activated", k->activated_s);
	print_time("deactivated", k->deactivated_s);
	print_time("compromised", k->compromised_s);
	print_time("destroyed", k->destroyed_s);
	if (k->rotate_every_s) {
		char every[WHEN_TEXT_MAX];
		when_interval_text(k->rotate_every_s, every);
		printf("%-13s %s\n", "rotates every", every);
	}
	print_time("rotates", k->rotates_s);
	print_time("rotated", k->rotated_s);
	if (k->replaces[0]) printf("%-13s %s\n", "replaces", k->replaces);
	if (k->replaced_by[0]) printf("%-13s %s\n", "replaced by", k->replaced_by);
}

/* Done: the UUID alone, so that scripts can use it. */
static int done_with_uuid(struct cli *cli, const char *what, const char *uuid)
{
	if (cli->json) return json_print(json_pack("{s:s}", "uuid", uuid));
	if (cli->quiet) puts(uuid);
	else printf("%s %s\n", what, uuid);
	return EXIT_DONE;
}

static int done(struct cli *cli, const char *what, const char *key)
{
	if (cli->json) return json_print(json_pack("{s:s, s:s}", "key", key, "done", what));
	if (!cli->quiet) printf("%s %s\n", what, key);
	return EXIT_DONE;
}

int cmd_key_create(struct cli *cli, const struct cmd_args *args)
{
	char uuid[COFFER_UUID_TEXT];
	const char *every = args_get(cli->cmd, args, "rotate-every");
	uint32_t every_s = 0;
	if (every && !when_interval(every, &every_s)) return cli_usage(cli, INTERVAL_WANTED);
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_key_create(cli->conn, args->argv[0], args_get(cli->cmd, args, "algorithm"),
		args_get(cli->cmd, args, "group"), uuid);
	if (st) return cli_fail_call(cli, st);
	if (every && admin_key_schedule(cli->conn, uuid, every_s) != COFFER_OK)
		return cli_fail(EXIT_REFUSED, "the key was created (%s), but it has no schedule: %s", uuid, coffer_error(cli->conn));
	return done_with_uuid(cli, "created", uuid);
}

int cmd_key_schedule(struct cli *cli, const struct cmd_args *args)
{
	const char *every = args_get(cli->cmd, args, "rotate-every");
	bool never = args_get(cli->cmd, args, "never") != NULL;
	uint32_t every_s = 0;
	if ((every != NULL) == never) return cli_usage(cli, "say --rotate-every INTERVAL, or --never");
	if (every && !when_interval(every, &every_s)) return cli_usage(cli, INTERVAL_WANTED);
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_key_schedule(cli->conn, args->argv[0], every_s);
	return st ? cli_fail_call(cli, st) : done(cli, never ? "no schedule for" : "scheduled", args->argv[0]);
}

int cmd_key_rotate(struct cli *cli, const struct cmd_args *args)
{
	char uuid[COFFER_UUID_TEXT];
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_key_rotate(cli->conn, args->argv[0], uuid);
	return st ? cli_fail_call(cli, st) : done_with_uuid(cli, "new version", uuid);
}

int cmd_key_show(struct cli *cli, const struct cmd_args *args)
{
	struct coffer_key_info info;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_key_info(cli->conn, args->argv[0], &info);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(key_json(&info));
	print_key(&info);
	return EXIT_DONE;
}

struct listing {
	struct cli *cli;
	json_t *array;
	size_t count;
};

static int list_one(void *arg, const struct coffer_key_info *k)
{
	struct listing *l = arg;
	if (l->cli->json) return json_array_append_new(l->array, key_json(k));
	if (l->count++ == 0 && !l->cli->quiet) printf("%-24s %3s  %-22s %-10s %s\n", "NAME", "VER", "STATE", "ALGORITHM", "UUID");
	char algorithm[48];
	snprintf(algorithm, sizeof algorithm, "%s-%u", k->algorithm, k->length_bits);
	printf("%-24s %3u  %-22s %-10s %s\n", k->name[0] ? k->name : "-", k->version, k->state, algorithm, k->uuid);
	return 0;
}

int cmd_key_list(struct cli *cli, const struct cmd_args *args)
{
	(void)args;
	struct listing l = { cli, NULL, 0 };
	int status = cli_connect(cli);
	if (status) return status;
	if (cli->json) l.array = json_array();
	enum coffer_status st = coffer_key_list(cli->conn, list_one, &l);
	if (st) {
		json_decref(l.array);
		return cli_fail_call(cli, st);
	}
	return cli->json ? json_print(l.array) : EXIT_DONE;
}

int cmd_key_activate(struct cli *cli, const struct cmd_args *args)
{
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_key_activate(cli->conn, args->argv[0]);
	return st ? cli_fail_call(cli, st) : done(cli, "activated", args->argv[0]);
}

static int revoke(struct cli *cli, const char *key, const char *reason, const char *message, const char *what)
{
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_key_revoke(cli->conn, key, reason, message);
	return st ? cli_fail_call(cli, st) : done(cli, what, key);
}

int cmd_key_deactivate(struct cli *cli, const struct cmd_args *args)
{
	return revoke(cli, args->argv[0], "cessation-of-operation", NULL, "deactivated");
}

int cmd_key_revoke(struct cli *cli, const struct cmd_args *args)
{
	const char *reason = args_get(cli->cmd, args, "reason");
	if (!reason) return cli_usage(cli, "--reason is needed: key-compromise, superseded, cessation-of-operation, …");
	return revoke(cli, args->argv[0], reason, args_get(cli->cmd, args, "message"), "revoked");
}

/* The UUID of version `wanted` in the chain that ends with `key`. */
static int find_version(struct cli *cli, const char *key, unsigned long wanted, char uuid[static COFFER_UUID_TEXT])
{
	struct coffer_key_info info;
	enum coffer_status st = coffer_key_info(cli->conn, key, &info);
	for (unsigned steps = 0; !st && info.version != wanted && info.replaces[0] && steps < 100000; steps++) {
		char older[COFFER_UUID_TEXT];
		memcpy(older, info.replaces, sizeof older);
		st = coffer_key_info(cli->conn, older, &info);
	}
	if (st) return cli_fail_call(cli, st);
	if (info.version != wanted) return cli_fail(EXIT_REFUSED, "'%s' has no version %lu; 'coffer key show %s' names the newest", key, wanted, key);
	memcpy(uuid, info.uuid, COFFER_UUID_TEXT);
	return EXIT_DONE;
}

int cmd_key_destroy(struct cli *cli, const struct cmd_args *args)
{
	char uuid[COFFER_UUID_TEXT];
	const char *key = args->argv[0], *version = args_get(cli->cmd, args, "version");
	int status = cli_connect(cli);
	if (status) return status;
	if (version) {
		char *end;
		unsigned long wanted = strtoul(version, &end, 10);
		if (*end || wanted == 0) return cli_usage(cli, "--version wants a number from 1 on");
		status = find_version(cli, key, wanted, uuid);
		if (status) return status;
		key = uuid;
	}
	enum coffer_status st = coffer_key_destroy(cli->conn, key);
	return st ? cli_fail_call(cli, st) : done(cli, "destroyed", key);
}
