// Rollcall · CAllocationCounter

#include "allocation_counter.h"

// After the first include, because it defines __GLIBC__.
#if defined(__linux__) && defined(__GLIBC__)

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// The names that glibc itself gives to the interposed functions. A lookup by dlsym would allocate.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct allocation_counts *counts;

// Runs before main. Earlier allocations are not counted.
__attribute__((constructor)) static void open_counts(void) {
    const char *path = getenv(ALLOCATION_COUNTS_FILE);
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    struct stat status;
    if (fstat(file, &status) == 0 && status.st_size >= (off_t)sizeof(struct allocation_counts)) {
        void *memory = mmap(NULL, sizeof(struct allocation_counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory != MAP_FAILED) counts = memory;
    }
    close(file);
}

static void count(size_t bytes) {
    if (counts == NULL) return;
    atomic_fetch_add_explicit(&counts->number, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->bytes, bytes, memory_order_relaxed);
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count(size);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    count(size);
    int before = errno;
    void *memory = __libc_memalign(alignment, size);
    errno = before;  // posix_memalign reports a failure only by its result
    if (memory == NULL) return ENOMEM;
    *result = memory;
    return 0;
}

#endif
