/* coffer-stored: the one process that talks to a database, and has a network for it. It sees sealed bytes only. Started with the channel as descriptor 3 and its own user:
 * by the monitor, or (--peer) by a service manager that accepted a connection from cofferd. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/helper.h"
#include "base/log.h"
#include "base/process.h"
#include "stored/open.h"
#include "stored/serve.h"

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

int main(int argc, char **argv)
{
	struct reason reason = { "" };
	struct helper_arguments arguments = { .debug = false };
	const struct stored_opener opener = { .open = stored_open, .arg = NULL };
	bool understood = helper_parse(argc, argv, &arguments);
	if (!process_own_standard_fds()) return 1;
	process_reset_signals();
	log_init("coffer-stored", arguments.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (!understood || !helper_has_channel(SOCK_STREAM)) {
		fprintf(stderr, "coffer-stored: started by cofferd's monitor or by its socket's unit, not by hand\n");
		return 2;
	}
	enum coffer_err err = setenv("HOME", "/nonexistent", 1) == 0 ? helper_prepare(arguments.peer, &reason) : ERR_MEMORY; /* libpq looks there for certificates of its own, and asks who this user is without */
	if (err == ERR_OK) err = stored_serve(HELPER_CHANNEL_FD, &opener);
	if (err == ERR_INPUT) reason_default(&reason, err, "the other end of the channel does not keep to its protocol; install all programs of one version");
	return err == ERR_OK ? 0 : fail(&reason, err);
}
