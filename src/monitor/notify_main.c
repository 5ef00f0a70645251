/* coffer-notify: runs notify_command for cofferd, under a user of its own, one event after another. Started by the monitor (the channel is descriptor 3, the command's words stand
 * behind --) or, with --peer, by a service manager that accepted a connection from cofferd. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/helper.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "config/config.h"
#include "monitor/notify.h"

#define SEND_MS 1000u
#define TIMEOUT_LEAST_MS 1000u
#define TIMEOUT_MOST_MS 600000u

#if defined(__SANITIZE_ADDRESS__)
/* The leak check wants to trace this process, which process_harden forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

struct arguments {
	const char *peer, *config_path;
	bool own_user;
	uint64_t timeout_ms;
	char **words; /* of the command; NULL: the configuration says */
};

static bool parse(int argc, char **argv, struct arguments *out)
{
	static const struct option longs[] = {
		{ "peer", required_argument, NULL, 'p' }, { "config", required_argument, NULL, 'c' }, { "timeout", required_argument, NULL, 't' },
		{ "own-user", no_argument, NULL, 'o' }, { NULL, 0, NULL, 0 },
	};
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "+", longs, NULL)) != -1;) {
		if (c == 'p') out->peer = optarg;
		else if (c == 'c') out->config_path = optarg;
		else if (c == 'o') out->own_user = true;
		else if (c != 't' || text_parse_u64(view_str(optarg), &out->timeout_ms) != ERR_OK) return false;
	}
	if (optind < argc) out->words = argv + optind;
	if (out->peer) return out->config_path && !out->words;
	return out->words && out->words[0][0] == '/' && out->timeout_ms >= TIMEOUT_LEAST_MS && out->timeout_ms <= TIMEOUT_MOST_MS;
}

/* Words of the configuration's command, in its own string. */
static enum coffer_err read_config(struct arguments *arguments, char *words[static NOTIFY_WORDS_MAX + 1], struct reason *reason)
{
	static struct config config;
	char *state = NULL;
	size_t n = 0;
	TRY(config_load(arguments->config_path, &config, reason));
	for (char *word = strtok_r(config.notify_command, " \t", &state); word && n < NOTIFY_WORDS_MAX; word = strtok_r(NULL, " \t", &state)) words[n++] = word;
	words[n] = NULL;
	if (n == 0) return reason_fail(reason, ERR_USAGE, "notify_command is not set in %s", arguments->config_path);
	arguments->words = words;
	arguments->timeout_ms = config.notify_timeout_ms;
	return ERR_OK;
}

static void wait_until(uint64_t until_ms)
{
	for (uint64_t now; (now = clock_mono_ms()) < until_ms;) (void)poll(NULL, 0, (int)(until_ms - now));
}

/* Until the channel is closed. */
static enum coffer_err serve(const struct arguments *arguments)
{
	const struct notify_plan plan = { .argv = arguments->words, .timeout_ms = arguments->timeout_ms, .own_user = arguments->own_user, .channel = HELPER_CHANNEL_FD };
	uint8_t event[NOTIFY_EVENT_MAX], bytes[NOTIFY_ANSWER_MAX];
	uint64_t next_ms = 0;
	for (;;) {
		struct notify_answer answer;
		size_t len;
		int fd = -1;
		enum coffer_err err = fdio_recv_fd(HELPER_CHANNEL_FD, event, sizeof event, FDIO_NO_DEADLINE, &len, &fd);
		if (fd >= 0) close(fd);
		if (err == ERR_CLOSED) return ERR_OK;
		TRY(err);
		ENSURE(fd < 0 && notify_is_event(view_of(event, len)), ERR_INPUT);
		wait_until(next_ms);
		err = notify_run(&plan, view_of(event, len), &answer);
		next_ms = clock_mono_ms() + NOTIFY_PACE_MS;
		if (err == ERR_CLOSED) return ERR_OK;
		TRY(err);
		err = fdio_send_fd(HELPER_CHANNEL_FD, view_of(bytes, notify_encode(&answer, bytes)), -1, clock_mono_ms() + SEND_MS);
		if (err == ERR_CLOSED) return ERR_OK;
		TRY(err);
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .peer = NULL };
	struct reason reason = { "" };
	char *words[NOTIFY_WORDS_MAX + 1];
	bool understood = parse(argc, argv, &arguments);
	if (!process_own_standard_fds()) return 1;
	process_reset_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	log_init("coffer-notify", LOG_LEVEL_INFO);
	if (!understood || !helper_has_channel(SOCK_SEQPACKET)) {
		fprintf(stderr, "coffer-notify: started by cofferd's monitor or by its socket's unit, not by hand\n");
		return 2;
	}
	enum coffer_err err = helper_prepare(arguments.peer, &reason);
	if (!err && arguments.peer) err = read_config(&arguments, words, &reason);
	if (!err) err = serve(&arguments);
	if (err) log_error("%s", reason_text(&reason, err));
	return err ? 1 : 0;
}
