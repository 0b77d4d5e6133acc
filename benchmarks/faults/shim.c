/* What the kernel of a test host would do, put before the C library of its processes (LD_PRELOAD).
 *
 * FAULTS_CLOCK names a file with a number of seconds, read at each look at the clock: the wall clock is off by that.
 * FAULTS_DISK names a file with an errno; while it is there, whatever writes below the folder FAULTS_UNDER fails so
 * (EROFS: a file system that has gone read-only; EDQUOT: a quota). What the kernel itself does (times of files, writes
 * of programs without a C library) is not changed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long number_in(const char *variable)
{
    const char *path = getenv(variable);
    char text[32] = {0};
    if (!path)
        return 0;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if (syscall(SYS_read, fd, text, sizeof text - 1) < 0)
        text[0] = 0;
    syscall(SYS_close, fd);
    return atol(text);
}

int clock_gettime(clockid_t which, struct timespec *now)
{
    int result = syscall(SYS_clock_gettime, which, now);
    if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        now->tv_sec += number_in("FAULTS_CLOCK");
    return result;
}

time_t time(time_t *into)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into)
        *into = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *into, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    into->tv_sec = now.tv_sec;
    into->tv_usec = now.tv_nsec / 1000;
    return 0;
}

static int below(const char *path)
{
    const char *folder = getenv("FAULTS_UNDER");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int refused_path(const char *path)
{
    int number = below(path) ? (int)number_in("FAULTS_DISK") : 0;
    if (number)
        errno = number;
    return number;
}

static int refused_fd(int fd)
{
    char link[64], path[4096] = {0};
    if (!getenv("FAULTS_UNDER"))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1) < 0)
        return 0;
    return refused_path(path);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return refused_fd(fd) ? -1 : syscall(SYS_write, fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return refused_fd(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}

static int opened(int folder, const char *path, int flags, mode_t mode)
{
    if ((flags & (O_CREAT | O_WRONLY | O_RDWR | O_TRUNC)) && refused_path(path))
        return -1;
    return syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE(flags) ({ mode_t m = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); m = va_arg(l, mode_t); va_end(l); } m; })

int open(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE(flags)); }
int open64(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags | O_LARGEFILE, MODE(flags)); }
int openat(int folder, const char *path, int flags, ...) { return opened(folder, path, flags, MODE(flags)); }
int openat64(int folder, const char *path, int flags, ...) { return opened(folder, path, flags | O_LARGEFILE, MODE(flags)); }

int mkdir(const char *path, mode_t mode) { return refused_path(path) ? -1 : syscall(SYS_mkdirat, AT_FDCWD, path, mode); }
int unlink(const char *path) { return refused_path(path) ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0); }

int rename(const char *from, const char *to)
{
    return refused_path(to) ? -1 : syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
