/* Runs a function in a forked child and tells how it ended, with what it wrote to stderr. */
#ifndef COFFER_TESTS_BASE_CHILD_H
#define COFFER_TESTS_BASE_CHILD_H

struct child_end {
	int signal;      /* that killed it, or 0 */
	int status;      /* of its exit, or -1 */
	char text[4096]; /* its stderr */
};

/* The child ends with fn's value (0 = as expected) by _exit, so that no handler of the test program runs in it. */
void child_run(int (*fn)(void), struct child_end *out);

/* In a child: reports the line and leaves when the condition is false. */
#define CHILD_CHECK(cond) do { if (!(cond)) return child_failed(#cond, __FILE__, __LINE__); } while (0)
int child_failed(const char *what, const char *file, int line);

#endif
