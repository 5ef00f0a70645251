/* PKCS#11 fixture: SoftHSM tokens, each with a label of its own, in one private folder that lives as long as the program. */
#include "contract/token/fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIN "1234"

struct fixture {
	char label[32];
	char uri[512];
	char id[80]; /* of the master secret that was removed, in hex */
};

static char dir[] = "/tmp/hsm-XXXXXX";
static const char *module;

/* Runs a command and returns its exit status; a command that cannot run at all aborts. */
__attribute__((format(printf, 1, 2))) static int shell(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof command) abort();
	int rc = system(command);
	if (rc == -1) abort();
	return rc;
}

static void remove_folder(void)
{
	(void)shell("rm -rf '%s'", dir);
}

static const char *find_module(void)
{
	static const char *const paths[] = {
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
	};
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		if (access(paths[i], R_OK) == 0) return paths[i];
	}
	(void)fprintf(stderr, "SoftHSM is not installed (libsofthsm2.so)\n");
	abort();
}

/* The folder, its configuration and the PIN file, once. */
static void prepare(void)
{
	char conf[64];
	if (module) return;
	module = find_module();
	if (!mkdtemp(dir)) abort();
	if (atexit(remove_folder) != 0) abort();
	(void)snprintf(conf, sizeof conf, "%s/softhsm2.conf", dir);
	if (setenv("SOFTHSM2_CONF", conf, 1) != 0) abort();
	if (shell("mkdir %s/tokens && printf 'directories.tokendir = %s/tokens\\nobjectstore.backend = file\\nlog.level = ERROR\\n' "
		">%s && umask 077 && echo " PIN " >%s/pin", dir, dir, conf, dir) != 0) {
		abort();
	}
}

static void write_uri(char *out, size_t cap, const char *label)
{
	int n = snprintf(out, cap, "pkcs11:token=%s;object=master?module-path=%s&pin-source=file:%s/pin", label, module, dir);
	if (n < 0 || (size_t)n >= cap) abort();
}

struct fixture *fixture_new(void)
{
	static unsigned made;
	struct fixture *f = calloc(1, sizeof *f);
	if (!f) abort();
	prepare();
	(void)snprintf(f->label, sizeof f->label, "coffer-%u", ++made);
	write_uri(f->uri, sizeof f->uri, f->label);
	if (shell("softhsm2-util --module %s --init-token --free --label %s --so-pin 12345678 --pin " PIN " >/dev/null", module,
		f->label) != 0) {
		abort();
	}
	return f;
}

void fixture_free(struct fixture *f)
{
	if (!f) return;
	if (shell("softhsm2-util --module %s --delete-token --token %s >/dev/null 2>&1", module, f->label) != 0) abort();
	free(f);
}

const char *fixture_uri(const struct fixture *f)
{
	return f->uri;
}

/* SoftHSM is as new with every C_Initialize, and nothing is open. */
void fixture_restart(struct fixture *f)
{
	(void)f;
}

void fixture_vanish(struct fixture *f)
{
	(void)f;
	if (shell("mv %s/tokens %s/away && mkdir %s/tokens", dir, dir, dir) != 0) abort();
}

void fixture_return(struct fixture *f)
{
	(void)f;
	if (shell("rmdir %s/tokens && mv %s/away %s/tokens", dir, dir, dir) != 0) abort();
}

static void tool(const struct fixture *f, const char *arguments)
{
	if (shell("pkcs11-tool --module %s --token-label %s --login --pin " PIN " %s >/dev/null 2>&1", module, f->label, arguments) != 0) abort();
}

void fixture_remove_master(struct fixture *f)
{
	char path[64], arguments[160];
	(void)snprintf(path, sizeof path, "%s/id", dir);
	if (shell("pkcs11-tool --module %s --token-label %s --login --pin " PIN " --list-objects --type secrkey 2>/dev/null | "
		"sed -n 's/^ *ID: *//p' >%s", module, f->label, path) != 0) abort();
	FILE *file = fopen(path, "r");
	if (!file || fscanf(file, "%79[0-9a-f]", f->id) != 1) abort();
	(void)fclose(file);
	(void)snprintf(arguments, sizeof arguments, "--delete-object --type secrkey --id %s", f->id);
	tool(f, arguments);
}

void fixture_replace_master(struct fixture *f)
{
	char arguments[256];
	fixture_remove_master(f);
	(void)snprintf(arguments, sizeof arguments, "--keygen --key-type AES:32 --label master --id %s --sensitive --private --usage-wrap "
		"--allowed-mechanisms AES-KEY-WRAP", f->id);
	tool(f, arguments);
}

const char *fixture_uri_absent(void)
{
	static char uri[512];
	prepare();
	write_uri(uri, sizeof uri, "absent");
	return uri;
}

/* Everything in the token but the one master secret. */
size_t fixture_residue(struct fixture *f)
{
	char path[64];
	unsigned long objects = 0;
	(void)snprintf(path, sizeof path, "%s/count", dir);
	if (shell("pkcs11-tool --module %s --token-label %s --login --pin " PIN " --list-objects 2>/dev/null >%s/objects "
		"&& grep -c '^[A-Z][A-Za-z -]* [Oo]b' %s/objects >%s", module, f->label, dir, dir, path) != 0) {
		abort();
	}
	FILE *file = fopen(path, "r");
	if (!file || fscanf(file, "%lu", &objects) != 1 || objects == 0) abort();
	(void)fclose(file);
	return objects - 1;
}
