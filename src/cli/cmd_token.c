/* coffer token reseal, change-pin, sign-pcrs: what the wrapped data keys are bound to. */
#include <jansson.h>
#include <string.h>

#include "cli/cmd_token.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "client/admin.h"
#include "crypto/ossl_mem.h"
#include "token/pcr_file.h"

#define ANSWER_MAX 8192u
#define CHANGES_MAX 1024u

static void print_policy(const json_t *policy)
{
	static const char *const names[] = { "policy", "pcrs", "next_start", "sentence", "warning" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *text = json_text(policy, names[i]);
		if (text[0]) printf("%-14s %s\n", names[i], text);
	}
}

int token_policy_show(struct cli *cli, json_t *token)
{
	char text[ANSWER_MAX];
	size_t len;
	if (admin_token_policy(cli->conn, text, sizeof text, &len)) return EXIT_DONE; /* status says what is wrong with the token */
	json_t *policy = json_loadb(text, len, 0, NULL);
	if (!policy) return EXIT_DONE;
	int verdict = strcmp(json_text(policy, "next_start"), "does not open") == 0 ? EXIT_SEALED : EXIT_DONE;
	if (cli->json) (void)json_object_set(token, "policy", policy);
	else if (!cli->quiet) print_policy(policy);
	json_decref(policy);
	return verdict;
}

static int report(const struct cli *cli, const char *text, size_t len, const char *done)
{
	json_t *policy = json_loadb(text, len, 0, NULL);
	if (!policy) return cli_fail(EXIT_REFUSED, "the daemon's answer is no JSON");
	if (cli->json) return json_print(policy);
	if (!cli->quiet) {
		puts(done);
		print_policy(policy);
	}
	json_decref(policy);
	return EXIT_DONE;
}

/* ---- reseal ---- */

/* Appends NAME=VALUE; "none" takes the parameter away. */
static int add(struct cli *cli, char *changes, const char *name, const char *value)
{
	size_t len = strlen(changes);
	const char *given = strcmp(value, "none") == 0 ? "" : value;
	if (strpbrk(given, "&\n\r")) return cli_usage(cli, "--%s: '&' and line ends cannot stand in a token URI", name);
	int n = snprintf(changes + len, CHANGES_MAX - len, "%s%s=%s", len ? "&" : "", name, given);
	return n < 0 || (size_t)n >= CHANGES_MAX - len ? cli_usage(cli, "the options together are longer than a token URI may be") : EXIT_DONE;
}

static int gather(struct cli *cli, const struct cmd_args *args, char *changes)
{
	static const char *const names[] = { "pcrs", "policy-key", "policy-file", "pin-source" };
	int status = EXIT_DONE;
	for (size_t i = 0; i < sizeof names / sizeof names[0] && !status; i++) {
		const char *value = args_get(cli->cmd, args, names[i]);
		if (value) status = add(cli, changes, names[i], value);
	}
	for (unsigned i = 0; i < args_count(cli->cmd, args, "next") && !status; i++) status = add(cli, changes, "next", args_nth(cli->cmd, args, "next", i));
	return status;
}

int cmd_token_reseal(struct cli *cli, const struct cmd_args *args)
{
	char changes[CHANGES_MAX] = "", text[ANSWER_MAX];
	size_t len;
	int status = gather(cli, args, changes);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_token_reseal(cli->conn, changes, text, sizeof text, &len);
	return st ? cli_fail_call(cli, st) : report(cli, text, len, "the wrapped data keys are bound anew");
}

/* ---- PIN ---- */

static int ask_pin(struct cli *cli, const struct cmd_args *args, struct secret **out)
{
	struct secret *again = NULL;
	int status = secret_from_args(cli, args, "New PIN: ", out);
	if (status || secret_is_given(cli, args)) return status;
	status = prompt_secret("The same once more: ", &again);
	if (!status && !secret_equal(*out, again)) status = cli_fail(EXIT_REFUSED, "the two PINs differ; nothing was done");
	secret_free(again);
	return status;
}

int cmd_token_change_pin(struct cli *cli, const struct cmd_args *args)
{
	char text[ANSWER_MAX];
	size_t len;
	AUTO_SECRET struct secret *pin = NULL;
	int status = ask_pin(cli, args, &pin);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_token_change_pin(cli->conn, pin, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	return report(cli, text, len, "the PIN is changed; where the URI names a pin-source put the new one there NOW: the next start reads it there, and tries a wrong one once");
}

/* ---- signing, offline ---- */

static int read_values(struct cli *cli, const struct cmd_args *args, struct pcr_file *file, const struct secret *pem)
{
	unsigned count = args_count(cli->cmd, args, "pcrs");
	if (count == 0 || count > PCR_FILE_ENTRIES) return cli_usage(cli, "--pcrs is given once for each image, at most %u times", PCR_FILE_ENTRIES);
	for (unsigned i = 0; i < count; i++) {
		struct pcr_values values;
		struct reason why = { "" };
		if (pcr_parse_values(view_str(args_nth(cli->cmd, args, "pcrs", i)), "--pcrs", &values, &why)) return cli_usage(cli, "%s", why.text);
		if (i == 0) file->selection = values.selection;
		if (!pcr_selection_equal(&file->selection, &values.selection)) return cli_usage(cli, "--pcrs: every image needs the same bank and the same PCRs");
		if (pcr_file_add(file, &values, pem)) return cli_fail(EXIT_REFUSED, "--key: it cannot sign; is it a private key?");
	}
	return EXIT_DONE;
}

static int write_file(const char *path, const struct buf *bytes)
{
	struct output out;
	int status = output_open(path, &out);
	if (status) return status;
	status = output_write(&out, bytes->ptr, bytes->len);
	if (!status) status = output_commit(&out);
	else output_abandon(&out);
	return status;
}

static int sign(struct cli *cli, const struct cmd_args *args, const char *ref)
{
	static struct pcr_file file;
	AUTO_SECRET struct secret *pem = NULL;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	int status = secret_from_file(args_get(cli->cmd, args, "key"), &pem);
	if (status) return status;
	if (ecdsa_public_from_pem(secret_view(pem), &file.key)) return cli_fail(EXIT_REFUSED, "--key: no PEM file with a private key of P-256 or P-384");
	memcpy(file.ref, ref, strlen(ref));
	status = read_values(cli, args, &file, pem);
	if (status) return status;
	if (pcr_file_verify(&file) || pcr_file_encode(&file, &bytes)) return cli_fail(EXIT_REFUSED, "the signatures do not verify; nothing was written");
	status = write_file(args_get(cli->cmd, args, "output"), &bytes);
	if (status || cli->quiet) return status;
	fprintf(stderr, "%u %s of values signed for '%s'\n", file.count, file.count == 1 ? "set" : "sets", ref);
	return EXIT_DONE;
}

int cmd_token_sign_pcrs(struct cli *cli, const struct cmd_args *args)
{
	const char *ref = args_get(cli->cmd, args, "policy-ref");
	if (!ref) ref = "";
	if (!args_get(cli->cmd, args, "key") || !args_get(cli->cmd, args, "output")) return cli_usage(cli, "--key and --output are needed");
	if (!pcr_ref_is_sound(view_str(ref))) return cli_usage(cli, "--policy-ref: at most %u printable characters", PCR_REF_MAX);
	if (ossl_mem_install()) return cli_fail(EXIT_REFUSED, "the key would not stay in locked memory");
	return sign(cli, args, ref);
}
