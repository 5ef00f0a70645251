/* A configuration file for one test. */
#ifndef COFFER_TESTS_CONFIG_TEST_H
#define COFFER_TESTS_CONFIG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

#define CONFIG_FILE "/tmp/coffer-config-test-XXXXXX"

static inline void write_config(char path[static sizeof CONFIG_FILE], const char *text)
{
	memcpy(path, CONFIG_FILE, sizeof CONFIG_FILE);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Loads the text as a file; the reason has the file's name replaced by "FILE". */
static inline enum coffer_err load_text(const char *text, struct config *out, struct reason *reason)
{
	char path[sizeof CONFIG_FILE], short_text[REASON_MAX];
	write_config(path, text);
	reason->text[0] = '\0';
	enum coffer_err err = config_load(path, out, reason);
	char *at = strstr(reason->text, path);
	if (at) {
		snprintf(short_text, sizeof short_text, "%.*sFILE%s", (int)(at - reason->text), reason->text, at + strlen(path));
		memcpy(reason->text, short_text, sizeof short_text);
	}
	unlink(path);
	return err;
}

#endif
