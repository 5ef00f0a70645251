/* How a helper program begins. */
#include "base/helper.h"

#include <fcntl.h>
#include <getopt.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"

bool helper_parse(int argc, char **argv, struct helper_arguments *out)
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

bool helper_has_channel(int type)
{
	int found = 0;
	socklen_t len = sizeof found;
	return getsockopt(HELPER_CHANNEL_FD, SOL_SOCKET, SO_TYPE, &found, &len) == 0 && found == type && fcntl(HELPER_CHANNEL_FD, F_SETFD, FD_CLOEXEC) == 0;
}

/* The socket's permissions keep others out already; this is the second look. */
static enum coffer_err check_peer(const char *user, struct reason *reason)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	uid_t uid;
	gid_t gid;
	struct reason why = { "" };
	if (geteuid() == 0) return reason_fail(reason, ERR_USAGE, "this helper must not run as root: give its unit a user (User=)");
	enum coffer_err err = process_parse_user(user, &uid, &gid, &why);
	if (err) return reason_fail(reason, ERR_USAGE, "--peer: %s", reason_text(&why, err));
	if (getsockopt(HELPER_CHANNEL_FD, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer)
		return reason_fail(reason, ERR_IO, "who connected cannot be seen: %m");
	if (peer.uid == uid) return ERR_OK;
	return reason_fail(reason, ERR_AUTH, "user %lld connected instead of '%s' and is not served; look at SocketUser= and SocketMode= of the socket's unit",
		(long long)peer.uid, user);
}

enum coffer_err helper_prepare(const char *peer, struct reason *reason)
{
	process_close_fds_from(HELPER_CHANNEL_FD + 1);
	TRY(process_harden(reason));
	return peer ? check_peer(peer, reason) : ERR_OK;
}
