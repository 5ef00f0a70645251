/* Where the power fails, and what the disk may show afterwards. */
#include <stdlib.h>
#include <string.h>

#include "crash/node.h"
#include "crash/power_disk.h"

#define SECTOR 512u

const char *power_how_name(enum power_how how)
{
	static const char *const names[] = { "all", "nothing", "prefix", "one-lost", "one-kept", "subset", "sectors", "shuffled", "bytes" };
	return how < POWER_HOW_COUNT ? names[how] : "?";
}

uint64_t power_roll(struct power_dice *dice, uint64_t sides)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % sides;
}

void power_cut_begin(struct power_cut *cut, const struct power_tape *tape)
{
	*cut = (struct power_cut){ .tape = tape };
	power_disk_copy(&cut->durable, &tape->before);
	cut->pending = calloc(tape->count + 1, sizeof *cut->pending);
	if (!cut->pending) node_die("out of memory");
}

void power_cut_free(struct power_cut *cut)
{
	power_disk_free(&cut->durable);
	free(cut->pending);
}

static bool is_of_name(const struct power_op *op)
{
	return op->kind == POWER_LINK || op->kind == POWER_UNLINK || op->kind == POWER_RENAME;
}

/* What the sync of a file or folder makes durable leaves the list. */
static void sync_node(struct power_cut *cut, unsigned node)
{
	size_t left = 0;
	for (size_t i = 0; i < cut->pending_count; i++) {
		struct power_op *op = &cut->pending[i];
		bool from = is_of_name(op) && op->dir == node, to = op->kind == POWER_RENAME && op->to_dir == node;
		bool bytes = !is_of_name(op) && op->node == node;
		if (to && !from) { /* it came from another folder: the old name is that one's matter */
			struct power_op link = *op;
			link.kind = POWER_LINK;
			link.dir = op->to_dir;
			link.len = cut->tape->now.files[op->node].is_dir;
			memcpy(link.name, op->to_name, sizeof link.name);
			power_disk_apply(&cut->durable, &link);
			op->kind = POWER_UNLINK;
			cut->pending[left++] = *op;
		} else if (from || bytes) {
			power_disk_apply(&cut->durable, op);
		} else {
			cut->pending[left++] = *op;
		}
	}
	cut->pending_count = left;
}

void power_cut_to(struct power_cut *cut, size_t at)
{
	for (; cut->at < at && cut->at < cut->tape->count; cut->at++) {
		const struct power_op *op = &cut->tape->ops[cut->at];
		if (op->kind == POWER_SYNC) sync_node(cut, op->node);
		else if (op->kind != POWER_MARK) cut->pending[cut->pending_count++] = *op;
	}
}

/* How one write came: its bytes, its length. */
struct fate {
	bool bytes, length;
	enum { WHOLE, SOME_SECTORS, FIRST_SECTORS, SOME_BYTES } tear;
	uint64_t odds; /* of 10, for each sector */
	bool leftovers;
};

static void fill_leftovers(struct power_file *f, size_t from, struct power_dice *dice)
{
	for (size_t i = from; i < f->len; i += 8) {
		uint64_t some = power_roll(dice, UINT64_MAX);
		memcpy(f->bytes + i, &some, f->len - i < 8 ? f->len - i : 8);
	}
}

static void grow(struct power_disk *disk, const struct power_op *op, const struct fate *fate, struct power_dice *dice)
{
	struct power_file *f = &disk->files[op->node];
	size_t end = (size_t)op->at + op->len, old = f->len;
	if (!fate->length || end <= old) return;
	power_disk_apply(disk, &(struct power_op){ .kind = POWER_SIZE, .node = op->node, .at = end });
	if (fate->leftovers) fill_leftovers(f, old, dice);
}

/* The bytes from..to of a write, as far as they lie within the file. */
static void put(struct power_file *f, const struct power_op *op, size_t from, size_t to)
{
	if (to > op->len) to = op->len;
	if (op->at >= f->len || from >= to) return;
	if (op->at + to > f->len) to = f->len - (size_t)op->at;
	if (from < to) memcpy(f->bytes + op->at + from, op->bytes + from, to - from);
}

static void put_sectors(struct power_file *f, const struct power_op *op, const struct fate *fate, struct power_dice *dice)
{
	size_t first = SECTOR - (size_t)op->at % SECTOR, count = 1 + (op->len > first ? (op->len - first + SECTOR - 1) / SECTOR : 0);
	size_t stop = fate->tear == FIRST_SECTORS ? power_roll(dice, count + 1) : count;
	for (size_t i = 0; i < stop; i++) {
		size_t from = i ? first + (i - 1) * SECTOR : 0, to = first + i * SECTOR;
		if (fate->tear == FIRST_SECTORS || power_roll(dice, 10) < fate->odds) put(f, op, from, to);
	}
}

static void put_write(struct power_disk *disk, const struct power_op *op, const struct fate *fate, struct power_dice *dice)
{
	while (disk->file_count <= op->node) power_disk_add(disk, false);
	grow(disk, op, fate, dice);
	struct power_file *f = &disk->files[op->node];
	if (!fate->bytes) return;
	if (fate->tear == SOME_SECTORS || fate->tear == FIRST_SECTORS) put_sectors(f, op, fate, dice);
	else if (fate->tear == WHOLE) put(f, op, 0, op->len);
	else if (power_roll(dice, 2)) put(f, op, 0, power_roll(dice, op->len + 1));
	else put(f, op, power_roll(dice, op->len + 1), op->len);
}

static void put_op(struct power_disk *disk, const struct power_op *op, const struct fate *fate, struct power_dice *dice)
{
	if (op->kind == POWER_WRITE) put_write(disk, op, fate, dice);
	else if (fate->bytes) power_disk_apply(disk, op);
}

/* What becomes of the i-th of n. */
static struct fate roll_fate(enum power_how how, size_t i, size_t chosen, uint64_t odds, struct power_dice *dice)
{
	struct fate fate = { .tear = WHOLE, .odds = odds };
	bool kept = power_roll(dice, 10) < odds;
	switch (how) {
	case POWER_ALL: fate.bytes = fate.length = true; break;
	case POWER_NOTHING:
	case POWER_HOW_COUNT: break;
	case POWER_PREFIX:
		fate.bytes = fate.length = i <= chosen;
		if (i == chosen) fate.tear = FIRST_SECTORS;
		break;
	case POWER_ONE_LOST: fate.bytes = fate.length = i != chosen; break;
	case POWER_ONE_KEPT: fate.bytes = fate.length = i == chosen; break;
	case POWER_SUBSET:
	case POWER_SHUFFLED: fate.bytes = fate.length = kept; break;
	case POWER_SECTORS:
		fate.tear = SOME_SECTORS;
		fate.bytes = true;
		fate.length = kept;
		break;
	case POWER_BYTES:
		fate.tear = power_roll(dice, 2) ? SOME_BYTES : WHOLE;
		fate.bytes = kept;
		fate.length = kept || power_roll(dice, 2);
		break;
	}
	return fate;
}

/* Another order of the writes; names keep theirs. */
static void shuffle(struct power_op *ops, size_t count, struct power_dice *dice)
{
	for (size_t i = count; i > 1; i--) {
		size_t k = power_roll(dice, i);
		if (is_of_name(&ops[i - 1]) || is_of_name(&ops[k])) continue;
		struct power_op swap = ops[i - 1];
		ops[i - 1] = ops[k];
		ops[k] = swap;
	}
}

void power_image(const struct power_cut *cut, enum power_how how, struct power_dice *dice, struct power_disk *out)
{
	size_t n = cut->pending_count, chosen = n ? power_roll(dice, n) : 0;
	uint64_t odds = 1 + power_roll(dice, 9);
	bool leftovers = how >= POWER_SUBSET && power_roll(dice, 4) == 0;
	struct power_op *ops = calloc(n + 1, sizeof *ops);
	if (!ops) node_die("out of memory");
	if (n) memcpy(ops, cut->pending, n * sizeof *ops);
	if (how == POWER_SHUFFLED) shuffle(ops, n, dice);
	power_disk_copy(out, &cut->durable);
	for (size_t i = 0; i < n; i++) {
		struct fate fate = roll_fate(how, i, chosen, odds, dice);
		fate.leftovers = leftovers;
		/* In the scattering kinds a name that was not synced stays or goes like the rest. */
		if (how == POWER_SECTORS && ops[i].kind != POWER_WRITE) fate.bytes = power_roll(dice, 10) < odds;
		put_op(out, &ops[i], &fate, dice);
	}
	free(ops);
}
