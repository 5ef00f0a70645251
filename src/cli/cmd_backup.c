/* coffer backup create, verify, list. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/archive_report.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/proofs.h"
#include "cli/when.h"
#include "client/backup.h"

#define LIST_MAX (96u * 1024u)

/* ---- create ---- */

struct creating {
	struct cli *cli;
	uint8_t id[BACKUP_ID_LEN];
	uint8_t *piece;             /* BACKUP_PIECE_LEN bytes */
	struct output out;
	struct backup_part last;
	bool begun;
};

static int fetch(struct creating *c)
{
	struct progress progress;
	uint64_t offset = 0;
	progress_begin(&progress, c->cli, "backup", 0);
	for (bool last = false; !last;) {
		enum coffer_status st = backup_call_read(c->cli->conn, c->id, offset, c->piece, &c->last);
		if (st) return cli_fail_call(c->cli, st);
		int status = output_write(&c->out, c->piece, c->last.len);
		if (status) return status;
		offset += c->last.len;
		last = c->last.last;
		progress_add(&progress, c->last.len);
	}
	progress_end(&progress);
	if (offset != c->last.size) return cli_fail(EXIT_REFUSED, "the archive did not come whole; run this again");
	return EXIT_DONE;
}

static int tell_made(struct creating *c, const char *path)
{
	char id[2 * BACKUP_ID_LEN + 1], sum[65];
	text_hex(view_of(c->id, sizeof c->id), id);
	text_hex(view_of(c->last.sha256, sizeof c->last.sha256), sum);
	if (c->cli->json)
		return json_print(json_pack("{s:s, s:s, s:I, s:s, s:b}", "file", path, "archive", id, "size", (json_int_t)c->last.size, "sha256", sum,
			"whole", c->last.whole));
	if (!c->cli->quiet)
		printf("archive %s\n%llu bytes in %s\nSHA-256 %s\nverify it with 'coffer backup verify %s --share-file F …', and keep it apart from this machine\n", id,
			(unsigned long long)c->last.size, path, sum, path);
	return EXIT_DONE;
}

static int create(struct creating *c, const char *path)
{
	int status = output_open(path, &c->out);
	if (status) return status;
	c->out.only_mine = c->out.only_new = true;
	enum coffer_status st = backup_call_begin(c->cli->conn, c->id);
	if (st) return cli_fail_call(c->cli, st);
	c->begun = true;
	status = fetch(c);
	if (status) return status;
	status = output_commit(&c->out);
	if (status) return status;
	c->begun = false;
	st = backup_call_end(c->cli->conn, c->id, true);
	if (st) return cli_fail(EXIT_REFUSED, "%s is whole, but could not be put on record: %s; run 'coffer backup verify %s'", path, coffer_error(c->cli->conn), path);
	return tell_made(c, path);
}

int cmd_backup_create(struct cli *cli, const struct cmd_args *args)
{
	struct creating c = { .cli = cli };
	const char *path = args->argv[0];
	if (strcmp(path, "-") == 0) return cli_usage(cli, "an archive is a file, which appears when it is whole; give a name");
	if (access(path, F_OK) == 0) return cli_fail(EXIT_REFUSED, "%s exists already; an archive never takes another one's place, choose a new name", path);
	int status = cli_connect(cli);
	if (status) return status;
	c.piece = malloc(BACKUP_PIECE_LEN);
	if (!c.piece) return cli_fail(EXIT_REFUSED, "out of memory");
	status = create(&c, path);
	if (status) output_abandon(&c.out);
	if (c.begun && backup_call_end(cli->conn, c.id, false) != COFFER_OK) c.begun = false; /* it ends by itself */
	free(c.piece);
	if (!status && !c.last.whole)
		return cli_fail(EXIT_SEALED, "the archive was made, but the store is not whole: look at 'coffer store check'");
	return status;
}

/* ---- verify ---- */

struct verifying {
	struct cli *cli;
	const char *path;
	struct archive *archive;
	struct archive_facts facts;
	struct proofs proofs;
	struct ring *ring;
	bool opened;
};

static int refuse(const char *path, enum coffer_err err, const struct reason *reason)
{
	return cli_fail(EXIT_REFUSED, "%s: %s", path, reason_text(reason, err));
}

static int unlock(struct verifying *v)
{
	struct view texts[PROOFS_MAX];
	struct reason reason = { "" };
	struct archive_look look = { .look = NULL };
	for (size_t i = 0; i < v->proofs.count; i++) texts[i] = view_of(secret_bytes(v->proofs.texts[i]), secret_len(v->proofs.texts[i]) - 1);
	enum coffer_err err = v->proofs.passphrase ? archive_unlock_passphrase(v->archive, texts[0], &v->ring, &reason)
		: archive_unlock_shares(v->archive, texts, (unsigned)v->proofs.count, &v->ring, &reason);
	if (!err) err = archive_check_rows(v->archive, v->ring, &look, &reason);
	if (err) return refuse(v->path, err, &reason);
	if (look.faults)
		return cli_fail(EXIT_REFUSED, "%s opens, but the store was damaged when it was made: %llu faults, first: %s", v->path,
			(unsigned long long)look.faults, look.said);
	v->opened = true;
	return EXIT_DONE;
}

static int read_archive(struct verifying *v, int fd)
{
	struct reason reason = { "" };
	enum coffer_err err = archive_open(fd, &v->archive, &reason);
	if (!err) err = archive_pass(v->archive, NULL, NULL, &reason);
	if (err) return refuse(v->path, err, &reason);
	archive_facts(v->archive, &v->facts);
	return EXIT_DONE;
}

/* A daemon that is there learns of it; without one nothing is missing. */
static void tell_daemon(struct verifying *v)
{
	struct coffer *conn = NULL;
	const struct coffer_options options = { .size = sizeof options, .server_uid = -1 };
	if (coffer_connect(v->cli->socket, &options, &conn) != COFFER_OK) return;
	enum coffer_status st = backup_call_verified(conn, v->facts.header.archive_id, v->facts.sha256, v->opened);
	if (!v->cli->quiet && !v->cli->json) {
		if (!st) puts("noted        in the store of this node");
		else printf("not noted    here: %s\n", coffer_error(conn));
	}
	coffer_close(conn);
}

static int verify(struct verifying *v, const struct cmd_args *args)
{
	int status = proofs_from_args(v->cli, args, &v->proofs);
	if (status) return status;
	AUTO_FD int fd = open(v->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", v->path, strerror(errno));
	status = read_archive(v, fd);
	if (!status && v->proofs.count) status = unlock(v);
	if (!status) status = archive_report(v->cli, v->path, &v->facts, v->opened);
	if (status) return status;
	if (!v->cli->quiet && !v->cli->json)
		puts(v->opened ? "verdict      good: every data key, the canary and every row opened, and the audit log follows record by record" :
			"verdict      whole and signed by that domain; compare the fingerprint, and give shares or passphrase to see that it opens");
	if (!args_get(v->cli->cmd, args, "offline")) tell_daemon(v);
	return EXIT_DONE;
}

int cmd_backup_verify(struct cli *cli, const struct cmd_args *args)
{
	struct verifying v = { .cli = cli, .path = args->argv[0] };
	int status = verify(&v, args);
	proofs_done(&v.proofs);
	ring_free(v.ring);
	archive_free(v.archive);
	return status;
}

/* ---- list ---- */

static void print_backup(const char *id, const json_t *b)
{
	char made[WHEN_TEXT_MAX], verified[WHEN_TEXT_MAX] = "never";
	json_int_t at = json_integer_value(json_object_get(b, "verified_at"));
	when_text((uint64_t)json_integer_value(json_object_get(b, "created_at")), made);
	if (at) when_text((uint64_t)at, verified);
	printf("%s  made %s  %12lld bytes  verified %s%s\n", id, made, (long long)json_integer_value(json_object_get(b, "size")), verified,
		json_integer_value(json_object_get(b, "opened")) ? ", opened" : "");
}

int cmd_backup_list(struct cli *cli, const struct cmd_args *args)
{
	static char text[LIST_MAX];
	const char *id;
	json_t *backup;
	size_t len;
	(void)args;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = backup_call_list(cli->conn, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL);
	if (!doc) return cli_fail(EXIT_REFUSED, "the daemon's list is no JSON");
	if (cli->json) return json_print(doc);
	json_object_foreach(json_object_get(doc, "backups"), id, backup) print_backup(id, backup);
	if (!cli->quiet && json_object_size(json_object_get(doc, "backups")) == 0) puts("no backup was made yet: run 'coffer backup create FILE'");
	json_decref(doc);
	return EXIT_DONE;
}
