/* Seeds of configuration, control messages and shares. */
#include <string.h>

#include "base/writer.h"
#include "fuzz/fuzz.h"
#include "fuzz/seeds.h"
#include "monitor/control.h"
#include "recovery/share.h"

static const struct { const char *name, *text; } configs[] = {
	{ "empty", "# nothing\n" },
	{ "paths", "socket = /run/coffer/coffer.sock\nstate_dir=/var/lib/coffer\npid_file = /run/a.pid\nmonitor_pid_file = /run/b.pid\n" },
	{ "numbers", "[cofferd]\nworkers = 4\nmax_message = 4M\nmax_connections = 100\nobject_cache = 1000\nsecret_memory = 1G\nsocket_mode = 0660\n" },
	{ "times", "request_timeout = 500ms\nidle_timeout=1h\ndrain_timeout = 5s\nstop_timeout = 2m\ntoken_deadline=10\ntoken_probe_interval = 1h\n" },
	{ "words", "store = sqlite\nlog_level = debug\nrequire_secret_memory = yes\nuser_cofferd = coffer\nuser_tokend = 1001\n" },
	{ "token", "token = pkcs11:token=vault;object=a?module-path=/usr/lib/x.so\ntokend_environment = A=b C_D=e=f\n" },
	{ "token-tpm", "token = tpm2:device:/dev/tpmrm0\n; a comment\n\n" },
	{ "unknown-key", "sockett = /a\n" },
	{ "unknown-section", "[other]\nsocket = /a\n" },
	{ "twice", "workers = 1\nworkers = 2\n" },
	{ "contradiction", "drain_timeout = 40s\nstop_timeout = 30s\n" },
	{ "same-file", "pid_file = /a\nmonitor_pid_file = /a\n" },
	{ "out-of-range", "max_message = 999999999999999999G\n" },
	{ "no-value", "socket\n" },
	{ "control-byte", "socket = /a\001b\n" },
	{ "bad-text", "socket = /\xff\xfe\nlog_level = \xc3\xa4\n" },
};

static void seed_configs(void)
{
	for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) seed_write("config", configs[i].name, view_str(configs[i].text));
}

static void seed_controls(void)
{
	static const struct { const char *name; struct control_message m; } messages[] = {
		{ "ready", { .op = CONTROL_READY } },
		{ "status", { .op = CONTROL_STATUS, .text = "open, 3 connections" } },
		{ "stopping", { .op = CONTROL_STOPPING } },
		{ "start-tokend", { .op = CONTROL_START_TOKEND, .request = 7, .kind = TOKEN_KIND_TPM2 } },
		{ "kill-tokend", { .op = CONTROL_KILL_TOKEND, .instance = 3 } },
		{ "start-stored", { .op = CONTROL_START_STORED, .request = 8 } },
		{ "tokend-started", { .op = CONTROL_TOKEND_STARTED, .request = 7, .instance = 3, .pid = 4711 } },
		{ "tokend-exited", { .op = CONTROL_TOKEND_EXITED, .instance = 3, .wait_status = 9 } },
		{ "start-failed", { .op = CONTROL_START_FAILED, .request = 7, .text = "no such program" } },
		{ "reload", { .op = CONTROL_RELOAD } },
		{ "stop", { .op = CONTROL_STOP } },
	};
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		uint8_t bytes[CONTROL_MESSAGE_MAX];
		struct writer w;
		writer_init(&w, bytes, sizeof bytes);
		control_encode(&messages[i].m, &w);
		REQUIRE(writer_done(&w) == ERR_OK);
		seed_write("control", messages[i].name, writer_view(&w));
	}
}

static void write_share(const char *name, uint8_t kind, struct view bytes)
{
	uint8_t out[SEED_MAX];
	out[0] = kind;
	memcpy(out + 1, bytes.ptr, bytes.len);
	seed_write("share", name, view_of(out, bytes.len + 1));
}

static void seed_shares(void)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct share share = { .k = 2, .n = 3, .x = 1, .y = secret_new(SHARE_SECRET_LEN) };
	uint8_t bytes[SHARE_LEN] = { 1, 2, 3, 1 };
	REQUIRE(share.y);
	memset(secret_mut(share.y), 0x44, SHARE_SECRET_LEN);
	memset(share.set_id, 5, sizeof share.set_id);
	REQUIRE(share_print(&share, &text) == ERR_OK);
	write_share("printed", 0, buf_view(&text));
	write_share("cut-off", 0, view_of(text.ptr, text.len - 40));
	text.ptr[text.len - 10] = '0'; /* a digit that a person takes for a letter */
	write_share("mistyped", 0, buf_view(&text));
	write_share("bytes", 1, view_of(bytes, sizeof bytes - 3));
	bytes[0] = 2;
	write_share("other-version", 1, view_of(bytes, sizeof bytes - 3));
	share_done(&share);
}

void seeds_small(void)
{
	seed_configs();
	seed_controls();
	seed_shares();
}
