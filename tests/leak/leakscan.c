/* leakscan --markers FILE SOURCE…: looks for markers in every form (leak/forms.h).
 *
 * SOURCE: --pid N (--pid-private N: without the rings that it shares with others; --pid-rings N: these alone), --file PATH (or --dev PATH), --stdin NAME.
 * For each source one line `S <tab> source <tab> bytes <tab> unreadable bytes <tab> regions with
 * such`, before it one line `C <tab> source <tab> marker <tab> form <tab> count` for each form that was found, and the first few places as `H <tab> source
 * <tab> offset <tab> marker <tab> form <tab> bytes <tab> where`. Exit status 0: nothing found, 1: something, 2: a source could not be read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leak/sources.h"

#define SHOWN_MAX 4u /* places that are printed for each form of a marker in a source */

struct report {
	const struct patterns *patterns;
	uint64_t *counts;   /* for each pattern, in this source */
	const char *source;
	char where[512];    /* region of memory */
	bool found;         /* in any source */
};

static void on_hit(void *user, uint64_t offset, const struct pattern *row, size_t len)
{
	struct report *r = user;
	size_t i = (size_t)(row - r->patterns->rows);
	r->found = true;
	if (++r->counts[i] > SHOWN_MAX) return;
	printf("H\t%s\t0x%" PRIx64 "\t%s\t%s\t%zu\t%s\n", r->source, offset, row->marker, row->form, len, r->where);
}

static void on_region(void *user, const char *line)
{
	struct report *r = user;
	snprintf(r->where, sizeof r->where, "%.*s", (int)strcspn(line, "\n"), line);
}

static void end_source(struct report *r, const struct source_result *result)
{
	for (size_t i = 0; i < r->patterns->count; i++) {
		if (r->counts[i] == 0) continue;
		const struct pattern *row = &r->patterns->rows[i];
		printf("C\t%s\t%s\t%s\t%" PRIu64 "\n", r->source, row->marker, row->form, r->counts[i]);
		r->counts[i] = 0;
	}
	printf("S\t%s\t%" PRIu64 "\t%" PRIu64 "\t%u\n", r->source, result->bytes, result->unreadable, result->regions);
	r->where[0] = '\0';
}

static bool scan_one(struct scan *s, struct report *r, const char *kind, const char *value)
{
	struct source_result result = { .bytes = 0 };
	bool ok;
	r->source = value;
	errno = 0;
	if (strcmp(kind, "--pid") == 0) ok = source_memory(s, (pid_t)strtol(value, NULL, 10), SOURCE_ALL, on_region, r, &result);
	else if (strcmp(kind, "--pid-private") == 0) ok = source_memory(s, (pid_t)strtol(value, NULL, 10), SOURCE_BUT_RINGS, on_region, r, &result);
	else if (strcmp(kind, "--pid-rings") == 0) ok = source_memory(s, (pid_t)strtol(value, NULL, 10), SOURCE_RINGS, on_region, r, &result);
	else if (strcmp(kind, "--stdin") == 0) ok = source_fd(s, STDIN_FILENO, &result);
	else ok = source_file(s, value, &result);
	if (!ok) fprintf(stderr, "leakscan: %s %s cannot be read: %s\n", kind, value, strerror(errno));
	end_source(r, &result);
	return ok;
}

static bool is_source(const char *word)
{
	static const char *const words[] = { "--pid", "--pid-private", "--pid-rings", "--file", "--dev", "--stdin" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(word, words[i]) == 0) return true;
	return false;
}

static bool load_markers(const char *path, struct patterns *p)
{
	FILE *f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "leakscan: %s cannot be read: %s\n", path, strerror(errno));
		return false;
	}
	bool ok = patterns_init(p) && patterns_read(p, f, path);
	fclose(f);
	return ok;
}

/* All sources; 2 when one could not be read, so that a search that saw nothing is never taken for one that found nothing. */
static int scan_all(struct scan *s, struct report *r, char **words, int count)
{
	bool ok = true;
	for (int i = 0; i + 1 < count; i += 2) ok = scan_one(s, r, words[i], words[i + 1]) && ok;
	return !ok ? 2 : r->found ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct patterns patterns;
	struct scan scan;
	bool usage = argc < 5 || argc % 2 == 0 || strcmp(argv[1], "--markers") != 0;
	for (int i = 3; !usage && i < argc; i += 2) usage = !is_source(argv[i]);
	if (usage) {
		fprintf(stderr, "usage: leakscan --markers FILE (--pid N | --pid-private N | --pid-rings N | --file PATH | --dev PATH | --stdin NAME)...\n");
		return 2;
	}
	if (!load_markers(argv[2], &patterns)) return 2;
	struct report report = { .patterns = &patterns, .counts = calloc(patterns.count + 1, sizeof *report.counts) };
	if (!report.counts || !scan_init(&scan, &patterns, on_hit, &report)) return 2;
	int status = scan_all(&scan, &report, argv + 3, argc - 3);
	scan_free(&scan);
	patterns_free(&patterns);
	free(report.counts);
	return status;
}
