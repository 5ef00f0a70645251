/* One thread that waits for the other end of the channel to go away. */
#include "tokend/watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EXIT_ABANDONED 1
#define LOOK_MS 20

static atomic_bool call_under_way;

void watch_busy(bool busy)
{
	atomic_store(&call_under_way, busy);
}

/* An idle main thread sees the end by itself and closes the token, which can hang too. */
static void *watch_main(void *arg)
{
	struct pollfd p = { .fd = (int)(intptr_t)arg, .events = POLLRDHUP };
	const struct timespec look = { 0, LOOK_MS * 1000000 };
	prctl(PR_SET_NAME, "watch");
	while (poll(&p, 1, -1) <= 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)))
		;
	for (unsigned waited = 0; waited < WATCH_ORDER_MS && !atomic_load(&call_under_way); waited += LOOK_MS)
		(void)nanosleep(&look, NULL);
	_exit(EXIT_ABANDONED);
}

enum coffer_err watch_start(int channel_fd)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all); /* signals belong to the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&thread, NULL, watch_main, (void *)(intptr_t)channel_fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	ENSURE(rc == 0, ERR_MEMORY);
	(void)pthread_detach(thread);
	return ERR_OK;
}
