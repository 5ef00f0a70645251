/* Mistakes on purpose (planted.c). */
#ifndef COFFER_TESTS_FAULT_PLANTED_H
#define COFFER_TESTS_FAULT_PLANTED_H

#include <stdbool.h>

/* run of a scenario and of the faults that show it, in a child process for each mistake, must end with abort. Before anything is set up. */
bool planted_are_found(void (*run)(const char *scenario, const char *fault));

#endif
