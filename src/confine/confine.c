/* Filters of system calls, one per process. */
#include "confine/confine.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* in headers of Linux 6.3 and later */
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_BUILT 0
#else
#define CONFINE_BUILT 1
#endif

/* One permitted call; compared: only when the argument fits. */
struct call {
	int number;
	bool compared;
	struct scmp_arg_cmp arg;
};

#define CALL(name) { SCMP_SYS(name), false, { 0, 0, 0, 0 } },
#define RULE(name, argument, comparison, a, b) { SCMP_SYS(name), true, { argument, comparison, (scmp_datum_t)(a), (scmp_datum_t)(b) } },
static const struct call cofferd_calls[] = {
#include "confine/cofferd.def"
};
static const struct call tokend_calls[] = {
#include "confine/tokend.def"
};
static const struct call stored_calls[] = {
#include "confine/stored.def"
};
static const struct call network_calls[] = {
	RULE(socket, 0, SCMP_CMP_EQ, AF_INET, 0)
	RULE(socket, 0, SCMP_CMP_EQ, AF_INET6, 0)
	RULE(socket, 0, SCMP_CMP_EQ, AF_NETLINK, 0)
	CALL(bind)
	CALL(sendmmsg)
	CALL(recvmmsg)
};
#undef CALL
#undef RULE
#define DENY(name) SCMP_SYS(name),
static const int denied_calls[] = {
#include "confine/denied.def"
};
#undef DENY

bool confine_built(void)
{
	return CONFINE_BUILT;
}

/* A call that this architecture does not have (a negative pseudo number that libseccomp cannot rewrite) is left out. */
static int allow(scmp_filter_ctx ctx, const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int rc = calls[i].compared ? seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[i].number, 1, &calls[i].arg)
			: seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i].number, 0);
		if (rc != 0 && rc != -EDOM && !(rc == -EINVAL && calls[i].number < 0)) return rc;
	}
	return 0;
}

/* abort() and assertions signal their own process; glibc falls back from clone3, whose flags cannot be looked at, to clone; GLib, which some
 * TPM transports bring, does without threads of another priority. */
static int allow_special(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp self = { 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0 };
	int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
	if (rc == 0) rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, &self);
	if (rc == 0) rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sched_setattr), 0);
}

/* Starting programs under other users is what the monitor is for. */
static bool is_monitors(int call)
{
	static const int calls[] = { SCMP_SYS(execve), SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(setgid), SCMP_SYS(setresgid) };
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (calls[i] == call) return true;
	return false;
}

static int deny(scmp_filter_ctx ctx, bool monitor)
{
	for (size_t i = 0; i < sizeof denied_calls / sizeof denied_calls[0]; i++) {
		if (monitor && is_monitors(denied_calls[i])) continue;
		int rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, denied_calls[i], 0);
		if (rc != 0 && rc != -EDOM && !(rc == -EINVAL && denied_calls[i] < 0)) return rc;
	}
	return 0;
}

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static int fill(scmp_filter_ctx ctx, enum confine_profile profile)
{
	int rc;
	switch (profile) {
	case CONFINE_COFFERD:
		rc = allow(ctx, cofferd_calls, COUNT(cofferd_calls));
		return rc ? rc : allow_special(ctx);
	case CONFINE_TOKEND_TPM2_NET:
	case CONFINE_TOKEND_TPM2:
		rc = allow(ctx, tokend_calls, COUNT(tokend_calls));
		if (rc == 0 && profile == CONFINE_TOKEND_TPM2_NET) rc = allow(ctx, network_calls, COUNT(network_calls));
		return rc ? rc : allow_special(ctx);
	case CONFINE_STORED:
		rc = allow(ctx, stored_calls, COUNT(stored_calls));
		if (rc == 0) rc = allow(ctx, network_calls, COUNT(network_calls));
		return rc ? rc : allow_special(ctx);
	case CONFINE_MONITOR:
	case CONFINE_TOKEND_PKCS11:
		return deny(ctx, profile == CONFINE_MONITOR);
	}
	return -EINVAL;
}

enum coffer_err confine_syscalls(enum confine_profile profile, struct reason *reason)
{
	if (!CONFINE_BUILT) return ERR_OK;
	bool denies = profile == CONFINE_TOKEND_PKCS11 || profile == CONFINE_MONITOR;
	scmp_filter_ctx ctx = seccomp_init(denies ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
	ENSURE(ctx, ERR_MEMORY);
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0) rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1); /* threads that are there already too */
	if (rc == 0) rc = fill(ctx, profile);
	if (rc == 0) rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc == 0) return ERR_OK;
	errno = -rc;
	return reason_fail(reason, ERR_IO, "the kernel does not take the filter of system calls: %m");
}
