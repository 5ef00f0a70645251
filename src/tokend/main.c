/* coffer-tokend: the one process that touches the token. Built once for each backend; started with the channel as descriptor 3 and its own
 * user: by the monitor, or (--peer) by a service manager that accepted a connection from cofferd. */
#include <stdio.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/helper.h"
#include "base/log.h"
#include "base/process.h"
#include "tokend/serve.h"
#include "tokend/setup.h"

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

static enum coffer_err prepare(const struct helper_arguments *arguments, struct reason *reason)
{
	TRY(helper_prepare(arguments->peer, reason));
	TRY(arena_init(setup_arena_size, false, reason));
	return setup_memory();
}

int main(int argc, char **argv)
{
	struct reason reason = { "" };
	struct helper_arguments arguments = { .debug = false };
	bool understood = helper_parse(argc, argv, &arguments);
	if (!process_own_standard_fds()) return 1;
	process_reset_signals();
	log_init(setup_program, arguments.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (!understood || !helper_has_channel(SOCK_STREAM)) {
		fprintf(stderr, "%s: started by cofferd's monitor or by its socket's unit, not by hand\n", setup_program);
		return 2;
	}
	enum coffer_err err = prepare(&arguments, &reason);
	if (err == ERR_OK) err = serve_channel(HELPER_CHANNEL_FD);
	return err == ERR_OK ? 0 : fail(&reason, err);
}
