/* The command line of cofferd. */
#ifndef COFFER_DAEMON_OPTIONS_H
#define COFFER_DAEMON_OPTIONS_H

#include <stdbool.h>

#define OPTIONS_DEFAULT_CONFIG "/etc/coffer/cofferd.conf"

struct options {
	const char *config_path;
	bool config_given;
	bool foreground;
	bool check_config;
	int control_fd; /* -1: not started by the monitor */
	const char *tokend_sockets; /* folder; NULL: no service manager takes the monitor's place */
};

/* Fills *out. Returns -1 to go on, else the exit status (0 after --help, 2 after bad usage; the text was printed). */
int options_parse(int argc, char **argv, struct options *out);

#endif
