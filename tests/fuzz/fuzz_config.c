/* Fuzzes config_load and config_reload (src/config/config.h) with the text of a configuration file: what loads keeps the bounds of keys.def and
 * is the same when it is read again; what does not is refused in one sentence. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fuzz/fuzz.h"

#define PATH_OF_INPUT "/proc/self/fd/900"
#define FD_OF_INPUT 900

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	int fd = memfd_create("config", MFD_CLOEXEC);
	REQUIRE(fd >= 0 && dup2(fd, FD_OF_INPUT) == FD_OF_INPUT);
	close(fd);
	return 0;
}

static void check_between(uint64_t value, uint64_t least, uint64_t most)
{
	REQUIRE(value >= least && value <= most);
}

static void check_text(const char *text, size_t most)
{
	REQUIRE(text && strlen(text) <= most);
}

static void check_path(const char *path, bool may_be_empty)
{
	check_text(path, 4095);
	REQUIRE(path[0] == '/' || (may_be_empty && !path[0]));
}

#define CHECK_SOCKET(value, least, most) check_path(value, false)
#define CHECK_PATH(value, least, most) check_path(value, false)
#define CHECK_OPTIONAL_PATH(value, least, most) check_path(value, true)
#define CHECK_STORE(value, least, most) check_text(value, 16)
#define CHECK_TEXT(value, least, most) check_text(value, 4096)
#define CHECK_URI(value, least, most) check_text(value, 1024)
#define CHECK_USER(value, least, most) check_text(value, 64)
#define CHECK_ENVIRONMENT(value, least, most) check_text(value, 4096)
#define CHECK_U32(value, least, most) check_between(value, least, most)
#define CHECK_MODE(value, least, most) check_between(value, least, most)
#define CHECK_SIZE(value, least, most) check_between(value, least, most)
#define CHECK_MS(value, least, most) check_between(value, least, most)
#define CHECK_BOOL(value, least, most) check_between(value, 0, 1)
#define CHECK_LEVEL(value, least, most) check_between(value, 0, LOG_LEVEL_DEBUG)
#define CHECK_SEED(value, least, most) check_between(value, 0, CONFIG_SEED_REFUSE)
#define CHECK_BULK(value, least, most) check_between(value, 0, CONFIG_BULK_FULL)
#define CHECK_START(value, least, most) check_between(value, 0, CONFIG_START_ATTENDED)
#define CHECK_NODE_ROLE(value, least, most) check_between(value, 0, CONFIG_NODE_MEMBER)
#define CHECK_NODE_NAME(value, least, most) check_text(value, 64)
#define CHECK_NAMES(value, least, most) check_text(value, CONFIG_PINS_MAX * 256u)
#define CHECK_WORDS(value, least, most) check_text(value, 1024)
#define CHECK_COMMAND(value, least, most) do { check_text(value, CONFIG_COMMAND_MAX); REQUIRE(!(value)[0] || (value)[0] == '/'); } while (0)
#define CHECK_SINK(value, least, most) REQUIRE(strcmp(value, "no") == 0 || strcmp(value, "yes") == 0 || (value)[0] == '/')
#define CHECK_AUDIT_LEVEL(value, least, most) check_between(value, CONFIG_AUDIT_WARNING, CONFIG_AUDIT_INFO)
#define CHECK_ENGINE(value, least, most) check_between(value, 0, CONFIG_AEAD_IPSEC_MB)

static void check_bounds(const struct config *config)
{
#define KEY(name, kind, field, initial, least, most, when, help) CHECK_##kind(config->field, least, most);
#include "config/keys.def"
#undef KEY
	REQUIRE(config->stop_timeout_ms >= config->drain_timeout_ms);
}

static void no_restart(void *arg, const char *key)
{
	(void)arg;
	fprintf(stderr, "%s differs from itself\n", key);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config, again;
	struct reason reason = { "" };
	REQUIRE(ftruncate(FD_OF_INPUT, 0) == 0 && pwrite(FD_OF_INPUT, data, size, 0) == (ssize_t)size);
	if (config_load(PATH_OF_INPUT, &config, &reason) != ERR_OK) {
		fuzz_check_reason(&reason);
		return 0;
	}
	check_bounds(&config);
	REQUIRE(config_reload(PATH_OF_INPUT, &config, &again, no_restart, NULL, &reason) == ERR_OK);
	check_bounds(&again);
	config_free(&again);
	config_free(&config);
	return 0;
}
