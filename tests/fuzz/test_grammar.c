/* Messages of the grammar against the dispatcher: COUNT of them from SEED on, most of them bent. What must hold is in world.h. When something does
 * not, the seed of that one message is the last line: `test_grammar SEED 1` runs it alone.
 *     test_grammar [SEED [COUNT]] */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz/fuzz.h"
#include "fuzz/world.h"

#define SEED UINT64_C(20240229)
#define COUNT 20000u
#define SECONDS_MAX 30.0 /* sanitizer builds on slow machines stop there */
#define MESSAGE_MAX (64u * 1024u)

/* Of the sanitizers, when they are there. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static uint64_t now_running;

/* With write(2) alone: it may run in a signal handler. */
static void tell_seed(void)
{
	char text[] = "seed 00000000000000000000\n";
	uint64_t v = now_running;
	for (size_t i = sizeof text - 3; i > 4; i--, v /= 10) text[i] = (char)('0' + v % 10);
	ssize_t n = write(2, text, sizeof text - 1);
	(void)n;
}

static void on_signal(int number)
{
	tell_seed();
	signal(number, SIG_DFL);
	raise(number);
}

static void one_message(struct world *w, uint64_t seed)
{
	static struct tree t;
	static uint8_t bytes[1 + MESSAGE_MAX];
	const struct grammar_known *known = world_known(w, WORLD_ALL);
	struct dice d = { seed };
	tree_clear(&t);
	bytes[0] = (uint8_t)(dice_one_in(&d, 12) ? dice_u64(&d) : dice_one_in(&d, 4) ? dice_below(&d, 8) : 0);
	struct grammar_wish wish = { .minor = -1 };
	uint32_t frames = 1 + dice_below(&d, 3);
	if (frames == 3) { /* the same operation again and again */
		wish.operation = known->operations[dice_below(&d, (uint32_t)known->operation_count)];
		wish.count = 1;
	}
	while (frames--) grammar_request(&t, &d, known, &wish);
	for (uint32_t times = dice_one_in(&d, 2) ? 1 + dice_below(&d, 3) : 0; times; times--) tree_bend(&t, &d);
	world_run_bytes(w, view_of(bytes, 1 + tree_write(&t, bytes + 1, MESSAGE_MAX)));
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : SEED;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : COUNT, done = 0, ok, failed;
	double begin = seconds();
	struct world *w = world_get();
	signal(SIGABRT, on_signal);
	if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(tell_seed);
	else signal(SIGSEGV, on_signal);
	for (; done < count && seconds() - begin < SECONDS_MAX; done++) {
		now_running = seed + done;
		one_message(w, now_running);
	}
	world_counts(w, &ok, &failed);
	printf("%llu messages from seed %llu in %.1f s: %llu items done, %llu refused\n", (unsigned long long)done, (unsigned long long)seed,
		seconds() - begin, (unsigned long long)ok, (unsigned long long)failed);
	for (size_t i = 0; world_never_done(w, i); i++) printf("%s%s", i ? ", " : "never carried out: ", world_never_done(w, i));
	printf("\n");
	REQUIRE(done < 1000 || (ok > done / 20 && failed > done / 20)); /* both paths were taken */
	return 0;
}
