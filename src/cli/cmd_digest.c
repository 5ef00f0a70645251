/* coffer mac, coffer hash: of any amount of input, in parts. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"

#define PART COFFER_MESSAGE_MAX

/* Two buffers: a part is sent when the next one shows that it is not the last. */
struct pump {
	struct input in;
	uint8_t *now, *next;
	size_t len;          /* of the last part, in now */
};

static void end_pump(struct pump *p)
{
	input_close(&p->in);
	if (p->now) wipe(p->now, PART);
	if (p->next) wipe(p->next, PART);
	free(p->now);
	free(p->next);
}

static int begin_pump(struct cli *cli, const struct cmd_args *args, struct pump *p)
{
	*p = (struct pump){ .in = { .fd = -1 } };
	int status = input_open(args_get(cli->cmd, args, "input"), &p->in);
	if (status) return status;
	p->now = malloc(PART);
	p->next = malloc(PART);
	return p->now && p->next ? EXIT_DONE : cli_fail(EXIT_REFUSED, "out of memory");
}

/* Sends all but the last part, which stays in p->now. */
static int run_pump(struct cli *cli, struct pump *p, struct coffer_digest *d)
{
	int status = input_read(&p->in, p->now, PART, &p->len);
	while (!status && p->len == PART) {
		size_t next_len;
		status = input_read(&p->in, p->next, PART, &next_len);
		if (status || next_len == 0) return status;
		enum coffer_status st = coffer_digest_update(d, p->now, p->len);
		if (st) return cli_fail_call(cli, st);
		uint8_t *t = p->now;
		p->now = p->next;
		p->next = t;
		p->len = next_len;
	}
	return status;
}

static int print_digest(struct cli *cli, const char *what, const uint8_t *bytes, size_t len)
{
	char hex[2 * COFFER_DIGEST_MAX + 1];
	text_hex(view_of(bytes, len), hex);
	if (cli->json) return json_print(json_pack("{s:s}", what, hex));
	puts(hex);
	return EXIT_DONE;
}

static int finish(struct cli *cli, const char *what, const struct pump *p, struct coffer_digest *d)
{
	uint8_t bytes[COFFER_DIGEST_MAX];
	size_t len;
	enum coffer_status st = coffer_digest_final(d, p->now, p->len, bytes, sizeof bytes, &len);
	return st ? cli_fail_call(cli, st) : print_digest(cli, what, bytes, len);
}

static int check(struct cli *cli, const struct pump *p, struct coffer_digest *d, const uint8_t *mac, size_t mac_len)
{
	int valid;
	enum coffer_status st = coffer_digest_check(d, p->now, p->len, mac, mac_len, &valid);
	if (st) return cli_fail_call(cli, st);
	if (cli->json && json_print(json_pack("{s:b}", "valid", valid)) != EXIT_DONE) return EXIT_REFUSED;
	if (!valid) return cli->json ? EXIT_REFUSED : cli_fail(EXIT_REFUSED, "the MAC does not belong to this input and key");
	if (!cli->json && !cli->quiet) puts("valid");
	return EXIT_DONE;
}

int cmd_mac(struct cli *cli, const struct cmd_args *args)
{
	struct pump p;
	struct coffer_digest *d = NULL;
	uint8_t mac[COFFER_DIGEST_MAX];
	size_t mac_len = 0;
	const char *key = args_get(cli->cmd, args, "key"), *hex = args_get(cli->cmd, args, "check");
	if (!key) return cli_usage(cli, "--key is needed: the name or UUID of an HMAC key");
	if (hex) mac_len = strlen(hex) / 2;
	if (hex && (mac_len == 0 || mac_len > sizeof mac || text_unhex(view_str(hex), mac, mac_len) != ERR_OK))
		return cli_usage(cli, "--check wants a MAC as hex, at most %u bytes", COFFER_DIGEST_MAX);
	int status = begin_pump(cli, args, &p);
	if (!status) status = cli_connect(cli);
	if (!status) {
		enum coffer_status st = coffer_mac_begin(cli->conn, key, hex != NULL, &d);
		if (st) status = cli_fail_call(cli, st);
	}
	if (!status) status = run_pump(cli, &p, d);
	if (!status) status = hex ? check(cli, &p, d, mac, mac_len) : finish(cli, "mac", &p, d);
	coffer_digest_close(d);
	end_pump(&p);
	return status;
}

int cmd_hash(struct cli *cli, const struct cmd_args *args)
{
	struct pump p;
	struct coffer_digest *d = NULL;
	int status = begin_pump(cli, args, &p);
	if (!status) status = cli_connect(cli);
	if (!status) {
		enum coffer_status st = coffer_hash_begin(cli->conn, args_get(cli->cmd, args, "algorithm"), &d);
		if (st) status = cli_fail_call(cli, st);
	}
	if (!status) status = run_pump(cli, &p, d);
	if (!status) status = finish(cli, "hash", &p, d);
	coffer_digest_close(d);
	end_pump(&p);
	return status;
}
