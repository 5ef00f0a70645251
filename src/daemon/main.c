/* cofferd: the process that holds keys. Started by hand it becomes its own monitor, which starts it again with --supervised and a control
 * channel; with --tokend-sockets a service manager is the monitor, and this process is the daemon at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/process.h"
#include "crypto/aead_choose.h"
#include "crypto/ossl_mem.h"
#include "crypto/selftest.h"
#include "daemon/options.h"
#include "daemon/run.h"
#include "daemon/service.h"

#define EXIT_CONFIGURATION 78 /* sysexits.h: the monitor does not start it again */

#ifndef COFFER_LIBEXEC_DIR
#define COFFER_LIBEXEC_DIR "/usr/libexec/coffer"
#define COFFER_LIBEXEC_FROM_SBIN "../libexec/coffer"
#endif

static int fail(int status, const struct reason *reason, enum coffer_err err)
{
	log_error("%s", reason_text(reason, err));
	return status;
}

/* The configuration: the named file must be there, the default one may be absent. */
static enum coffer_err load_config(const struct options *options, struct config *out, struct reason *reason)
{
	enum coffer_err err = config_load(options->config_path, out, reason);
	if (err != ERR_NOT_FOUND || options->config_given) return err;
	reason->text[0] = '\0';
	return config_defaults(out);
}

static int check_config(const struct options *options)
{
	struct config config;
	struct reason reason = { "" };
	enum coffer_err err = load_config(options, &config, &reason);
	if (err) {
		fprintf(stderr, "cofferd: %s\n", reason_text(&reason, err));
		return EXIT_CONFIGURATION;
	}
	config_free(&config);
	printf("%s: no errors\n", options->config_path);
	return 0;
}

/* The monitor stands beside this program in a build tree, else in the libexec folder of the same tree, which may have been moved. */
static int become_monitor(char **argv)
{
	char self[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		snprintf(path, sizeof path, "%.*s/coffer-monitor", (int)(slash - self), self);
		execv(path, argv);
		snprintf(path, sizeof path, "%.*s/" COFFER_LIBEXEC_FROM_SBIN "/coffer-monitor", (int)(slash - self), self);
		execv(path, argv);
	}
	execv(COFFER_LIBEXEC_DIR "/coffer-monitor", argv);
	fprintf(stderr, "cofferd: the monitor %s cannot be started: %s\n", COFFER_LIBEXEC_DIR "/coffer-monitor", strerror(errno));
	return 1;
}

/* The engine for AES-GCM, proven. A configured one that fails ends the start; under auto OpenSSL serves, and the log says why. */
static enum coffer_err choose_engine(enum config_aead wanted, struct reason *reason)
{
	static const enum aead_choice choices[] = { [CONFIG_AEAD_AUTO] = AEAD_CHOICE_AUTO, [CONFIG_AEAD_OPENSSL] = AEAD_CHOICE_OPENSSL,
		[CONFIG_AEAD_IPSEC_MB] = AEAD_CHOICE_IPSEC_MB };
	TRY(aead_choose(choices[wanted], reason));
	const struct aead_chosen *chosen = aead_chosen();
	if (chosen->distrusted) log_warn("AES-GCM by %s, %s", chosen->name, chosen->note);
	else log_info("AES-GCM by %s%s%s", chosen->name, chosen->note[0] ? ", " : "", chosen->note);
	return ERR_OK;
}

static int prepare_memory(const struct config *config, struct reason *reason)
{
	enum coffer_err err = arena_init(config->secret_memory, config->require_secret_memory, reason);
	if (err) return fail(EXIT_CONFIGURATION, reason, err);
	if (arena_level() == ARENA_REDUCED)
		log_warn("memory protection: reduced (no memfd_secret in this kernel; root can read this process's memory)");
	err = ossl_mem_install();
	if (!err) err = crypto_selftest(reason);
	if (err) return fail(1, reason, err);
	err = choose_engine(config->aead_engine, reason);
	return err ? fail(EXIT_CONFIGURATION, reason, err) : 0;
}

static int supervised(const struct options *options)
{
	struct reason reason = { "" };
	enum coffer_err err = options->tokend_sockets ? service_prepare(&reason) : ERR_OK;
	if (err) return fail(EXIT_CONFIGURATION, &reason, err);
	err = process_harden(&reason);
	if (err) return fail(1, &reason, err);
	struct config *config = calloc(1, sizeof *config);
	if (!config) return fail(1, &reason, ERR_MEMORY);
	err = load_config(options, config, &reason);
	if (err) {
		free(config);
		return fail(EXIT_CONFIGURATION, &reason, err);
	}
	log_set_level(config->log_level);
	int status = prepare_memory(config, &reason);
	if (status) {
		config_free(config);
		free(config);
		return status;
	}
	return daemon_run(config, options);
}

int main(int argc, char **argv)
{
	struct options options;
	if (!process_own_standard_fds()) return 1;
	process_reset_signals();
	log_init("cofferd", LOG_LEVEL_INFO);
	int status = options_parse(argc, argv, &options);
	if (status >= 0) return status;
	if (options.check_config) return check_config(&options);
	if (options.tokend_sockets && options.control_fd < 0) return supervised(&options);
	if (options.control_fd < 0) return become_monitor(argv);
	if (fcntl(options.control_fd, F_SETFD, FD_CLOEXEC) != 0) {
		fprintf(stderr, "cofferd: --supervised is for the monitor only\n");
		return 2;
	}
	return supervised(&options);
}
