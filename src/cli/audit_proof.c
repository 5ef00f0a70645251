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
	uint64_t seq; /* of its header: where it begins */
};

struct run {
	struct cli *cli;
	struct audit_proof *proof;
	json_t *findings;  /* NULL: printed at once */
	struct source *sources;
	size_t count;
	uint64_t kept;
	unsigned token_keys; /* that were given */
	const char *kept_file;
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
	uint8_t line[KEY_FILE_MAX];
	size_t len = 0;
	out->by_key = true;
	if (text_unhex(view_str(text), out->key, sizeof out->key) == ERR_OK) return EXIT_DONE;
	int status = export_file_first(text, line, sizeof line, &len);
	if (status) return status;
	if (text_unhex(view_of(line, len), out->key, sizeof out->key) == ERR_OK) return EXIT_DONE;
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
static int take_token_keys(struct run *run, const struct cmd_args *args)
{
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

static int by_seq(const void *a, const void *b)
{
	const struct source *x = a, *y = b;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int note_source(struct run *run, struct audit_line *line, const char *path)
{
	static uint8_t first[2048];
	size_t len = 0;
	int status = export_file_first(path, first, sizeof first, &len);
	if (status) return status;
	bool header = audit_line_read(view_of(first, len), line) == ERR_OK && line->kind == AUDIT_LINE_HEADER;
	run->sources[run->count++] = (struct source){ path, header ? line->before.seq : UINT64_MAX };
	return EXIT_DONE;
}

static int note_sources(struct run *run, const struct cmd_args *args)
{
	unsigned named = args_count(run->cli->cmd, args, "file");
	struct audit_line *line = malloc(sizeof *line);
	int status = EXIT_DONE;
	run->sources = calloc((size_t)args->argc + named, sizeof *run->sources);
	if (!line || !run->sources) status = cli_fail(EXIT_REFUSED, "out of memory");
	for (int i = 0; i < args->argc && !status; i++) status = note_source(run, line, args->argv[i]);
	for (unsigned i = 0; i < named && !status; i++) status = note_source(run, line, args_nth(run->cli->cmd, args, "file", i));
	free(line);
	if (!status) qsort(run->sources, run->count, sizeof *run->sources, by_seq);
	return status;
}

static void take_line(void *arg, struct view line)
{
	struct run *run = arg;
	audit_proof_line(run->proof, line);
}

static int read_sources(struct run *run)
{
	int status = EXIT_DONE;
	for (size_t i = 0; i < run->count && !status; i++) {
		bool torn = false;
		audit_proof_file(run->proof, run->sources[i].path);
		status = export_file_read(run->sources[i].path, take_line, run, &torn);
		if (!status && torn) audit_proof_torn(run->proof);
	}
	return status;
}

/* A checkpoint may stand behind what syslog puts in front of it. */
static void take_kept(void *arg, struct view line)
{
	struct run *run = arg;
	const uint8_t *at = memmem(line.ptr, line.len, CHECKPOINT_BEGIN, sizeof CHECKPOINT_BEGIN - 1);
	if (!at || run->status) return;
	size_t len = line.len - (size_t)(at - line.ptr);
	while (len && (at[len - 1] == '\r' || at[len - 1] == ' ')) len--;
	enum coffer_err err = audit_proof_keep(run->proof, view_of(at, len));
	if (err == ERR_LIMIT) run->status = cli_fail(EXIT_REFUSED, "%s: more than %u checkpoints", run->kept_file, AUDIT_KEPT_MAX);
	else if (err) run->status = cli_fail(EXIT_REFUSED, "%s: a checkpoint in it does not read; it was changed or cut", run->kept_file);
	else run->kept++;
}

static int read_kept(struct run *run, const struct cmd_args *args)
{
	unsigned named = args_count(run->cli->cmd, args, "checkpoint");
	for (unsigned i = 0; i < named && !run->status; i++) {
		bool torn = false;
		uint64_t before = run->kept;
		run->kept_file = args_nth(run->cli->cmd, args, "checkpoint", i);
		int status = export_file_read(run->kept_file, take_kept, run, &torn);
		if (status) return status;
		if (!run->status && run->kept == before) run->status = cli_fail(EXIT_REFUSED, "%s holds no checkpoint%s", run->kept_file, torn ? " that ends" : "");
	}
	return run->status;
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
	if (r->signed_ms) printf("newest checkpoint: up to record %" PRIu64 ", of %s; records after that moment are not in it\n", r->signed_to, when);
	print_token(run, r);
	if (r->first > 1) printf("records before %" PRIu64 " are not in these files\n", r->first);
	if (r->old) printf("%" PRIu64 " records of an older program: their links are signed, what they say is not\n", r->old);
	if (run->kept) printf("%" PRIu64 " of %" PRIu64 " checkpoints from elsewhere compared and right\n", r->compared, run->kept);
}

static int report(struct run *run, const struct audit_proof_result *r)
{
	int verdict = r->findings || !r->begun ? EXIT_SEALED : EXIT_DONE;
	char node[UUID_TEXT_LEN + 1], domain[UUID_TEXT_LEN + 1], fingerprint[DOMAIN_FINGERPRINT_TEXT], when[AUDIT_TIME_TEXT], token_key[DOMAIN_FINGERPRINT_TEXT] = "";
	if (!run->findings) {
		if (!r->begun) return cli_fail(verdict, "there is no audit export of this domain in these files");
		if (!run->cli->quiet) print_summary(run, r);
		return verdict;
	}
	text_uuid(r->domain.node_id, node);
	text_uuid(r->domain.id, domain);
	domain_fingerprint_text(&r->domain, fingerprint);
	audit_time_text(r->signed_ms, when);
	if (r->token_records) domain_fingerprint_format(r->token_key, token_key);
	json_t *doc = json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:s, s:I, s:O}", "verified", verdict == EXIT_DONE, "domain", domain, "node", node,
		"fingerprint", fingerprint, "first", (json_int_t)r->first, "last", (json_int_t)r->last, "records", (json_int_t)r->records, "old", (json_int_t)r->old,
		"signed_to", (json_int_t)r->signed_to, "signed_at", when, "token_signatures", (json_int_t)r->token_signatures, "token_to", (json_int_t)r->token_to,
		"token_key", token_key, "checkpoints_compared", (json_int_t)r->compared, "findings", run->findings);
	int status = json_print(doc);
	return status ? status : verdict;
}

int audit_proof_run(struct cli *cli, const struct cmd_args *args)
{
	struct audit_trust trust;
	struct audit_proof_result result;
	struct run run = { .cli = cli };
	int status = take_trust(cli, args, &trust);
	if (status) return status;
	run.findings = cli->json ? json_array() : NULL;
	run.proof = audit_proof_new(&trust, take_finding, &run);
	if (!run.proof) status = cli_fail(EXIT_REFUSED, "out of memory");
	if (!status) status = take_token_keys(&run, args);
	if (!status) status = note_sources(&run, args);
	if (!status) status = read_kept(&run, args);
	if (!status) status = read_sources(&run);
	if (!status) {
		audit_proof_end(run.proof, args_get(cli->cmd, args, "live") != NULL, &result);
		status = report(&run, &result);
	}
	audit_proof_free(run.proof);
	free(run.sources);
	json_decref(run.findings);
	return status;
}
