/* The machine of the tests of policies. */
#include "unit/tpm/machine.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int new_machine(void **state)
{
	static struct machine m;
	m = (struct machine){ .blob = BUF_EMPTY };
	swtpm_init(&m.swtpm);
	m.proxy = proxy_new(&m.swtpm);
	m.key = help_key();
	*state = &m;
	return 0;
}

int free_machine(void **state)
{
	struct machine *m = *state;
	secret_free(m->key);
	buf_free(&m->blob);
	proxy_free(m->proxy);
	swtpm_done(&m->swtpm);
	return 0;
}

void bind_to(struct machine *m, const char *parameters)
{
	(void)snprintf(m->uri, sizeof m->uri, "%s?%s", proxy_uri(m->proxy), parameters);
	struct token *t = help_provision(m->uri, &m->binding);
	buf_clear(&m->blob);
	help_wrap(t, m->key, &m->blob);
	token_backend.close(t);
}

/* What a start would say. */
static enum coffer_err start(struct machine *m, struct reason *why)
{
	AUTO_SECRET struct secret *back = NULL;
	why->text[0] = '\0';
	struct token *t = help_attach(m->uri, &m->binding);
	enum coffer_err err = token_backend.unwrap(t, buf_view(&m->blob), &back, why);
	assert_int_equal(token_backend.probe(t, NULL), ERR_OK); /* the token itself is well whatever the policy says */
	token_backend.close(t);
	if (err == ERR_OK) assert_true(secret_equal(m->key, back));
	else assert_null(back);
	return err;
}

void opens(struct machine *m)
{
	struct reason why = { "" };
	enum coffer_err err = start(m, &why);
	if (err != ERR_OK) fail_msg("%s: %s", err_name(err), why.text);
}

void does_not_open(struct machine *m, enum coffer_err wanted, const char *says)
{
	struct reason why = { "" };
	enum coffer_err err = start(m, &why);
	if (err != wanted || !strstr(why.text, says)) fail_msg("%s: %s", err_name(err), why.text);
}

struct token_policy_status status_of(struct machine *m)
{
	struct token_policy_status s;
	struct reason why = { "" };
	struct token *t = help_attach(m->uri, &m->binding);
	enum coffer_err err = token_policy_backend.status(t, &s, &why);
	if (err != ERR_OK) fail_msg("%s: %s", err_name(err), why.text);
	token_backend.close(t);
	return s;
}

void reboot(struct machine *m)
{
	swtpm_cut(&m->swtpm);
	swtpm_start(&m->swtpm);
}

const char *put_file(struct machine *m, const char *name, const void *bytes, size_t len, char path[static TEXT])
{
	(void)snprintf(path, TEXT, "%s/%s", m->swtpm.dir, name);
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
	return path;
}

const char *with_pin(struct machine *m, const char *name, const char *pin, char parameters[static TEXT])
{
	char path[TEXT];
	put_file(m, name, pin, strlen(pin), path);
	(void)snprintf(parameters, TEXT, "pin-source=file:%.600s", path);
	return parameters;
}
