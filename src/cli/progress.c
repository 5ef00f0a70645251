/* The progress line. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/files.h"

#define SHOW_EVERY_MS 100
#define BAR 30

void progress_begin(struct progress *p, const struct cli *cli, const char *what, uint64_t total)
{
	*p = (struct progress){ .on = !cli->quiet && !cli->json && isatty(STDERR_FILENO), .total = total, .what = what };
	p->began_ms = p->shown_ms = clock_mono_ms();
}

static void show(const struct progress *p, uint64_t now_ms)
{
	char bar[BAR + 1] = "";
	double seconds = (double)(now_ms - p->began_ms) / 1000.0, mib = (double)p->done / 1048576.0;
	double rate = seconds > 0 ? mib / seconds : 0;
	if (p->total) {
		size_t filled = (size_t)(p->done < p->total ? p->done * BAR / p->total : BAR);
		memset(bar, '#', filled);
		memset(bar + filled, '.', BAR - filled);
		fprintf(stderr, "\r%s [%s] %3u %%  %.0f MiB/s ", p->what, bar, (unsigned)(filled * 100 / BAR), rate);
	} else {
		fprintf(stderr, "\r%s %.0f MiB  %.0f MiB/s ", p->what, mib, rate);
	}
	fflush(stderr);
}

void progress_add(struct progress *p, uint64_t bytes)
{
	p->done += bytes;
	if (!p->on) return;
	uint64_t now = clock_mono_ms();
	if (now - p->shown_ms < SHOW_EVERY_MS) return;
	p->shown_ms = now;
	show(p, now);
}

void progress_end(struct progress *p)
{
	if (!p->on) return;
	show(p, clock_mono_ms());
	fputc('\n', stderr);
}
