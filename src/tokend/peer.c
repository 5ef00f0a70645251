/* The socket's permissions keep others out already; this is the second look. */
#include "tokend/peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"

enum coffer_err peer_check(int channel_fd, const char *user, struct reason *reason)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	uid_t uid;
	gid_t gid;
	struct reason why = { "" };
	if (geteuid() == 0) return reason_fail(reason, ERR_USAGE, "this helper must not run as root: give its unit a user (User=)");
	enum coffer_err err = process_parse_user(user, &uid, &gid, &why);
	if (err) return reason_fail(reason, ERR_USAGE, "--peer: %s", reason_text(&why, err));
	if (getsockopt(channel_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer)
		return reason_fail(reason, ERR_IO, "who connected cannot be seen: %m");
	if (peer.uid == uid) return ERR_OK;
	return reason_fail(reason, ERR_AUTH, "user %lld connected instead of '%s' and is not served; look at SocketUser= and SocketMode= of the socket's unit",
		(long long)peer.uid, user);
}
