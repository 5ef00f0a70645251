/* coffer audit verify FILE …: files in, findings out. */
#include "cli/audit_proof.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "audit/proof.h"
#include "base/text.h"
#include "cli/export_file.h"
#include "cli/json.h"

#define CHECKPOINT_BEGIN "{\"checkpoint\":"
#define KEY_FILE_MAX 256u

struct source {
	const char *path;
	uint8_t node_id[UUID_LEN]; /* zeros: its first line is no header */
	uint64_t seq;              /* of its header: where it begins */
	bool has_join;             /* it begins with the record of a restore */
	struct audit_join join;
};

struct run {
	struct cli *cli;
	const struct cmd_args *args;
	struct audit_trust trust;
	struct audit_line *line;   /* for what is looked at before a proof */
	struct audit_proof *proof; /* of the node whose turn it is */
	const uint8_t *node_id;
	json_t *findings;          /* its; NULL: printed at once */
	json_t *logs;              /* of those before */
	struct source *sources;    /* by node, then by seq */
	size_t count;
	uint64_t kept;             /* checkpoints from elsewhere, all and in this file */
	const char *kept_file;
	unsigned token_keys;       /* that were given */
	int status;
};

/* ---- whom to believe ---- */

static bool parse_fingerprint(const char *text, uint8_t out[static DOMAIN_FINGERPRINT_LEN])
{
	char bare[DOMAIN_FINGERPRINT_TEXT];
	size_t len = 0, got = 0;
	for (const char *at = text; *at && len < sizeof bare - 1; at++)
		if (*at != '-' && *at != ' ') bare[len++] = *at;
	return text_unbase32(view_of(bare, len), out, DOMAIN_FINGERPRINT_LEN, &got) == ERR_OK && got == DOMAIN_FINGERPRINT_LEN;
}

static int take_fingerprint(struct cli *cli, const char *text, struct audit_trust *out)
{
	if (parse_fingerprint(text, out->fingerprint)) return EXIT_DONE;
	return cli_usage(cli, "--fingerprint wants the domain's 8 groups of 4 characters, as init printed them and every recovery share has them");
}

/* The digits themselves, or a file that begins with them. */
static int take_key(struct cli *cli, const char *text, struct audit_trust *out)
{
	uint8_t bytes[KEY_FILE_MAX];
	struct view line;
	out->by_key = true;
	if (text_unhex(view_str(text), out->key, sizeof out->key) == ERR_OK) return EXIT_DONE;
	int status = export_file_first(text, bytes, sizeof bytes, &line, NULL);
	if (status) return status;
	if (text_unhex(line, out->key, sizeof out->key) == ERR_OK) return EXIT_DONE;
	return cli_usage(cli, "--public-key wants 64 hex digits, or a file whose first line they are");
}

static int take_trust(struct cli *cli, const struct cmd_args *args, struct audit_trust *out)
{
	const char *fingerprint = args_get(cli->cmd, args, "fingerprint"), *key = args_get(cli->cmd, args, "public-key");
	*out = (struct audit_trust){ .by_key = false };
	if (!fingerprint == !key)
		return cli_usage(cli, "--fingerprint or --public-key says whose log it is, from a recovery share or init's output: a file cannot vouch for itself");
	return key ? take_key(cli, key, out) : take_fingerprint(cli, fingerprint, out);
}

/* Keys of tokens that are expected. */
static int take_token_keys(struct run *run)
{
	const struct cmd_args *args = run->args;
	unsigned named = args_count(run->cli->cmd, args, "token-key");
	for (unsigned i = 0; i < named; i++) {
		uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
		if (!parse_fingerprint(args_nth(run->cli->cmd, args, "token-key", i), fingerprint))
			return cli_usage(run->cli, "--token-key wants 8 groups of 4 characters, as 'coffer status' showed them when the token was put to use");
		if (audit_proof_expect_key(run->proof, fingerprint) != ERR_OK) return cli_usage(run->cli, "--token-key: at most %u", AUDIT_TOKEN_KEYS_MAX);
	}
	run->token_keys = named;
	return EXIT_DONE;
}

/* ---- files ---- */

static int by_node_and_seq(const void *a, const void *b)
{
	const struct source *x = a, *y = b;
	int order = memcmp(x->node_id, y->node_id, UUID_LEN);
	if (order) return order;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int note_source(struct run *run, const char *path)
{
	static uint8_t bytes[2 * AUDIT_LINE_MAX];
	struct source s = { .path = path, .seq = UINT64_MAX };
	struct view first, second;
	int status = export_file_first(path, bytes, sizeof bytes, &first, &second);
	if (status) return status;
	if (audit_line_read(first, run->line) == ERR_OK && run->line->kind == AUDIT_LINE_HEADER) {
		s.seq = run->line->before.seq;
		memcpy(s.node_id, run->line->domain.node_id, UUID_LEN);
		if (s.seq == 0 && audit_line_read(second, run->line) == ERR_OK && run->line->kind == AUDIT_LINE_RECORD)
			s.has_join = audit_join_read(&run->line->event, &s.join) == ERR_OK;
	}
	run->sources[run->count++] = s;
	return EXIT_DONE;
}

/* A file without a header is told with those that have one. */
static void adopt_strays(struct run *run)
{
	static const uint8_t none[UUID_LEN];
	const struct source *other = NULL;
	for (size_t i = 0; i < run->count && !other; i++)
		if (memcmp(run->sources[i].node_id, none, UUID_LEN) != 0) other = &run->sources[i];
	for (size_t i = 0; i < run->count && other; i++)
		if (memcmp(run->sources[i].node_id, none, UUID_LEN) == 0) memcpy(run->sources[i].node_id, other->node_id, UUID_LEN);
}

static int note_sources(struct run *run)
{
	const struct cmd_args *args = run->args;
	unsigned named = args_count(run->cli->cmd, args, "file");
	int status = EXIT_DONE;
	run->sources = calloc((size_t)args->argc + named, sizeof *run->sources);
	if (!run->sources) status = cli_fail(EXIT_REFUSED, "out of memory");
	for (int i = 0; i < args->argc && !status; i++) status = note_source(run, args->argv[i]);
	for (unsigned i = 0; i < named && !status; i++) status = note_source(run, args_nth(run->cli->cmd, args, "file", i));
	if (status) return status;
	adopt_strays(run);
	qsort(run->sources, run->count, sizeof *run->sources, by_node_and_seq);
	return EXIT_DONE;
}

static void take_line(void *arg, struct view line)
{
	struct run *run = arg;
	audit_proof_line(run->proof, line);
}

static int read_sources(struct run *run, size_t first, size_t end)
{
	int status = EXIT_DONE;
	for (size_t i = first; i < end && !status; i++) {
		bool torn = false;
		audit_proof_file(run->proof, run->sources[i].path);
		status = export_file_read(run->sources[i].path, take_line, run, &torn);
		if (!status && torn) audit_proof_torn(run->proof);
	}
	return status;
}

static bool is_of_node(const struct source *s, const uint8_t *node_id)
{
	return memcmp(s->node_id, node_id, UUID_LEN) == 0;
}

/* Whether a checkpoint is to be held against the log whose turn it is: that of its node; one of a node that has no files, against the first one. */
static bool is_for(const struct run *run, const uint8_t *node_id)
{
	if (memcmp(node_id, run->node_id, UUID_LEN) == 0) return true;
	for (size_t i = 0; i < run->count; i++)
		if (is_of_node(&run->sources[i], node_id)) return false;
	return run->node_id == run->sources[0].node_id;
}

/* A checkpoint may stand behind what syslog puts in front of it. */
static void take_kept(void *arg, struct view line)
{
	struct run *run = arg;
	const uint8_t *at = memmem(line.ptr, line.len, CHECKPOINT_BEGIN, sizeof CHECKPOINT_BEGIN - 1);
	if (!at || run->status) return;
	size_t len = line.len - (size_t)(at - line.ptr);
	while (len && (at[len - 1] == '\r' || at[len - 1] == ' ')) len--;
	enum coffer_err err = audit_line_read(view_of(at, len), run->line);
	if (!err && is_for(run, run->line->domain.node_id)) err = audit_proof_keep(run->proof, view_of(at, len));
	if (err == ERR_LIMIT) run->status = cli_fail(EXIT_REFUSED, "%s: more than %u checkpoints", run->kept_file, AUDIT_KEPT_MAX);
	else if (err) run->status = cli_fail(EXIT_REFUSED, "%s: a checkpoint in it does not read; it was changed or cut", run->kept_file);
	else run->kept++;
}

static int read_kept(struct run *run)
{
	unsigned named = args_count(run->cli->cmd, run->args, "checkpoint");
	run->kept = 0;
	for (unsigned i = 0; i < named && !run->status; i++) {
		bool torn = false;
		uint64_t before = run->kept;
		run->kept_file = args_nth(run->cli->cmd, run->args, "checkpoint", i);
		int status = export_file_read(run->kept_file, take_kept, run, &torn);
		if (status) return status;
		if (!run->status && run->kept == before) run->status = cli_fail(EXIT_REFUSED, "%s holds no checkpoint%s", run->kept_file, torn ? " that ends" : "");
	}
	return run->status;
}

/* What restored nodes say of the log whose turn it is: the i-th of them. */
static const struct source *find_join(const struct run *run, size_t i)
{
	for (size_t at = 0; at < run->count; at++)
		if (run->sources[at].has_join && memcmp(run->sources[at].join.node_id, run->node_id, UUID_LEN) == 0 && i-- == 0) return &run->sources[at];
	return NULL;
}

static int expect_joins(struct run *run)
{
	const struct source *after;
	for (size_t i = 0; (after = find_join(run, i)) != NULL; i++)
		if (audit_proof_expect_join(run->proof, &after->join) != ERR_OK)
			return cli_fail(EXIT_REFUSED, "more than %u nodes that were restored from backups of one", AUDIT_JOINS_MAX);
	return EXIT_DONE;
}

/* ---- what is found ---- */

static void print_range(const struct audit_finding *f)
{
	if (f->from == 0) return;
	if (f->from == f->to) printf(": record %" PRIu64, f->from);
	else printf(": records %" PRIu64 " to %" PRIu64, f->from, f->to);
}

static void take_finding(void *arg, const struct audit_finding *f)
{
	struct run *run = arg;
	if (run->findings) {
		json_array_append_new(run->findings, json_pack("{s:s, s:I, s:I, s:s, s:I, s:s}", "kind", audit_finding_name(f->kind), "from", (json_int_t)f->from,
			"to", (json_int_t)f->to, "file", f->file && f->line ? f->file : "", "line", (json_int_t)f->line, "detail", f->detail));
		return;
	}
	printf("%s", audit_finding_name(f->kind));
	print_range(f);
	if (f->file && f->line) printf(" (%s line %" PRIu64 ")", f->file, f->line);
	printf("%s%s\n", f->detail[0] ? ": " : "", f->detail);
}

static void print_token(const struct run *run, const struct audit_proof_result *r)
{
	char key[DOMAIN_FINGERPRINT_TEXT], when[AUDIT_TIME_TEXT];
	if (!r->token_records) {
		printf("the token signed none of these records\n");
		return;
	}
	domain_fingerprint_format(r->token_key, key);
	audit_time_text(r->token_ms, when);
	if (r->token_to) printf("signed by the token up to record %" PRIu64 ", of %s; records behind it are vouched for by the domain's key alone\n", r->token_to, when);
	printf("its key %s %s\n", key, run->token_keys ? "is one of those that were given" : "was compared with nothing: give --token-key");
}

static void print_summary(const struct run *run, const struct audit_proof_result *r)
{
	char node[UUID_TEXT_LEN + 1], when[AUDIT_TIME_TEXT];
	text_uuid(r->domain.node_id, node);
	audit_time_text(r->signed_ms, when);
	printf("node %s, records %" PRIu64 " to %" PRIu64 ": %s\n", node, r->first, r->last, r->findings ? "not whole" : "whole");
	if (!r->signed_ms) printf("there is no checkpoint in these files: nothing of what they say is proven\n");
	else printf("newest checkpoint: up to record %" PRIu64 ", of %s; records after that moment are not in it\n", r->signed_to, when);
	print_token(run, r);
	if (r->first > 1) printf("records before %" PRIu64 " are not in these files\n", r->first);
	if (r->old) printf("%" PRIu64 " records of an older program: their links are signed, what they say is not\n", r->old);
	if (run->kept) printf("%" PRIu64 " of %" PRIu64 " checkpoints from elsewhere compared and right\n", r->compared, run->kept);
}

/* What goes on from this log. */
static void print_after(const struct audit_proof_result *r, const struct source *after)
{
	char node[UUID_TEXT_LEN + 1];
	text_uuid(after->node_id, node);
	printf("node %s goes on from its record %" PRIu64 ", which is the one that it says\n", node, after->join.at.seq);
	if (r->last > after->join.at.seq)
		printf("records %" PRIu64 " to %" PRIu64 " came after the backup that it was restored from\n", after->join.at.seq + 1, r->last);
}

/* Which log goes on from which. */
static void print_join(const struct run *run, const struct audit_proof_result *r)
{
	char other[UUID_TEXT_LEN + 1];
	const struct source *after;
	if (r->has_join) {
		bool here = false;
		for (size_t i = 0; i < run->count; i++) here = here || is_of_node(&run->sources[i], r->join.node_id);
		text_uuid(r->join.node_id, other);
		printf("it goes on from record %" PRIu64 " of node %s%s\n", r->join.at.seq, other, here ? "" : ", which is not in these files");
	}
	for (size_t i = 0; (after = find_join(run, i)) != NULL; i++)
		if (audit_proof_join_fits(run->proof, i)) print_after(r, after);
}

static json_t *log_json(const struct run *run, const struct audit_proof_result *r, bool verified)
{
	char node[UUID_TEXT_LEN + 1], domain[UUID_TEXT_LEN + 1], fingerprint[DOMAIN_FINGERPRINT_TEXT], when[AUDIT_TIME_TEXT], token_key[DOMAIN_FINGERPRINT_TEXT] = "";
	char from[UUID_TEXT_LEN + 1] = "";
	text_uuid(r->domain.node_id, node);
	text_uuid(r->domain.id, domain);
	domain_fingerprint_text(&r->domain, fingerprint);
	audit_time_text(r->signed_ms, when);
	if (r->token_records) domain_fingerprint_format(r->token_key, token_key);
	if (r->has_join) text_uuid(r->join.node_id, from);
	return json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:s, s:I, s:s, s:I, s:b, s:O}", "verified", verified, "domain", domain, "node", node,
		"fingerprint", fingerprint, "first", (json_int_t)r->first, "last", (json_int_t)r->last, "records", (json_int_t)r->records, "old", (json_int_t)r->old,
		"signed_to", (json_int_t)r->signed_to, "signed_at", when, "token_signatures", (json_int_t)r->token_signatures, "token_to", (json_int_t)r->token_to,
		"token_key", token_key, "checkpoints_compared", (json_int_t)r->compared, "goes_on_from_node", from, "goes_on_from", (json_int_t)r->join.at.seq,
		"joined", r->joined, "findings", run->findings);
}

/* One log. */
static int report(struct run *run, const struct audit_proof_result *r)
{
	int verdict = r->findings || !r->begun ? EXIT_SEALED : EXIT_DONE;
	if (run->logs) {
		json_array_append_new(run->logs, log_json(run, r, verdict == EXIT_DONE));
		return verdict;
	}
	if (!r->begun) return cli_fail(verdict, "there is no audit export of this domain in these files");
	if (run->cli->quiet) return verdict;
	print_summary(run, r);
	print_join(run, r);
	return verdict;
}

static int prove(struct run *run, size_t first, size_t end)
{
	struct audit_proof_result result;
	run->node_id = run->sources[first].node_id;
	run->findings = run->logs ? json_array() : NULL;
	run->proof = audit_proof_new(&run->trust, take_finding, run);
	int status = run->proof ? take_token_keys(run) : cli_fail(EXIT_REFUSED, "out of memory");
	if (!status) status = read_kept(run);
	if (!status) status = expect_joins(run);
	if (!status) status = read_sources(run, first, end);
	if (!status) {
		audit_proof_end(run->proof, args_get(run->cli->cmd, run->args, "live") != NULL, &result);
		status = report(run, &result);
	}
	audit_proof_free(run->proof);
	json_decref(run->findings);
	return status;
}

/* The worst of all: what could not be read, then what was found. */
static int prove_all(struct run *run)
{
	int worst = EXIT_DONE;
	for (size_t first = 0, end = 0; first < run->count; first = end) {
		while (end < run->count && is_of_node(&run->sources[end], run->sources[first].node_id)) end++;
		int status = prove(run, first, end);
		if (status && status != EXIT_SEALED) return status;
		if (status) worst = status;
	}
	return worst;
}

/* One log is told by itself, as ever; several in a list. */
static int print_logs(json_t *logs)
{
	if (json_array_size(logs) == 1) return json_print(json_incref(json_array_get(logs, 0)));
	return json_print(json_incref(logs));
}

int audit_proof_run(struct cli *cli, const struct cmd_args *args)
{
	struct run run = { .cli = cli, .args = args };
	int status = take_trust(cli, args, &run.trust);
	if (status) return status;
	run.logs = cli->json ? json_array() : NULL;
	run.line = malloc(sizeof *run.line);
	if (!run.line) status = cli_fail(EXIT_REFUSED, "out of memory");
	if (!status) status = note_sources(&run);
	if (!status) status = prove_all(&run);
	if (run.logs && (status == EXIT_DONE || status == EXIT_SEALED)) {
		int printed = print_logs(run.logs);
		if (printed) status = printed;
	}
	free(run.line);
	free(run.sources);
	json_decref(run.logs);
	return status;
}
