/* Messages between cofferd and its monitor, on a SOCK_SEQPACKET pair (cofferd's end is the descriptor after --supervised).
 * Both sides use this codec and distrust the other. Thread rule: each direction of the socket belongs to one thread at a time. */
#ifndef COFFER_MONITOR_CONTROL_H
#define COFFER_MONITOR_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"
#include "token/kind.h"

#define CONTROL_TEXT_MAX 400u    /* bytes of text, without NUL; longer text is cut when sent */
#define CONTROL_MESSAGE_MAX 512u /* bytes of one message */
#define CONTROL_TOKENDS_MAX 2u   /* token helpers at a time, and as many store helpers; a start above it fails */

enum control_op {
	/* cofferd → monitor */
	CONTROL_READY = 1,      /* the socket answers; uninitialised and sealed count as ready */
	CONTROL_STATUS,         /* text: for `systemctl status` */
	CONTROL_STOPPING,
	CONTROL_START_TOKEND,   /* request, kind; answered by TOKEND_STARTED or START_FAILED with the same request number */
	CONTROL_KILL_TOKEND,    /* instance; SIGKILL. One that ended already is no error. Also of coffer-stored, and of the helper that runs notify_command */
	CONTROL_START_NOTIFY,   /* request; the helper that runs notify_command (monitor/notify.h), answered in the same way */
	CONTROL_START_STORED,   /* request; a coffer-stored, answered as START_TOKEND is */
	/* monitor → cofferd */
	CONTROL_TOKEND_STARTED = 64, /* request, instance, pid, and with it the channel as a passed descriptor */
	CONTROL_TOKEND_EXITED,       /* instance, wait_status as of waitpid(2) */
	CONTROL_START_FAILED,        /* request, text: why */
	CONTROL_RELOAD,              /* read the configuration again */
	CONTROL_STOP                 /* drain and exit 0 */
};

struct control_message {
	enum control_op op;
	uint32_t request;    /* START_TOKEND, START_STORED, TOKEND_STARTED, START_FAILED: chosen by cofferd */
	uint32_t instance;   /* KILL_TOKEND, TOKEND_STARTED, TOKEND_EXITED: chosen by the monitor, never 0 or used twice */
	enum token_kind kind;
	pid_t pid;
	int wait_status;
	char text[CONTROL_TEXT_MAX + 1]; /* printable */
};

/* Appends the message; fields that the op does not have are ignored. */
void control_encode(const struct control_message *message, struct writer *w);
/* ERR_INPUT for anything that control_encode would not write; *out is untouched then. */
enum coffer_err control_decode(struct view bytes, struct control_message *out) MUST_USE;

/* One message with a descriptor (borrowed; -1: none). Errors of fdio_send_fd. Deadlines: base/fdio.h. */
enum coffer_err control_send(int sock, const struct control_message *message, int fd, uint64_t deadline_mono_ms) MUST_USE;
/* One message. *out_fd (the caller's) is -1 but for TOKEND_STARTED, where it is never -1; a descriptor that comes with another
 * message is closed and makes it ERR_INPUT. Errors of fdio_recv_fd. */
enum coffer_err control_recv(int sock, uint64_t deadline_mono_ms, struct control_message *out, int *out_fd) MUST_USE;

#endif
