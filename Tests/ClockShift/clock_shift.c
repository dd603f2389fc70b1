// Rollcall · ClockShift
//
// Shifts the wall clock of a redis-server into which it is preloaded. The file that CLOCK_SHIFT_FILE names holds the
// shift in microseconds, a signed 64-bit number, and each call reads it. The monotonic clock does not change. The
// functions call the kernel, because allocators read clocks before the dynamic linker could find the real functions.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t shift(void) {
    static const volatile int64_t *offset;
    const char *path = getenv("CLOCK_SHIFT_FILE");
    if (offset == NULL && path != NULL) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        if (page == MAP_FAILED) abort();  // with an unshifted clock, tests would pass that should fail
        offset = page;
    }
    return offset == NULL ? 0 : *offset;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t microseconds = now->tv_sec * INT64_C(1000000) + now->tv_nsec / 1000 + shift();
        now->tv_sec = microseconds / 1000000;
        now->tv_nsec = microseconds % 1000000 * 1000 + now->tv_nsec % 1000;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    if (now != NULL) *now = exact.tv_sec;
    return exact.tv_sec;
}
