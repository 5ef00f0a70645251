/* coffer node trust-ek, trusted-eks, untrust-ek: TPMs whose endorsement certificate lets a node join. */
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/when.h"
#include "client/admin_trust.h"

#define FILE_MAX (64u * 1024u)
#define ONE_MAX 4096u
#define LIST_MAX (512u * 1024u)
#define NAME_MAX_TEXT 512u

/* ---- listed ---- */

/* As other programs show it too: in either case, with or without colons. */
static int digest_of_text(struct cli *cli, const char *text, uint8_t out[static ADMIN_TRUST_DIGEST_LEN])
{
	char packed[2 * ADMIN_TRUST_DIGEST_LEN + 1];
	size_t n = 0;
	for (; *text && n < sizeof packed; text++)
		if (*text != ':') packed[n++] = *text;
	if (!*text && text_unhex(view_of(packed, n), out, ADMIN_TRUST_DIGEST_LEN) == ERR_OK) return EXIT_DONE;
	return cli_usage(cli, "--digest wants SHA-256 of the certificate: 64 hex digits");
}

static int digest_of_file(const char *path, uint8_t out[static ADMIN_TRUST_DIGEST_LEN])
{
	struct reason why = { "" };
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	enum coffer_err err = fdio_read_file(path, FILE_MAX, &bytes, &why);
	if (err) return cli_fail(EXIT_REFUSED, "%s", reason_text(&why, err));
	err = admin_ek_digest(buf_view(&bytes), out);
	if (err == ERR_UNSUPPORTED) return cli_fail(EXIT_REFUSED, "the key of the certificate in %s is neither P-256 nor RSA with 2048 bits", path);
	if (err) return cli_fail(EXIT_REFUSED, "%s holds no certificate in PEM or DER", path);
	return EXIT_DONE;
}

int cmd_node_trust(struct cli *cli, const struct cmd_args *args)
{
	char text[ONE_MAX];
	uint8_t digest[ADMIN_TRUST_DIGEST_LEN];
	size_t len;
	const char *given = args_get(cli->cmd, args, "digest");
	if ((args->argc == 1) == (given != NULL)) return cli_usage(cli, "a certificate's file is needed, or --digest");
	int status = given ? digest_of_text(cli, given, digest) : digest_of_file(args->argv[0], digest);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_trust_ek(cli->conn, digest, args_get(cli->cmd, args, "name"), text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL);
	if (!doc) return cli_fail(EXIT_REFUSED, "the daemon's answer is no JSON");
	if (cli->json) return json_print(doc);
	if (!cli->quiet)
		printf("endorsement certificate '%s' is listed: SHA-256 %s\none node joins by its TPM: coffer node join --domain FINGERPRINT --token tpm2:TCTI --endorsement\n",
			json_text(doc, "name"), json_text(doc, "digest"));
	json_decref(doc);
	return EXIT_DONE;
}

/* ---- shown ---- */

static void print_entry(const json_t *entry)
{
	char listed[WHEN_TEXT_MAX];
	when_text((uint64_t)json_whole(entry, "listed"), listed);
	printf("%s  %-20s %-5s since %s, by %s", json_text(entry, "digest"), json_text(entry, "name"), json_text(entry, "state"), listed, json_text(entry, "by"));
	if (json_text(entry, "node")[0]) printf(", node %s", json_text(entry, "node"));
	putchar('\n');
}

int cmd_node_trusted(struct cli *cli, const struct cmd_args *args)
{
	size_t i;
	json_t *doc, *entry;
	(void)args;
	int status = json_ask(cli, admin_trusted_eks, LIST_MAX, &doc);
	if (status) return status;
	if (cli->json) return json_print(doc);
	if (!cli->quiet)
		json_array_foreach(json_object_get(doc, "certificates"), i, entry) print_entry(entry);
	json_decref(doc);
	return EXIT_DONE;
}

/* ---- taken off ---- */

int cmd_node_untrust(struct cli *cli, const struct cmd_args *args)
{
	char name[NAME_MAX_TEXT];
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_untrust_ek(cli->conn, args->argv[0], name, sizeof name);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s}", "name", name));
	if (!cli->quiet) printf("endorsement certificate '%s' admits nobody any more\n", name);
	return EXIT_DONE;
}
