/* Loading, defaults, refusals of whole files, and reload. */
#include "config_test.h"

static void config_defaults_are_those_of_the_manual(void **state)
{
	struct config c;
	(void)state;
	assert_int_equal(config_defaults(&c), ERR_OK);
	assert_string_equal(c.socket, "/run/coffer/coffer.sock");
	assert_int_equal(c.socket_mode, 0666);
	assert_string_equal(c.state_dir, "/var/lib/coffer");
	assert_string_equal(c.store, "sqlite");
	assert_string_equal(c.token, "");
	assert_string_equal(c.user_cofferd, "coffer");
	assert_string_equal(c.user_tokend, "coffer-tokend");
	assert_int_equal(c.workers, 0);
	assert_int_equal(c.max_message, 4 << 20);
	assert_int_equal(c.max_connections, 1024);
	assert_int_equal(c.request_timeout_ms, 10000);
	assert_int_equal(c.idle_timeout_ms, 0);
	assert_int_equal(c.drain_timeout_ms, 10000);
	assert_int_equal(c.stop_timeout_ms, 30000);
	assert_int_equal(c.secret_memory, 64 << 20);
	assert_false(c.require_secret_memory);
	assert_int_equal(c.token_deadline_ms, 10000);
	assert_int_equal(c.token_probe_interval_ms, 10000);
	assert_int_equal(c.object_cache, 100000);
	assert_int_equal(c.locate_scan_max, 100000);
	assert_int_equal(c.store_cache, 32 << 20);
	assert_int_equal(c.cache_size, 64 << 20);
	assert_int_equal(c.kmip_lease_time_ms, 3600000);
	assert_false(c.store_shared);
	assert_int_equal(c.node_role, CONFIG_NODE_STANDBY);
	assert_int_equal(c.lease_time_ms, 15000);
	assert_int_equal(c.encrypt_grace_ms, 0);
	assert_int_equal(c.refresh_interval_ms, 60000);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_string_equal(c.pid_file, "");
	config_free(&c);
	config_free(&c);
}

static void config_takes_a_file_without_and_with_its_section(void **state)
{
	static const char *const texts[] = { "workers = 3\nlog_level = debug\n", "# x\n[cofferd]\nworkers=3\nlog_level=debug",
		"workers = 3\n[cofferd]\nlog_level = debug\n" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct config c;
		struct reason why;
		assert_int_equal(load_text(texts[i], &c, &why), ERR_OK);
		assert_int_equal(c.workers, 3);
		assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
		assert_int_equal(c.max_connections, 1024);
		config_free(&c);
	}
}

static void config_refuses_a_bad_file_with_file_and_line(void **state)
{
	static const struct { const char *text, *sentence; } cases[] = {
		{ "wokers = 3\n", "FILE:1: unknown key 'wokers'; did you mean 'workers'?" },
		{ "\n\nsocket_path = /x\n", "FILE:3: unknown key 'socket_path'; cofferd.conf(5) lists all" },
		{ "[gateway]\nworkers = 3\n", "FILE:2: unknown section '[gateway]'; the keys stand without one or below [cofferd]" },
		{ "workers = 3\nworkers = 4\n", "FILE:2: workers: given twice, first in line 1" },
		{ "workers = 3\n[cofferd]\nworkers = 4\n", "FILE:3: workers: given twice, first in line 1" },
		{ "workers\n", "FILE:1: expected 'key = value', '[section]' or a comment" },
		{ "drain_timeout = 40s\n", "FILE: stop_timeout is shorter than drain_timeout; make it longer" },
		{ "store_shared = yes\n", "FILE: store_shared = yes needs store = postgres: several nodes write one store only there" },
		{ "store = postgres\n", "FILE: store = postgres needs store_conninfo; say there how the database is reached" },
		{ "store_conninfo = host=db\n", "FILE: store_conninfo is given, and the store is sqlite; set store = postgres, or leave it out" },
		{ "store_schema = Coffer\n", "FILE: store_schema: 'Coffer' is not 1 to 40 of a-z, 0-9 and _, not a digit first" },
		{ "pid_file = /a\nmonitor_pid_file = /a\n", "FILE: pid_file and monitor_pid_file name the same file" },
		{ "state_dir = /srv/c\naudit_export_file = /srv/c/store.db\n",
			"FILE: audit_export_file is inside of state_dir, among the daemon's own files; give the copy a folder of its own" },
		{ "state_dir = /usr/lib\naudit_export_file = /usr/share/../lib/node.root\n",
			"FILE: audit_export_file is inside of state_dir, among the daemon's own files; give the copy a folder of its own" },
		{ "state_dir = /usr/lib\naudit_export_file = /usr/lib/systemd/audit.jsonl\n",
			"FILE: audit_export_file is inside of state_dir, among the daemon's own files; give the copy a folder of its own" },
		{ "pid_file = /usr/x.pid\naudit_export_file = /usr/lib/../x.pid\n",
			"FILE: audit_export_file names /usr/x.pid, a file of the daemon's own; give the copy a file of its own" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config c = { .workers = 77 };
		struct reason why;
		assert_int_equal(load_text(cases[i].text, &c, &why), ERR_USAGE);
		assert_string_equal(why.text, cases[i].sentence);
		assert_int_equal(c.workers, 77);
	}
}

static void config_names_a_file_that_is_not_there(void **state)
{
	struct config c;
	struct reason why = { "" };
	(void)state;
	assert_int_equal(config_load("/nonexistent/cofferd.conf", &c, &why), ERR_NOT_FOUND);
	assert_string_equal(why.text, "cannot open the configuration /nonexistent/cofferd.conf: No such file or directory");
}

static void note_key(void *arg, const char *key)
{
	char *list = arg;
	size_t len = strlen(list);
	snprintf(list + len, 200 - len, "%s ", key);
}

static void config_reload_changes_what_may_and_names_the_rest(void **state)
{
	char path[sizeof CONFIG_FILE], names[200] = "";
	struct config running, fresh;
	struct reason why = { "" };
	(void)state;
	assert_int_equal(load_text("workers = 2\nsocket = /tmp/a\nlog_level = info\n", &running, &why), ERR_OK);
	write_config(path, "workers = 5\nsocket = /tmp/b\nlog_level = error\nmax_connections = 7\n");
	assert_int_equal(config_reload(path, &running, &fresh, note_key, names, &why), ERR_OK);
	assert_string_equal(names, "socket workers ");
	assert_int_equal(fresh.workers, 2);
	assert_string_equal(fresh.socket, "/tmp/a");
	assert_ptr_not_equal(fresh.socket, running.socket);
	assert_int_equal(fresh.log_level, LOG_LEVEL_ERROR);
	assert_int_equal(fresh.max_connections, 7);
	config_free(&fresh);
	unlink(path);
	write_config(path, "workers = many\n");
	fresh.workers = 99;
	assert_int_equal(config_reload(path, &running, &fresh, note_key, names, &why), ERR_USAGE);
	assert_int_equal(fresh.workers, 99);
	unlink(path);
	config_free(&running);
}

static void config_reload_of_the_same_file_needs_no_restart(void **state)
{
	static const char text[] = "workers = 2\nsecret_memory = 8M\ntokend_environment = A=1 B=2\nrequire_secret_memory = yes\n";
	char path[sizeof CONFIG_FILE], names[200] = "";
	struct config running, fresh;
	struct reason why = { "" };
	(void)state;
	assert_int_equal(load_text(text, &running, &why), ERR_OK);
	write_config(path, text);
	assert_int_equal(config_reload(path, &running, &fresh, note_key, names, &why), ERR_OK);
	assert_string_equal(names, "");
	config_free(&fresh);
	config_free(&running);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_defaults_are_those_of_the_manual),
		cmocka_unit_test(config_takes_a_file_without_and_with_its_section),
		cmocka_unit_test(config_refuses_a_bad_file_with_file_and_line),
		cmocka_unit_test(config_names_a_file_that_is_not_there),
		cmocka_unit_test(config_reload_changes_what_may_and_names_the_rest),
		cmocka_unit_test(config_reload_of_the_same_file_needs_no_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
