/* coffer-stored: the one process that talks to a database, and has a network for it. It sees sealed bytes only. Started with the channel as descriptor 3 and its own user:
 * by the monitor, or (--peer) by a service manager that accepted a connection from cofferd. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "stored/open.h"
#include "stored/serve.h"
#include "tokend/peer.h"
#include "tokend/watch.h"

#define CHANNEL_FD 3

#if defined(__SANITIZE_ADDRESS__)
/* The leak check wants to trace this process, which process_harden forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static int fail(const struct reason *reason, enum coffer_err err)
{
	log_error("%s", reason_text(reason, err));
	return 1;
}

static bool is_channel(void)
{
	int type = 0;
	socklen_t len = sizeof type;
	return getsockopt(CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
		fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) == 0;
}

struct arguments {
	bool debug;
	const char *peer; /* NULL: started by the monitor */
};

static bool parse(int argc, char **argv, struct arguments *out)
{
	static const struct option longs[] = {
		{ "debug", no_argument, NULL, 'd' }, { "peer", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 },
	};
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		if (c == 'd') out->debug = true;
		else if (c == 'p') out->peer = optarg;
		else return false;
	}
	return optind == argc;
}

static enum coffer_err prepare(const struct arguments *arguments, struct reason *reason)
{
	process_close_fds_from(CHANNEL_FD + 1);
	TRY(process_harden(reason));
	return arguments->peer ? peer_check(CHANNEL_FD, arguments->peer, reason) : ERR_OK;
}

int main(int argc, char **argv)
{
	struct reason reason = { "" };
	struct arguments arguments = { .debug = false };
	const struct stored_opener opener = { .open = stored_open, .arg = NULL };
	bool understood = parse(argc, argv, &arguments);
	if (!process_own_standard_fds()) return 1;
	process_reset_signals();
	log_init("coffer-stored", arguments.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (!understood || !is_channel()) {
		fprintf(stderr, "coffer-stored: started by cofferd's monitor or by its socket's unit, not by hand\n");
		return 2;
	}
	enum coffer_err err = prepare(&arguments, &reason);
	if (err == ERR_OK) err = stored_serve(CHANNEL_FD, &opener);
	if (err == ERR_INPUT) reason_default(&reason, err, "the other end of the channel does not keep to its protocol; install all programs of one version");
	return err == ERR_OK ? 0 : fail(&reason, err);
}
