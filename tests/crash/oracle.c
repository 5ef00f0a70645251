/* crash_oracle FOLDER SEED [STEPS]: opens what a crash left behind and has it judged (judge.h). With STEPS it then carries the history on, as crash_driver would,
 * opens the store once more and has that judged too: one process where a campaign would start three. Prints each violation; exit status 1 when there
 * is one. */
#include <stdio.h>
#include <stdlib.h>

#include "crash/ask.h"
#include "crash/judge.h"

static void print_violation(void *arg, const char *violation)
{
	printf("VIOLATION %s: %s\n", (const char *)arg, violation);
}

/* under_way: the step after the last acknowledged one may have happened. */
static unsigned judge(struct node *n, struct history *h, bool under_way)
{
	static char after[] = "after the kill", at_end[] = "at the end";
	struct judge j = { .node = n, .history = h, .under_way = under_way, .say = print_violation, .say_arg = under_way ? after : at_end };
	history_next(h, &j.next);
	judge_all(&j);
	return j.violations;
}

int main(int argc, char **argv)
{
	static struct node node;
	static struct history history;
	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: crash_oracle FOLDER SEED [STEPS]\n");
		return 2;
	}
	unsigned long steps = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	node_open(&node, argv[1]);
	history_open(&history, argv[1], strtoull(argv[2], NULL, 10));
	unsigned violations = judge(&node, &history, true);
	while (history.done < steps) step_ask(&node, &history);
	node_close(&node);
	if (steps) {
		node_open(&node, argv[1]);
		violations += judge(&node, &history, false);
		node_close(&node);
	}
	if (!violations) printf("ok: %u steps, %zu objects\n", history.done, history.count);
	return violations ? 1 : 0;
}
