/* crash_power: the crash history on a disk that loses power (power_disk.h), thousands of times in one process.
 *
 * usage: crash_power [--seed S] [--seeds N] [--images N] [--steps N] [--plant WHAT] [--keep FOLDER]
 *
 * For each seed a history is recorded from an empty folder on. At every call that it makes the power may fail: of each such place some images of the disk are
 * made, each is opened by the real store, judged, carried on with the step under way repeated under its request id, and judged again. One in eight is
 * recorded on that way and loses power a second time, and so on up to the third. --images: of each seed. --plant: synchronous-normal, synchronous-off,
 * folder-sync, file-sync, early (crash_power_early alone): then a violation is wanted, and none is the failure. --keep: where the first bad image is put.
 *
 * Exit status 0: no violation (with --plant: at least one). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "crash/node.h"
#include "crash/power_run.h"

static struct options {
	uint64_t seed, seeds, images, steps;
	const char *plant, *keep;
} options = { .seed = 1, .seeds = 1, .images = 1000, .steps = 24 };

/* Where the campaign is, for the sentence about a violation. */
static struct {
	size_t cut[POWER_DEPTH_MAX], of[POWER_DEPTH_MAX];
	unsigned depth, done;
	enum power_how how;
	const struct power_disk *image;
} here;
static uint64_t images, deeper[POWER_DEPTH_MAX], by_how[POWER_HOW_COUNT], pending_sum, violations;
static char place[128];

static void give_up(int status)
{
	power_tape_stop();
	power_remove(place);
	exit(status);
}

static void finish_found(const char *what)
{
	printf("found after %llu images: %s\n", (unsigned long long)images, what);
	give_up(0);
}

static void complain(const char *what)
{
	violations++;
	if (options.plant) finish_found(what);
	printf("VIOLATION seed %llu, %u steps done,", (unsigned long long)options.seed, here.done);
	for (unsigned i = 0; i < here.depth; i++) printf(" cut %zu of %zu,", here.cut[i], here.of[i]);
	printf(" image %s: %s\n", here.depth ? power_how_name(here.how) : "none", what);
	if (options.keep && here.image) {
		power_disk_write(here.image, options.keep);
		options.keep = NULL;
	}
	if (violations >= 20) give_up(1);
}

static void die_hook(const char *text)
{
	complain(text);
	give_up(1);
}

static void cut_tape(const struct power_tape *tape, const struct power_world *before, const struct power_world *after, uint64_t count,
	const struct power_plan *plan, struct power_dice *dice);

/* Opens an image, has it judged and carries it on. */
static void try_image(const struct power_disk *image, const struct power_world *world, const struct power_plan *plan, struct power_dice *dice)
{
	char folder[160];
	struct power_tape tape;
	struct power_world *after = malloc(sizeof *after);
	bool again = here.depth < POWER_DEPTH_MAX && power_roll(dice, 8) == 0;
	unsigned steps = (unsigned)power_roll(dice, again ? 5 : 3);
	if (!after) node_die("out of memory");
	*after = *world;
	snprintf(folder, sizeof folder, "%s/image-%u", place, here.depth);
	images++;
	deeper[here.depth - 1]++;
	here.image = image;
	power_check_traces(image, world, world->done);
	power_disk_write(image, folder);
	power_run(folder, after, steps, plan, again ? &tape : NULL);
	power_remove(folder);
	if (again) {
		cut_tape(&tape, world, after, 4, plan, dice);
		power_tape_free(&tape);
	}
	free(after);
}

/* The world at a place of a tape: the ids of later acknowledgements are not looked at. */
static void one_cut(const struct power_cut *cut, const struct power_world *before, const struct power_world *after,
	const struct power_plan *plan, struct power_dice *dice)
{
	struct power_disk image;
	struct power_world *world = malloc(sizeof *world);
	if (!world) node_die("out of memory");
	*world = *after;
	world->done = power_done_at(cut->tape, cut->at, before->done);
	unsigned depth = here.depth++;
	here.cut[depth] = cut->at;
	here.of[depth] = cut->tape->count;
	here.done = world->done;
	here.how = cut->pending_count ? (enum power_how)power_roll(dice, POWER_HOW_COUNT) : POWER_ALL;
	by_how[here.how]++;
	pending_sum += cut->pending_count;
	power_image(cut, here.how, dice, &image);
	try_image(&image, world, plan, dice);
	here.depth = depth;
	here.image = NULL;
	power_disk_free(&image);
	free(world);
}

/* `count` images of a tape, at places all over it. */
static void cut_tape(const struct power_tape *tape, const struct power_world *before, const struct power_world *after, uint64_t count,
	const struct power_plan *plan, struct power_dice *dice)
{
	struct power_cut cut;
	power_cut_begin(&cut, tape);
	uint64_t left = count;
	for (size_t at = 1; at <= tape->count && left; at++) {
		uint64_t places = tape->count - at + 1, here_and_now = left / places + (power_roll(dice, places) < left % places);
		power_cut_to(&cut, at);
		for (uint64_t i = 0; i < here_and_now; i++, left--) one_cut(&cut, before, after, plan, dice);
	}
	power_cut_free(&cut);
}

static enum power_setting planted_setting(void)
{
	if (options.plant && strcmp(options.plant, "synchronous-normal") == 0) return POWER_SYNC_NORMAL;
	if (options.plant && strcmp(options.plant, "synchronous-off") == 0) return POWER_SYNC_OFF;
	return POWER_FULL;
}

static void run_seed(void)
{
	static struct power_world before, after;
	char folder[160];
	struct power_tape tape;
	struct power_dice dice = { options.seed * 1000003u };
	struct power_plan plan = { .setting = planted_setting() };
	before = after = (struct power_world){ .seed = options.seed };
	if (power_roll(&dice, 2)) plan.checkpoint_pages = 4 + (unsigned)power_roll(&dice, 60);
	if (power_roll(&dice, 2)) plan.reopen_at = 1 + (unsigned)power_roll(&dice, options.steps);
	here.depth = here.done = 0;
	snprintf(folder, sizeof folder, "%s/first", place);
	power_disk_write(&(struct power_disk){ .files = NULL }, folder);
	power_run(folder, &after, (unsigned)options.steps, &plan, &tape);
	power_remove(folder);
	plan.reopen_at = 0;
	cut_tape(&tape, &before, &after, options.images, &plan, &dice);
	power_tape_free(&tape);
}

static bool take_plant(void)
{
	static const char *const known[] = { "synchronous-normal", "synchronous-off", "folder-sync", "file-sync", "early" };
	bool found = !options.plant;
	for (size_t i = 0; i < sizeof known / sizeof known[0] && !found; i++) found = strcmp(options.plant, known[i]) == 0;
	if (found && options.plant && strcmp(options.plant, "folder-sync") == 0) power_planted = POWER_NO_FOLDER_SYNC;
	if (found && options.plant && strcmp(options.plant, "file-sync") == 0) power_planted = POWER_NO_FILE_SYNC;
	return found;
}

static bool take_options(int argc, char **argv)
{
	static const struct { const char *name; uint64_t *number; const char **text; } known[] = {
		{ "--seed", &options.seed, NULL }, { "--seeds", &options.seeds, NULL }, { "--images", &options.images, NULL },
		{ "--steps", &options.steps, NULL }, { "--plant", NULL, &options.plant }, { "--keep", NULL, &options.keep },
	};
	for (int i = 1; i < argc; i += 2) {
		size_t k = 0, count = sizeof known / sizeof known[0];
		while (k < count && strcmp(argv[i], known[k].name) != 0) k++;
		if (k == count || i + 1 == argc) return false;
		if (known[k].number) *known[k].number = strtoull(argv[i + 1], NULL, 10);
		else *known[k].text = argv[i + 1];
	}
	return options.steps > 0 && options.steps < POWER_STEPS_MAX / 2 && take_plant();
}

static void report(uint64_t from, uint64_t ms)
{
	printf("power: %llu images of %llu seeds from %llu (%llu after a second cut, %llu after a third), %.1f unsynced calls each,", (unsigned long long)images,
		(unsigned long long)options.seeds, (unsigned long long)from, (unsigned long long)deeper[1], (unsigned long long)deeper[2],
		images ? (double)pending_sum / (double)images : 0.0);
	for (int i = 0; i < POWER_HOW_COUNT; i++) printf(" %s %llu", power_how_name((enum power_how)i), (unsigned long long)by_how[i]);
	printf("; %llu violations, %.1f s\n", (unsigned long long)violations, (double)ms / 1000);
}

int main(int argc, char **argv)
{
	if (!take_options(argc, argv)) {
		fprintf(stderr, "usage: crash_power [--seed S] [--seeds N] [--images N] [--steps N] [--plant WHAT] [--keep FOLDER]\n");
		return 2;
	}
	uint64_t from = options.seed, began = clock_mono_ms();
	power_complain = complain;
	node_die_hook = die_hook;
	power_make_place(place);
	for (; options.seed < from + options.seeds; options.seed++) run_seed();
	power_remove(place);
	report(from, clock_mono_ms() - began);
	if (options.plant) printf("the planted mistake '%s' was not found\n", options.plant);
	return options.plant || violations ? 1 : 0;
}
