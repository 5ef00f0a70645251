/* coffer-tokend: the one process that touches the token. Built once for each backend; started by the monitor with the channel
 * as descriptor 3, an environment made for it, and its own user. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/process.h"
#include "tokend/serve.h"
#include "tokend/setup.h"

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

int main(int argc, char **argv)
{
	struct reason reason = { "" };
	bool debug = argc == 2 && strcmp(argv[1], "--debug") == 0;
	if (!process_own_standard_fds()) return 1;
	log_init(setup_program, debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if ((argc != 1 && !debug) || !is_channel()) {
		fprintf(stderr, "%s: started by cofferd's monitor, not by hand\n", setup_program);
		return 2;
	}
	process_close_fds_from(CHANNEL_FD + 1);
	enum coffer_err err = process_harden(&reason);
	if (err == ERR_OK) err = arena_init(setup_arena_size, false, &reason);
	if (err == ERR_OK) err = setup_memory();
	if (err != ERR_OK) return fail(&reason, err);
	err = serve_channel(CHANNEL_FD);
	if (err != ERR_OK) return fail(&reason, err);
	return 0;
}
