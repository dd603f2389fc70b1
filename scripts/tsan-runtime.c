// Reports synchronisation in the Swift runtime on Linux to the thread sanitizer; scripts/tsan preloads it.
//
// The runtime is not instrumented. Without this library the sanitizer misses some of its hand-overs and reports them as
// data races:
// - Mutex locks and unlocks inline, where the sanitizer sees it. When two threads want it at once it calls the runtime,
//   which leaves the hand-over to the kernel.
// - A continuation can be resumed while its task is about to wait. The task then goes on at once, by an atomic that
//   only the runtime sees. Here the task acquires the writes before the resumption at its next steps: when it begins to
//   wait, and when it frees memory of its own, which it does after every wait.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SWIFT_ASYNC __attribute__((swiftasynccall))
#define SELF __attribute__((swift_context)) void *handle

// Functions of the sanitizer runtime; absent in the programs that a test starts.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

static void acquire(void *address) {
    if (__tsan_acquire) {
        __tsan_acquire(address);
    }
}

static void release(void *address) {
    if (__tsan_release) {
        __tsan_release(address);
    }
}

// The mangled names of Synchronization._MutexHandle's _lockSlow(UInt32) and _unlockSlow().
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void unlock_slow(SELF) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, SELF) {
    SWIFT void (*original)(uint32_t, SELF) = (SWIFT void (*)(uint32_t, SELF))dlsym(RTLD_NEXT, LOCK);
    original(thread, handle);
    acquire(handle);
}

SWIFT void unlock_slow(SELF) {
    SWIFT void (*original)(SELF) = (SWIFT void (*)(SELF))dlsym(RTLD_NEXT, UNLOCK);
    release(handle);
    original(handle);
}

extern SWIFT void *swift_task_getCurrent(void);

static void resume(void *task, const char *name) {
    SWIFT void (*original)(void *) = (SWIFT void (*)(void *))dlsym(RTLD_NEXT, name);
    release(task);
    original(task);
}

SWIFT void swift_continuation_resume(void *task) {
    resume(task, "swift_continuation_resume");
}

SWIFT void swift_continuation_throwingResume(void *task) {
    resume(task, "swift_continuation_throwingResume");
}

SWIFT void swift_continuation_throwingResumeWithError(void *task, void *error) {
    SWIFT void (*original)(void *, void *) =
        (SWIFT void (*)(void *, void *))dlsym(RTLD_NEXT, "swift_continuation_throwingResumeWithError");
    release(task);
    original(task, error);
}

SWIFT_ASYNC void swift_continuation_await(void *context) {
    SWIFT_ASYNC void (*original)(void *) =
        (SWIFT_ASYNC void (*)(void *))dlsym(RTLD_NEXT, "swift_continuation_await");
    acquire(swift_task_getCurrent());
    __attribute__((musttail)) return original(context);
}

SWIFT void swift_task_dealloc(void *memory) {
    static SWIFT void (*_Atomic original)(void *);
    if (!original) {
        original = (SWIFT void (*)(void *))dlsym(RTLD_NEXT, "swift_task_dealloc");
    }
    acquire(swift_task_getCurrent());
    original(memory);
}
