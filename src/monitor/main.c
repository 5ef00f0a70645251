/* coffer-monitor: what cofferd becomes when it is started by hand or by the service manager. Same arguments. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "confine/confine.h"
#include "monitor/environment.h"
#include "monitor/monitor.h"

static const char usage[] =
	"usage: coffer-monitor [--config FILE] [--foreground]\n"
	"\n"
	"Started by cofferd; takes the same arguments. It starts and restarts cofferd and the token helper, and holds no keys.\n";

/* -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct monitor *m)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		if (c == 'c') {
			m->config_path = optarg;
			m->config_given = true;
		} else if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		} else if (c != 'f') {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind == argc) return -1;
	fprintf(stderr, "coffer-monitor: unexpected argument '%s'\n%s", argv[optind], usage);
	return 2;
}

/* The named file must be there, the default one may be absent. */
static enum coffer_err load_config(struct monitor *m, struct reason *reason)
{
	enum coffer_err err = config_load(m->config_path, &m->config, reason);
	if (err != ERR_NOT_FOUND || m->config_given) return err;
	reason->text[0] = '\0';
	return config_defaults(&m->config);
}

static enum coffer_err prepare(struct monitor *m, struct reason *reason)
{
	process_close_fds_from(STDERR_FILENO + 1);
	process_clean_environment(environment_of_monitor);
	TRY(load_config(m, reason));
	log_set_level(m->config.log_level);
	TRY(monitor_prepare(m, reason));
	TRY(process_harden(reason));
	return confine_syscalls(CONFINE_MONITOR, reason);
}

int main(int argc, char **argv)
{
	struct monitor m = { .config_path = CONFIG_DEFAULT_PATH, .control_fd = -1, .signal_fd = -1, .state = MONITOR_RUNNING,
		.act_at_ms = UINT64_MAX };
	struct reason reason = { "" };
	if (!process_own_standard_fds()) return 1;
	process_reset_signals();
	log_init("coffer-monitor", LOG_LEVEL_INFO);
	int status = parse_options(argc, argv, &m);
	if (status >= 0) return status;
	enum coffer_err err = prepare(&m, &reason);
	if (err != ERR_OK) {
		log_error("%s", reason_text(&reason, err));
		monitor_notify("STATUS=not started; see the log");
		config_free(&m.config);
		return MONITOR_EXIT_CONFIG;
	}
	status = monitor_run(&m);
	config_free(&m.config);
	return status;
}
