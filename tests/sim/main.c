/* Runs lives. usage: sim_domain [--seeds N] [--from N] [--seed N] [--finds RULE,…]
 * --seed: that one alone, with a trace. --finds: succeeds when one of these rules is the first that is broken. Prints the first seed that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

static int run(struct sim *s, uint64_t from, uint64_t count, bool trace)
{
	uint64_t takes = 0, acknowledged = 0;
	for (uint64_t seed = from; seed < from + count; seed++) {
		if (!sim_run(s, seed, trace)) {
			printf("seed %llu: %s\n", (unsigned long long)seed, s->broken);
			return 1;
		}
		takes += s->takes;
		for (unsigned r = 0; r < REQUESTS; r++) acknowledged += s->request[r].told == TOLD_DONE;
	}
	printf("%llu seeds from %llu: every rule holds; %llu takings, %llu requests acknowledged\n", (unsigned long long)count, (unsigned long long)from,
		(unsigned long long)takes, (unsigned long long)acknowledged);
	return takes && acknowledged ? 0 : 1;
}

/* Whether the rule that was broken (all before the colon) is one of the list. */
static bool is_listed(const char *list, const char *broken)
{
	size_t len = strcspn(broken, ":");
	for (const char *at = list; len && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
		if (strcspn(at, ",") == len && strncmp(at, broken, len) == 0) return true;
	return false;
}

int main(int argc, char **argv)
{
	uint64_t from = 1, count = 10000;
	bool trace = false;
	const char *finds = NULL;
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t n = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--seeds") == 0) count = n;
		else if (strcmp(argv[i], "--from") == 0) from = n;
		else if (strcmp(argv[i], "--finds") == 0) finds = argv[i + 1];
		else if (strcmp(argv[i], "--seed") == 0) {
			from = n;
			count = 1;
			trace = true;
		}
	}
	struct sim *s = calloc(1, sizeof *s);
	if (!s || !world_make() || !(s->images = calloc(IMAGES, sizeof *s->images))) return 2;
	int rc = run(s, from, count, trace);
	if (finds) rc = !is_listed(finds, s->broken);
	free(s->images);
	free(s);
	world_end();
	return rc;
}
