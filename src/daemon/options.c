/* The command line of cofferd. */
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef COFFER_VERSION
#define COFFER_VERSION "unknown"
#endif

static const char usage[] =
	"usage: cofferd [--config FILE] [--foreground] [--tokend-sockets DIR] [--check-config] [--version] [--help]\n"
	"\n"
	"Coffer's key server. Started by hand it becomes the monitor, which starts the daemon and the token helper.\n"
	"\n"
	"  --config FILE    configuration (default " OPTIONS_DEFAULT_CONFIG "; without that file: built-in defaults)\n"
	"  --foreground     stay in the foreground and log to stderr (always so; accepted for service files)\n"
	"  --tokend-sockets DIR\n"
	"                   no monitor: a service manager started this process under its own user, and token helpers at DIR/KIND.sock\n"
	"  --check-config   read the configuration, say what is wrong with it, and exit\n"
	"  --version        print the version\n"
	"\n"
	"Exit status: 0 stopped in order, 1 failed, 2 usage, 78 configuration. See cofferd(8), cofferd.conf(5).\n";

int options_parse(int argc, char **argv, struct options *out)
{
	enum { OPT_SUPERVISED = 256, OPT_TOKEND_SOCKETS };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "supervised", required_argument, NULL, OPT_SUPERVISED },
		{ "tokend-sockets", required_argument, NULL, OPT_TOKEND_SOCKETS },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	*out = (struct options){ .config_path = OPTIONS_DEFAULT_CONFIG, .control_fd = -1 };
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		switch (c) {
		case 'c':
			out->config_path = optarg;
			out->config_given = true;
			break;
		case 'f':
			out->foreground = true;
			break;
		case 'k':
			out->check_config = true;
			break;
		case OPT_SUPERVISED:
			out->control_fd = (int)strtol(optarg, NULL, 10);
			break;
		case OPT_TOKEND_SOCKETS:
			out->tokend_sockets = optarg;
			break;
		case 'V':
			printf("cofferd %s\n", COFFER_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "cofferd: unexpected argument '%s'\n%s", argv[optind], usage);
		return 2;
	}
	return -1;
}
