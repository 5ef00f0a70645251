/* A folder with the monitor, fake programs and a configuration, and a monitor running in it. */
#ifndef COFFER_TESTS_MONITOR_FIXTURE_H
#define COFFER_TESTS_MONITOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <sys/types.h>

#define FIXTURE_LIMIT_MS 10000 /* for anything to happen */
#define FIXTURE_UID_COFFERD 64311
#define FIXTURE_UID_TOKEND 64312

struct fixture {
	char dir[64];
	pid_t monitor;   /* 0: none */
	int notify_fd;   /* the service manager's socket */
};

/* cmocka's setup and teardown; *state is the fixture. Teardown ends what still runs. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Starts the monitor with these further configuration lines. */
void fixture_start(struct fixture *f, const char *lines);
/* Also waits for the first READY of cofferd. */
void fixture_start_ready(struct fixture *f, const char *lines);
/* Waits for the monitor's end: its exit status, or 128 + signal. */
int fixture_wait_end(struct fixture *f);
/* Tells the fake cofferd to do something and waits until it did (not for "exit" and "noise"). */
void fixture_command(struct fixture *f, const char *word, unsigned number);
/* Waits until the file of the folder ("cofferd.log", "tokend.log", "log") contains the text `times` times. */
void fixture_await(struct fixture *f, const char *file, const char *text, unsigned times);
unsigned fixture_count(struct fixture *f, const char *file, const char *text);
/* The first number after the last occurrence of the text. */
long fixture_number(struct fixture *f, const char *file, const char *text);
/* Whether the process is there, and not a zombie; and waiting until it is not. */
bool fixture_alive(pid_t pid);
void fixture_await_gone(pid_t pid);
/* Waits for a message to the service manager that contains the text. */
void fixture_await_notify(struct fixture *f, const char *text);
bool fixture_exists(struct fixture *f, const char *file);

#endif
