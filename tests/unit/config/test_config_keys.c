/* Every key: what it takes, what it refuses with which sentence, and that the example file documents it. */
#include "config_test.h"

static void config_takes_good_values(void **state)
{
	static const char *const lines[] = {
		"socket = /tmp/x", "socket_mode = 0600", "socket_mode = 777", "state_dir = /srv/coffer", "store = sqlite", "store_passfile =", "store_passfile = /etc/coffer/pg",
		"store_schema = a_1", "store_connect_ms = 100", "store_statement_ms = 600000", "user_stored = 64203", "token =",
		"token = tpm2:device:/dev/tpmrm0", "token = pkcs11:token=a", "user_cofferd = 64201", "user_tokend = tss", "workers = 0",
		"workers = 256", "max_message = 1M", "max_message = 64M", "max_connections = 1", "max_connections = 100000",
		"max_connections_per_principal = 1", "rate_limit = 0", "rate_limit = 1000000", "rate_burst = 7", "max_objects_per_principal = 5",
		"request_timeout = 100ms", "request_timeout = 1h", "idle_timeout = 0", "idle_timeout = 7d", "busy_poll = 0", "busy_poll = 1000", "drain_timeout = 0",
		"drain_timeout = 30s", "stop_timeout = 10s", "secret_memory = 4M", "secret_memory = 64G", "require_secret_memory = yes",
		"ring_memory = 0", "ring_memory = 64G",
		"token_deadline = 1s", "token_deadline = 10m", "token_probe_interval = 1h", "tokend_environment =",
		"tokend_environment = SOFTHSM2_CONF=/x/y _a1=b=c", "cache_pin =", "cache_pin = disk 0a1b-x", "object_cache = 16", "kmip_lease_time = 0", "kmip_lease_time = 365d",
		"store = postgres\nstore_conninfo = host=x\nstore_shared = yes\nlease_time = 1s\nnode_role = member\nnode_name = b\xc3\xa4r 1\nencrypt_grace = 7d\nrefresh_interval = 100ms",
		"store = postgres\nstore_conninfo = host=x\nstore_shared = yes\nlease_time = 1h",
		"locate_scan_max = 1", "store_cache = 1M", "store_cache = 1G", "cache_size = 0", "cache_size = 64G", "scrub_interval = 1s", "scrub_interval = 7d", "scrub_rate = 0",
		"scrub_rate = 1000000", "rng_seed = accept", "aead_engine = auto", "aead_engine = openssl", "aead_engine = ipsec-mb",
		"rng_seed = ignore", "rng_seed = refuse", "audit_bulk = counted", "audit_bulk = full", "audit_interval = 1s", "audit_interval = 1h",
		"anchor_interval = 1s", "anchor_interval = 1h", "anchor_period = 0", "anchor_period = 7d", "backup_max_age = 0", "backup_max_age = 365d",
		"audit_export_file = /x/audit.jsonl", "audit_archive_size = 64K", "audit_archive_size = 16G", "audit_export_syslog = yes", "audit_export_syslog = no",
		"audit_export_syslog = /dev/log", "audit_export_journal = yes", "audit_syslog_level = info", "audit_syslog_level = notice",
		"audit_syslog_level = warning", "audit_checkpoint_interval = 1s", "audit_queue = 1", "audit_deadline = 1s", "audit_checkpoint_interval = 1h", "audit_token_interval = 0", "audit_token_interval = 30d",
		"audit_keep = 0", "audit_keep = 1000", "audit_keep_unexported = yes", "audit_archives_keep = 12",
		"user_notify = 5", "notify_command =", "notify_command = /bin/sh /x/y --to a", "notify_timeout = 1s", "notify_timeout = 10m", "notify_retry = 100ms",
		"notify_retry = 10m", "alert_journal = no", "alert_journal = yes", "alert_journal = /run/x",
		 "legacy_algorithms = yes", "legacy_algorithms = no", "log_level = error", "log_level = warn",
		"log_level = info", "log_level = debug", "pid_file =", "pid_file = /run/x.pid", "monitor_pid_file = /run/y.pid",
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct config c;
		struct reason why;
		if (load_text(lines[i], &c, &why) != ERR_OK) fail_msg("%s: %s", lines[i], why.text);
		config_free(&c);
	}
}

static const struct { const char *line, *sentence; } bad_values[] = {
	{ "socket = coffer.sock", "socket: 'coffer.sock' is not an absolute path; begin it with '/'" },
	{ "socket =", "socket: '' is not an absolute path; begin it with '/'" },
	{ "socket = /1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
		"socket: the path is longer than 107 bytes" },
	{ "socket_mode = 666x", "socket_mode: '666x' is not octal permission bits from 0600 to 0777" },
	{ "socket_mode = 0066", "socket_mode: '0066' is not octal permission bits from 0600 to 0777" },
	{ "state_dir = /var/lib/coffer/", "state_dir: '/var/lib/coffer/' ends in '/'; leave that out" },
	{ "store = postgresql", "store: 'postgresql' is not sqlite or postgres" },
	{ "store_connect_ms = 99", "store_connect_ms: '99' is outside of 100 to 600000" },
	{ "store_statement_ms = 5s", "store_statement_ms: '5s' is not a whole number" },
	{ "user_stored = a/b", "user_stored: 'a/b' is not a user name or id" },
	{ "token = tpm:x", "token: 'tpm:x' is not a token URI; it begins with tpm2: or pkcs11: and has at most 1024 bytes" },
	{ "user_cofferd = a b", "user_cofferd: 'a b' is not a user name or id" },
	{ "user_tokend =", "user_tokend: '' is not a user name or id" },
	{ "notify_command = mail root", "notify_command: 'mail root' does not begin with the absolute path of a program" },
	{ "notify_command = /x 1 2 3 4 5 6 7 8 9 a b c d e f g", "notify_command: '/x 1 2 3 4 5 6 7 8 9 a b c d e f g' has more than 16 words; put them into a script" },
	{ "notify_timeout = 999ms", "notify_timeout: '999ms' is outside of 1000 to 600000 milliseconds" },
	{ "alert_journal = maybe", "alert_journal: 'maybe' is not yes, no or the path of a socket" },
	{ "workers = 257", "workers: '257' is outside of 0 to 256" },
	{ "workers = -1", "workers: '-1' is not a whole number" },
	{ "max_message = 65M", "max_message: '65M' is outside of 1048576 to 67108864 bytes" },
	{ "max_connections = 0", "max_connections: '0' is outside of 1 to 100000" },
	{ "max_connections_per_principal = 0", "max_connections_per_principal: '0' is outside of 1 to 100000" },
	{ "rate_limit = 1000001", "rate_limit: '1000001' is outside of 0 to 1000000" },
	{ "rate_burst = few", "rate_burst: 'few' is not a whole number" },
	{ "max_objects_per_principal = -1", "max_objects_per_principal: '-1' is not a whole number" },
	{ "request_timeout = 5 s", "request_timeout: '5 s' is not a duration with ms, s, m, h or d (as in 10s)" },
	{ "request_timeout = 99ms", "request_timeout: '99ms' is outside of 100 to 3600000 milliseconds" },
	{ "busy_poll = 1001", "busy_poll: '1001' is outside of 0 to 1000" },
	{ "secret_memory = 3M", "secret_memory: '3M' is outside of 4194304 to 68719476736 bytes" },
	{ "secret_memory = lots", "secret_memory: 'lots' is not a size in bytes, or with K, M or G (as in 64M)" },
	{ "ring_memory = -1", "ring_memory: '-1' is not a size in bytes, or with K, M or G (as in 64M)" },
	{ "ring_memory = 65G", "ring_memory: '65G' is outside of 0 to 68719476736 bytes" },
	{ "require_secret_memory = 1", "require_secret_memory: '1' is not yes or no" },
	{ "token_deadline = 500ms", "token_deadline: '500ms' is outside of 1000 to 600000 milliseconds" },
	{ "tokend_environment = 1A=b", "tokend_environment: '1A=b' is not a list of NAME=VALUE words" },
	{ "tokend_environment = A=b c", "tokend_environment: 'A=b c' is not a list of NAME=VALUE words" },
	{ "tokend_environment = a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1",
		"tokend_environment: 'a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 ' has more than 16 NAME=VALUE words" },
	{ "cache_pin = a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a", "cache_pin: 'a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a ' has more than 64 names" },
	{ "kmip_lease_time = 366d", "kmip_lease_time: '366d' is outside of 0 to 31536000000 milliseconds" },
	{ "lease_time = 999ms", "lease_time: '999ms' is outside of 1000 to 3600000 milliseconds; how long a KMIP client may use a key is kmip_lease_time" },
	{ "lease_time = 1h", "lease_time is about the nodes of a domain (store_shared = yes); how long a KMIP client may use a key is kmip_lease_time" },
	{ "lease_time = 0", "lease_time: '0' is outside of 1000 to 3600000 milliseconds; how long a KMIP client may use a key is kmip_lease_time" },
	{ "node_role = master", "node_role: 'master' is not standby or member; who is master server is decided by the nodes, and by 'coffer promote'" },
	{ "node_name = a\342\200\256b", "node_name: 'a?b' is not a name of at most 64 printable bytes" },
	{ "encrypt_grace = 8d", "encrypt_grace: '8d' is outside of 0 to 604800000 milliseconds" },
	{ "refresh_interval = 0", "refresh_interval: '0' is outside of 100 to 3600000 milliseconds" },
	{ "rng_seed = no", "rng_seed: 'no' is not accept, ignore or refuse" },
	{ "audit_bulk = off", "audit_bulk: 'off' is not counted or full" },
	{ "audit_interval = 999ms", "audit_interval: '999ms' is outside of 1000 to 3600000 milliseconds" },
	{ "audit_interval = 61m", "audit_interval: '61m' is outside of 1000 to 3600000 milliseconds" },
	{ "audit_export_file = x", "audit_export_file: 'x' is not an absolute path; begin it with '/'" },
	{ "audit_archive_size = 1K", "audit_archive_size: '1K' is outside of 65536 to 17179869184 bytes" },
	{ "audit_export_syslog = maybe", "audit_export_syslog: 'maybe' is not yes, no or the path of a socket" },
	{ "audit_syslog_level = debug", "audit_syslog_level: 'debug' is not info, notice or warning" },
	{ "aead_engine = fastest", "aead_engine: 'fastest' is not auto, openssl or ipsec-mb" },
	{ "legacy_algorithms = 1", "legacy_algorithms: '1' is not yes or no" },
	{ "log_level = loud", "log_level: 'loud' is not error, warn, info or debug" },
	{ "pid_file = x", "pid_file: 'x' is not an absolute path; begin it with '/'" },
};

static void config_refuses_bad_values_with_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
		struct config c;
		struct reason why;
		char expected[REASON_MAX];
		snprintf(expected, sizeof expected, "FILE:1: %s", bad_values[i].sentence);
		assert_int_equal(load_text(bad_values[i].line, &c, &why), ERR_USAGE);
		assert_string_equal(why.text, expected);
	}
}

/* The bytes of a file of the source tree; NUL-terminated, the caller frees. NULL when it is not there. */
static char *source_file(const char *name)
{
	char path[4096], *text = NULL;
	size_t len = 0;
	const char *dir = getenv("COFFER_SOURCE_DIR");
	if (!dir) skip();
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	if (!f) return NULL;
	if (getdelim(&text, &len, '\0', f) < 0) text = NULL;
	fclose(f);
	return text;
}

static char *help_text(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	config_print_help(f);
	fclose(f);
	return text;
}

static void config_example_shows_every_key_with_its_default(void **state)
{
	char *example = source_file("packaging/cofferd.conf"), *help = help_text(), *lines = NULL;
	unsigned count = 0;
	(void)state;
	assert_non_null(example);
	for (char *line = strtok_r(help, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char expected[256], *fields = NULL;
		const char *key = strtok_r(line, "\t", &fields);
		const char *kind = strtok_r(NULL, "\t", &fields);
		assert_non_null(kind);
		/* an empty default makes two tabs in a row */
		const char *initial = *fields == '\t' ? "" : strtok_r(NULL, "\t", &fields);
		snprintf(expected, sizeof expected, "\n#%s =%s%s\n", key, *initial ? " " : "", initial);
		if (!strstr(example, expected)) fail_msg("packaging/cofferd.conf lacks '%s'", expected + 1);
		count++;
	}
	assert_true(count > 20);
	free(example);
	free(help);
}

static void config_example_is_accepted(void **state)
{
	struct config c;
	struct reason why;
	char *example = source_file("packaging/cofferd.conf");
	(void)state;
	assert_non_null(example);
	assert_int_equal(load_text(example, &c, &why), ERR_OK);
	config_free(&c);
	free(example);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_takes_good_values),
		cmocka_unit_test(config_refuses_bad_values_with_a_sentence),
		cmocka_unit_test(config_example_shows_every_key_with_its_default),
		cmocka_unit_test(config_example_is_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
