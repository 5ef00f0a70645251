/* crash_power_files: the files that Coffer writes itself, on a disk that loses power (power_disk.h). Each kind is written by its real code on tape; images of
 * the disk at places all over the tape are read by the real reader, and written once more.
 *
 * usage: crash_power_files [--seed S] [--images N] [--plant folder-sync|file-sync] [--kind NAME]
 *
 * --images: of each kind. Exit status 0: no violation (with --plant: at least one in every kind that promises anything). */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fdio.h"
#include "cli/files.h"
#include "cli/share_files.h"
#include "crash/node.h"
#include "crash/power_disk.h"
#include "daemon/state_dir.h"
#include "keyring/identity.h"
#include "store/store.h"

#define OLD_LEN 3000u
#define NEW_LEN 40000u
#define SHARES 5u

/* mark 1 on the tape: the caller was told that it is done. */
struct kind {
	const char *name;
	void (*prepare)(const char *folder);                        /* what is there before; may be NULL */
	void (*write)(const char *folder, struct power_tape *tape); /* tape may be NULL: the second time */
	bool (*is_good)(const char *folder, bool done);             /* as after a crash */
	bool keeps; /* what it acknowledged is promised to be there */
};

static uint8_t old_bytes[OLD_LEN], new_bytes[NEW_LEN];
static struct secret *shares[SHARES];
static char sentence[512];

int cli_fail(int status, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, args);
	va_end(args);
	return status;
}

static void must(enum coffer_err err, const struct reason *reason)
{
	if (err) node_die("%s", reason_text(reason, err));
}

static void done(struct power_tape *tape)
{
	if (tape) power_tape_mark(tape, 1);
}

static const char *in(const char *folder, const char *name)
{
	static char path[4][600];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static void put_old(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, old_bytes, OLD_LEN) != OLD_LEN || close(fd) != 0) node_die("cannot write %s", path);
}

/* Whether the file has exactly these bytes. */
static bool has(const char *path, const uint8_t *bytes, size_t len)
{
	static uint8_t got[NEW_LEN + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return false;
	ssize_t n = read(fd, got, sizeof got);
	close(fd);
	return n == (ssize_t)len && memcmp(got, bytes, len) == 0;
}

/* The identity file. */

static bool is_rooted; /* of the identity that is written */

static struct identity an_identity(void)
{
	struct identity identity = { .token_kind = "tpm2", .token_uri = "tpm2:device", .rooted = is_rooted };
	memset(identity.domain.id, 0x11, sizeof identity.domain.id);
	memset(identity.domain.node_id, 0x22, sizeof identity.domain.node_id);
	memset(identity.domain.public_key, 0x33, sizeof identity.domain.public_key);
	memset(identity.binding.master_secret_id, 0x44, sizeof identity.binding.master_secret_id);
	snprintf(identity.binding.mechanism, sizeof identity.binding.mechanism, "tpm2-seal");
	return identity;
}

static void write_identity(const char *folder, struct power_tape *tape)
{
	struct reason reason = { "" };
	struct identity identity = an_identity();
	must(identity_write(folder, &identity, &reason), &reason);
	done(tape);
}

/* There and right; or, where that may be, not there. */
static bool identity_is_good(const char *folder, bool must_be_there)
{
	struct identity got, want = an_identity();
	enum coffer_err err = identity_read(folder, &got, NULL);
	if (err == ERR_NOT_FOUND) return !must_be_there;
	return !err && memcmp(&got.domain, &want.domain, sizeof got.domain) == 0 && memcmp(got.binding.master_secret_id, want.binding.master_secret_id, sizeof got.binding.master_secret_id) == 0;
}

/* The identity file written again as format 2, from the first start with a version root on. */

static void prepare_older(const char *folder)
{
	is_rooted = false;
	write_identity(folder, NULL);
}

static void write_newer(const char *folder, struct power_tape *tape)
{
	is_rooted = true;
	write_identity(folder, tape);
	is_rooted = false;
}

static bool newer_is_good(const char *folder, bool is_done)
{
	struct identity got;
	return identity_is_good(folder, true) && identity_read(folder, &got, NULL) == ERR_OK && (got.rooted || !is_done);
}

/* The identity file in the steps of an init: when prepare has returned the store may commit, and from then on publish must succeed. */

static void prepare_identity(const char *folder, struct power_tape *tape)
{
	struct reason reason = { "" };
	struct identity identity = an_identity();
	must(identity_prepare(folder, &identity, &reason), &reason);
	done(tape);
	must(identity_publish(folder, &reason), &reason);
}

static bool prepared_is_good(const char *folder, bool committed)
{
	if (!committed) { /* the start takes it back */
		if (!identity_is_good(folder, false)) return false;
		identity_withdraw(folder);
		return access(in(folder, "pending/node.id"), F_OK) != 0;
	}
	return identity_publish(folder, NULL) == ERR_OK && identity_is_good(folder, true);
}

/* A file that is replaced (the monitor's pid file). */

static void prepare_file(const char *folder)
{
	put_old(in(folder, "file"));
}

static void replace_file(const char *folder, struct power_tape *tape)
{
	struct reason reason = { "" };
	must(fdio_write_file_atomic(in(folder, "file"), 0644, view_of(new_bytes, NEW_LEN), &reason), &reason);
	done(tape);
}

static bool file_is_good(const char *folder, bool is_done)
{
	return has(in(folder, "file"), new_bytes, NEW_LEN) || (!is_done && has(in(folder, "file"), old_bytes, OLD_LEN));
}

/* What coffer encrypt, decrypt and rewrap write. */

static void write_output(const char *folder, struct power_tape *tape)
{
	struct output out;
	int status = output_open(in(folder, "file"), &out);
	for (size_t at = 0; at < NEW_LEN && !status; at += 10000) status = output_write(&out, new_bytes + at, 10000);
	if (!status) status = output_commit(&out);
	if (status) node_die("%s", sentence);
	done(tape);
}

/* Recovery shares: when coffer init has read them back it lets the domain be made. */

static void write_shares(const char *folder, struct power_tape *tape)
{
	for (unsigned i = 1; i <= SHARES && !tape; i++) { /* the second time, by hand: what an init that was cut off left behind is removed */
		char name[32];
		snprintf(name, sizeof name, "share-%u.txt", i);
		unlink(in(folder, name));
	}
	if (share_files_write(folder, shares, SHARES) != EXIT_DONE) node_die("%s", sentence);
	done(tape);
}

static bool shares_are_good(const char *folder, bool is_done)
{
	for (unsigned i = 0; i < SHARES && is_done; i++) {
		char name[32];
		snprintf(name, sizeof name, "share-%u.txt", i + 1);
		if (!has(in(folder, name), secret_bytes(shares[i]), strlen((const char *)secret_bytes(shares[i])))) return false;
	}
	return true;
}

/* The lock of the state folder: its text is for people alone. */

static void write_lock(const char *folder, struct power_tape *tape)
{
	struct reason reason = { "" };
	int fd = -1;
	must(state_dir_lock(folder, &fd, &reason), &reason);
	close(fd);
	done(tape);
}

static bool lock_is_good(const char *folder, bool is_done)
{
	int fd = -1;
	(void)is_done;
	if (state_dir_lock(folder, &fd, NULL) != ERR_OK) return false;
	close(fd);
	return true;
}

/* A new store: made under another name; from the first answer on it has its own. */

static struct store *open_store(const char *folder)
{
	struct reason reason = { "" };
	struct store *s = NULL;
	must(store_open_sqlite(in(folder, "store.db"), &s, &reason), &reason);
	return s;
}

static void make_store(const char *folder, struct power_tape *tape)
{
	struct store *s = open_store(folder);
	done(tape);
	store_close(s);
}

static bool store_is_good(const char *folder, bool is_done)
{
	struct store *s = NULL;
	if (is_done && access(in(folder, "store.db"), F_OK) != 0) return false;
	if (store_open_sqlite(in(folder, "store.db"), &s, NULL) != ERR_OK) return false;
	store_close(s);
	return true;
}

static const struct kind kinds[] = {
	{ "node.id", NULL, write_identity, identity_is_good, true },
	{ "replaced-node.id", prepare_older, write_newer, newer_is_good, true },
	{ "pending-node.id", NULL, prepare_identity, prepared_is_good, true },
	{ "replaced-file", prepare_file, replace_file, file_is_good, true },
	{ "output", prepare_file, write_output, file_is_good, true },
	{ "recovery-shares", NULL, write_shares, shares_are_good, true },
	{ "lock", NULL, write_lock, lock_is_good, false },
	{ "new-store", NULL, make_store, store_is_good, true },
};

static uint64_t seed = 1, images = 500, violations;
static const char *plant, *only;
static bool missed;
static char place[128];

static void complain(const struct kind *k, const struct power_cut *cut, enum power_how how, const char *what)
{
	violations++;
	if (!plant && violations < 20)
		printf("VIOLATION seed %llu, %s, cut %zu of %zu, image %s: %s\n", (unsigned long long)seed, k->name, cut->at, cut->tape->count,
			power_how_name(how), what);
}

/* The reader or writer gave up: with a planted mistake that is a find too. The rest of the kinds is not run. */
static void die_hook(const char *text)
{
	printf("%s seed %llu: %s\n", plant ? "found:" : "VIOLATION", (unsigned long long)seed, text);
	power_tape_stop();
	power_remove(place);
	exit(plant ? missed : 1);
}

static bool is_done_at(const struct power_cut *cut)
{
	for (size_t i = 0; i < cut->at; i++)
		if (cut->tape->ops[i].kind == POWER_MARK) return true;
	return false;
}

static void try_image(const struct kind *k, const struct power_cut *cut, enum power_how how, struct power_dice *dice)
{
	struct power_disk image;
	const char *folder = in(place, "image");
	char path[600];
	bool is_done = is_done_at(cut);
	snprintf(path, sizeof path, "%s", folder);
	power_image(cut, how, dice, &image);
	power_disk_write(&image, path);
	if (!k->is_good(path, is_done)) complain(k, cut, how, is_done ? "what was done is not there" : "it is neither as before nor as after");
	k->write(path, NULL);
	if (!k->is_good(path, true)) complain(k, cut, how, "written once more it is not there");
	power_remove(path);
	power_disk_free(&image);
}

/* An equal number at each place of the tape, every kind of image in turn. */
static uint64_t cut_all(const struct kind *k, const struct power_tape *tape)
{
	struct power_dice dice = { seed * 7919u };
	struct power_cut cut;
	uint64_t made = 0, each = images / tape->count + 1;
	power_cut_begin(&cut, tape);
	for (size_t at = 1; at <= tape->count; at++) {
		power_cut_to(&cut, at);
		for (uint64_t i = 0; i < each; i++, made++) try_image(k, &cut, (enum power_how)(i % POWER_HOW_COUNT), &dice);
	}
	power_cut_free(&cut);
	return made;
}

static bool run_kind(const struct kind *k)
{
	struct power_tape tape;
	char folder[600];
	uint64_t before = violations;
	snprintf(folder, sizeof folder, "%s", in(place, "first"));
	if (mkdir(folder, 0700) != 0) node_die("cannot make %s", folder);
	if (k->prepare) k->prepare(folder);
	power_tape_begin(&tape, folder);
	k->write(folder, &tape);
	power_tape_end(&tape, folder);
	power_remove(folder);
	uint64_t made = cut_all(k, &tape);
	printf("power: %s: %zu calls, %llu images, %llu violations\n", k->name, tape.count, (unsigned long long)made, (unsigned long long)(violations - before));
	power_tape_free(&tape);
	return violations > before;
}

static void make_contents(void)
{
	struct power_dice dice = { 42 };
	for (size_t i = 0; i < OLD_LEN; i++) old_bytes[i] = (uint8_t)(1 + power_roll(&dice, 255));
	for (size_t i = 0; i < NEW_LEN; i++) new_bytes[i] = (uint8_t)(1 + power_roll(&dice, 255));
	if (arena_init(1u << 20, false, NULL) != ERR_OK) node_die("no arena");
	for (unsigned i = 0; i < SHARES; i++) {
		char text[900];
		for (size_t k = 0; k + 1 < sizeof text; k++) text[k] = (char)('A' + power_roll(&dice, 26));
		text[sizeof text - 1] = '\0';
		shares[i] = secret_new(sizeof text);
		if (!shares[i]) node_die("out of memory");
		memcpy(secret_mut(shares[i]), text, sizeof text);
	}
}

static bool take_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc) return false;
		if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--images") == 0) images = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--plant") == 0) plant = argv[i + 1];
		else if (strcmp(argv[i], "--kind") == 0) only = argv[i + 1];
		else return false;
	}
	if (plant) power_planted = strcmp(plant, "folder-sync") == 0 ? POWER_NO_FOLDER_SYNC : POWER_NO_FILE_SYNC;
	return !plant || strcmp(plant, "folder-sync") == 0 || strcmp(plant, "file-sync") == 0;
}

int main(int argc, char **argv)
{
	if (!take_options(argc, argv)) {
		fprintf(stderr, "usage: crash_power_files [--seed S] [--images N] [--plant folder-sync|file-sync] [--kind NAME]\n");
		return 2;
	}
	node_die_hook = die_hook;
	make_contents();
	power_make_place(place);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (only && strcmp(only, kinds[i].name) != 0) continue;
		bool found = run_kind(&kinds[i]);
		if (!plant || !kinds[i].keeps || found) continue;
		printf("the planted mistake '%s' was not found in %s\n", plant, kinds[i].name);
		missed = true;
	}
	power_remove(place);
	for (unsigned i = 0; i < SHARES; i++) secret_free(shares[i]);
	return plant ? missed : violations > 0;
}
