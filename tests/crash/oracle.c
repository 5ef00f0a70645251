/* crash_oracle FOLDER SEED: opens what a crash left behind and has it judged (judge.h). Prints each violation; exit status 1 when there is one. */
#include <stdio.h>
#include <stdlib.h>

#include "crash/judge.h"

static void print_violation(void *arg, const char *violation)
{
	(void)arg;
	printf("VIOLATION %s\n", violation);
}

int main(int argc, char **argv)
{
	static struct node node;
	static struct history history;
	struct judge j = { .node = &node, .history = &history, .under_way = true, .say = print_violation };
	if (argc != 3) {
		fprintf(stderr, "usage: crash_oracle FOLDER SEED\n");
		return 2;
	}
	node_open(&node, argv[1]);
	history_open(&history, argv[1], strtoull(argv[2], NULL, 10));
	history_next(&history, &j.next);
	judge_all(&j);
	node_close(&node);
	if (!j.violations) printf("ok: %u steps, %zu objects\n", history.done, history.count);
	return j.violations ? 1 : 0;
}
