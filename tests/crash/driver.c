/* crash_driver FOLDER SEED STEPS: carries the history of FOLDER on until STEPS steps are acknowledged. Killed anywhere and started again it asks
 * the step under way once more, with the same request id. */
#include <stdio.h>
#include <stdlib.h>

#include "crash/ask.h"

int main(int argc, char **argv)
{
	static struct node node;
	static struct history history;
	if (argc != 4) {
		fprintf(stderr, "usage: crash_driver FOLDER SEED STEPS\n");
		return 2;
	}
	unsigned long steps = strtoul(argv[3], NULL, 10);
	node_open(&node, argv[1]);
	history_open(&history, argv[1], strtoull(argv[2], NULL, 10));
	while (history.done < steps) step_ask(&node, &history);
	node_close(&node);
	return 0;
}
