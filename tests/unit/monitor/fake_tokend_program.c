/* Stands in for coffer-tokend: writes down what it was given and waits on its channel. */
#include <signal.h>

#include "fake_log.h"

int main(void)
{
	const char *dir = getenv("FAKE_DIR");
	char byte;
	if (!dir) return 2;
	fake_log_self(dir, "tokend.log");
	fake_log(dir, "tokend.log", "began %d of %d", (int)getpid(), (int)getppid());
	while (read(3, &byte, 1) > 0)
		;
	fake_log(dir, "tokend.log", "channel closed");
	for (;;)
		pause(); /* a helper that does not end by itself */
}
