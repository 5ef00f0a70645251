/* A disk that may lose what was not synced. A tape holds what a run did to the files of one folder, call by call (power_calls.c records it, below SQLite
 * and below Coffer's own files alike); a cut is a place on the tape where the power fails; an image is one of the many folders that the disk may show
 * afterwards.
 *
 * The rules are the weakest that POSIX allows:
 *   fsync of a file makes its bytes and its length durable, not its name; fsync of a folder makes the names in it durable;
 *   a write that was not synced may be there whole, in part (sectors of 512 bytes; in the severe kinds any byte) or not at all, in any order, older
 *   ones over newer ones too; a length that was not synced may be the old or the new one, and new bytes that did not come are zeros or leftovers;
 *   a name that was made, moved or removed and not synced may be there or not; a rename happens whole or not at all; after the sync of the folder it
 *   goes to, the old name may still be there too. What was synced is never lost. */
#ifndef COFFER_TESTS_CRASH_POWER_DISK_H
#define COFFER_TESTS_CRASH_POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POWER_NAME_MAX 63u
#define POWER_ROOT 0u /* the node of the folder itself */

struct power_file {
	bool is_dir;
	uint8_t *bytes;
	size_t len, cap;
};

struct power_name {
	unsigned dir, node;
	char name[POWER_NAME_MAX + 1];
};

/* Files by number and their names; owned. */
struct power_disk {
	struct power_file *files;
	size_t file_count;
	struct power_name *names;
	size_t name_count;
};

enum power_kind { POWER_WRITE, POWER_SIZE, POWER_LINK, POWER_UNLINK, POWER_RENAME, POWER_SYNC, POWER_MARK };

struct power_op {
	enum power_kind kind;
	unsigned node;                                             /* file, or the folder that is synced; of a mark: its number */
	unsigned dir, to_dir;
	char name[POWER_NAME_MAX + 1], to_name[POWER_NAME_MAX + 1];
	uint64_t at;                                               /* of a write; the new length */
	size_t len;
	uint8_t *bytes;                                            /* owned by the tape */
};

struct power_tape {
	struct power_disk before; /* all of it durable */
	struct power_disk now;    /* as the running program sees it */
	struct power_op *ops;
	size_t count;
};

/* A place on the tape: what is durable there and what is not. Begin with power_cut_begin; it only moves forward. */
struct power_cut {
	const struct power_tape *tape;
	size_t at;                  /* ops before it have happened */
	struct power_disk durable;
	struct power_op *pending;   /* copies; their bytes belong to the tape */
	size_t pending_count;
};

enum power_how {
	POWER_ALL,      /* everything happened: a killed process */
	POWER_NOTHING,  /* nothing that was not synced */
	POWER_PREFIX,   /* in order, up to a torn one */
	POWER_ONE_LOST,
	POWER_ONE_KEPT,
	POWER_SUBSET,
	POWER_SECTORS,  /* each sector by itself */
	POWER_SHUFFLED, /* some of them, in another order */
	POWER_BYTES,    /* some of them, torn at any byte: severe */
	POWER_HOW_COUNT
};
const char *power_how_name(enum power_how how);

struct power_dice {
	uint64_t state;
};
uint64_t power_roll(struct power_dice *dice, uint64_t sides); /* 0..sides-1 */

/* The disk of a folder as it lies there. Folders in it one level deep. */
void power_disk_read(struct power_disk *disk, const char *folder);
/* Makes the folder, which must not be there. */
void power_disk_write(const struct power_disk *disk, const char *folder);
void power_disk_copy(struct power_disk *to, const struct power_disk *from);
void power_disk_free(struct power_disk *disk);
const struct power_name *power_disk_find(const struct power_disk *disk, unsigned dir, const char *name);
/* One op, whole. */
void power_disk_apply(struct power_disk *disk, const struct power_op *op);
/* Same names with the same bytes. */
bool power_disk_same(const struct power_disk *a, const struct power_disk *b);
/* bytes that occur in a file that has a name. */
bool power_disk_holds(const struct power_disk *disk, const uint8_t *bytes, size_t len);
unsigned power_disk_add(struct power_disk *disk, bool is_dir);
/* A folder below /tmp or what TMPDIR names; removed with all that is in it by power_remove. */
void power_make_place(char out[static 128]);
void power_remove(const char *folder);

/* Starts recording what this thread does below folder; what lies there now is durable. Ends with power_tape_end, which checks that the tape and the folder
 * agree: no call went past the recorder. */
void power_tape_begin(struct power_tape *tape, const char *folder);
void power_tape_end(struct power_tape *tape, const char *folder);
/* Forgets the recording, for a program that gives up. */
void power_tape_stop(void);
/* Notes a moment, such as an answer that went out. */
void power_tape_mark(struct power_tape *tape, unsigned number);
void power_tape_add(struct power_tape *tape, const struct power_op *op);
void power_tape_free(struct power_tape *tape);

/* A mistake planted below the program: these syncs do nothing. */
enum power_plant { POWER_HONEST, POWER_NO_FOLDER_SYNC, POWER_NO_FILE_SYNC };
extern enum power_plant power_planted;

void power_cut_begin(struct power_cut *cut, const struct power_tape *tape);
void power_cut_to(struct power_cut *cut, size_t at);
void power_cut_free(struct power_cut *cut);
/* One image of the cut; the caller frees it. */
void power_image(const struct power_cut *cut, enum power_how how, struct power_dice *dice, struct power_disk *out);

#endif
