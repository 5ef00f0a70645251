/* The one source of time. */
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct clock_source replacement; /* guarded by lock */
static atomic_bool replaced;            /* spares the lock outside of tests */
static atomic_ullong known_zero_s;      /* the known time when the monotonic clock was 0; 0: nothing is known */

static bool get_replacement(struct clock_source *out)
{
	if (!atomic_load_explicit(&replaced, memory_order_acquire)) return false;
	pthread_mutex_lock(&lock);
	*out = replacement;
	pthread_mutex_unlock(&lock);
	return true;
}

/* Coarse, as time() is: late by a tick of the kernel, and cheap. */
static struct timespec wall(void)
{
	struct clock_source source;
	struct timespec now;
	if (get_replacement(&source) && source.wall_s) return (struct timespec){ .tv_sec = (time_t)source.wall_s(source.arg) };
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now.tv_sec > 0 ? now : (struct timespec){ 0 };
}

uint64_t clock_wall_s(void)
{
	return (uint64_t)wall().tv_sec;
}

static uint64_t mono_ms(clockid_t clock)
{
	struct clock_source source;
	struct timespec now;
	if (get_replacement(&source) && source.mono_ms) return source.mono_ms(source.arg);
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t clock_mono_ms(void)
{
	return mono_ms(CLOCK_MONOTONIC);
}

uint64_t clock_mono_coarse_ms(void)
{
	return mono_ms(CLOCK_MONOTONIC_COARSE);
}

uint64_t clock_mono_ns(void)
{
	struct clock_source source;
	struct timespec now;
	if (get_replacement(&source) && source.mono_ms) return source.mono_ms(source.arg) * 1000000u;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The known time goes on by the monotonic clock; before 1970 nothing can be known. */
static uint64_t known_now_s(void)
{
	uint64_t zero = atomic_load_explicit(&known_zero_s, memory_order_relaxed);
	return zero ? zero + clock_mono_coarse_ms() / 1000 : 0;
}

uint64_t clock_date_s(void)
{
	uint64_t wall = clock_wall_s(), known = known_now_s();
	return wall > known ? wall : known;
}

uint64_t clock_date_ms(void)
{
	struct timespec now = wall();
	uint64_t known = known_now_s();
	return (uint64_t)now.tv_sec >= known ? (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u : known * 1000u;
}

uint64_t clock_behind_s(void)
{
	uint64_t wall = clock_wall_s(), known = known_now_s();
	return known > wall ? known - wall : 0;
}

void clock_set_known_s(uint64_t wall_s)
{
	uint64_t mono = clock_mono_coarse_ms() / 1000;
	atomic_store_explicit(&known_zero_s, wall_s > mono ? wall_s - mono : 0, memory_order_relaxed);
}

void clock_set_source(const struct clock_source *source)
{
	pthread_mutex_lock(&lock);
	replacement = source ? *source : (struct clock_source){ NULL, NULL, NULL };
	atomic_store_explicit(&replaced, source != NULL, memory_order_release);
	pthread_mutex_unlock(&lock);
}
