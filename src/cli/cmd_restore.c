/* coffer restore: an archive onto a node without a domain. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/proofs.h"
#include "cli/when.h"
#include "client/backup.h"

#define REPORT_MAX (32u * 1024u)

struct restoring {
	struct cli *cli;
	const char *path;
	struct archive_facts facts;
	struct proofs proofs;
	uint8_t id[BACKUP_ID_LEN];
};

/* Read here first: what is damaged is not sent, and it says what to ask for. */
static int look(struct restoring *r, int fd)
{
	struct archive *archive = NULL;
	struct reason reason = { "" };
	enum coffer_err err = archive_open(fd, &archive, &reason);
	if (!err) err = archive_pass(archive, NULL, NULL, &reason);
	if (!err) archive_facts(archive, &r->facts);
	archive_free(archive);
	return err ? cli_fail(EXIT_REFUSED, "%s: %s", r->path, reason_text(&reason, err)) : EXIT_DONE;
}

static int send_pieces(struct restoring *r, int fd, uint8_t *piece)
{
	struct progress progress;
	progress_begin(&progress, r->cli, "restore", r->facts.size);
	for (uint64_t offset = 0; offset < r->facts.size;) {
		ssize_t n = pread(fd, piece, BACKUP_PIECE_LEN, (off_t)offset);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", r->path, n ? strerror(errno) : "it became shorter");
		enum coffer_status st = restore_call_write(r->cli->conn, r->id, offset, piece, (size_t)n);
		if (st) return cli_fail_call(r->cli, st);
		offset += (uint64_t)n;
		progress_add(&progress, (uint64_t)n);
	}
	progress_end(&progress);
	return EXIT_DONE;
}

static int send_archive(struct restoring *r, int fd)
{
	AUTO_FREE uint8_t *piece = malloc(BACKUP_PIECE_LEN);
	if (!piece) return cli_fail(EXIT_REFUSED, "out of memory");
	enum coffer_status st = restore_call_begin(r->cli->conn, r->facts.size, r->facts.sha256, r->id);
	if (st) return cli_fail_call(r->cli, st);
	return send_pieces(r, fd, piece);
}

static uint64_t number(const json_t *doc, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(doc, name));
}

static const char *text(const json_t *doc, const char *name)
{
	const char *s = json_string_value(json_object_get(doc, name));
	return s ? s : "?";
}

static void print_counter(const json_t *doc)
{
	const char *counter = text(doc, "counter");
	if (strcmp(counter, "ahead") == 0)
		printf("This token saw a newer store: its counter was raised %llu times since.\n", (unsigned long long)number(doc, "counter_ahead"));
	else if (strcmp(counter, "another") == 0) printf("This token may have seen a newer store: its counter is another one than the archive knows.\n");
	else if (strcmp(counter, "as archived") == 0) printf("The token's counter stands where the archive has it: nothing that it anchored since is missing.\n");
	else if (!number(doc, "mark_known")) printf("Whether there was a newer store is not known: neither this token nor a node.root can tell.\n");
}

/* What cannot be known is said as plainly as what is. */
static void print_unknown(const json_t *doc, const char *when)
{
	printf("\nWhat happened after %s is not in this archive: keys made since are gone, and what was destroyed, revoked or taken from\n"
		"somebody since has come back. Compare with the audit log that was exported last, and do it again where it applies.\n", when);
	if (number(doc, "older_by"))
		printf("This node knew a newer store: %llu changes of it are missing.\n", (unsigned long long)number(doc, "older_by"));
	print_counter(doc);
	if (number(doc, "usage_limited"))
		printf("%llu keys have Usage Limits, which stand as they did then.\n", (unsigned long long)number(doc, "usage_limited"));
	if (number(doc, "gcm_advanced"))
		printf("%llu AES keys may make 2^28 more GCM encryptions for KMIP clients, because those made since are not counted: rotate them.\n",
			(unsigned long long)number(doc, "gcm_advanced"));
	if (number(doc, "faults_accepted"))
		printf("%llu faults of the archived store came along: look at 'coffer store check'.\n", (unsigned long long)number(doc, "faults_accepted"));
}

static void print_restored(const json_t *doc)
{
	char when[WHEN_TEXT_MAX];
	when_text(number(doc, "created_at"), when);
	printf("the domain is restored and open\nfingerprint    %s\nmaster secret  %s\nfrom           archive %s of %s, version %llu\nnode           %s (was %s)\n",
		text(doc, "fingerprint"), text(doc, "token"), text(doc, "archive"), when, (unsigned long long)number(doc, "version"), text(doc, "node"),
		text(doc, "archived_node"));
	printf("restored       %llu objects, %llu grants, %llu audit records\n", (unsigned long long)number(doc, "objects"),
		(unsigned long long)number(doc, "grants"), (unsigned long long)number(doc, "audit_records"));
	print_unknown(doc, when);
}

static int commit(struct restoring *r, const struct cmd_args *args)
{
	static char report[REPORT_MAX];
	const struct cmd *cmd = r->cli->cmd;
	const char *uri = args_get(cmd, args, "token");
	size_t len;
	const struct restore_order order = { .token_uri = uri ? uri : "", .proofs = (const struct secret *const *)r->proofs.texts,
		.proof_count = r->proofs.count, .passphrase = r->proofs.passphrase, .accept_older = args_get(cmd, args, "accept-older") != NULL,
		.accept_damaged = args_get(cmd, args, "accept-damaged") != NULL };
	enum coffer_status st = restore_call_commit(r->cli->conn, r->id, &order, report, sizeof report, &len);
	if (st) return cli_fail_call(r->cli, st);
	json_t *doc = json_loadb(report, len, 0, NULL);
	if (!doc) return cli_fail(EXIT_REFUSED, "the domain is restored, but the daemon's report is no JSON");
	if (r->cli->json) return json_print(doc);
	if (!r->cli->quiet) print_restored(doc);
	json_decref(doc);
	return EXIT_DONE;
}

static int run(struct restoring *r, const struct cmd_args *args)
{
	int status = proofs_from_args(r->cli, args, &r->proofs);
	if (status) return status;
	AUTO_FD int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", r->path, strerror(errno));
	status = look(r, fd);
	if (!status) status = cli_connect(r->cli);
	if (!status && !r->proofs.count) status = proofs_ask(r->facts.k, &r->proofs);
	if (!status) status = send_archive(r, fd);
	return status ? status : commit(r, args);
}

int cmd_restore(struct cli *cli, const struct cmd_args *args)
{
	struct restoring r = { .cli = cli, .path = args->argv[0] };
	int status = run(&r, args);
	proofs_done(&r.proofs);
	return status;
}
