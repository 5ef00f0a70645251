/* The configuration of cofferd and its monitor (cofferd.conf(5)): every key with type, default, limits and help in one table,
 * config/keys.def. The file has no section, or [cofferd]. Needs no arena. A struct config is read-only once loaded and may
 * then be read by any thread. */
#ifndef COFFER_CONFIG_CONFIG_H
#define COFFER_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/reason.h"

#define CONFIG_DEFAULT_PATH "/etc/coffer/cofferd.conf"
#define CONFIG_PINS_MAX 64u       /* words of cache_pin */
#define CONFIG_ENVIRONMENT_MAX 16u /* NAME=VALUE words of tokend_environment */
#define CONFIG_COMMAND_MAX 1024u   /* bytes of notify_command */
#define CONFIG_COMMAND_WORDS 16u   /* and words */

/* What becomes of the bytes of RNG Seed. */
enum config_seed { CONFIG_SEED_ACCEPT, CONFIG_SEED_IGNORE, CONFIG_SEED_REFUSE };

/* How the audit log tells bulk use of keys. */
enum config_bulk { CONFIG_BULK_COUNTED, CONFIG_BULK_FULL };

/* How a node that has a domain starts. */
enum config_start { CONFIG_START_UNATTENDED, CONFIG_START_ATTENDED };
/* Which records reach syslog and journal; numbers are syslog's severities. */
enum config_audit_level { CONFIG_AUDIT_WARNING = 4, CONFIG_AUDIT_NOTICE = 5, CONFIG_AUDIT_INFO = 6 };

/* Whether a node becomes master server by itself. */
enum config_node_role { CONFIG_NODE_STANDBY, CONFIG_NODE_MEMBER };

/* Whose AES-GCM is used. */
enum config_aead { CONFIG_AEAD_AUTO, CONFIG_AEAD_OPENSSL, CONFIG_AEAD_IPSEC_MB };

/* Strings are owned by the struct, NUL-terminated, never NULL; "" means not set. */
struct config {
	char *socket;
	uint32_t socket_mode;          /* permission bits */
	char *state_dir;
	char *store;                   /* "sqlite" or "postgres"; the five below belong to the latter */
	char *store_conninfo;
	char *store_passfile;          /* "": none */
	char *store_schema;
	uint32_t store_connect_ms, store_statement_ms;
	bool store_shared;             /* by several nodes; the five below belong to it */
	char *node_name;               /* "": the machine's */
	enum config_node_role node_role;
	uint64_t lease_time_ms;        /* from the loss of a master server until there is another one */
	uint64_t encrypt_grace_ms;     /* without one */
	uint64_t refresh_interval_ms;  /* between two readings of what the others changed */
	char *token;                   /* token URI that init takes when none is given */
	char *user_cofferd;            /* names or decimal ids; used when started as root */
	char *user_tokend;
	char *user_notify;
	char *user_stored;
	enum config_start start;
	char *unseal_users;            /* names or decimal ids, separated by blanks */
	uint32_t workers;              /* threads; 0: one per core */
	size_t max_message;            /* bytes */
	uint32_t max_connections;
	uint32_t max_connections_per_principal;
	uint32_t rate_limit;           /* requests a second for one principal; 0: none */
	uint32_t rate_burst;           /* requests at once; 0: as rate_limit */
	uint32_t max_objects_per_principal; /* 0: none */
	uint64_t request_timeout_ms;
	uint64_t idle_timeout_ms;      /* 0: none */
	uint32_t busy_poll_us;         /* 0: no polling */
	uint64_t drain_timeout_ms;
	uint64_t stop_timeout_ms;      /* the monitor's patience before SIGKILL */
	size_t secret_memory;          /* bytes of the arena */
	bool require_secret_memory;
	size_t ring_memory;            /* bytes of all rings together; 0: there are none */
	enum config_aead aead_engine;
	uint64_t token_deadline_ms;    /* opening the token; other calls have half of it, provisioning three times as much */
	uint64_t token_probe_interval_ms;
	char *tokend_environment;      /* NAME=VALUE words, space-separated, checked */
	uint32_t object_cache;         /* objects kept in memory */
	size_t cache_size;             /* bytes of rows that are kept beside a database; 0: none */
	char *cache_pin;               /* Names and UUIDs, separated by blanks; "": none */
	size_t store_cache;            /* bytes of ordinary memory for pages of the store */
	char *notify_command;          /* words, the first an absolute path; "": none */
	uint64_t notify_timeout_ms;    /* of one run */
	uint64_t notify_retry_ms;      /* before the second try */
	char *alert_journal;           /* "no", "yes" or the path of a socket */
	bool legacy_algorithms;        /* crypto/algorithm.def says which they are */
	uint64_t kmip_lease_time_ms;   /* 0: without end */
	enum config_seed rng_seed;
	uint32_t locate_scan_max;      /* objects that one Locate may look at */
	uint64_t scrub_interval_ms;    /* between two passes over the store */
	uint32_t scrub_rate;           /* rows a second; 0: only when asked */
	uint64_t anchor_interval_ms;   /* between two raises of the counter in the token */
	uint64_t anchor_period_ms;     /* after which changes that end nothing are anchored too; 0: never */
	uint64_t backup_max_age_ms;    /* of the newest verified one, from which on it is told that one is missing; 0: never */
	uint32_t reseal_rate;          /* rows a second after a change of the data key */
	enum config_bulk audit_bulk;
	uint64_t audit_interval_ms;    /* between two writings of what was counted */
	uint64_t audit_deadline_ms;    /* of a commit */
	char *audit_export_file;       /* "": none */
	size_t audit_archive_size;     /* bytes */
	char *audit_export_syslog;     /* "no", "yes" or the path of a socket */
	char *audit_export_journal;
	enum config_audit_level audit_syslog_level;
	uint32_t audit_queue;          /* records that syslog or journal may lack */
	uint64_t audit_checkpoint_interval_ms;
	uint64_t audit_token_interval_ms; /* between two signatures of the token; 0: none */
	uint32_t audit_keep;           /* records that the store keeps at least; 0: all */
	bool audit_keep_unexported;    /* those that no export has are taken out too */
	uint32_t audit_archives_keep;  /* archives of the export; 0: all */
	enum log_level log_level;
	char *pid_file;
	char *monitor_pid_file;
};

/* The built-in defaults. ERR_MEMORY. */
enum coffer_err config_defaults(struct config *out) MUST_USE;
/* Defaults, then the file at `path`. ERR_USAGE "FILE:LINE: …" for an unknown key (with the nearest known one), a bad value or
 * two keys that contradict each other; ERR_NOT_FOUND, ERR_IO, ERR_MEMORY. `out` is untouched on failure; else config_free it. */
enum coffer_err config_load(const char *path, struct config *out, struct reason *reason) MUST_USE;
/* Releases the strings; accepts a zeroed struct. */
void config_free(struct config *config);

/* For SIGHUP: loads the file, and takes from `running` every key that only a restart can change, calling needs_restart
 * (may be NULL) for each of these whose value in the file differs. So *out is what holds from now on. */
typedef void config_restart_fn(void *arg, const char *key);
enum coffer_err config_reload(const char *path, const struct config *running, struct config *out,
	config_restart_fn *needs_restart, void *arg, struct reason *reason) MUST_USE;

/* One line "key<TAB>type<TAB>default<TAB>reload|restart<TAB>help" per key: what the man page is checked against. */
void config_print_help(FILE *out);

#endif
